#include <algorithm>

#include "base/check.h"
#include "money.h"
#include "rollback.h"

namespace assay::market {

using base::Amount;

namespace {

Attributes lease_attributes(const Lease& lease) {
    return {{"lease", lease.id.hex()},
            {"job", lease.job.hex()},
            {"lane", std::to_string(lease.lane)},
            {"worker", lease.worker.hex()},
            {"reason", std::string(to_word(lease.end))}};
}

/// Parts of the round that is open wait for their audits. Those of rounds that have closed are
/// judged whether the lease goes on or not.
bool owes_audits(const Context& context, const Job& job, const Lease& lease) {
    if (lease.open_parts == 0) return false;
    const auto round = find_round(context.state, job.id, job.round);
    if (!round || round->state != RoundState::open) return false;
    for (const Part& part : parts_of_lane(context.state, job.id, job.round, lease.lane)) {
        if (part.lease == lease.id && can_void(part) && part.state != PartState::passed)
            return true;
    }
    return false;
}

bool still_trains(const Job& job) {
    return (job.state == JobState::open || job.state == JobState::running) &&
           job.round < job.shape.rounds;
}

}  // namespace

Refusal apply_lease_leave(Context& context, const LeaseLeave& message) {
    auto* lease = live_lease(context, message.lease);
    if (!lease) return Refusal::lease_unknown;
    if (lease->worker != context.sender) return Refusal::lease_not_yours;
    if (lease->state != LeaseState::active) return Refusal::lease_ended;
    auto* job = live_job(context, lease->job);
    const auto lane = find_lane(context.state, lease->job, lease->lane);
    ASSAY_CHECK(job && lane && lane->lease == lease->id);
    // Open parts are judged first, in a pause too: leaving is no way out of an audit.
    if (owes_audits(context, *job, *lease)) return Refusal::parts_open;
    const bool long_pause =
        job->state == JobState::paused &&
        job->state_since.value + context.parameters.pause_leave_ms <= context.live.value;
    // Whoever goes in the middle of a part has kept the lane from others for so long: that share of
    // its bond. Otherwise holding lanes and leaving before the deadline would cost nothing.
    if (lane->expected != 0) {
        const PartSpan span = part_span(lane->committed_parts, job->shape.segments_per_round(),
                                        job->shape.part_segments);
        const std::uint64_t promised =
            std::max<std::uint64_t>(lease->segment_ms * span.segments, 1);
        const std::uint64_t held = std::min(context.live.value - lane->funded_at.value, promised);
        const Amount due = base::multiply_divide(lease->bond, held, promised, base::Rounding::up)
                               .value_or(lease->bond);
        lease->bond -= due;
        burn(context, due, "bond", lease->id.hash);
    }
    const bool waits = lane->wait != LaneWait::none;
    release_lease(context, *job, lease->id,
                  waits        ? LeaseEnd::waited
                  : long_pause ? LeaseEnd::paused
                               : LeaseEnd::left,
                  false);
    return Refusal::none;
}

void on_lane_deadline(Context& context, const Timer& timer) {
    const base::JobId id{timer.subject};
    const auto lane = find_lane(context.state, id, static_cast<std::uint32_t>(timer.number));
    if (!lane || lane->lease.is_zero()) return;
    Lease& lease = need_lease(context, lane->lease);
    if (lease.deadline != timer.due) return;
    Job& job = need_job(context, id);
    const bool waits =
        waits_for_answer(context, id, job.round) || has_asked(context, lease.worker, id);
    const bool lacks = lease.extensions < kExtensionsMax && waits;
    const bool without_data = asks_for_data(context, id);
    if (lacks || owes_audits(context, job, lease)) {
        // Missing the deadline is no way out of an audit: what is committed is judged before the
        // lane goes on without its worker. Nor does it miss anything that asks for what it starts
        // from.
        if (lacks) {
            ++lease.extensions;
            lease.lacked_data = without_data;
        }
        lease.deadline = context.in(context.parameters.grace_ms);
        set_timer(context, {lease.deadline, TimerKind::lane_deadline, id.hash, lane->lane});
        return;
    }
    // The data is asked for and answered chunk by chunk, and still does not open: that is not its
    // worker's doing, nor is a deadline in the block between an answer and the next question. The
    // lane goes to others.
    const bool blameless = without_data || lease.lacked_data;
    release_lease(context, job, lease.id, blameless ? LeaseEnd::waited : LeaseEnd::deadline,
                  !blameless);
}

void release_lane(Context& context, Job& job, std::uint32_t number, const LaneRelease& release) {
    auto* lane = live_lane(context, job.id, number);
    ASSAY_CHECK(lane && !lane->lease.is_zero());
    auto* lease = live_lease(context, lane->lease);
    ASSAY_CHECK(lease && lease->state == LeaseState::active && job.active_leases > 0);
    if (lease->deadline.value != 0)
        clear_timer(context, {lease->deadline, TimerKind::lane_deadline, job.id.hash, number});
    lease->deadline = {};
    lease->state = LeaseState::ended;
    lease->end = release.end;
    lease->ended_at = context.live;
    if (release.burn_bond) {
        burn(context, lease->bond, "bond", lease->id.hash);
        lease->bond = {};
    }
    job.active_leases -= 1;
    unfund_lane(context, job, *lane);
    lane->ask = 1;
    lane->lease = {};
    lane->passed_parts = release.keep_parts;
    lane->committed_parts = release.keep_parts;
    lane->next_start_root = release.start_root;
    lane->next_start_blob = release.start_blob;
    lane->vacant_since = context.live;
    lane->match_after = {};
    // Who leaves a lane that stands still loses nothing, and may come back.
    if (release.exclude && release.end != LeaseEnd::waited) {
        if (lane->excluded.size() >= kExcludedMax) lane->excluded.erase(lane->excluded.begin());
        lane->excluded.push_back(lease->worker);
    }
    emit(context, EventKind::lease_ended, lease_attributes(*lease));
    if (still_trains(job)) want_match(context, job.id, number);
    settle_lease_if_done(context, lease->id);
}

void settle_lease_if_done(Context& context, const base::LeaseId& id) {
    Lease& lease = need_lease(context, id);
    if (lease.state != LeaseState::ended || lease.open_parts > 0 || lease.passed_segments > 0)
        return;
    // What a confession or concession leaves of the lock is held as long as unbonding takes: by
    // then every window that was open at the fault has closed.
    const base::TimeMs held_until{lease.ended_at.value + context.parameters.unbonding_ms};
    const bool gave_up = lease.end == LeaseEnd::confessed || lease.end == LeaseEnd::conceded;
    if (gave_up && !lease.lock.is_zero() && context.live < held_until) {
        set_timer(context, {held_until, TimerKind::settle, id.hash, kSettleLease});
        return;
    }
    // No lock returns while anything about its work is open.
    const auto job = find_job(context.state, lease.job);
    if (job && !is_terminal(job->state) && answers_for_open(context, lease)) {
        set_timer(context, {context.in(context.parameters.grace_ms), TimerKind::settle, id.hash,
                            kSettleLease});
        return;
    }
    const Amount bond = lease.bond;
    const Amount lock = lease.lock;
    lease.bond = {};
    lease.lock = {};
    lease.state = LeaseState::settled;
    return_record(context, lease);
    unlock_stake(context, lease.worker, Role::worker, lock);
    return_slot(context, lease.offer, lease.worker, bond);
    emit(context, EventKind::lease_settled, lease_attributes(lease));
}

}  // namespace assay::market
