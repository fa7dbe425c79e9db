#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ledger/node.h"

namespace assay::node {

/// Runs `work` on a thread of its own: once at the start, again after every block and whenever it
/// returned true, and at least `rest` apart. Blocks that come while it runs count as one. The
/// destructor waits for the end of a run: what `work` uses must outlive this.
class BlockThread {
  public:
    BlockThread(ledger::Node& node, std::chrono::milliseconds rest, std::function<bool()> work);
    ~BlockThread();

  private:
    void run();

    const std::chrono::milliseconds rest_;
    const std::function<bool()> work_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool changed_ = true, stopping_ = false;
    std::jthread thread_;
    ledger::Node::Subscription blocks_;
};

}  // namespace assay::node
