#include "exact/pool.h"

#include "base/check.h"
#include "exact/environment.h"

namespace assay::exact {

namespace {

// A worker looks for new tasks this often before it sleeps: the next call usually follows within microseconds.
constexpr int kLooks = 200;

void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
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

void ThreadPool::run(std::size_t count, TaskRef task) {
    ASSAY_CHECK(float_environment_is_exact());
    if (workers_.empty() || count <= 1) {
        for (std::size_t i = 0; i < count; ++i) task(i, 0);
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        task_ = &task;
        count_ = count;
        next_.store(0);
        finished_.store(0);
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    take_tasks(task, count, 0);
    for (int look = 0; look < kLooks; ++look) {
        if (finished_.load() == workers_.size()) return;
        pause_briefly();
    }
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return finished_.load() == workers_.size(); });
}

void ThreadPool::work(const std::stop_token& stop, unsigned thread) {
    const FloatEnvironment environment;
    std::uint64_t seen = 0;
    while (!stop.stop_requested()) {
        for (int look = 0; look < kLooks && generation_.load() == seen; ++look) pause_briefly();
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [&] { return generation_.load() != seen; })) return;
        seen = generation_.load();
        const TaskRef task = *task_;
        const std::size_t count = count_;
        lock.unlock();
        take_tasks(task, count, thread);
        ASSAY_CHECK(float_environment_is_exact());
        if (finished_.fetch_add(1) + 1 == workers_.size()) {
            const std::lock_guard notify_lock(mutex_);
            done_.notify_one();
        }
    }
}

}  // namespace assay::exact
