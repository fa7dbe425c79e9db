// A worker may train a part only while the audits that it may need are paid for and can be done:
// otherwise its lane waits, without loss to anybody.

#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/hold.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// A lane that waits is looked at again after this; money that comes in is looked at at once.
constexpr std::uint64_t kRetryMs = 1'000;

std::uint64_t flops_of(const Job& job, std::uint64_t expected) {
    const std::uint64_t greatest =
        std::max({job.costs.segment_flops, job.costs.merge_flops, job.init_flops});
    const auto flops = (static_cast<base::Uint128>(expected) * greatest) >> 32U;
    return static_cast<std::uint64_t>(std::min<base::Uint128>(flops, std::uint64_t{1} << 62U));
}

/// What all members together may have ahead, at the class's reference speed: no declaration counts.
/// Members count by their weight, the greatest as one: many small ones draw little, and make
/// nothing faster.
base::Uint128 backlog_max(const Context& context) {
    const Parameters& parameters = context.parameters;
    const std::uint64_t members = members_by_weight(context.state, context.chain.epoch_next);
    return static_cast<base::Uint128>(parameters.reference_flops) * members *
           parameters.backlog_ms_max / 1000;
}

LaneWait wait_of(const Context& context, const Job& job, std::uint64_t expected) {
    const Amount greatest = greatest_price(job);
    const Amount highest = highest_pay(context.state, context.chain.epoch_next,
                                       parameters_of(context, job), job.shape, greatest);
    const auto needed = audit_pool(job.expected + expected, greatest, highest);
    if (!needed || *needed > job.hold.audits + job.hold.drawn) return LaneWait::audit_funds;
    const base::Uint128 ahead =
        static_cast<base::Uint128>(context.chain.backlog_flops) + flops_of(job, expected);
    // One part at a time always fits: nobody waits for a committee that is idle.
    if (context.chain.backlog_flops > 0 && ahead > backlog_max(context))
        return LaneWait::audit_backlog;
    return LaneWait::none;
}

bool may_train(const Context& context, const Job& job, const Lane& lane) {
    if (job.state != JobState::running || lane.lease.is_zero() ||
        lane.committed_parts >= job.shape.parts_per_round())
        return false;
    const auto round = find_round(context.state, job.id, job.round);
    return round && round->state == RoundState::open;
}

}  // namespace

void count_expected(Context& context, Job& job, std::uint64_t expected, bool more) {
    const std::uint64_t flops = flops_of(job, expected);
    const auto change = [&](std::uint64_t& sum, std::uint64_t amount) {
        ASSAY_CHECK(more || sum >= amount);
        sum = more ? sum + amount : sum - amount;
    };
    change(job.expected, expected);
    change(job.backlog_flops, flops);
    change(context.chain.backlog_flops, flops);
}

void count_sure(Context& context, Job& job, ClaimKind kind, bool more) {
    const Parameters parameters = parameters_of(context, job);
    const std::uint64_t sure =
        expected_with_controls(parameters.rate_sure_ppm, parameters.control_ppm);
    const std::uint64_t expected = in_greatest(sure, duty_of(job, kind).price, greatest_price(job));
    ASSAY_CHECK(more || job.expected >= expected);
    job.expected = more ? job.expected + expected : job.expected - expected;
}

void clear_expected(Context& context, Job& job) {
    ASSAY_CHECK(context.chain.backlog_flops >= job.backlog_flops);
    context.chain.backlog_flops -= job.backlog_flops;
    job.backlog_flops = job.expected = 0;
}

void fund_lane(Context& context, Job& job, Lane& lane) {
    if (lane.expected != 0 || !may_train(context, job, lane)) return;
    auto* lease = live_lease(context, lane.lease);
    ASSAY_CHECK(lease && lease->state == LeaseState::active);
    const Parameters parameters = parameters_of(context, job);
    const PartSpan span =
        part_span(lane.committed_parts, job.shape.segments_per_round(), job.shape.part_segments);
    const std::uint64_t each = expected_with_controls(lease->rate_ppm, parameters.control_ppm);
    // Nothing is free: a rate of zero counts as one draw in 2^32.
    const std::uint64_t expected = std::max<std::uint64_t>(
        in_greatest(each * span.segments, job.audit_price, greatest_price(job)), 1);
    const LaneWait before = lane.wait;
    lane.wait = wait_of(context, job, expected);
    const Attributes attributes{{"job", job.id.hex()},
                                {"lane", std::to_string(lane.lane)},
                                {"worker", lease->worker.hex()},
                                {"reason", std::string(to_word(lane.wait))}};
    if (lane.wait == LaneWait::none) {
        lane.expected = expected;
        lane.funded_at = context.live;
        count_expected(context, job, expected, true);
        if (before != LaneWait::none || lease->deadline.value == 0) {
            set_lane_deadline(context, job, lane, *lease);
        }
        if (before != LaneWait::none) emit(context, EventKind::lane_goes_on, attributes);
        return;
    }
    if (lease->deadline.value != 0) {
        clear_timer(context, {lease->deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
        lease->deadline = {};
    }
    set_timer(context, {context.in(kRetryMs), TimerKind::fund, job.id.hash, lane.lane});
    if (before == lane.wait) return;
    lane.funded_at = context.live;
    emit(context, EventKind::lane_waits, attributes);
}

void unfund_lane(Context& context, Job& job, Lane& lane) {
    if (lane.expected != 0) count_expected(context, job, lane.expected, false);
    lane.expected = 0;
    lane.wait = LaneWait::none;
}

void on_fund(Context& context, const Timer& timer) {
    auto* job = live_job(context, base::JobId{timer.subject});
    if (!job || job->state != JobState::running) return;
    auto* lane = live_lane(context, job->id, static_cast<std::uint32_t>(timer.number));
    if (!lane) return;
    fund_lane(context, *job, *lane);
}

Refusal apply_job_fund(Context& context, const JobFund& message) {
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    if (is_terminal(job->state)) return Refusal::job_state;
    if (message.amount.is_zero()) return Refusal::amount_zero;
    if (!base::add(job->held, message.amount)) return Refusal::amount_too_large;
    if (!debit(context, context.sender, message.amount)) return Refusal::insufficient_balance;

    job->held += message.amount;
    job->hold.audits += message.amount;
    emit(context, EventKind::job_funded,
         {{"job", job->id.hex()},
          {"account", context.sender.hex()},
          {"amount", message.amount.decimal()}});
    for (const Lane& lane : lanes_of(context.state, job->id)) {
        if (lane.wait == LaneWait::audit_funds)
            set_timer(context, {context.live, TimerKind::fund, job->id.hash, lane.lane});
    }
    return Refusal::none;
}

}  // namespace assay::market
