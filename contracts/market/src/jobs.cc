#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/hold.h"
#include "market/pricing.h"
#include "money.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// Validators looked at when a job is posted, the greatest first.
constexpr std::size_t kValidatorsSeen = 1'024;
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

/// A segment is worth at least `segment_fee_factor` times the fees of its commitment and audit at
/// the base fee of this block.
bool worth_its_fees(const Context& context, const JobSpec& spec) {
    const std::uint64_t weight =
        message_weight(PartCommit{}, 1) + message_weight(SegmentDeliver{}, 1) +
        message_weight(VerdictSeal{}, 1) + message_weight(VerdictReveal{}, 1) +
        message_weight(EpochContribute{}, 1) + message_weight(PartClose{}, 1);
    const auto fees =
        base::multiply(context.chain.base_fee, weight * context.parameters.segment_fee_factor);
    return fees && spec.price_ceiling >= *fees;
}

/// A lag that reaches the bound of unfinal rounds would never be used.
bool lag_allowed(const Parameters& parameters, const JobShape& shape) {
    return shape.audit_lag < parameters.unfinal_rounds_max;
}

/// What one handler may have to touch: the open parts of all unfinal rounds, and the audits that
/// they expect.
bool parts_bounded(const Parameters& parameters, const JobShape& shape) {
    const std::uint64_t rounds = std::min(shape.rounds, parameters.unfinal_rounds_max);
    const auto parts = static_cast<base::Uint128>(shape.lanes) * shape.parts_per_round() * rounds;
    const std::uint32_t rate =
        std::max({shape.audit_rate_ppm, parameters.rate_floor_ppm, parameters.rate_new_ppm});
    const auto segments =
        static_cast<base::Uint128>(shape.lanes) * shape.segments_per_round() * rounds;
    const auto audits = segments * expected_with_controls(rate, parameters.control_ppm) >> 32U;
    return parts <= parameters.open_parts_max && shape.part_segments <= kTouchedMax &&
           audits <= kTouchedMax;
}

/// Every audit takes a machine of the class at most audit_ms_max.
bool audits_fit(const Parameters& parameters, const Job& job) {
    const std::uint64_t flops =
        std::max({job.costs.segment_flops, job.costs.merge_flops, job.init_flops});
    const auto ms = static_cast<base::Uint128>(flops) * 1000 * parameters.audit_time_factor /
                    parameters.reference_flops;
    return ms <= parameters.audit_ms_max;
}

/// At least half of all weight may audit it: `collusion_max` is a share of the weight that may.
bool enough_auditors(const Context& context, const Job& job) {
    const base::Amount lock = audit_lock(greatest_price(job), context.parameters.control_ppm)
                                  .value_or(base::Amount::of(base::Amount::kMax));
    base::Uint128 all = 0, may = 0;
    for (const base::AccountId& id : validators_by_stake(context.state, kValidatorsSeen)) {
        const std::uint64_t weight =
            weight_of(find_validator(context.state, id).value(),
                      find_stake(context.state, id, Role::validator).value());
        all += weight;
        if (may_audit(context, id, job, lock)) may += weight;
    }
    return may > 0 && 2 * may >= all;
}

/// Everything of a job that follows from the message alone; nothing when a price is no amount.
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
    job.init_bytes = facts.init_bytes;
    job.payload_bytes = facts.payload_bytes;
    job.init_flops = facts.init_flops;
    job.transaction = context.transaction;
    job.data_blob = message.data_receipt.blob;
    job.data_bytes = message.data_receipt.bytes;
    job.id = job_id(context.chain.id, job.submitter, job.nonce, job.nonce_lane, job.spec_root,
                    job.program_root, job.init_root);
    job.params_id = context.chain.params_id;
    job.costs = facts.costs;
    job.shape = shape_of(spec);
    const auto prices = audit_prices(context.parameters, context.chain.base_fee, job.shape, facts);
    if (!prices) return std::nullopt;
    job.audit_price = prices->segment;
    job.merge_audit_price = prices->merge;
    job.init_audit_price = prices->init;
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
    context.state.put(spec_key(job.id), spec);
    // Its initial state is judged like any other work; lanes are matched when it has passed. What
    // it expects counts until then, and what the merges of unfinal rounds expect all the time.
    const Parameters& parameters = context.parameters;
    const std::uint64_t merges =
        job.shape.has_merge() ? std::min(job.shape.rounds, parameters.unfinal_rounds_max) : 0;
    count_sure(context, job, ClaimKind::init, true);
    for (std::uint64_t i = 0; i < merges; ++i) count_sure(context, job, ClaimKind::merge, true);
    const base::PartId init = init_commitment_id(job.id);
    join_epoch(context, {0, init, CommitmentKind::init, job.id, init, 0, {}, 0, job.init_root});
    Claim claim;
    claim.subject = init;
    claim.kind = ClaimKind::init;
    claim.job = job.id;
    claim.worker = job.submitter;
    open_claim(context, job, claim);
    save(context.state, job);
    for (std::uint32_t number = 0; number < job.shape.lanes; ++number) {
        Lane lane;
        lane.job = job.id;
        lane.lane = number;
        lane.next_start_root = job.init_root;
        lane.next_start_blob = job.init_blob;
        lane.vacant_since = context.live;
        save(context.state, lane);
    }
}

}  // namespace

