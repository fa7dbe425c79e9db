#include <algorithm>
#include <set>

#include "base/check.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kBountyDivisor = 10;
constexpr std::uint64_t kHalf = 2;

/// The one way stake is lost, over all states it can be in: what the lease locked, then free stake,
/// then what is unbonding, youngest first. Never more than there is. The caller gives the taken
/// amount away.
Amount take_stake(Context& context, const base::AccountId& account, Role role, Amount due,
                  Amount locked) {
    const auto stake = find_stake(context.state, account, role);
    if (!stake) return {};
    Amount taken = base::minimum(base::minimum(due, locked), stake->locked);
    if (!taken.is_zero()) take_locked_stake(context, account, role, taken);
    if (taken < due) taken += take_free_stake(context, account, role, due - taken);
    std::vector<Unbonding> entries = unbondings_of(context.state, account, role);
    for (auto entry = entries.rbegin(); entry != entries.rend() && taken < due; ++entry) {
        const Amount part = base::minimum(entry->amount, due - taken);
        entry->amount -= part;
        taken += part;
        save(context.state, *entry);
    }
    return taken;
}

/// Slashes at most `due` for a lease: its lock shrinks by what is taken from it.
Amount slash_lease(Context& context, Lease& lease, Amount due) {
    const Amount locked = lease.state == LeaseState::settled ? Amount{} : lease.lock;
    const Amount before = base::minimum(due, locked);
    const Amount taken = take_stake(context, lease.worker, Role::worker, due, locked);
    if (lease.state != LeaseState::settled) lease.lock -= base::minimum(before, taken);
    return taken;
}

/// Equal shares; what does not divide goes to the first. Says what was paid.
Amount pay_shares(Context& context, const Job& job, const std::vector<base::AccountId>& accounts,
                  Amount sum, std::string_view reason, const base::Hash& subject) {
    if (sum.is_zero() || accounts.empty()) return {};
    const Amount share = Amount::of(sum.grains() / accounts.size());
    for (std::size_t i = 0; i < accounts.size(); ++i)
        pay(context, accounts[i], i > 0 ? share : sum - *base::multiply(share, accounts.size() - 1),
            reason, job.id, subject);
    return sum;
}

/// A successor may cost up to the ceiling for what is void: the difference waits with the lane
/// until the successor's price is known.
Amount keep_for_successor(Context& context, const Job& job, const Lease& lease,
                          std::uint32_t segments, Amount most) {
    if (is_terminal(job.state) || segments == 0 || most.is_zero() ||
        job.shape.price_ceiling <= lease.price)
        return {};
    const auto dearer = base::multiply(job.shape.price_ceiling - lease.price, segments);
    const Amount kept = base::minimum(most, dearer.value_or(most));
    Lane& lane = need_lane(context, job.id, lease.lane);
    lane.relet_price =
        lane.relet_pot.is_zero() ? lease.price : base::minimum(lane.relet_price, lease.price);
    lane.relet_segments += segments;
    lane.relet_pot += kept;
    // The lane may have a successor already: the worker had left before it was convicted.
    const auto successor = find_lease(context.state, lane.lease);
    if (successor && successor->worker != lease.worker)
        settle_relet(context, job, lane, successor->price);
    return kept;
}

/// Lost work of others, in proportion when `most` does not cover it. Says what was paid.
Amount compensate(Context& context, const Job& job, const Undone& undone, Amount most) {
    Amount total;
    for (const LostWork& lost : undone.lost) total += lost.price;
    const Amount budget = base::minimum(total, most);
    Amount paid;
    for (const LostWork& lost : undone.lost) {
        if (budget.is_zero()) break;
        const auto due = base::multiply_divide(lost.price, budget.grains(), total.grains(),
                                               base::Rounding::down);
        ASSAY_CHECK(due.has_value());
        pay(context, lost.worker, *due, "compensation", job.id, lost.part.hash);
        paid += *due;
    }
    return paid;
}

/// Challengers of other segments, who would have had their game: nobody knows who of them was
/// right, so they come after everybody whose due is known, and all of one segment share one replay.
/// Says what was paid.
Amount pay_overtaken(Context& context, const Job& job, const Conviction& conviction,
                     const Undone& undone, Amount most) {
    const Amount replay = base::multiply(job.audit_price, kHalf).value_or(most);
    Amount paid;
    for (const Overtaken& overtaken : undone.overtaken) {
        if (overtaken.part == conviction.rewards.judged &&
            overtaken.segment == conviction.rewards.segment)
            continue;
        paid += pay_shares(context, job, overtaken.accounts, base::minimum(replay, most - paid),
                           "overtaken", conviction.evidence);
    }
    return paid;
}

