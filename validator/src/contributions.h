#pragma once

#include <cstdint>
#include <filesystem>
#include <set>

#include "agent/party.h"
#include "contribution_book.h"
#include "node_log.h"

namespace assay::validator {

/// Contributes to every epoch that this account is a member of, and keeps the operator to one log
/// and one set of commitments for each epoch. The contribution is its statement about both, so it
/// is made once, and on disk before it is sent. One thread.
class Contributions {
  public:
    Contributions(agent::Party& party, const std::filesystem::path& folder, OperatorIdentity who);
    /// Contributes to every contributing epoch that lacks this member's proof.
    void contribute();
    /// An own transaction that later logs must have: a verdict. Asks the node once for each.
    void watch(const base::TransactionId& id);
    /// False once the operator has contradicted itself: nothing more is signed, and the account
    /// stays away.
    [[nodiscard]] bool trusts_operator();

  private:
    void contribute_to(std::uint64_t number);
    bool see(const LogPoint& point);
    void leave();
    void alarm(const std::string& text);

    agent::Party& party_;
    Evidence evidence_;
    LogWatch log_;
    ContributionBook book_;
    NodeLog node_log_;
    std::uint64_t epoch_from_ = 0;  ///< epochs before this one are over
    std::set<base::TransactionId> watched_;
    bool left_ = false;
};

}  // namespace assay::validator
