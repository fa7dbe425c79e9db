#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// Deadlines stand still: their timers go, and come back later by the length of the pause. Nothing
/// is committed meanwhile, so a paused job keeps nothing of the committee's backlog from others.
/// Changes the job.
void stop_clocks(Context& context, Job& job) {
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        unfund_lane(context, job, lane);
        if (lane.lease.is_zero()) continue;
        const auto lease = find_lease(context.state, lane.lease);
        if (lease->deadline.value != 0)
            clear_timer(context,
                        {lease->deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
    }
    const auto round = find_round(context.state, job.id, job.round);
    if (round && round->state == RoundState::open)
        clear_timer(context, {round->deadline, TimerKind::round_deadline, job.id.hash, job.round});
}

/// Changes the job.
void start_clocks(Context& context, Job& job, std::uint64_t paused_ms) {
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        if (lane.lease.is_zero()) {
            want_match(context, job.id, lane.lane);
            continue;
        }
        if (auto* lease = live_lease(context, lane.lease); lease->deadline.value != 0) {
            lease->deadline.value += paused_ms;
            set_timer(context, {lease->deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
        }
        fund_lane(context, job, lane);
    }
    auto* round = live_round(context, job.id, job.round);
    if (!round || round->state != RoundState::open) return;
    round->deadline.value += paused_ms;
    set_timer(context, {round->deadline, TimerKind::round_deadline, job.id.hash, job.round});
}

/// What a lease earns in a pause: pause_pay_ppm of its price for each segment it could have
/// trained, rounded down. A machine counts as no faster than the class: what a worker promises of
/// its speed must not take money.
Amount pause_pay(const Parameters& parameters, const Job& job, const Lease& lease,
                 std::uint64_t paused_ms) {
    const auto reference =
        static_cast<base::Uint128>(job.costs.segment_flops) * 1000 / parameters.reference_flops;
    const auto class_ms =
        static_cast<std::uint64_t>(std::min<base::Uint128>(reference, std::uint64_t{1} << 40U));
    const auto full = base::multiply_divide(
        lease.price, paused_ms, std::max<std::uint64_t>({lease.segment_ms, class_ms, 1}),
        base::Rounding::down);
    if (!full) return Amount::of(Amount::kMax);
    return base::multiply_divide(*full, parameters.pause_pay_ppm, kPartsPerMillion,
                                 base::Rounding::down)
        .value_or(Amount{});
}

/// What of the hold the segments still to be paid cannot need: they cost at most the ceiling each.
Amount spare_pay(const Job& job) {
    const std::uint64_t all =
        std::uint64_t{job.shape.lanes} * job.shape.rounds * job.shape.segments_per_round();
    const std::uint64_t left = all - std::min(all, job.final_segments);
    const auto needed = base::multiply(job.shape.price_ceiling, left);
    if (!needed || *needed >= job.hold.segment_pay) return {};
    return job.hold.segment_pay - *needed;
}

}  // namespace

/// Workers are paid from the submitter's balance, else from what the hold can spare.
void end_pause(Context& context, Job& job) {
    ASSAY_CHECK(job.state == JobState::paused);
    const Parameters parameters = parameters_of(context, job);
    const std::uint64_t paused_ms = context.live.value - job.state_since.value;
    clear_timer(context, {job.deadline, TimerKind::pause, job.id.hash, 0});
    for (const Lane& lane : lanes_of(context.state, job.id)) {
        if (lane.lease.is_zero()) continue;
        const auto lease = find_lease(context.state, lane.lease);
        // Who had nothing to train when the pause began has lost nothing by it.
        if (lease->deadline.value == 0) continue;
        const Amount owed = pause_pay(parameters, job, *lease, paused_ms);
        const Amount own = base::minimum(owed, balance_of(context.state, job.submitter));
        ASSAY_CHECK(debit(context, job.submitter, own));
        const Amount spared = base::minimum(owed - own, spare_pay(job));
        job.hold.segment_pay -= spared;
        job.spent.pauses += spared;
        credit(context, lease->worker, own + spared);
        emit(context, EventKind::paid,
             {{"account", lease->worker.hex()},
              {"amount", (own + spared).decimal()},
              {"reason", "pause"},
              {"job", job.id.hex()},
              {"lease", lease->id.hex()}});
    }
    job.paused_ms.value += paused_ms;
    job.deadline = {};
    job.state = JobState::running;
    job.state_since = context.live;
    start_clocks(context, job, paused_ms);
    // What became possible meanwhile (a round that all lanes passed, a window that is over) goes on
    // in the next block.
    set_timer(context, {context.in(1), TimerKind::settle, job.id.hash, 0});
}

Refusal apply_job_pause(Context& context, const JobPause& message) {
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->submitter != context.sender) return Refusal::job_not_yours;
    if (job->state != JobState::running || job->round >= job->shape.rounds)
        return Refusal::job_state;
    stop_clocks(context, *job);
    job->state = JobState::paused;
    job->state_since = context.live;
    job->deadline = context.in(parameters_of(context, *job).pause_ms_max);
    set_timer(context, {job->deadline, TimerKind::pause, job->id.hash, 0});
    emit(context, EventKind::job_paused,
         {{"job", job->id.hex()}, {"until", std::to_string(job->deadline.value)}});
    return Refusal::none;
}

Refusal apply_job_resume(Context& context, const JobResume& message) {
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->submitter != context.sender) return Refusal::job_not_yours;
    if (job->state != JobState::paused) return Refusal::job_state;
    end_pause(context, *job);
    emit(context, EventKind::job_resumed, {{"job", job->id.hex()}});
    return Refusal::none;
}

void on_pause(Context& context, const Timer& timer) {
    auto* job = live_job(context, {timer.subject});
    if (!job || job->state != JobState::paused || job->deadline != timer.due) return;
    end_pause(context, *job);
    emit(context, EventKind::job_resumed, {{"job", job->id.hex()}});
}

}  // namespace assay::market