/// Where taken stake goes, in this order and at most half of it together: the fees of a game's
/// winner; lost work of others; right challengers that were overtaken; what auditors were paid,
/// back to the job; the bounty; a pot for the successor, which may cost up to the ceiling and so
/// takes what there is; overtaken challengers of other segments. The rest is burned.
void distribute(Context& context, Job& job, Amount taken, const Lease& lease,
                const Conviction& conviction, const Undone& undone, std::uint32_t lane_segments) {
    const Rewards& rewards = conviction.rewards;
    Amount pot = Amount::of(taken.grains() / kHalf);
    const Amount fees = base::minimum(rewards.fees, pot);
    pay(context, rewards.winner, fees, "dispute_fees", job.id, conviction.evidence);
    pot -= fees;
    pot -= compensate(context, job, undone, pot);
    pot -= pay_shares(context, job, rewards.right, base::minimum(rewards.share, pot), "overtaken",
                      conviction.evidence);
    if (!is_terminal(job.state)) {
        const Amount back =
            base::minimum(base::minimum(undone.audit_fees, pot), job.spent.auditors);
        job.hold.audits += back;
        job.spent.auditors -= back;
        pot -= back;
    }
    const Amount bounty = base::minimum(
        base::minimum(pot, Amount::of(taken.grains() / kBountyDivisor)), rewards.share);
    pot -= pay_shares(context, job, rewards.reporters, bounty, "bounty", conviction.evidence);
    pot -= keep_for_successor(context, job, lease, lane_segments, pot);
    pot -= pay_overtaken(context, job, conviction, undone, pot);
    burn(context, taken - (Amount::of(taken.grains() / kHalf) - pot), to_word(conviction.reason),
         conviction.evidence);
}

/// A convict is not matched for one unbonding time.
void note_convict(Context& context, const base::AccountId& worker) {
    auto* stake = live_stake(context, worker, Role::worker);
    if (!stake) return;
    stake->convicted_at = std::max(context.live, base::TimeMs{1});
}

void note_slash(Context& context, Job& job, const Lease& lease, SlashReason reason,
                const base::Hash& evidence, Amount amount) {
    erase_record(context, lease.worker);
    if (!is_terminal(job.state))
        append_history(context, job, Slashed{lease.worker, lease.id, reason, evidence, amount});
    emit(context, EventKind::slashed,
         {{"worker", lease.worker.hex()},
          {"lease", lease.id.hex()},
          {"job", job.id.hex()},
          {"reason", std::string(to_word(reason))},
          {"evidence", evidence.hex()},
          {"amount", amount.decimal()}});
}

/// Segments of a lease's worker that a conviction voids in the lease's lane, for which a successor
/// has to be paid.
std::uint32_t standing_segments(const Context& context, const Job& job, const base::LeaseId& id,
                                std::uint32_t from_round) {
    std::uint32_t segments = 0;
    const auto lease = find_lease(context.state, id);
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    for (std::uint32_t round = std::max(from_round, job.final_rounds); round < end; ++round) {
        for (const Part& part : parts_of_lane(context.state, job.id, round, lease->lane)) {
            if (part.key.worker == lease->worker && can_void(part)) segments += part.segments;
        }
    }
    return segments;
}

/// A successor starts at the last passed part: what its predecessor has open must not pass beside
/// it.
void void_open_parts_of(Context& context, Job& job, const base::LeaseId& lease) {
    // Rounds that have closed on such parts wait for their audits, whoever works the lane by then.
    const auto round = find_round(context.state, job.id, job.round);
    if (!round || round->state != RoundState::open) return;
    for (Part& part : parts_of_job(context.state, job.id, job.round, std::nullopt, kPartRowsMax)) {
        if (part.lease == lease && can_void(part) && part.state != PartState::passed)
            void_part(context, job, part);
    }
}

struct Commitment {
    PartKey key;
    Transaction transaction;
};

/// A well-formed, signed part_commit of this chain with the key it commits under.
std::optional<Commitment> commitment_in(const Context& context, const base::Bytes& raw) {
    auto transaction = decode_transaction(raw);
    if (!transaction || transaction->header.chain_id != context.chain.id) return std::nullopt;
    const auto* commit = std::get_if<PartCommit>(&transaction->message);
    if (commit == nullptr) return std::nullopt;
    const auto lease = find_lease(context.state, commit->lease);
    if (!lease || lease->worker != transaction->header.account) return std::nullopt;
    if (!signed_by_account(context, lease->worker, transaction->body, transaction->signature))
        return std::nullopt;
    const PartKey key{lease->job,   commit->round, lease->lane,    0,
                      commit->part, lease->worker, commit->attempt};
    return Commitment{key, std::move(*transaction)};
}

}  // namespace

