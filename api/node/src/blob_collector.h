#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "ledger/node.h"
#include "server/blob_store.h"

namespace assay::node {

/// Deletes checkpoints and payloads of rounds that are final: nothing can be asked about them any
/// more, and the next round's opening state stands for them. Kept: datasets, init states, the
/// states that open or close a job's live rounds, final states, and for a while whatever a receipt was
/// given for. One thread, woken by blocks.
class BlobCollector {
  public:
    BlobCollector(ledger::Node& node, server::BlobStore& blobs);
    ~BlobCollector();

  private:
    void run();
    void collect();

    ledger::Node& node_;
    server::BlobStore& blobs_;
    std::map<base::JobId, std::uint32_t> collected_;  // rounds below are done; this thread only
    std::set<base::BlobRoot> promised_;               // to be deleted later; this thread only
    std::mutex mutex_;
    std::condition_variable wake_;
    bool changed_ = true, stopping_ = false;
    std::jthread thread_;
    ledger::Node::Subscription blocks_;
};

}  // namespace assay::node
