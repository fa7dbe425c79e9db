#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "challenges.h"
#include "judge.h"

namespace assay::validator {

/// Recomputes work that was accepted and that this account was not drawn for, at random, and
/// challenges what is wrong. What is chosen follows from a secret of the key, so a cheat cannot
/// know it and a restart chooses the same. One thread.
class SpotChecks {
  public:
    /// `rate`: share of passed segments and merges, 0 to 1.
    SpotChecks(agent::Party& party, Judge& judge, Challenges& challenges, double rate);
    /// Learns what is new on the ledger and examines at most one thing. False when there was
    /// nothing to examine, or it has to be tried again later. `go_on` ends it early; what was
    /// interrupted comes again.
    bool look(const runtime::Progress& go_on);

    [[nodiscard]] static bool is_chosen(const base::Hash& secret, double rate);

  private:
    struct Wanted {
        std::shared_ptr<const market::PartPassed> part;  ///< none: the merge of the round
        std::uint32_t segment = 0;
        std::uint32_t tries = 0;
    };
    struct Followed {
        std::uint64_t entries = 0;  ///< of the history, read
        std::uint32_t final_rounds = 0;
        std::multimap<std::uint32_t, Wanted> wanted;  ///< by round
    };
    bool learn();
    void read(const base::JobId& id, Followed& followed, const market::JobHistoryEntry& entry);
    bool examine(const base::JobId& id, std::uint32_t round, const Wanted& wanted,
                 Followed& followed, const runtime::Progress& go_on);
    [[nodiscard]] bool chosen(const market::ChallengeTarget& target) const;
    bool stands(const base::JobId& id, std::uint32_t round, const Wanted& wanted);

    agent::Party& party_;
    Judge& judge_;
    Challenges& challenges_;
    const double rate_;
    std::map<base::JobId, Followed> jobs_;
};

}  // namespace assay::validator
