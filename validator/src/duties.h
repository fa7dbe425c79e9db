#pragma once

#include <vector>

#include "contributions.h"
#include "verdict_store.h"

namespace assay::validator {

/// What a validator owes at once besides contributions: the reveal of what it sealed, the cells
/// behind it, its return from jail. Reads the ledger each time, so that repeating is harmless. One
/// thread.
class Duties {
  public:
    Duties(agent::Party& party, const VerdictStore& verdicts, Contributions& contributions)
        : party_(party), verdicts_(verdicts), contributions_(contributions) {}
    /// Shows of sealed verdicts what is asked for; gives the audits that wait to be replayed;
    /// forgets verdicts that are of no more use.
    std::vector<market::Audit> look_at_audits();
    /// Ends the jail when its time is over.
    void come_back();

  private:
    void reveal(const market::Audit& audit, const SealedVerdict& sealed);
    void open_cells(const market::Audit& audit, const SealedVerdict& sealed);
    void answer(const market::Audit& audit, const SealedVerdict& sealed);
    agent::Party& party_;
    const VerdictStore& verdicts_;
    Contributions& contributions_;
};

/// Whether a jail is over in the next block that could be made. Live time goes on by at most
/// `live_step_ms_max` a block.
[[nodiscard]] bool jail_is_over(const market::Stake& stake, const client::ChainInfo& chain,
                                base::TimeMs now);

}  // namespace assay::validator
