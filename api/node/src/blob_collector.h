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

/// Deletes checkpoints and payloads from which nothing starts any more: of rounds that are final, where the
/// next round's opening state stands for them, and all of a job that is closed. Kept: datasets, initial
/// and final states, whatever the live rounds of any job refer to or an open question asks for, and for
/// a while whatever a receipt was given for. A receipt that is asked for again is prolonged (the server),
/// so a state is kept as long as it is needed, whatever its receipt says. One thread, woken by blocks.
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
