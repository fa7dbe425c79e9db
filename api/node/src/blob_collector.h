#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "block_thread.h"
#include "server/blob_store.h"

namespace assay::node {

/// Deletes checkpoints and payloads from which nothing starts any more: of rounds that are final,
/// where the next round's opening state stands for them, and all of a job that is closed. Kept:
/// datasets, initial and final states, whatever the live rounds of any job refer to or an open
/// question asks for, and for a while whatever a receipt was given for. A receipt that is asked for
/// again is prolonged (the server), so a state is kept as long as it is needed, whatever its
/// receipt says. What no object of the ledger names goes an hour after its last receipt: a receipt
/// binds the store once a transaction names it.
class BlobCollector {
  public:
    BlobCollector(ledger::Node& node, server::BlobStore& blobs);

  private:
    void collect();
    /// Deletes what nothing refers to.
    void sweep(const std::set<base::BlobRoot>& kept);

    ledger::Node& node_;
    server::BlobStore& blobs_;
    std::map<base::JobId, std::uint32_t> collected_;  // rounds below are done; this thread only
    std::set<base::BlobRoot> promised_;               // to be deleted later; this thread only
    std::optional<std::chrono::steady_clock::time_point> swept_;
    BlockThread thread_;  // last: it uses all the others
};

}  // namespace assay::node