namespace {

/// The lane does not go to who loses it after the lease had ended.
void exclude_worker(Context& context, const Job& job, const Lease& lease) {
    Lane& lane = need_lane(context, job.id, lease.lane);
    if (std::find(lane.excluded.begin(), lane.excluded.end(), lease.worker) != lane.excluded.end())
        return;
    if (lane.excluded.size() >= kExcludedMax) lane.excluded.erase(lane.excluded.begin());
    lane.excluded.push_back(lease.worker);
}

}  // namespace

base::Hash double_sign_evidence(const base::PartId& part) {
    return base::Hasher("assay.doublesign").add(part.hash).finish();
}

void release_lease(Context& context, Job& job, const base::LeaseId& id, LeaseEnd end,
                   bool burn_bond) {
    const auto lease = find_lease(context.state, id);
    ASSAY_CHECK(lease.has_value());
    if (lease->state == LeaseState::active) {
        void_open_parts_of(context, job, id);
        LaneRelease release = restart_of(context, job, lease->lane);
        release.end = end;
        release.exclude = true;
        release.burn_bond = burn_bond;
        release_lane(context, job, lease->lane, release);
    }
    settle_lease_if_done(context, id);
}

namespace {

/// With an audit lag earlier rounds may wait for audits of the same worker. Nobody waits for a
/// convict: they fall now, together, while its lock is there to pay for all of it.
std::uint32_t first_round_in_doubt(const Context& context, const Job& job,
                                   const base::AccountId& worker, std::uint32_t from_round) {
    for (std::uint32_t round = job.final_rounds; round < from_round; ++round) {
        for (const Part& part :
             parts_of_job(context.state, job.id, round, std::nullopt, kPartRowsMax)) {
            if (part.key.worker == worker && can_void(part) && part.state != PartState::passed)
                return round;
        }
    }
    return from_round;
}

}  // namespace

Amount convict(Context& context, Job& job, const Conviction& conviction, Undone undone) {
    const base::LeaseId id = conviction.lease;
    undone.public_since = conviction.rewards.public_since;
    const base::AccountId worker = find_lease(context.state, id).value().worker;
    const std::uint32_t from = first_round_in_doubt(context, job, worker, conviction.from_round);
    const std::uint32_t lane_segments = standing_segments(context, job, id, from);
    undo_worker(context, job, worker, from, undone);
    roll_back(context, job, worker, undone);
    Lease& lease = need_lease(context, id);
    const Amount taken = slash_lease(context, lease, lease.lock);
    distribute(context, job, taken, lease, conviction, undone, lane_segments);
    note_slash(context, job, lease, conviction.reason, conviction.evidence, taken);
    note_convict(context, worker);
    if (is_terminal(job.state)) return taken;
    if (job.state == JobState::settling)
        set_timer(context, {context.in(1), TimerKind::settle, job.id.hash, kSettleJob});
    if (lease.state != LeaseState::active) exclude_worker(context, job, lease);
    for (const Lane& lane : lanes_of(context.state, job.id)) {
        if (lane.lease.is_zero()) continue;
        const auto other = find_lease(context.state, lane.lease);
        if (!other || other->worker != worker) continue;
        release_lease(context, job, other->id,
                      other->id == id ? LeaseEnd::slashed : LeaseEnd::convicted, other->id == id);
    }
    // Leases that ended earlier may have waited for the parts that are void now.
    undone.leases.insert(id);
    for (const base::LeaseId& waiting : undone.leases) settle_lease_if_done(context, waiting);
    // Any unfinal round may have waited for the parts that are void now, not only the one in which
    // the fault was found.
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    for (std::uint32_t round = job.final_rounds; round < end; ++round)
        start_window_if_done(context, job, round);
    return taken;
}

Refusal apply_equivocation_report(Context& context, const EquivocationReport& message) {
    const auto first = commitment_in(context, message.first);
    const auto second = commitment_in(context, message.second);
    if (!first || !second || first->key != second->key) return Refusal::not_equivocation;
    const auto& one = std::get<PartCommit>(first->transaction.message);
    const auto& two = std::get<PartCommit>(second->transaction.message);
    // From another start, as after a roll-back, another tree is right.
    // From another lease, the work was redone after a loss.
    if (one.tree_root == two.tree_root || one.start_root != two.start_root ||
        one.lease != two.lease)
        return Refusal::not_equivocation;
    const base::PartId part = part_id(context.chain.id, first->key);
    const base::Hash evidence = double_sign_evidence(part);
    auto* job = live_job(context, first->key.job);
    if (!job) return Refusal::job_unknown;
    if (context.state.get(evidence_key(evidence))) return Refusal::evidence_known;
    // Where nothing is at stake any more, reporting oneself would only be a way out of other
    // leases.
    const auto lease = find_lease(context.state, one.lease);
    if (!lease || lease->state == LeaseState::settled) return Refusal::not_equivocation;
    note_evidence(context, evidence);

    Conviction conviction{one.lease, SlashReason::equivocation, evidence, first->key.round};
    conviction.rewards.public_since = base::Height{context.block.height.value - 1};
    if (context.sender != first->key.worker) conviction.rewards.reporters.push_back(context.sender);
    conviction.rewards.share =
        base::multiply(job->audit_price, kHalf * one.segments).value_or(Amount{});
    convict(context, *job, conviction);
    for (const Role role : {Role::worker, Role::validator}) {
        auto* stake = live_stake(context, first->key.worker, role);
        if (!stake) continue;
        stake->tombstoned = true;
    }
    start_window_if_done(context, *job, first->key.round);
    return Refusal::none;
}

