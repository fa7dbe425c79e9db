#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "agent/party.h"
#include "verdict_store.h"

namespace assay::validator {

/// What a validator owes at once: a contribution to each epoch it is a member of, and the reveal of what it sealed. Reads the ledger each
/// time, so that repeating is harmless. One thread.
class Duties {
  public:
    Duties(agent::Party& party, const VerdictStore& verdicts) : party_(party), verdicts_(verdicts) {}
    /// Proves for every contributing epoch that lacks this member's proof.
    void contribute();
    /// Reveals sealed verdicts that are asked for; gives the audits that wait to be replayed; forgets verdicts that are of no more use.
    std::vector<market::Audit> look_at_audits();

  private:
    void contribute_to(const market::Epoch& epoch);
    void reveal(const market::Audit& audit);
    agent::Party& party_;
    const VerdictStore& verdicts_;
    std::uint64_t epoch_from_ = 0;           ///< epochs before this one are over
};

}  // namespace assay::validator
