#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/signature.h"
#include "ledger/node.h"
#include "market/queries.h"
#include "market/transactions.h"
#include "server/blob_store.h"

namespace assay::node {

/// Answers open questions about whatever the store has, by itself: whose receipt a job names owes its
/// chunks. Pays the fees from the account of its key, and gets the askers' bonds; without that account
/// it does nothing. One thread, woken by blocks; one answer at a time.
class Answerer {
  public:
    Answerer(ledger::Node& node, const server::BlobStore& blobs, base::SecretKey key,
             const base::PublicKey& first_key, unsigned threads);
    ~Answerer();

  private:
    void run();
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
    std::mutex mutex_;
    std::condition_variable wake_;
    bool changed_ = true, stopping_ = false;
    std::jthread thread_;
    ledger::Node::Subscription blocks_;
};

}  // namespace assay::node