namespace {

LeaseEnd end_of(SlashReason reason) {
    return reason == SlashReason::confession ? LeaseEnd::confessed : LeaseEnd::conceded;
}

}  // namespace

void take_fee(Context& context, Job& job, const base::LeaseId& id, SlashReason reason,
              const base::Hash& evidence, Amount fee, std::uint32_t segments, const Undone& undone,
              const Rewards& rewards) {
    Lease& lease = need_lease(context, id);
    // Half of what is taken pays others, so what they are owed counts twice.
    std::optional<Amount> owed = undone.audit_fees;
    for (const LostWork& lost : undone.lost)
        owed = owed ? base::add(*owed, lost.price) : std::nullopt;
    if (owed) owed = base::multiply(*owed, kHalf);
    const std::optional<Amount> due = owed ? base::add(fee, *owed) : std::nullopt;
    if (lease.state == LeaseState::ended) {
        // What is left of the lock waits as long as after a confession in time.
        lease.end = end_of(reason);
        lease.ended_at = context.live;
        exclude_worker(context, job, lease);
    }
    const Amount taken =
        slash_lease(context, lease, base::minimum(lease.lock, due.value_or(lease.lock)));
    Conviction conviction{id, reason, evidence};
    conviction.rewards = rewards;
    distribute(context, job, taken, lease, conviction, undone, segments);
    note_slash(context, job, lease, reason, evidence, taken);
    for (const base::LeaseId& waiting : undone.leases) settle_lease_if_done(context, waiting);
}

void give_up(Context& context, Job& job, const Part& part, SlashReason reason,
             const base::Hash& evidence, Amount fee, const Rewards& rewards) {
    Undone undone;
    undone.public_since = rewards.public_since;
    undo_lane(context, job, part.key.round, part.key.lane, part.key.part, part.key.worker, undone);
    roll_back(context, job, part.key.worker, undone);
    // The lease goes on until its fee is taken: settled, it has no lock.
    undone.leases.erase(part.lease);
    take_fee(context, job, part.lease, reason, evidence, fee, part.segments, undone, rewards);
    // A confession also forfeits the bond; a concession costs a fixed fee.
    release_lease(context, job, part.lease, end_of(reason), reason == SlashReason::confession);
}

Refusal apply_confess(Context& context, const Confess& message) {
    const auto confessed = find_part(context.state, message.part);
    if (!confessed) return Refusal::part_unknown;
    if (confessed->key.worker != context.sender) return Refusal::part_not_yours;
    if (confessed->state != PartState::committed && confessed->state != PartState::auditing)
        return Refusal::confess_too_late;
    for (const Claim& claim : claims_of(context.state, confessed->id, kTouchedMax)) {
        for (const Audit& audit :
             audits_of_claim(context.state, confessed->id, claim.segment, kTouchedMax)) {
            if (audit.verdict) return Refusal::confess_too_late;
        }
    }
    Job& job = need_job(context, confessed->key.job);
    // What others have built on it would fall too, and with it what they are accused of, for half
    // of one lock.
    const auto round = find_round(context.state, job.id, confessed->key.round);
    if (confessed->key.round != job.round || !round || round->state != RoundState::open)
        return Refusal::confess_too_late;

    // Half of the lock, and what auditing and doing the part again costs, up to the lock.
    const auto lease = find_lease(context.state, confessed->lease);
    ASSAY_CHECK(lease.has_value());
    const Amount half = *base::multiply_divide(lease->lock, 1, kHalf, base::Rounding::up);
    const auto again =
        base::multiply(base::maximum(lease->price, job.audit_price), confessed->segments);
    const auto due = again ? base::add(half, *again) : std::nullopt;
    give_up(context, job, *confessed, SlashReason::confession, confessed->id.hash,
            due.value_or(lease->lock));
    start_window_if_done(context, job, confessed->key.round);
    return Refusal::none;
}

}  // namespace assay::market
