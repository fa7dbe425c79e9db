#include <algorithm>

#include "base/check.h"
#include "market/job_spec.h"
#include "market/pricing.h"
#include "money.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// Objects of a finished job that one block removes.
constexpr std::size_t kRemovedPerBlock = 256;
/// Table tag and job id, which all lists of a job have in front.
constexpr std::ptrdiff_t kJobPrefixBytes = 33;

Refusal check_stored(const Context& context, const Receipt& receipt) {
    if (receipt.blob.is_zero() || receipt.bytes == 0) return Refusal::receipt_invalid;
    if (!verify_receipt(receipt, context.chain.operator_key, context.chain.id))
        return Refusal::receipt_invalid;
    const std::uint64_t least = context.block.time.value + context.parameters.unbonding_ms;
    return receipt.kept_until_block_time.value >= least ? Refusal::none
                                                        : Refusal::receipt_expires_early;
}

JobShape shape_of(const JobSpec& spec) {
    JobShape shape;
    shape.profile = spec.profile;
    shape.lanes = spec.lanes;
    shape.rounds = spec.rounds;
    shape.round_steps = spec.round_steps;
    shape.segment_steps = spec.segment_steps;
    shape.part_segments = spec.part_segments;
    shape.min_lanes = spec.min_lanes;
    shape.price_ceiling = spec.price_ceiling;
    shape.audit_rate_ppm = spec.audit_rate_ppm;
    shape.audit_lag = spec.audit_lag;
    shape.round_deadline_s = spec.round_deadline_s;
    shape.public_job = spec.public_job;
    return shape;
}

Refusal check_blobs(const Context& context, const JobPost& message, const JobSpec& spec) {
    for (const Receipt* receipt : {&message.init_receipt, &message.data_receipt}) {
        if (const Refusal refusal = check_stored(context, *receipt); refusal != Refusal::none)
            return refusal;
    }
    const base::BlobRoot data =
        std::visit([](const auto& source) { return source.blob; }, spec.data);
    return message.data_receipt.blob == data ? Refusal::none : Refusal::receipt_invalid;
}

/// A segment is worth at least `segment_fee_factor` times the fees of its commitment and audit at
/// the base fee of this block.
bool worth_its_fees(const Context& context, const JobSpec& spec) {
    const std::uint64_t weight =
        message_weight(PartCommit{}, 1) + message_weight(SegmentDeliver{}, 1) +
        message_weight(VerdictSeal{}, 1) + message_weight(VerdictReveal{}, 1) +
        message_weight(PartClose{}, 1);
    const auto fees =
        base::multiply(context.chain.base_fee, weight * context.parameters.segment_fee_factor);
    return fees && spec.price_ceiling >= *fees;
}

std::optional<HoldParts> hold_of(const Parameters& parameters, const Job& job) {
    const JobShape& shape = job.shape;
    const std::uint64_t segments =
        std::uint64_t{shape.lanes} * shape.rounds * shape.segments_per_round();
    const auto fee = base::multiply_divide(shape.price_ceiling, parameters.protocol_fee_ppm,
                                           kPartsPerMillion, base::Rounding::up);
    const auto fees = fee ? base::multiply(*fee, segments) : std::nullopt;
    if (!fees) return std::nullopt;
    HoldTerms terms;
    terms.segments = segments;
    terms.price_ceiling = shape.price_ceiling;
    terms.audit_price = job.audit_price;
    terms.merge_audit_price = job.merge_audit_price;
    terms.fees = *fees;
    terms.rate_ppm =
        std::max({shape.audit_rate_ppm, parameters.rate_floor_ppm, parameters.rate_new_ppm});
    terms.lanes = shape.lanes;
    terms.rounds = shape.has_merge() ? shape.rounds : 0;
    return job_hold(terms);
}

/// Merging before the audits are over needs a judgement that ends: a vote may leave things unresolved. And a lag that reaches the bound of
/// unfinal rounds would never be used.
bool lag_allowed(const Parameters& parameters, const JobShape& shape) {
    if (shape.audit_lag == 0) return true;
    return parameters.judgement == Judgement::referee && shape.audit_lag < parameters.unfinal_rounds_max;
}

bool enough_auditors(const Context& context, const Job& job) {
    std::uint32_t eligible = 0;
    for (const base::AccountId& id :
         validators_by_stake(context.state, context.parameters.committee_max)) {
        if (may_audit(context, id, job, false, {}) && vrf_key_counts(context, id)) ++eligible;
    }
    return eligible >= context.parameters.auditors_min;
}

