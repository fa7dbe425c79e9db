#include "block_thread.h"

#include <utility>

namespace assay::node {

BlockThread::BlockThread(ledger::Node& node, std::chrono::milliseconds rest,
                         std::function<bool()> work)
    : rest_(rest), work_(std::move(work)) {
    thread_ = std::jthread([this] { run(); });
    blocks_ = node.subscribe([this](const ledger::Head&) {
        const std::lock_guard lock(mutex_);
        changed_ = true;
        wake_.notify_one();
    });
}

BlockThread::~BlockThread() {
    blocks_ = {};
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
}

void BlockThread::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return changed_ || stopping_; });
        if (stopping_) return;
        changed_ = false;
        lock.unlock();
        const bool more = work_();
        lock.lock();
        changed_ = changed_ || more;
        wake_.wait_for(lock, rest_, [this] { return stopping_; });
    }
}

}  // namespace assay::node
