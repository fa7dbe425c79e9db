#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "worker_pool.h"

namespace assay::server {

/// Wakes requests that wait for a block or for a time. One thread; callbacks run on the worker
/// pool. Thread-safe.
class EventHub {
  public:
    EventHub(WorkerPool& pool, std::size_t waiters_max);
    ~EventHub();
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;

    /// Called after every durable block.
    void block(std::uint64_t height);
    /// Runs `ready` once the head is above `seen_height`, or at the deadline, or when the hub
    /// stops. False when too many wait already.
    [[nodiscard]] bool wait(std::uint64_t seen_height, std::chrono::milliseconds at_most,
                            std::function<void()> ready);
    /// Runs all waiting callbacks; later waits run at once.
    void stop();
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] bool stopped() const;

  private:
    struct Waiter {
        std::uint64_t seen_height;
        std::chrono::steady_clock::time_point deadline;
        std::function<void()> ready;
    };
    void run();

    WorkerPool& pool_;
    const std::size_t waiters_max_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Waiter> waiters_;
    std::uint64_t height_ = 0;
    std::uint64_t version_ = 0;  ///< counts everything that could make a waiter due
    bool stopping_ = false, ending_ = false;
    std::jthread thread_;
};

}  // namespace assay::server
