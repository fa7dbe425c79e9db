#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::server {

/// A fixed number of threads behind a bounded queue. Thread-safe.
class WorkerPool {
  public:
    WorkerPool(unsigned threads, std::size_t queue_max);
    ~WorkerPool() { stop(); }
    /// Runs what is queued, then joins; later tasks are refused. Idempotent, not called from a
    /// task.
    void stop();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    /// False when the queue is full: the caller answers 503.
    [[nodiscard]] bool post(std::function<void()> task);
    [[nodiscard]] std::size_t queued() const;

  private:
    void run();

    const std::size_t queue_max_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace assay::server
