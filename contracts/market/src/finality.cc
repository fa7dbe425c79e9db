#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/wide.h"
#include "disputes.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

struct SegmentCounts {
    std::uint64_t segments = 0, audited = 0;
};

/// Pays every part of the round that passed, and settles the leases that wait for nothing else.
SegmentCounts pay_round(Context& context, Job& job, std::uint32_t round) {
    SegmentCounts counts;
    std::set<base::LeaseId> leases;
    for (Part& part : parts_of_job(context.state, job.id, round, std::nullopt, kPartRowsMax)) {
        if (part.state != PartState::passed) continue;
        const std::uint64_t audited = audited_segments(context, part.id);
        counts.segments += part.segments;
        counts.audited += audited;
        const Amount fee = pay_part(context, job, part);
        earn_record(context, job, part, audited, fee);
        save(context.state, part);
        drop_pools(context, part.id);
        leases.insert(part.lease);
    }
    for (const base::LeaseId& lease : leases) settle_lease_if_done(context, lease);
    job.final_segments += counts.segments;
    job.audited_segments += counts.audited;
    return counts;
}

void finalize_round(Context& context, Job& job, Round& round) {
    const SegmentCounts counts = pay_round(context, job, round.round);
    if (const auto merge = find_merge(context.state, job.id, round.round))
        drop_pools(context, merge->commitment);
    round.state = RoundState::final;
    // The merges of so many rounds can still be open.
    const bool fewer =
        job.shape.rounds - job.final_rounds <= parameters_of(context, job).unfinal_rounds_max;
    if (job.shape.has_merge() && fewer) count_sure(context, job, ClaimKind::merge, false);
    job.final_rounds = round.round + 1;
    job.final_root = round.closing_root;
    job.final_blob = round.closing_blob;
    append_history(context, job,
                   RoundFinal{round.round, round.closing_root, counts.segments, counts.audited});
    emit(context, EventKind::round_final,
         {{"job", job.id.hex()},
          {"round", std::to_string(round.round)},
          {"root", round.closing_root.hex()},
          {"segments", std::to_string(counts.segments)},
          {"audited", std::to_string(counts.audited)}});
}

/// Rounds become final in order; one that waited for an earlier one follows it at once.
void finalize_ready(Context& context, Job& job) {
    if (job.state == JobState::settling) return settle_on(context, job);
    while (job.final_rounds < job.shape.rounds) {
        auto* round = live_round(context, job.id, job.final_rounds);
        if (!round || round->state != RoundState::merged) break;
        if (round->window_ends.value == 0 || round->window_ends > context.live) break;
        if (round->open_disputes != 0 || round->open_questions != 0) break;
        finalize_round(context, job, *round);
    }
    if (job.final_rounds == job.shape.rounds) {
        finish_job(context, job, JobState::completed, CloseReason::finished);
    } else {
        open_next_round(context, job);
    }
}

}  // namespace

/// The parameter, and time enough for somebody on the job's minimum class to replay a segment and
/// to say so.
std::uint64_t challenge_window_ms(const Context& context, const Job& job) {
    const Parameters parameters = parameters_of(context, job);
    const auto replay =
        static_cast<base::Uint128>(job.costs.segment_flops) * 1000 / parameters.reference_flops;
    const auto bounded =
        static_cast<std::uint64_t>(std::min<base::Uint128>(replay, parameters.audit_ms_max));
    return std::max(parameters.window_ms, 2 * bounded + parameters.grace_ms);
}

void start_window_if_done(Context& context, Job& job, std::uint32_t number) {
    if (is_terminal(job.state) || job.state == JobState::settling) return;
    if (job.shape.audit_lag > 0) open_next_round(context, job);
    auto* round = live_round(context, job.id, number);
    if (!round || round->state != RoundState::merged || round->window_ends.value != 0) return;
    if (round->open_parts != 0 || !round->merge_audited) return;
    round->window_ends = context.in(challenge_window_ms(context, job));
    set_timer(context, {round->window_ends, TimerKind::window, job.id.hash, number});
}

Amount pay_part(Context& context, Job& job, Part& part) {
    ASSAY_CHECK(part.state == PartState::passed);
    auto* lease = live_lease(context, part.lease);
    ASSAY_CHECK(lease && lease->passed_segments >= part.segments);
    const auto price = base::multiply(lease->price, part.segments);
    ASSAY_CHECK(price && *price <= job.hold.segment_pay);
    const auto rate = parameters_of(context, job).protocol_fee_ppm;
    const auto owed = base::multiply_divide(*price, rate, kPartsPerMillion, base::Rounding::up);
    ASSAY_CHECK(owed.has_value());
    // The fee is held beside the pay; what rounding takes beyond that comes off the pay.
    const Amount from_hold = base::minimum(*owed, job.hold.fees);
    const Amount from_pay = base::minimum(*owed - from_hold, *price);
    job.hold.fees -= from_hold;
    job.hold.segment_pay -= *price;
    job.spent.workers += *price - from_pay;
    job.spent.protocol_fees += from_hold + from_pay;
    pay(context, part.key.worker, *price - from_pay, "segments", job.id, part.id.hash);
    burn(context, from_hold + from_pay, "protocol_fee", part.id.hash);
    lease->passed_segments -= part.segments;
    lease->paid_segments += part.segments;
    part.state = PartState::settled;
    return from_hold + from_pay;
}

void on_window(Context& context, const Timer& timer) {
    auto* job = live_job(context, base::JobId{timer.subject});
    if (!job || is_terminal(job->state)) return;
    const auto round = find_round(context.state, job->id, static_cast<std::uint32_t>(timer.number));
    if (!round || round->window_ends != timer.due) return;
    finalize_ready(context, *job);
}

void on_settle(Context& context, const Timer& timer) {
    if (timer.number == kSettleLease) {
        const base::LeaseId lease{timer.subject};
        if (find_lease(context.state, lease)) settle_lease_if_done(context, lease);
        return;
    }
    auto* job = live_job(context, base::JobId{timer.subject});
    if (!job || is_terminal(job->state)) return;
    if (timer.number == kWatchJob) {
        watch_job(context, *job);
        return;
    }
    close_round_if_done(context, *job);
    finalize_ready(context, *job);
}

}  // namespace assay::market
