#pragma once

#include <map>

#include "base/signature.h"
#include "block_thread.h"
#include "market/queries.h"
#include "market/transactions.h"
#include "server/blob_store.h"

namespace assay::node {

/// Answers open questions about whatever the store has, by itself: whose receipt a job names owes
/// its chunks. Pays the fees from the account of its key, and gets the askers' bonds; without that
/// account it does nothing. One answer at a time, the most urgent question first.
class Answerer {
  public:
    Answerer(ledger::Node& node, const server::BlobStore& blobs, base::SecretKey key,
             const base::PublicKey& first_key, unsigned threads);

  private:
    /// True when something was sent: there may be more.
    bool answer_one();
    enum class Sent : std::uint8_t {
        answered,
        refused,  ///< by the rules; it may be taken later
        no_room,  ///< nothing can be sent now
    };
    /// Signs, submits and waits.
    Sent send(const market::StateReader& state, const market::Message& message);

    ledger::Node& node_;
    const server::BlobStore& blobs_;
    const base::SecretKey key_;
    const base::AccountId account_;
    const unsigned threads_;
    /// By question and round, how often an answer was refused; this thread only.
    std::map<std::pair<base::Hash, std::uint32_t>, unsigned> refused_;
    BlockThread thread_;  // last: it uses all the others
};

}  // namespace assay::node
