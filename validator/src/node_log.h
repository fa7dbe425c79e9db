#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "ledger/block.h"
#include "log_watch.h"

namespace assay::validator {

/// What the node shows of its log and state, each under a head that the operator signed. Pure
/// parsing is apart, so that it is tested without a node.
struct ShownEpoch {
    market::Epoch epoch;
    ledger::Head head;
    std::string shown;  ///< the answer as it came: evidence
};
struct ShownReceipt {
    ledger::Receipt receipt;
    ledger::Head head;
    std::string shown;
};

struct OperatorIdentity {
    base::Hash chain_id;
    base::PublicKey key;
};
/// An error when anything is missing, the operator did not sign the head, or the proof does not
/// lead from it to the epoch.
tl::expected<ShownEpoch, std::string> read_shown_epoch(const nlohmann::json& answer,
                                                       const OperatorIdentity& who,
                                                       std::uint64_t number);
/// The same for the receipt of a transaction in the log of the head.
tl::expected<ShownReceipt, std::string> read_shown_receipt(const nlohmann::json& answer,
                                                           const OperatorIdentity& who,
                                                           const base::TransactionId& id);
tl::expected<std::vector<base::Hash>, std::string> read_log_proof(const nlohmann::json& answer,
                                                                  std::uint64_t from,
                                                                  std::uint64_t to);

/// Asks the node. Does not own it.
class NodeLog {
  public:
    NodeLog(client::Client& node, OperatorIdentity who) : node_(node), who_(who) {}
    tl::expected<ShownEpoch, std::string> epoch(std::uint64_t number);
    tl::expected<ShownReceipt, std::string> receipt(const base::TransactionId& id);
    [[nodiscard]] ProveLog prover();

  private:
    client::Client& node_;
    const OperatorIdentity who_;
};

LogPoint point_of(const ledger::Head& head, const std::string& shown);

}  // namespace assay::validator
