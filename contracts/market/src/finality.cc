#include <algorithm>
#include <set>

#include "base/check.h"
#include "market/pricing.h"
#include "disputes.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

struct SegmentCounts {
    std::uint64_t segments = 0, audited = 0, unaudited = 0;
};

bool is_open(const Part& part) {
    switch (part.state) {
        case PartState::committed:
        case PartState::drawn:
        case PartState::revealed:
        case PartState::judged: return true;
        case PartState::passed:
        case PartState::settled:
        case PartState::retracted:
        case PartState::void_: return false;
    }
    return false;
}

/// Distinct segments of the part that a paid audit confirmed.
std::uint64_t audited_segments(const Context& context, const Part& part) {
    std::set<std::uint32_t> segments;
    for (const Audit& audit : audits_of_part(context, part)) {
        if (audit.paid && audit.verdict && audit.verdict->kind != VerdictKind::invalid) segments.insert(audit.segment);
    }
    return segments.size();
}

/// Pays every part of the round that passed, and settles the leases that wait for nothing else.
SegmentCounts pay_round(Context& context, Job& job, std::uint32_t round) {
    SegmentCounts counts;
    std::set<base::LeaseId> leases;
    for (Part& part : parts_of_job(context.state, job.id, round, std::nullopt, kPartsPerRoundMax)) {
        if (part.state != PartState::passed) continue;
        const std::uint64_t audited = audited_segments(context, part);
        counts.segments += part.segments;
        counts.audited += audited;
        counts.unaudited += part.unaudited.size();
        const Amount fee = pay_part(context, job, part);
        earn_record(context, job, part, audited, fee);
        save(context.state, part);
        leases.insert(part.lease);
    }
    for (const base::LeaseId& lease : leases) settle_lease_if_done(context, lease);
    job.final_segments += counts.segments;
    job.audited_segments += counts.audited;
    job.unaudited_segments += counts.unaudited;
    return counts;
}

void finalize_round(Context& context, Job& job, Round& round) {
    const SegmentCounts counts = pay_round(context, job, round.round);
    round.state = RoundState::final;
    save(context.state, round);
    job.final_rounds = round.round + 1;
    job.final_root = round.closing_root;
    job.final_blob = round.closing_blob;
    append_history(context, job, RoundFinal{round.round, round.closing_root, counts.segments, counts.audited, counts.unaudited});
    emit(context, EventKind::round_final, {{"job", job.id.hex()}, {"round", std::to_string(round.round)},
                                           {"root", round.closing_root.hex()}, {"segments", std::to_string(counts.segments)},
                                           {"audited", std::to_string(counts.audited)}, {"unaudited", std::to_string(counts.unaudited)}});
}

/// Rounds become final in order; one that waited for an earlier one follows it at once.
void finalize_ready(Context& context, Job& job) {
    while (job.final_rounds < job.shape.rounds) {
        auto round = find_round(context.state, job.id, job.final_rounds);
        if (!round || round->state != RoundState::merged) break;
        if (round->window_ends.value == 0 || round->window_ends > context.live) break;
        if (!chunks_of_job(context.state, job.id, round->round, std::nullopt, 1).empty()) break;
        if (round->open_disputes != 0) break;
        finalize_round(context, job, *round);
    }
    if (job.final_rounds == job.shape.rounds) {
        finish_job(context, job, JobState::completed, CloseReason::finished);
    } else {
        open_next_round(context, job);
    }
}

bool accused(const Context& context, const Part& part) {
    const auto audits = audits_of_part(context, part);
    return std::any_of(audits.begin(), audits.end(),
                       [](const Audit& audit) { return audit.verdict && audit.verdict->kind == VerdictKind::invalid; });
}

/// The submitter stops the job while a part waits for its audits, and gives these up: the work is done and its checkpoint public, so it is
/// paid. Otherwise cancelling at the right moment would get a model for nothing.
void pass_unaudited(Context& context, Job& job, Part& part) {
    end_audits(context, job, part);
    count_open_part(context, part, false);
    auto lease = find_lease(context.state, part.lease);
    ASSAY_CHECK(lease.has_value());
    lease->passed_segments += part.segments;
    save(context.state, *lease);
    part.state = PartState::passed;
    part.passed_at = context.live;
    part.deadline = {};
    part.unaudited.clear();
    for (std::uint32_t segment = 0; segment < part.segments; ++segment) part.unaudited.push_back(segment);
}

/// What the job's end does to one part: passed ones are paid, open ones end, unless the submitter stopped them.
void close_part(Context& context, Job& job, Part& part, bool stopped) {
    if (stopped && is_open(part) && !accused(context, part)) pass_unaudited(context, job, part);
    if (is_open(part)) {
        void_part(context, job, part);
    } else if (part.state == PartState::passed) {
        drop_disputes(context, part.id);
        job.final_segments += part.segments;
        job.audited_segments += audited_segments(context, part);
        job.unaudited_segments += part.unaudited.size();
        pay_part(context, job, part);
        save(context.state, part);
    }
}

