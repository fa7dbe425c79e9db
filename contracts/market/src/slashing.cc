#include <algorithm>
#include <set>

#include "base/check.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kBountyDivisor = 10;
constexpr std::uint64_t kHalf = 2;

/// The one way stake is lost, over all states it can be in: what the lease locked, then free stake, then what is unbonding, youngest first.
/// Never more than there is. The caller gives the taken amount away.
Amount take_stake(Context& context, const base::AccountId& account, Role role, Amount due, Amount locked) {
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

/// What auditors were paid for work that is void returns to the job, at most half of what was taken; then the bounty; the rest is burned.
void distribute(Context& context, Job& job, Amount taken, Amount audit_fees, const std::optional<base::AccountId>& reporter,
                Amount bounty_max, std::string_view reason, const base::Hash& evidence) {
    Amount rest = taken;
    if (!is_terminal(job.state)) {
        const Amount half = Amount::of(taken.grains() / kHalf);
        const Amount back = base::minimum(base::minimum(audit_fees, half), job.spent.auditors);
        job.hold.audits += back;
        job.spent.auditors -= back;
        rest -= back;
    }
    if (reporter) {
        const Amount tenth = Amount::of(taken.grains() / kBountyDivisor);
        const Amount bounty = base::minimum(rest, base::minimum(tenth, bounty_max));
        if (!bounty.is_zero()) {
            credit(context, *reporter, bounty);
            rest -= bounty;
            emit(context, EventKind::paid, {{"account", reporter->hex()}, {"amount", bounty.decimal()}, {"reason", "bounty"},
                                            {"job", job.id.hex()}});
        }
    }
    if (!rest.is_zero()) burn(context, rest, reason, evidence);
}

void note_slash(Context& context, Job& job, const Lease& lease, SlashReason reason, const base::Hash& evidence, Amount amount) {
    if (!is_terminal(job.state)) append_history(context, job, Slashed{lease.worker, lease.id, reason, evidence, amount});
    emit(context, EventKind::slashed, {{"worker", lease.worker.hex()}, {"lease", lease.id.hex()}, {"job", job.id.hex()},
                                       {"reason", std::string(to_word(reason))}, {"evidence", evidence.hex()}, {"amount", amount.decimal()}});
}

bool can_void(const Part& part) {
    switch (part.state) {
        case PartState::committed:
        case PartState::drawn:
        case PartState::revealed:
        case PartState::judged:
        case PartState::passed: return true;
        case PartState::settled:
        case PartState::retracted:
        case PartState::void_: return false;
    }
    return false;
}

/// All parts of one worker in `from_round` and later; what auditors were paid for them. `leases`: those the parts were made under.
Amount void_parts_of(Context& context, Job& job, const base::AccountId& worker, std::uint32_t from_round,
                     std::set<base::LeaseId>& leases) {
    Amount paid;
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    for (std::uint32_t round = std::max(from_round, job.final_rounds); round < end; ++round) {
        for (Part& part : parts_of_job(context.state, job.id, round, std::nullopt, kPartsPerRoundMax)) {
            if (part.key.worker != worker || !can_void(part)) continue;
            paid += void_part(context, job, part);
            leases.insert(part.lease);
        }
    }
    return paid;
}

/// A successor starts at the last passed part: what its predecessor has open must not pass beside it.
void void_open_parts_of(Context& context, Job& job, const base::LeaseId& lease) {
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    for (std::uint32_t round = job.final_rounds; round < end; ++round) {
        for (Part& part : parts_of_job(context.state, job.id, round, std::nullopt, kPartsPerRoundMax)) {
            if (part.lease == lease && can_void(part) && part.state != PartState::passed) void_part(context, job, part);
        }
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
    if (!signed_by_account(context, lease->worker, transaction->body, transaction->signature)) return std::nullopt;
    const PartKey key{lease->job, commit->round, lease->lane, 0, commit->part, lease->worker, commit->attempt};
    return Commitment{key, std::move(*transaction)};
}

}  // namespace

base::Hash double_sign_evidence(const base::PartId& part) { return base::Hasher("assay.doublesign").add(part.hash).finish(); }

void release_lease(Context& context, Job& job, const base::LeaseId& id, LeaseEnd end, bool burn_bond) {
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

Amount convict(Context& context, Job& job, const base::LeaseId& id, SlashReason reason, const base::Hash& evidence,
               std::uint32_t from_round, std::optional<base::AccountId> reporter, Amount bounty_max) {
    std::set<base::LeaseId> leases{id};
    const Amount audit_fees = void_parts_of(context, job, find_lease(context.state, id)->worker, from_round, leases);
    auto lease = find_lease(context.state, id);
    ASSAY_CHECK(lease.has_value());
    const Amount taken = slash_lease(context, *lease, lease->lock);
    save(context.state, *lease);
    // A vote decides without any profit to anybody: all of it is burned.
    const bool vote = reason == SlashReason::judgement;
    distribute(context, job, taken, vote ? Amount{} : audit_fees, reporter, bounty_max, to_word(reason), evidence);
    note_slash(context, job, *lease, reason, evidence, taken);
    if (is_terminal(job.state)) return taken;
    for (const Lane& lane : lanes_of(context.state, job.id)) {
        if (lane.lease.is_zero()) continue;
        const auto other = find_lease(context.state, lane.lease);
        if (!other || other->worker != lease->worker) continue;
        release_lease(context, job, other->id, other->id == id ? LeaseEnd::slashed : LeaseEnd::unresolved, other->id == id);
    }
    // Leases that the worker gave back earlier may have waited for the parts that are void now.
    for (const base::LeaseId& waiting : leases) settle_lease_if_done(context, waiting);
    return taken;
}

Refusal apply_equivocation_report(Context& context, const EquivocationReport& message) {
    const auto first = commitment_in(context, message.first);
    const auto second = commitment_in(context, message.second);
    if (!first || !second || first->key != second->key) return Refusal::not_equivocation;
    const auto& one = std::get<PartCommit>(first->transaction.message);
    const auto& two = std::get<PartCommit>(second->transaction.message);
    if (one.tree_root == two.tree_root) return Refusal::not_equivocation;
    const base::PartId part = part_id(context.chain.id, first->key);
    const base::Hash evidence = double_sign_evidence(part);
    auto job = find_job(context.state, first->key.job);
    if (!job) return Refusal::job_unknown;
    if (!note_evidence(context, evidence)) return Refusal::evidence_known;

    std::optional<base::AccountId> reporter;
    if (context.sender != first->key.worker) reporter = context.sender;
    const auto replay = base::multiply(job->audit_price, kHalf * one.segments);
    convict(context, *job, one.lease, SlashReason::equivocation, evidence, first->key.round, reporter, replay.value_or(Amount{}));
    start_window_if_done(context, *job, first->key.round);
    save(context.state, *job);
    return Refusal::none;
}

Refusal apply_confess(Context& context, const Confess& message) {
    const auto confessed = find_part(context.state, message.part);
    if (!confessed) return Refusal::part_unknown;
    if (confessed->key.worker != context.sender) return Refusal::part_not_yours;
    if (confessed->state != PartState::committed && confessed->state != PartState::drawn) return Refusal::confess_too_late;
    for (const Audit& audit : audits_of_part(context, *confessed)) {
        if (audit.state == AuditState::revealed) return Refusal::confess_too_late;
    }
    auto job = find_job(context.state, confessed->key.job);
    ASSAY_CHECK(job.has_value());

    Amount audit_fees;
    for (Part& part : parts_of_lane(context.state, job->id, confessed->key.round, confessed->key.lane)) {
        const bool own = part.key.worker == context.sender && part.key.part >= confessed->key.part;
        if (own && can_void(part)) audit_fees += void_part(context, *job, part);
    }
    auto lease = find_lease(context.state, confessed->lease);
    ASSAY_CHECK(lease.has_value());
    // Half of the lock, and what auditing and doing the part again costs, up to the lock.
    const auto again = base::multiply(base::maximum(lease->price, job->audit_price), confessed->segments);
    const Amount half = *base::multiply_divide(lease->lock, 1, kHalf, base::Rounding::up);
    const auto due = base::add(half + audit_fees, again.value_or(lease->lock));
    const Amount taken = slash_lease(context, *lease, base::minimum(lease->lock, due.value_or(lease->lock)));
    save(context.state, *lease);
    distribute(context, *job, taken, audit_fees, std::nullopt, {}, to_word(SlashReason::confession), confessed->id.hash);
    note_slash(context, *job, *lease, SlashReason::confession, confessed->id.hash, taken);
    release_lease(context, *job, lease->id, LeaseEnd::confessed, true);
    start_window_if_done(context, *job, confessed->key.round);
    save(context.state, *job);
    return Refusal::none;
}

}  // namespace assay::market
