#include "exact/pool.h"

#include "base/check.h"
#include "exact/environment.h"

namespace assay::exact {

namespace {

// A worker looks for new tasks this often before it sleeps: the next call usually follows within
// microseconds.
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

// A worker joins under the mutex and only while the call is open, so that run() waits for those who
// joined and never for one who still sleeps: on a busy machine the caller finishes alone.
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
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    take_tasks(task, count, 0);
    {
        const std::lock_guard lock(mutex_);
        task_ = nullptr;
    }
    for (int look = 0; look < kLooks && busy_.load() != 0; ++look) pause_briefly();
    if (busy_.load() == 0) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_.load() == 0; });
}

void ThreadPool::work(const std::stop_token& stop, unsigned thread) {
    const FloatEnvironment environment;
    std::uint64_t seen = 0;
    while (!stop.stop_requested()) {
        for (int look = 0; look < kLooks && generation_.load() == seen; ++look) pause_briefly();
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [&] { return generation_.load() != seen; })) return;
        seen = generation_.load();
        if (task_ == nullptr) continue;
        const TaskRef task = *task_;
        const std::size_t count = count_;
        busy_.fetch_add(1);
        lock.unlock();
        take_tasks(task, count, thread);
        ASSAY_CHECK(float_environment_is_exact());
        lock.lock();
        if (busy_.fetch_sub(1) == 1) done_.notify_one();
    }
}

}  // namespace assay::exact