/// Everything of a job that follows from message, spec and facts; nothing when a price is no
/// amount.
std::optional<Job> make_job(const Context& context, const JobPost& message, const JobSpec& spec,
                            const JobFacts& facts) {
    Job job;
    job.submitter = context.sender;
    job.nonce_lane = context.nonce_lane;
    job.nonce = context.nonce;
    job.spec_root = spec_root(message.spec);
    job.program_root = facts.program_root;
    job.init_root = message.init_root;
    job.init_blob = message.init_receipt.blob;
    job.data_blob = message.data_receipt.blob;
    job.init_bytes = facts.init_bytes;
    job.data_bytes = facts.data_bytes;
    job.payload_bytes = facts.payload_bytes;
    job.id = job_id(context.chain.id, job.submitter, job.nonce, job.nonce_lane, job.spec_root,
                    job.program_root, job.init_root);
    job.params_id = context.chain.params_id;
    job.costs = facts.costs;
    job.shape = shape_of(spec);
    const auto audit_price =
        protocol_cost(context.parameters.protocol_price, facts.costs.segment_flops);
    const auto merge_price =
        protocol_cost(context.parameters.protocol_price, facts.costs.merge_flops);
    if (!audit_price || !merge_price) return std::nullopt;
    job.audit_price = *audit_price;
    if (job.shape.has_merge()) job.merge_audit_price = *merge_price;
    job.posted_at = context.live;
    job.state_since = context.live;
    job.opening_root = job.init_root;
    job.opening_blob = job.init_blob;
    job.final_root = job.init_root;
    job.final_blob = job.init_blob;
    return job;
}

void open_job(Context& context, Job& job, const base::Bytes& spec) {
    job.deadline = context.in(context.parameters.open_ms_max);
    set_timer(context, {job.deadline, TimerKind::job_deadline, job.id.hash, 0});
    save(context.state, job);
    context.state.put(spec_key(job.id), spec);
    for (std::uint32_t number = 0; number < job.shape.lanes; ++number) {
        Lane lane;
        lane.job = job.id;
        lane.lane = number;
        lane.next_start_root = job.init_root;
        lane.next_start_blob = job.init_blob;
        lane.vacant_since = context.live;
        save(context.state, lane);
        want_match(context, job.id, number);
    }
}

}  // namespace

Refusal apply_job_post(Context& context, const JobPost& message) {
    const auto spec = decode_spec(message.spec);
    if (!spec) return Refusal::spec_invalid;
    // What is cheap to refuse is refused before the program is built; message_weight pays for that.
    if (const Refusal refusal = check_blobs(context, message, *spec); refusal != Refusal::none)
        return refusal;
    if (!lag_allowed(context.parameters, shape_of(*spec))) return Refusal::audit_lag_refused;
    if (!worth_its_fees(context, *spec)) return Refusal::segment_too_small;
    if (context.block.referee == nullptr) return Refusal::no_referee;
    const auto facts = context.block.referee->facts(*spec, message.spec);
    if (!facts) return Refusal::spec_unjudgeable;
    if (message.init_receipt.bytes != facts->init_bytes) return Refusal::init_size_wrong;
    if (message.data_receipt.bytes != facts->data_bytes) return Refusal::data_size_wrong;
    auto job = make_job(context, message, *spec, *facts);
    if (!job) return Refusal::costs_out_of_range;
    if (!enough_auditors(context, *job)) return Refusal::no_auditors;
    const auto hold = hold_of(context.parameters, *job);
    if (!hold) return Refusal::amount_too_large;
    if (hold->total > message.hold_limit) return Refusal::hold_limit_too_low;
    if (!debit(context, context.sender, hold->total)) return Refusal::insufficient_balance;

    job->hold = {hold->segment_pay, hold->audits, hold->fees};
    job->held = hold->total;
    ASSAY_CHECK(job->hold.total() == job->held);
    open_job(context, *job, message.spec);
    emit(context, EventKind::job_posted,
         {{"job", job->id.hex()},
          {"submitter", job->submitter.hex()},
          {"held", job->held.decimal()},
          {"lanes", std::to_string(job->shape.lanes)},
          {"rounds", std::to_string(job->shape.rounds)}});
    return Refusal::none;
}

Refusal apply_job_cancel(Context& context, const JobCancel& message) {
    auto job = find_job(context.state, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->submitter != context.sender) return Refusal::job_not_yours;
    const bool training = job->state == JobState::open || job->state == JobState::running ||
                          job->state == JobState::paused;
    if (!training || job->round >= job->shape.rounds) return Refusal::job_state;
    if (job->state == JobState::paused) end_pause(context, *job);
    settle_segments_on_close(context, *job, true);
    finish_job(context, *job, JobState::cancelled, CloseReason::submitter);
    save(context.state, *job);
    return Refusal::none;
}

void on_job_deadline(Context& context, const Timer& timer) {
    auto job = find_job(context.state, {timer.subject});
    if (!job || job->state != JobState::open || job->deadline != timer.due) return;
    finish_job(context, *job, JobState::expired, CloseReason::no_offer);
    save(context.state, *job);
}

