#include "exact/pool.h"

#include <chrono>

#include "base/check.h"
#include "exact/environment.h"

namespace assay::exact {

namespace {

// A worker looks for the next call this long before it sleeps: in a step it follows within
// microseconds, and waking a thread costs tens of them.
constexpr std::chrono::microseconds kLookFor{100};
constexpr int kLooksBetweenClocks = 32;

void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(unsigned threads) {
    ASSAY_CHECK(threads >= 1);
    workers_.reserve(threads - 1);
    for (unsigned thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this, thread](const std::stop_token& stop) { work(stop, thread); });
    }
}

ThreadPool::~ThreadPool() {
    for (std::jthread& worker : workers_) worker.request_stop();
}

void ThreadPool::take_tasks(const TaskRef& task, std::size_t count, unsigned thread) {
    for (std::size_t i = next_.fetch_add(1); i < count; i = next_.fetch_add(1)) task(i, thread);
}

// The caller never waits for a worker that has not joined: on a busy machine it finishes alone.
void ThreadPool::run(std::size_t count, TaskRef task) {
    ASSAY_CHECK(float_environment_is_exact());
    if (workers_.empty() || count <= 1) {
        for (std::size_t i = 0; i < count; ++i) task(i, 0);
        return;
    }
    task_ = &task;
    count_ = count;
    next_.store(0);
    open_.store(true);
    calls_.fetch_add(1);
    if (sleepers_.load() != 0) {
        // A worker that raised sleepers_ before it saw this call waits under the mutex.
        const std::lock_guard lock(mutex_);
        wake_.notify_all();
    }
    take_tasks(task, count, 0);
    open_.store(false);
    // Who joined is in the middle of a task; who merely looked leaves at once.
    for (unsigned looks = 1; busy_.load() != 0; ++looks) {
        if (looks % 1024 == 0) {
            std::this_thread::yield();
        } else {
            pause_briefly();
        }
    }
}

/// Until a call after number `seen` has begun. False: the pool ends.
bool ThreadPool::wait_for_call(const std::stop_token& stop, std::uint64_t seen) {
    const auto until = std::chrono::steady_clock::now() + kLookFor;
    do {
        for (int look = 0; look < kLooksBetweenClocks; ++look) {
            if (calls_.load() != seen) return true;
            pause_briefly();
        }
    } while (std::chrono::steady_clock::now() < until);
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    const bool called = wake_.wait(lock, stop, [&] { return calls_.load() != seen; });
    sleepers_.fetch_sub(1);
    return called;
}

void ThreadPool::work(const std::stop_token& stop, unsigned thread) {
    const FloatEnvironment environment;
    std::uint64_t seen = 0;
    while (!stop.stop_requested() && wait_for_call(stop, seen)) {
        seen = calls_.load();
        busy_.fetch_add(1);
        if (open_.load()) take_tasks(*task_, count_, thread);
        ASSAY_CHECK(float_environment_is_exact());
        busy_.fetch_sub(1);
    }
}

}  // namespace assay::exact
