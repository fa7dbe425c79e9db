#include <algorithm>

#include "base/check.h"
#include "rollback.h"

namespace assay::market {

namespace {

/// Without a lag only what has passed is merged; with one, everything that is committed, and
/// receipts say that it is available.
bool lane_done(const Job& job, const Lane& lane) {
    const std::uint32_t done = job.shape.audit_lag == 0 ? lane.passed_parts : lane.committed_parts;
    return done == job.shape.parts_per_round();
}

RoundMember member_of(const Context& context, const Job& job, std::uint32_t lane) {
    const std::uint32_t last = job.shape.parts_per_round() - 1;
    for (const Part& part : parts_of_lane(context.state, job.id, job.round, lane)) {
        if (part.key.part != last || !can_void(part)) continue;
        return {lane,          part.key.worker,   part.lease,        part.id,
                part.end_root, part.payload_root, part.payload_blob, part.end_blob};
    }
    ASSAY_CHECK(false && "a lane that is done has a last part that stands");
    return {};
}

/// A committed part that can no longer be retracted passes or is void without anybody's favour: the
/// round waits for it. What is in the open epoch does not count, or retracting and committing would
/// hold the round for ever.
bool anything_irrevocable(const Context& context, const Job& job) {
    for (const Part& part :
         parts_of_job(context.state, job.id, job.round, std::nullopt, kPartRowsMax)) {
        if (!is_open(part)) continue;
        const auto epoch = find_epoch(context.state, part.epoch);
        if (!epoch || (epoch->state != EpochState::open && epoch->state != EpochState::closing))
            return true;
    }
    return false;
}

void close_round(Context& context, Job& job, Round& round, const std::vector<Lane>& lanes) {
    if (round.deadline.value != 0)
        clear_timer(context, {round.deadline, TimerKind::round_deadline, job.id.hash, round.round});
    round.deadline = {};
    for (const Lane& lane : lanes) {
        if (lane_done(job, lane)) round.members.push_back(member_of(context, job, lane.lane));
    }
    round.state = RoundState::closed;
    round.closed_at = context.live;
    append_history(context, job, RoundClosed{round.round, round.opening_root, round.members});
    std::string members;
    for (const RoundMember& member : round.members)
        members += (members.empty() ? "" : " ") + std::to_string(member.lane);
    emit(context, EventKind::round_closed,
         {{"job", job.id.hex()}, {"round", std::to_string(round.round)}, {"lanes", members}});
    if (job.shape.has_merge()) {
        wait_for_merge(context, job, round.round, round.members.size());
        return;
    }
    // One lane and one round: the lane's end is the job's end, and there is no merge to audit.
    round.state = RoundState::merged;
    round.closing_root = round.members.front().end_root;
    round.closing_blob = round.members.front().end_blob;
    round.merged_at = context.live;
    round.merge_audited = true;
    open_next_round(context, job);
    start_window_if_done(context, job, round.round);
}

void end_training(Context& context, Job& job) {
    job.state = JobState::verifying;
    job.state_since = context.live;
    emit(context, EventKind::job_verifying, {{"job", job.id.hex()}});
    for (const Lane& lane : lanes_of(context.state, job.id)) {
        if (lane.lease.is_zero()) continue;
        LaneRelease release;
        release.end = LeaseEnd::finished;
        release.exclude = false;
        release.keep_parts = lane.passed_parts;
        release.start_root = job.opening_root;
        release.start_blob = job.opening_blob;
        release_lane(context, job, lane.lane, release);
        settle_lease_if_done(context, lane.lease);
    }
}

/// With a lag of D the audits of a round run while the next D rounds train, and no longer.
bool audits_keep_up(const Context& context, const Job& job, std::uint32_t next) {
    const std::uint32_t lag = job.shape.audit_lag;
    if (lag == 0) return true;
    for (std::uint32_t number = job.final_rounds; number + lag < next; ++number) {
        const auto round = find_round(context.state, job.id, number);
        if (round && round->open_parts != 0) return false;
    }
    return true;
}

}  // namespace

void close_round_if_done(Context& context, Job& job) {
    if (job.state != JobState::running) return;
    auto* round = live_round(context, job.id, job.round);
    if (!round || round->state != RoundState::open) return;
    const std::vector<Lane> lanes = lanes_of(context.state, job.id);
    const bool all = std::all_of(lanes.begin(), lanes.end(),
                                 [&](const Lane& lane) { return lane_done(job, lane); });
    if (all) close_round(context, job, *round, lanes);
}

void on_round_deadline(Context& context, const Timer& timer) {
    auto* job = live_job(context, base::JobId{timer.subject});
    if (!job || job->state != JobState::running || job->round != timer.number) return;
    auto* round = live_round(context, job->id, job->round);
    if (!round || round->state != RoundState::open || round->deadline != timer.due) return;
    const std::vector<Lane> lanes = lanes_of(context.state, job->id);
    // A lane that waits for audit money or for the committee waits without loss to anybody.
    const bool waits = std::any_of(lanes.begin(), lanes.end(),
                                   [](const Lane& lane) { return lane.wait != LaneWait::none; });
    const auto done = std::count_if(lanes.begin(), lanes.end(),
                                    [&](const Lane& lane) { return lane_done(*job, lane); });
    if (static_cast<std::uint64_t>(done) >= std::max<std::uint64_t>(job->shape.min_lanes, 1)) {
        close_round(context, *job, *round, lanes);
    } else if (!round->extended) {
        const std::uint64_t length = round->deadline.value - round->opened_at.value;
        round->extended = true;
        round->deadline = context.in(std::max(length, context.parameters.grace_ms));
        set_timer(context,
                  {round->deadline, TimerKind::round_deadline, job->id.hash, round->round});
        emit(context, EventKind::round_extended,
             {{"job", job->id.hex()}, {"round", std::to_string(round->round)}});
    } else if (waits || anything_irrevocable(context, *job)) {
        round->deadline = context.in(context.parameters.grace_ms);
        set_timer(context,
                  {round->deadline, TimerKind::round_deadline, job->id.hash, round->round});
    } else {
        fail_job(context, *job, CloseReason::no_workers);
    }
}

void open_next_round(Context& context, Job& job) {
    if (job.state != JobState::running || job.round >= job.shape.rounds) return;
    const auto round = find_round(context.state, job.id, job.round);
    // A round may have become final before the next one could open, in a pause.
    if (!round || (round->state != RoundState::merged && round->state != RoundState::final)) return;
    const std::uint32_t next = job.round + 1;
    const bool last = next == job.shape.rounds;
    // Rounds [final_rounds, next] would be unfinal.
    if (!last && next + 1 - job.final_rounds > context.parameters.unfinal_rounds_max) return;
    if (!last && !audits_keep_up(context, job, next)) return;
    job.round = next;
    job.opening_root = round->closing_root;
    job.opening_blob = round->closing_blob;
    if (last) {
        end_training(context, job);
    } else {
        start_round(context, job);
    }
}

}  // namespace assay::market