namespace {

void end_leases(Context& context, Job& job) {
    for (Lane& lane : lanes_of(context.state, job.id)) {
        settle_relet(context, job, lane, {});
        save(context.state, lane);
        if (lane.lease.is_zero()) continue;
        LaneRelease release;
        release.end = job.state == JobState::completed ? LeaseEnd::finished : LeaseEnd::job_closed;
        release.exclude = false;
        release.keep_parts = lane.passed_parts;
        release.start_root = lane.next_start_root;
        release.start_blob = lane.next_start_blob;
        release_lane(context, job, lane.lane, release);
    }
}

}  // namespace

void finish_job(Context& context, Job& job, JobState state, CloseReason reason) {
    ASSAY_CHECK(is_terminal(state) && !is_terminal(job.state));
    if (job.state == JobState::open)
        clear_timer(context, {job.deadline, TimerKind::job_deadline, job.id.hash, 0});
    job.state = state;
    job.reason = reason;
    job.state_since = context.live;
    job.closed_at = context.live;
    job.deadline = {};
    end_leases(context, job);
    const Amount refund = job.hold.total();
    job.spent.refunded += refund;
    job.hold = {};
    credit(context, job.submitter, refund);
    const Spent& spent = job.spent;
    ASSAY_CHECK(spent.workers + spent.auditors + spent.protocol_fees + spent.refunded +
                    spent.pauses ==
                job.held);
    append_history(context, job, JobClosed{state, reason, job.final_root, job.final_rounds, spent});
    set_timer(context, {context.in(parameters_of(context, job).retention_ms), TimerKind::retention,
                        job.id.hash, 0});
    emit(context, EventKind::job_closed,
         {{"job", job.id.hex()},
          {"state", std::string(to_word(state))},
          {"reason", std::string(to_word(reason))},
          {"final_root", job.final_root.hex()},
          {"final_rounds", std::to_string(job.final_rounds)},
          {"workers", spent.workers.decimal()},
          {"auditors", spent.auditors.decimal()},
          {"protocol_fees", spent.protocol_fees.decimal()},
          {"pauses", spent.pauses.decimal()},
          {"refunded", spent.refunded.decimal()},
          {"submitter", job.submitter.hex()}});
}

namespace {

void erase_vote(Context& context, const base::Hash& id) {
    if (const auto vote = find_vote(context.state, id)) erase(context.state, *vote);
}

/// A lease whose lock is still held keeps its job.
bool any_unsettled(const Context& context, const base::JobId& id) {
    std::optional<base::LeaseId> after;
    while (true) {
        const auto leases = leases_of_job(context.state, id, after, kRemovedPerBlock);
        for (const Lease& lease : leases) {
            if (lease.state != LeaseState::settled) return true;
        }
        if (leases.size() < kRemovedPerBlock) return false;
        after = leases.back().id;
    }
}

/// Removes some objects of a job; false when none is left.
bool remove_some(Context& context, const base::JobId& id) {
    const auto audits = audits_of_job(context.state, id, std::nullopt, kRemovedPerBlock);
    for (const Audit& audit : audits) {
        erase_vote(context, audit.id.hash);
        erase(context.state, audit);
    }
    if (!audits.empty()) return true;
    const auto disputes = disputes_of_job(context.state, id, false, std::nullopt, kRemovedPerBlock);
    for (const Dispute& dispute : disputes) erase(context.state, dispute);
    if (!disputes.empty()) return true;
    const auto parts =
        parts_of_job(context.state, id, std::nullopt, std::nullopt, kRemovedPerBlock);
    for (const Part& part : parts) {
        context.state.erase(evidence_key(double_sign_evidence(part.id)));
        erase(context.state, part);
    }
    if (!parts.empty()) return true;
    const auto leases = leases_of_job(context.state, id, std::nullopt, kRemovedPerBlock);
    for (const Lease& lease : leases) {
        ASSAY_CHECK(lease.state == LeaseState::settled);
        erase_vote(context, lease.id.hash);
        erase(context.state, lease);
    }
    if (!leases.empty()) return true;
    // Merge records first: a round that was undone and never opened again has left its own.
    for (const base::Bytes& key :
         {history_key(id, 0), merge_key(id, 0), round_key(id, 0), lane_key(id, 0)}) {
        const base::Bytes prefix(key.begin(), key.begin() + kJobPrefixBytes);
        if (erase_some(context.state, prefix, kRemovedPerBlock)) return true;
    }
    return false;
}

}  // namespace

void on_retention_due(Context& context, const Timer& timer) {
    const auto job = find_job(context.state, {timer.subject});
    if (!job) return;
    ASSAY_CHECK(is_terminal(job->state));
    const bool challenged = !chunks_of_job(context.state, job->id, std::nullopt, std::nullopt, 1).empty();
    if (challenged || any_unsettled(context, job->id)) {
        set_timer(context, {context.in(context.parameters.unbonding_ms), TimerKind::retention, timer.subject, 0});
        return;
    }
    if (remove_some(context, job->id)) {
        set_timer(context, {context.in(1), TimerKind::retention, timer.subject, 0});
        return;
    }
    erase(context.state, *job);
    emit(context, EventKind::job_removed, {{"job", job->id.hex()}});
}

}  // namespace assay::market
