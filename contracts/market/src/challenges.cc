#include <algorithm>

#include "base/check.h"
#include "disputes.h"

namespace assay::market {

using base::Amount;

namespace {

/// What is challenged, found in the state.
struct Found {
    Job job;
    Dispute dispute;  ///< target, asserter and what it asserts are filled in
};

bool window_open(const Context& context, const Round& round) {
    if (round.state == RoundState::final || round.state == RoundState::failed) return false;
    return round.window_ends.value == 0 || context.live <= round.window_ends;
}

tl::expected<Found, Refusal> find_segment(const Context& context, const ChallengeTarget& target) {
    const auto part = find_part(context.state, target.part);
    if (!part || target.segment >= part->segments || !target.job.is_zero() || target.round != 0)
        return tl::unexpected(Refusal::dispute_target_unknown);
    auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    if (part->state != PartState::passed || is_terminal(job->state)) return tl::unexpected(Refusal::dispute_target_closed);
    const auto round = find_round(context.state, job->id, part->key.round);
    ASSAY_CHECK(round.has_value());
    if (!window_open(context, *round)) return tl::unexpected(Refusal::dispute_target_closed);
    const auto leaf = opened_leaf(context.state, *part, target.segment);
    ASSAY_CHECK(leaf.has_value());
    Found found{std::move(*job), {}};
    found.dispute.round = part->key.round;
    found.dispute.lane = part->key.lane;
    found.dispute.lease = part->lease;
    found.dispute.asserter = part->key.worker;
    found.dispute.asserted = leaf->end_field;
    return found;
}

tl::expected<Found, Refusal> find_posted_merge(const Context& context, const ChallengeTarget& target) {
    auto job = find_job(context.state, target.job);
    const auto merge = find_merge(context.state, target.job, target.round);
    const auto round = find_round(context.state, target.job, target.round);
    if (!job || !merge || !round || merge->commitment != target.part || target.part.is_zero() || target.segment != 0)
        return tl::unexpected(Refusal::dispute_target_unknown);
    const bool stands = round->state == RoundState::merged && !is_terminal(job->state);
    if (!stands || !window_open(context, *round)) return tl::unexpected(Refusal::dispute_target_closed);
    Found found{std::move(*job), {}};
    found.dispute.target = DisputeTarget::merge;
    found.dispute.round = target.round;
    found.dispute.lease = merge->lease;
    found.dispute.asserter = merge->poster;
    found.dispute.asserted = merge->root;
    return found;
}

tl::expected<Found, Refusal> find_target(const Context& context, const ChallengeOpen& message) {
    const bool merge = message.target.kind == DisputeTarget::merge;
    auto found = merge ? find_posted_merge(context, message.target) : find_segment(context, message.target);
    if (!found) return found;
    Dispute& dispute = found->dispute;
    if (!by_referee(context, found->job)) return tl::unexpected(Refusal::no_referee);
    if (dispute.asserter == context.sender) return tl::unexpected(Refusal::own_work);
    // An end field may hide its root as a forced plant.
    if (message.claimed.is_zero() || message.claimed == dispute.asserted || plant_field(message.claimed) == dispute.asserted)
        return tl::unexpected(Refusal::wrong_claim);
    dispute.id = dispute_id(context.transaction.hash);
    dispute.job = found->job.id;
    dispute.part = message.target.part;
    dispute.segment = message.target.segment;
    dispute.challenger = context.sender;
    dispute.claimed = message.claimed;
    return found;
}

std::size_t challenges_of(const Context& context) {
    const std::size_t most = context.parameters.disputes_per_account_max;
    return disputes_of_account(context.state, context.sender, Side::challenger, std::nullopt, most).size();
}

bool in_pool(const Dispute& dispute, const base::AccountId& account) {
    return std::any_of(dispute.pool.begin(), dispute.pool.end(), [&](const Challenger& c) { return c.account == account; });
}

/// Of the sender's stake in this role: there, allowed to act, and enough of it free.
Refusal check_stake(const Context& context, Role role, Amount bond) {
    const auto stake = find_stake(context.state, context.sender, role);
    if (!stake) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    if (stake->jailed_until > context.live) return Refusal::jailed;
    return stake->free() < bond ? Refusal::insufficient_free_stake : Refusal::none;
}

void drop_seal(Context& context, const ChallengeSeal& seal) {
    clear_timer(context, {seal.deadline, TimerKind::challenge, seal.account.hash, seal.number});
    erase(context.state, seal);
}

/// The open challenge of the same thing with the same root, if there is one; or why this one may not be opened.
tl::expected<std::optional<Dispute>, Refusal> find_pool(const Context& context, const Dispute& wanted) {
    const Parameters& parameters = context.parameters;
    std::size_t games = 0;
    std::optional<Dispute> same;
    for (Dispute& open : disputes_of_target(context.state, wanted.part, wanted.segment, std::size_t{parameters.disputes_per_target_max} + 1)) {
        ++games;
        if (in_pool(open, wanted.challenger)) return tl::unexpected(Refusal::already_challenged);
        if (open.audit.is_zero() && open.claimed == wanted.claimed) same = std::move(open);
    }
    if (same && same->pool.size() >= parameters.challenge_pool_max) return tl::unexpected(Refusal::pool_full);
    if (!same && games >= parameters.disputes_per_target_max) return tl::unexpected(Refusal::too_many_disputes);
    return same;
}

}  // namespace

Refusal apply_challenge_seal(Context& context, const ChallengeSealPost& message) {
    if (context.parameters.judgement != Judgement::referee) return Refusal::no_referee;
    if (message.digest.is_zero()) return Refusal::wrong_seal;
    const auto seals = seals_of(context.state, context.sender);
    for (const ChallengeSeal& seal : seals) {
        if (seal.digest == message.digest) return Refusal::seal_known;
    }
    if (seals.size() + challenges_of(context) >= context.parameters.disputes_per_account_max) return Refusal::too_many_disputes;
    ChallengeSeal seal;
    seal.account = context.sender;
    seal.number = seals.empty() ? 0 : seals.back().number + 1;
    seal.digest = message.digest;
    seal.height = context.block.height;
    seal.deadline = context.in(context.parameters.challenge_open_ms);
    save(context.state, seal);
    set_timer(context, {seal.deadline, TimerKind::challenge, seal.account.hash, seal.number});
    emit(context, EventKind::challenge_sealed,
         {{"account", seal.account.hex()}, {"digest", seal.digest.hex()}, {"deadline", std::to_string(seal.deadline.value)}});
    return Refusal::none;
}

Refusal apply_challenge_open(Context& context, const ChallengeOpen& message) {
    if (context.parameters.judgement != Judgement::referee) return Refusal::no_referee;
    if (message.role == Role::sequencer) return Refusal::role_not_open;
    const base::Hash digest = challenge_digest(context.sender, message.target, message.claimed, message.nonce);
    const auto seals = seals_of(context.state, context.sender);
    const auto seal = std::find_if(seals.begin(), seals.end(), [&](const ChallengeSeal& s) { return s.digest == digest; });
    if (seal == seals.end()) return Refusal::seal_unknown;
    if (seal->height >= context.block.height) return Refusal::seal_too_young;
    auto found = find_target(context, message);
    if (!found) return found.error();
    auto pool = find_pool(context, found->dispute);
    if (!pool) return pool.error();
    const auto bond = challenge_bond(parameters_of(context, found->job), found->job, found->dispute.target, context.chain.base_fee);
    if (!bond) return Refusal::amount_too_large;
    if (const Refusal refusal = check_stake(context, message.role, *bond); refusal != Refusal::none) return refusal;

    const bool late = *pool && seal->height > (*pool)->opened_height;
    drop_seal(context, *seal);
    ASSAY_CHECK(take_free_stake(context, context.sender, message.role, *bond) == *bond);
    const Challenger challenger{context.sender, message.role, *bond, false, late};
    if (*pool) {
        Dispute dispute = std::move(**pool);
        dispute.pool.push_back(challenger);
        save(context.state, dispute);
        emit(context, EventKind::dispute_joined,
             {{"dispute", dispute.id.hex()}, {"job", dispute.job.hex()}, {"account", context.sender.hex()}, {"bond", bond->decimal()}});
        return Refusal::none;
    }
    Dispute dispute = std::move(found->dispute);
    dispute.pool.push_back(challenger);
    open_challenge_dispute(context, dispute);
    return Refusal::none;
}

void on_challenge_due(Context& context, const Timer& timer) {
    const base::AccountId account{timer.subject};
    const auto seals = seals_of(context.state, account);
    const auto seal = std::find_if(seals.begin(), seals.end(), [&](const ChallengeSeal& s) { return s.number == timer.number; });
    if (seal == seals.end() || seal->deadline != timer.due) return;
    erase(context.state, *seal);
    emit(context, EventKind::challenge_expired, {{"account", account.hex()}, {"digest", seal->digest.hex()}});
}

}  // namespace assay::market
