#include "challenges.h"

#include <algorithm>

#include "agent/log.h"
#include "agent/stop.h"
#include "client/challenge.h"

namespace assay::validator {

namespace {

using market::Refusal;

agent::LogFields fields_of(const KeptChallenge& kept) {
    agent::LogFields fields = {{"job", agent::shortened(kept.job.hex())},
                               {"round", std::to_string(kept.round)},
                               {"target", std::string(market::to_word(kept.target.kind))},
                               {"part", agent::shortened(kept.target.part.hex())}};
    if (kept.target.kind == market::DisputeTarget::segment)
        fields.emplace_back("segment", std::to_string(kept.target.segment));
    return fields;
}

/// Refusals after which the challenge can never be opened, or is open already.
constexpr Refusal kOver[] = {Refusal::already_challenged, Refusal::dispute_target_unknown,
                             Refusal::dispute_target_closed, Refusal::wrong_claim,
                             Refusal::own_work};

}  // namespace

void Challenges::take(const base::JobId& job, std::uint32_t round, const Finding& finding) {
    if (store_.load(finding.target)) return;
    KeptChallenge kept{
        ChallengeStep::found,
        job,
        round,
        finding.target,
        finding.claimed,
        client::challenge_nonce(party_.identity().hot(), finding.target, finding.claimed)};
    agent::LogFields fields = fields_of(kept);
    fields.emplace_back("claimed", agent::shortened(kept.claimed.hex()));
    agent::log(agent::LogLevel::warning, "challenge.found",
               "recomputed another root than the one that was accepted", fields);
    if (keep(kept, ChallengeStep::found)) due_.emplace(client::target_digest(kept.target), kept);
}

bool Challenges::keep(KeptChallenge& kept, ChallengeStep step) {
    kept.step = step;
    if (auto saved = store_.save(kept); !saved) {
        trouble(kept, saved.error());
        return false;
    }
    return true;
}

void Challenges::trouble(const KeptChallenge& kept, const std::string& text) {
    std::string& said = said_[client::target_digest(kept.target)];
    if (said == text) return;
    said = text;
    if (!agent::stop_requested())
        agent::log(agent::LogLevel::warning, "challenge.trouble", text, fields_of(kept));
}

void Challenges::advance() {
    if (!loaded_) {
        for (const KeptChallenge& kept : store_.list()) {
            if (kept.step != ChallengeStep::done)
                due_.emplace(client::target_digest(kept.target), kept);
        }
        loaded_ = true;
    }
    for (auto entry = due_.begin(); entry != due_.end();) {
        KeptChallenge& kept = entry->second;
        if (kept.step != ChallengeStep::found || seal(kept)) open(kept);
        if (kept.step == ChallengeStep::done) {
            said_.erase(entry->first);
            entry = due_.erase(entry);
        } else {
            ++entry;
        }
    }
}

bool Challenges::seal(KeptChallenge& kept) {
    const base::Hash digest = market::challenge_digest(party_.identity().account(), kept.target,
                                                       kept.claimed, kept.nonce);
    const auto sent = party_.send(market::ChallengeSealPost{digest});
    // Sealed before a crash, or this very moment.
    if (!sent && !agent::is_refusal(sent.error(), Refusal::seal_known)) {
        trouble(kept, sent.error().text());
        return false;
    }
    return keep(kept, ChallengeStep::sealed);
}

void Challenges::open(KeptChallenge& kept) {
    const auto sent = party_.send(
        market::ChallengeOpen{kept.target, kept.claimed, kept.nonce, market::Role::validator});
    if (!sent) return after_refusal(kept, sent.error());
    // Whether or not this reaches the disk: the ledger has it, and asking again is refused.
    (void)keep(kept, ChallengeStep::done);
    agent::log(agent::LogLevel::info, "challenge.opened",
               "challenged what was accepted; the game is played by this program", fields_of(kept));
}

void Challenges::after_refusal(KeptChallenge& kept, const client::ClientError& error) {
    if (agent::is_refusal(error, Refusal::seal_too_young)) return;
    if (agent::is_refusal(error, Refusal::seal_unknown)) {
        // Opened before a crash, or the seal's time was over before there was stake for the bond.
        if (const auto known = on_ledger(kept))
            (void)keep(kept, *known ? ChallengeStep::done : ChallengeStep::found);
        return;
    }
    const bool over = std::any_of(std::begin(kOver), std::end(kOver), [&](Refusal refusal) {
        return agent::is_refusal(error, refusal);
    });
    trouble(kept, error.text());
    if (over) (void)keep(kept, ChallengeStep::done);
}

/// Whether the account challenges, or has challenged, the target; nothing when the node does not
/// say.
std::optional<bool> Challenges::on_ledger(const KeptChallenge& kept) {
    const base::AccountId& account = party_.identity().account();
    const auto pools = party_.node().pools_of(kept.target.part, kept.target.segment);
    if (!pools) return std::nullopt;
    for (const market::Pool& pool : *pools) {
        const auto members = party_.node().pool_members(pool.id);
        if (!members) return std::nullopt;
        if (std::any_of(members->begin(), members->end(),
                        [&](const market::PoolMember& m) { return m.account == account; }))
            return true;
    }
    for (const bool open : {true, false}) {
        const auto found = party_.node().disputes_of_job(kept.job, open);
        if (!found) return std::nullopt;
        const bool ours =
            std::any_of(found->begin(), found->end(), [&](const market::Dispute& dispute) {
                return dispute.challenger == account && dispute.part == kept.target.part &&
                       dispute.segment == kept.target.segment;
            });
        if (ours) return true;
    }
    return false;
}

void Challenges::forget_settled(const std::map<base::JobId, std::uint32_t>& live) {
    for (const KeptChallenge& kept : store_.list()) {
        const auto job = live.find(kept.job);
        if (job != live.end() && kept.round >= job->second) continue;
        store_.remove(kept.target);
        due_.erase(client::target_digest(kept.target));
    }
}

}  // namespace assay::validator
