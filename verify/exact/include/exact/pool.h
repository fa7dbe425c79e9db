#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::exact {

/// A call of a function object that outlives the call; never owns.
class TaskRef {
  public:
    template <class Function>
    TaskRef(Function& function)  // NOLINT: meant to convert
        : object_(&function), call_([](void* object, std::size_t task, unsigned thread) {
              (*static_cast<Function*>(object))(task, thread);
          }) {}
    void operator()(std::size_t task, unsigned thread) const { call_(object_, task, thread); }

  private:
    void* object_;
    void (*call_)(void*, std::size_t, unsigned);
};

/// A fixed number of threads that run numbered tasks. Tasks must write disjoint memory: which
/// thread runs which task is not defined, so nothing that reaches a bit may depend on it. The
/// calling thread takes part as thread 0. One caller at a time; tasks don't call run(). Every
/// worker holds the exact floating-point environment; run() checks the caller's.
class ThreadPool {
  public:
    explicit ThreadPool(unsigned threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }
    /// Calls task(i, thread) for every i in [0, count) and returns when all are done.
    void run(std::size_t count, TaskRef task);

  private:
    void work(const std::stop_token& stop, unsigned thread);
    void take_tasks(const TaskRef& task, std::size_t count, unsigned thread);
    bool wait_for_call(const std::stop_token& stop, std::uint64_t seen);

    // One call: its task is written, then `open_` raised. A worker joins by raising `busy_` and
    // then looking whether the call is still open; the caller closes it and waits until nobody is
    // busy.
    const TaskRef* task_ = nullptr;
    std::size_t count_ = 0;
    std::atomic<bool> open_{false};
    std::atomic<std::uint64_t> calls_{0};  ///< begun so far: what idle workers look at
    alignas(64) std::atomic<std::size_t> next_{0};
    alignas(64) std::atomic<unsigned> busy_{0};
    std::atomic<unsigned> sleepers_{0};  ///< raised under mutex_
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::vector<std::jthread> workers_;
};

}  // namespace assay::exact
