#include <algorithm>

#include "base/check.h"
#include "rollback.h"

namespace assay::market {

namespace {

/// What `parts` still to be committed may take: the lane's deadline.
std::uint64_t lane_time_ms(const Parameters& parameters, const Job& job, const Lease& lease,
                           std::uint32_t committed_parts) {
    const std::uint64_t done = std::uint64_t{committed_parts} * job.shape.part_segments;
    const std::uint64_t all = job.shape.segments_per_round();
    const std::uint64_t segments = all > done ? all - done : 0;
    // What the submitter waits for a round bounds what is added to the worker's own promise.
    const std::uint64_t promised = segments * lease.segment_ms;
    const std::uint64_t longest =
        std::max(promised, std::uint64_t{job.shape.round_deadline_s} * 1000);
    return std::max(parameters.grace_ms, std::min(promised * parameters.lane_time_factor, longest));
}

/// Time that committed parts need until they have passed, when somebody is late in every phase.
std::uint64_t settlement_time_ms(const Parameters& parameters) {
    return 2 * parameters.epoch_ms + 4 * parameters.grace_ms + parameters.audit_ms_max;
}

/// The submitter's bound counts from the opening of the round.
base::TimeMs bounded_deadline(const Job& job, const Round& round, base::TimeMs wanted) {
    return std::min(wanted, base::TimeMs{round.opened_at.value +
                                         std::uint64_t{job.shape.round_deadline_s} * 1000});
}

void set_round_deadline(Context& context, Round& round, base::TimeMs due) {
    if (round.deadline.value != 0)
        clear_timer(context,
                    {round.deadline, TimerKind::round_deadline, round.job.hash, round.round});
    round.deadline = due;
    set_timer(context, {due, TimerKind::round_deadline, round.job.hash, round.round});
}

}  // namespace

void set_lane_deadline(Context& context, const Job& job, const Lane& lane, Lease& lease) {
    lease.lacked_data = false;
    if (lease.deadline.value != 0)
        clear_timer(context, {lease.deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
    lease.deadline = {};
    if (lane.committed_parts >= job.shape.parts_per_round()) return;
    lease.deadline =
        context.in(lane_time_ms(parameters_of(context, job), job, lease, lane.committed_parts));
    set_timer(context, {lease.deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
}

void start_round(Context& context, Job& job) {
    ASSAY_CHECK(job.round < job.shape.rounds);
    ASSAY_CHECK(!find_round(context.state, job.id, job.round));
    const Parameters parameters = parameters_of(context, job);
    Round round;
    round.job = job.id;
    round.round = job.round;
    round.opening_root = job.opening_root;
    round.opening_blob = job.opening_blob;
    round.opened_at = context.live;
    std::uint64_t slowest = parameters.grace_ms;
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        lane.passed_parts = 0;
        lane.committed_parts = 0;
        lane.next_start_root = job.opening_root;
        lane.next_start_blob = job.opening_blob;
        unfund_lane(context, job, lane);
        if (lane.lease.is_zero()) {
            want_match(context, job.id, lane.lane);
            continue;
        }
        auto* lease = live_lease(context, lane.lease);
        ASSAY_CHECK(lease && lease->state == LeaseState::active);
        set_lane_deadline(context, job, lane, *lease);
        slowest = std::max(slowest, job.shape.segments_per_round() * lease->segment_ms);
    }
    const std::uint64_t wanted =
        parameters.round_time_factor * slowest + settlement_time_ms(parameters);
    set_round_deadline(context, round, bounded_deadline(job, round, context.in(wanted)));
    save(context.state, round);
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        fund_lane(context, job, lane);
    }
    emit(context, EventKind::round_opened,
         {{"job", job.id.hex()},
          {"round", std::to_string(round.round)},
          {"root", round.opening_root.hex()}});
}

namespace {

/// What of a lane's round stands: parts [0, passed) have passed, [0, committed) are committed.
void set_to_what_stands(const Context& context, const Job& job, Lane& lane) {
    lane.passed_parts = 0;
    lane.committed_parts = 0;
    lane.next_start_root = job.opening_root;
    lane.next_start_blob = job.opening_blob;
    const std::vector<Part> parts = parts_of_lane(context.state, job.id, job.round, lane.lane);
    for (const Part& part : parts) {
        if (part.key.part != lane.committed_parts || !can_void(part)) continue;
        if (part.state == PartState::passed && lane.passed_parts == lane.committed_parts)
            ++lane.passed_parts;
        ++lane.committed_parts;
        lane.next_start_root = part.end_root;
        lane.next_start_blob = part.end_blob;
    }
}

}  // namespace

void resume_lanes(Context& context, Job& job, const std::set<std::uint32_t>& numbers) {
    const Parameters parameters = parameters_of(context, job);
    const bool paused = job.state == JobState::paused;
    auto* round = live_round(context, job.id, job.round);
    ASSAY_CHECK(round && round->state == RoundState::open);
    std::uint64_t slowest = parameters.grace_ms;
    for (const std::uint32_t number : numbers) {
        Lane& lane = need_lane(context, job.id, number);
        set_to_what_stands(context, job, lane);
        unfund_lane(context, job, lane);
        // A job that settles commits nothing new: no clock runs.
        if (job.state == JobState::settling) {
            continue;
        }
        if (lane.lease.is_zero()) {
            lane.vacant_since = context.live;
            lane.match_after = {};
            want_match(context, job.id, number);
        } else {
            auto* lease = live_lease(context, lane.lease);
            ASSAY_CHECK(lease && lease->state == LeaseState::active);
            set_lane_deadline(context, job, lane, *lease);
            // In a pause deadlines have no timers: they come back later by its length.
            if (paused && lease->deadline.value != 0)
                clear_timer(context,
                            {lease->deadline, TimerKind::lane_deadline, job.id.hash, number});
            slowest = std::max(slowest, job.shape.segments_per_round() * lease->segment_ms);
        }
        fund_lane(context, job, lane);
    }
    if (job.state == JobState::settling) return;
    const std::uint64_t wanted =
        std::min(parameters.round_time_factor * slowest + settlement_time_ms(parameters),
                 std::max(std::uint64_t{job.shape.round_deadline_s} * 1000, parameters.grace_ms));
    if (!paused) {
        set_round_deadline(context, *round, std::max(round->deadline, context.in(wanted)));
    } else {
        round->deadline = std::max(round->deadline, context.in(wanted));
    }
}

void extend_round_for(Context& context, Job& job, const Lease& given) {
    auto* lane = live_lane(context, job.id, given.lane);
    auto* lease = live_lease(context, given.id);
    auto* round = live_round(context, job.id, job.round);
    ASSAY_CHECK(lane && lease);
    // Between the close of a round and its merge nothing is open: the lease's clock starts with the
    // next round.
    if (!round || round->state != RoundState::open) return;
    set_lane_deadline(context, job, *lane, *lease);
    fund_lane(context, job, *lane);
    const Parameters parameters = parameters_of(context, job);
    const std::uint64_t lane_ms =
        std::max(parameters.grace_ms, job.shape.segments_per_round() * lease->segment_ms);
    const base::TimeMs wanted =
        context.in(parameters.round_time_factor * lane_ms + settlement_time_ms(parameters));
    const base::TimeMs due = bounded_deadline(job, *round, wanted);
    if (round->extended || due <= round->deadline) return;
    set_round_deadline(context, *round, due);
}

}  // namespace assay::market
