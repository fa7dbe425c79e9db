#pragma once

#include <map>
#include <optional>

#include "agent/party.h"
#include "challenge_store.h"
#include "judge.h"

namespace assay::validator {

/// Seals and opens what was found: one message at a time, each from what is on disk, so that a
/// crash at any instant neither opens a challenge twice nor forgets one. The games that follow are
/// played by games::Desk. One thread.
class Challenges {
  public:
    Challenges(agent::Party& party, const ChallengeStore& store) : party_(party), store_(store) {}
    /// Puts it on disk; the next `advance` seals it. A target that was challenged before stays as
    /// it is.
    void take(const base::JobId& job, std::uint32_t round, const Finding& finding);
    /// Sends what is due. Cheap when nothing is.
    void advance();
    /// Forgets the challenges of rounds that are final and of jobs that are over. `live`: the jobs
    /// that are not over, with the number of their final rounds.
    void forget_settled(const std::map<base::JobId, std::uint32_t>& live);

  private:
    bool seal(KeptChallenge& kept);
    void open(KeptChallenge& kept);
    void after_refusal(KeptChallenge& kept, const client::ClientError& error);
    std::optional<bool> on_ledger(const KeptChallenge& kept);
    bool keep(KeptChallenge& kept, ChallengeStep step);
    void trouble(const KeptChallenge& kept, const std::string& text);

    agent::Party& party_;
    const ChallengeStore& store_;
    bool loaded_ = false;
    std::map<base::Hash, KeptChallenge> due_;  ///< not done, by target digest
    std::map<base::Hash, std::string> said_;   ///< the last trouble of each: said once
};

}  // namespace assay::validator