void close_merge(Context& context, Job& job, std::uint32_t round) {
    auto merge = find_merge(context.state, job.id, round);
    if (!merge) return;
    if (merge->deadline.value != 0) clear_timer(context, {merge->deadline, TimerKind::merge, job.id.hash, round});
    merge->deadline = {};
    drop_disputes(context, merge->commitment);
    if (auto vote = find_vote(context.state, merge->audit.hash); vote && vote->state == VoteState::open) {
        drop_vote(context, job, *vote, AuditPay::hold);
    }
    if (auto audit = find_audit(context.state, merge->audit)) {
        const bool worked = audit->state == AuditState::sealed || audit->state == AuditState::revealed;
        settle_audit(context, job, *audit, worked ? AuditPay::hold : AuditPay::none);
    }
    save(context.state, *merge);
}

void close_round_record(Context& context, const Job& job, std::uint32_t number) {
    auto round = find_round(context.state, job.id, number);
    if (!round || round->state == RoundState::final) return;
    if (round->deadline.value != 0) clear_timer(context, {round->deadline, TimerKind::round_deadline, job.id.hash, number});
    if (round->window_ends.value != 0) clear_timer(context, {round->window_ends, TimerKind::window, job.id.hash, number});
    round->deadline = round->window_ends = {};
    round->state = RoundState::failed;
    save(context.state, *round);
}

/// One more segment's price for who trains when the submitter stops the job.
void compensate_lanes(Context& context, Job& job) {
    for (const Lane& lane : lanes_of(context.state, job.id)) {
        const auto lease = find_lease(context.state, lane.lease);
        if (!lease || lease->state != LeaseState::active || lane.committed_parts == job.shape.parts_per_round()) continue;
        const Amount pay = base::minimum(lease->price, job.hold.segment_pay);
        if (pay.is_zero()) continue;
        job.hold.segment_pay -= pay;
        job.spent.workers += pay;
        credit(context, lease->worker, pay);
        emit(context, EventKind::paid, {{"account", lease->worker.hex()}, {"amount", pay.decimal()}, {"reason", "stopped"},
                                        {"job", job.id.hex()}, {"lease", lease->id.hex()}});
    }
}

}  // namespace

void start_window_if_done(Context& context, Job& job, std::uint32_t number) {
    if (is_terminal(job.state)) return;
    if (job.shape.audit_lag > 0) open_next_round(context, job);
    auto round = find_round(context.state, job.id, number);
    if (!round || round->state != RoundState::merged || round->window_ends.value != 0) return;
    if (round->open_parts != 0 || round->open_votes != 0 || !round->merge_audited) return;
    const auto merge = find_merge(context.state, job.id, number);
    bool unaudited = merge && merge->state == MergeState::unaudited;
    for (const Part& part : parts_of_job(context.state, job.id, number, std::nullopt, kPartsPerRoundMax)) {
        unaudited = unaudited || (part.state == PartState::passed && !part.unaudited.empty());
    }
    const Parameters parameters = parameters_of(context, job);
    round->window_ends = context.in(parameters.window_ms * (unaudited ? parameters.unaudited_windows : 1));
    set_timer(context, {round->window_ends, TimerKind::window, job.id.hash, number});
    save(context.state, *round);
}

Amount pay_part(Context& context, Job& job, Part& part) {
    ASSAY_CHECK(part.state == PartState::passed);
    auto lease = find_lease(context.state, part.lease);
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
    credit(context, part.key.worker, *price - from_pay);
    credit(context, SystemAccount::insurance, from_hold + from_pay);
    lease->passed_segments -= part.segments;
    lease->paid_segments += part.segments;
    save(context.state, *lease);
    part.state = PartState::settled;
    emit(context, EventKind::paid, {{"account", part.key.worker.hex()}, {"amount", (*price - from_pay).decimal()},
                                    {"reason", "segments"}, {"job", job.id.hex()}, {"part", part.id.hex()}});
    return from_hold + from_pay;
}

void on_window_due(Context& context, const Timer& timer) {
    auto job = find_job(context.state, base::JobId{timer.subject});
    if (!job || is_terminal(job->state)) return;
    const auto round = find_round(context.state, job->id, static_cast<std::uint32_t>(timer.number));
    if (!round || round->window_ends != timer.due) return;
    finalize_ready(context, *job);
    save(context.state, *job);
}

void on_settle_due(Context& context, const Timer& timer) {
    if (timer.number == kSettleLease) {
        const base::LeaseId lease{timer.subject};
        if (find_lease(context.state, lease)) settle_lease_if_done(context, lease);
        return;
    }
    auto job = find_job(context.state, base::JobId{timer.subject});
    if (!job || is_terminal(job->state)) return;
    close_round_if_done(context, *job);
    finalize_ready(context, *job);
    save(context.state, *job);
}

void settle_segments_on_close(Context& context, Job& job, bool compensate) {
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    std::set<base::LeaseId> leases;
    for (std::uint32_t round = job.final_rounds; round < end; ++round) {
        for (Part& part : parts_of_job(context.state, job.id, round, std::nullopt, kPartsPerRoundMax)) {
            leases.insert(part.lease);
            close_part(context, job, part, compensate);
        }
        close_merge(context, job, round);
        close_round_record(context, job, round);
    }
    if (compensate) compensate_lanes(context, job);
    for (const base::LeaseId& lease : leases) settle_lease_if_done(context, lease);
}

}  // namespace assay::market
