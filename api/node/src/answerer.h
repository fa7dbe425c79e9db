#pragma once

#include <set>

#include "base/signature.h"
#include "block_thread.h"
#include "market/queries.h"
#include "market/transactions.h"
#include "server/blob_store.h"

namespace assay::node {

/// Answers open questions about whatever the store has, by itself: whose receipt a job names owes its
/// chunks. Pays the fees from the account of its key, and gets the askers' bonds; without that account
/// it does nothing. One answer at a time.
class Answerer {
  public:
    Answerer(ledger::Node& node, const server::BlobStore& blobs, base::SecretKey key,
             const base::PublicKey& first_key, unsigned threads);

  private:
    /// True when something was sent: there may be more.
    bool answer_one();
    /// Signs and submits; false when the rules refused it.
    bool send(const market::StateReader& state, const market::Message& message);

    ledger::Node& node_;
    const server::BlobStore& blobs_;
    const base::SecretKey key_;
    const base::AccountId account_;
    const unsigned threads_;
    std::set<std::pair<base::Hash, std::uint32_t>> tried_;  // question and round; this thread only
    BlockThread thread_;                                    // last: it uses all the others
};

}  // namespace assay::node
