#include "event_hub.h"

#include <algorithm>

namespace assay::server {
namespace {
constexpr std::chrono::milliseconds kRetry{20};  // when the pool's queue is full
}

EventHub::EventHub(WorkerPool& pool, std::size_t waiters_max)
    : pool_(pool), waiters_max_(waiters_max) {
    thread_ = std::jthread([this] { run(); });
}

EventHub::~EventHub() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = ending_ = true;
    }
    wake_.notify_all();
}

void EventHub::block(std::uint64_t height) {
    {
        const std::lock_guard lock(mutex_);
        height_ = std::max(height_, height);
        ++version_;
    }
    wake_.notify_all();
}

bool EventHub::wait(std::uint64_t seen_height, std::chrono::milliseconds at_most,
                    std::function<void()> ready) {
    {
        const std::lock_guard lock(mutex_);
        if (waiters_.size() >= waiters_max_) return false;
        waiters_.push_back(
            {seen_height, std::chrono::steady_clock::now() + at_most, std::move(ready)});
        ++version_;
    }
    wake_.notify_all();
    return true;
}

void EventHub::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        ++version_;
    }
    wake_.notify_all();
}

std::size_t EventHub::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiters_.size();
}

bool EventHub::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void EventHub::run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        const std::uint64_t version = version_;
        const auto now = std::chrono::steady_clock::now();
        auto next = now + std::chrono::seconds(60);
        std::vector<Waiter> due;
        for (std::size_t i = 0; i < waiters_.size();) {
            if (stopping_ || waiters_[i].seen_height < height_ || waiters_[i].deadline <= now) {
                due.push_back(std::move(waiters_[i]));
                waiters_[i] = std::move(waiters_.back());
                waiters_.pop_back();
            } else {
                next = std::min(next, waiters_[i].deadline);
                ++i;
            }
        }
        lock.unlock();
        std::erase_if(due, [&](Waiter& waiter) { return pool_.post(waiter.ready); });
        lock.lock();
        for (Waiter& waiter : due) {
            waiter.deadline = now + kRetry;
            next = std::min(next, waiter.deadline);
            waiters_.push_back(std::move(waiter));
        }
        // Anything that changed since the scan, also while the lock was free, makes another scan.
        wake_.wait_until(lock, next, [&] { return ending_ || version_ != version; });
    }
}

}  // namespace assay::server
