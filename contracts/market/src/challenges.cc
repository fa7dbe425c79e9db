#include <algorithm>

#include "base/check.h"
#include "disputes.h"

namespace assay::market {

using base::Amount;

namespace {

bool window_open(const Context& context, const Round& round) {
    if (round.state == RoundState::final || round.state == RoundState::failed) return false;
    return round.window_ends.value == 0 || context.live <= round.window_ends;
}

tl::expected<Challenged, Refusal> find_segment(const Context& context,
                                               const ChallengeTarget& target, bool joins) {
    const auto part = find_part(context.state, target.part);
    if (!part || target.segment >= part->segments || !target.job.is_zero() || target.round != 0)
        return tl::unexpected(Refusal::dispute_target_unknown);
    const auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    if (part->state != PartState::passed || is_terminal(job->state) ||
        (joins && settled_long_enough(context, *job)))
        return tl::unexpected(Refusal::dispute_target_closed);
    const auto round = find_round(context.state, job->id, part->key.round);
    ASSAY_CHECK(round.has_value());
    if (joins && !window_open(context, *round))
        return tl::unexpected(Refusal::dispute_target_closed);
    const auto leaf = opened_leaf(context.state, *part, target.segment);
    ASSAY_CHECK(leaf.has_value());
    return Challenged{job->id,     part->key.round,  part->key.lane,
                      part->lease, part->key.worker, leaf->end_field};
}

tl::expected<Challenged, Refusal> find_posted_merge(const Context& context,
                                                    const ChallengeTarget& target, bool joins) {
    const auto job = find_job(context.state, target.job);
    const auto merge = find_merge(context.state, target.job, target.round);
    const auto round = find_round(context.state, target.job, target.round);
    if (!job || !merge || !round || merge->commitment != target.part || target.part.is_zero() ||
        target.segment != 0)
        return tl::unexpected(Refusal::dispute_target_unknown);
    const bool stands = round->state == RoundState::merged && !is_terminal(job->state);
    if (!stands || (joins && (!window_open(context, *round) || settled_long_enough(context, *job))))
        return tl::unexpected(Refusal::dispute_target_closed);
    return Challenged{job->id, target.round, 0, merge->lease, merge->poster, merge->root};
}

std::size_t challenges_of(const Context& context) {
    const std::size_t most = context.parameters.disputes_per_account_max;
    return disputes_of_account(context.state, context.sender, Side::challenger, std::nullopt, most)
        .size();
}

/// Of the sender's stake in this role: there, allowed to act, and enough of it free.
Refusal check_stake(const Context& context, Role role, Amount bond) {
    const auto stake = find_stake(context.state, context.sender, role);
    if (!stake) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    return stake->free() < bond ? Refusal::insufficient_free_stake : Refusal::none;
}

void drop_seal(Context& context, const ChallengeSeal& seal) {
    clear_timer(context, {seal.deadline, TimerKind::challenge, seal.account.hash, seal.number});
    erase(context.state, seal);
}

bool in_pool(const Context& context, const Pool& pool) {
    for (std::uint32_t number = 0; number < pool.members; ++number) {
        const auto member = find_pool_member(context.state, pool.id, number);
        if (member && member->account == context.sender) return true;
    }
    return false;
}

}  // namespace

tl::expected<Challenged, Refusal> find_challenged(const Context& context,
                                                  const ChallengeTarget& target, bool joins) {
    switch (target.kind) {
        case DisputeTarget::segment:
            return find_segment(context, target, joins);
        case DisputeTarget::merge:
            return find_posted_merge(context, target, joins);
        case DisputeTarget::init:
        case DisputeTarget::cell:
            break;
    }
    return tl::unexpected(Refusal::dispute_target_unknown);
}

Refusal apply_challenge_seal(Context& context, const ChallengeSealPost& message) {
    if (message.digest.is_zero()) return Refusal::wrong_seal;
    const auto seals = seals_of(context.state, context.sender);
    for (const ChallengeSeal& seal : seals) {
        if (seal.digest == message.digest) return Refusal::seal_known;
    }
    if (seals.size() + challenges_of(context) >= context.parameters.disputes_per_account_max)
        return Refusal::too_many_disputes;
    ChallengeSeal seal;
    seal.account = context.sender;
    seal.number = seals.empty() ? 0 : seals.back().number + 1;
    seal.digest = message.digest;
    seal.height = context.block.height;
    seal.deadline = context.in(context.parameters.challenge_open_ms);
    save(context.state, seal);
    set_timer(context, {seal.deadline, TimerKind::challenge, seal.account.hash, seal.number});
    emit(context, EventKind::challenge_sealed,
         {{"account", seal.account.hex()},
          {"digest", seal.digest.hex()},
          {"deadline", std::to_string(seal.deadline.value)}});
    return Refusal::none;
}

Refusal apply_challenge_open(Context& context, const ChallengeOpen& message) {
    if (message.role == Role::sequencer) return Refusal::role_not_open;
    const base::Hash digest =
        challenge_digest(context.sender, message.target, message.claimed, message.nonce);
    const auto seals = seals_of(context.state, context.sender);
    const auto seal = std::find_if(seals.begin(), seals.end(),
                                   [&](const ChallengeSeal& s) { return s.digest == digest; });
    if (seal == seals.end()) return Refusal::seal_unknown;
    if (seal->height >= context.block.height) return Refusal::seal_too_young;
    const auto challenged = find_challenged(context, message.target, true);
    if (!challenged) return challenged.error();
    if (challenged->asserter == context.sender) return Refusal::own_work;
    if (message.claimed.is_zero() || message.claimed == challenged->asserted)
        return Refusal::wrong_claim;
    for (const Pool& other :
         pools_of_target(context.state, message.target.part, message.target.segment, kTouchedMax)) {
        if (in_pool(context, other)) return Refusal::already_challenged;
    }
    const auto job = find_job(context.state, challenged->job);
    const auto bond = challenge_bond(parameters_of(context, *job), *job, message.target.kind,
                                     context.chain.base_fee);
    if (!bond) return Refusal::amount_too_large;
    if (const Refusal refusal = check_stake(context, message.role, *bond); refusal != Refusal::none)
        return refusal;
    const base::Hash id = pool_id(message.target, message.claimed);
    auto* known = live_pool(context, id);
    if (known && known->members >= kTouchedMax) return Refusal::too_many_disputes;

    Pool& pool = known
                     ? *known
                     : add(context, Pool{id, message.target, challenged->job, challenged->round,
                                         challenged->lane, message.claimed, context.block.height});
    const PoolMember member{pool.id,      pool.members, context.sender,
                            message.role, *bond,        seal->height};
    drop_seal(context, *seal);
    ASSAY_CHECK(take_free_stake(context, context.sender, message.role, *bond) == *bond);
    save(context.state, member);
    ++pool.members;
    if (pool.members > 1) {
        emit(context, EventKind::dispute_joined,
             {{"pool", pool.id.hex()},
              {"job", pool.job.hex()},
              {"account", context.sender.hex()},
              {"bond", bond->decimal()}});
    }
    start_players(context, pool);
    return Refusal::none;
}

void on_challenge(Context& context, const Timer& timer) {
    const base::AccountId account{timer.subject};
    const auto seals = seals_of(context.state, account);
    const auto seal = std::find_if(seals.begin(), seals.end(), [&](const ChallengeSeal& s) {
        return s.number == timer.number;
    });
    if (seal == seals.end() || seal->deadline != timer.due) return;
    erase(context.state, *seal);
    emit(context, EventKind::challenge_expired,
         {{"account", account.hex()}, {"digest", seal->digest.hex()}});
}

}  // namespace assay::market