Refusal apply_job_post(Context& context, const JobPost& message) {
    const auto spec = decode_spec(message.spec);
    if (!spec) return Refusal::spec_invalid;
    if (!lag_allowed(context.parameters, shape_of(*spec))) return Refusal::audit_lag_refused;
    if (!parts_bounded(context.parameters, shape_of(*spec))) return Refusal::too_many_parts;
    for (const Receipt* receipt : {&message.init_receipt, &message.data_receipt}) {
        if (const Refusal refusal = check_stored(context, *receipt); refusal != Refusal::none)
            return refusal;
    }
    const base::BlobRoot data =
        std::visit([](const auto& source) { return source.blob; }, spec->data);
    if (message.data_receipt.blob != data || message.init_root.is_zero())
        return Refusal::receipt_invalid;
    if (!worth_its_fees(context, *spec)) return Refusal::segment_too_small;
    ASSAY_CHECK(context.block.referee != nullptr);
    const auto facts = context.block.referee->facts(*spec, message.spec);
    if (!facts) return Refusal::spec_unjudgeable;
    if (message.data_receipt.bytes != facts->data_bytes) return Refusal::data_size_wrong;
    if (message.init_receipt.bytes != facts->init_bytes) return Refusal::init_size_wrong;
    auto job = make_job(context, message, *spec, *facts);
    if (!job) return Refusal::amount_too_large;
    if (!audits_fit(context.parameters, *job)) return Refusal::audit_too_long;
    if (!enough_auditors(context, *job)) return Refusal::no_auditors;
    const auto hold = hold_of(context.state, context.chain.epoch_next, context.parameters,
                              job->shape, audit_prices(*job));
    if (!hold) return Refusal::amount_too_large;
    if (hold->total > message.hold_limit) return Refusal::hold_limit_too_low;
    if (!debit(context, context.sender, hold->total)) return Refusal::insufficient_balance;

    job->hold = {hold->segment_pay, hold->audits, {}, hold->fees};
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
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->submitter != context.sender) return Refusal::job_not_yours;
    const bool training = job->state == JobState::open || job->state == JobState::running ||
                          job->state == JobState::paused;
    if (!training || job->round >= job->shape.rounds) return Refusal::job_state;
    if (job->state == JobState::paused) end_pause(context, *job);
    begin_settling(context, *job, JobState::cancelled, CloseReason::submitter);
    return Refusal::none;
}

void on_job_deadline(Context& context, const Timer& timer) {
    auto* job = live_job(context, {timer.subject});
    if (!job || job->state != JobState::open || job->deadline != timer.due) return;
    begin_settling(context, *job, JobState::expired, CloseReason::no_offer);
}

namespace {

void end_leases(Context& context, Job& job) {
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        settle_relet(context, job, lane, {});
        drop_asked(context, lane);
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
    clear_expected(context, job);
    ASSAY_CHECK(job.open_claims == 0 && job.hold.drawn.is_zero());
    const Amount refund = job.hold.total();
    job.spent.refunded += refund;
    job.hold = {};
    credit(context, job.submitter, refund);
    const Spent& spent = job.spent;
    ASSAY_CHECK(spent.workers + spent.auditors + spent.protocol_fees + spent.refunded +
                    spent.pauses + spent.unproved ==
                job.held);
    append_history(context, job, JobClosed{state, reason, job.final_root, job.final_rounds, spent});
    // The contributions to the next epoch sign the log that holds this end: the validators'
    // statement about the whole job.
    join_epoch(
        context,
        {0, job_commitment_id(job.id), CommitmentKind::job, job.id, {}, 0, {}, 0, job.history});
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
        if (const auto claim = find_claim(context.state, audit.subject, audit.segment))
            erase(context.state, *claim);
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
        for (const Claim& claim : claims_of(context.state, part.id, kTouchedMax))
            erase(context.state, claim);
        for (const Pool& pool : pools_of_target(context.state, part.id, std::nullopt, kTouchedMax))
            erase(context.state, pool);
        erase(context.state, part);
    }
    if (!parts.empty()) return true;
    const auto leases = leases_of_job(context.state, id, std::nullopt, kRemovedPerBlock);
    for (const Lease& lease : leases) {
        ASSAY_CHECK(lease.state == LeaseState::settled);
        context.state.erase(party_key(id, lease.worker));
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

void on_retention(Context& context, const Timer& timer) {
    const auto job = find_job(context.state, {timer.subject});
    if (!job) return;
    ASSAY_CHECK(is_terminal(job->state));
    const bool challenged =
        !questions_of_job(context.state, job->id, std::nullopt, std::nullopt, 1).empty();
    if (challenged || any_unsettled(context, job->id)) {
        set_timer(context, {context.in(context.parameters.unbonding_ms), TimerKind::retention,
                            timer.subject, 0});
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
