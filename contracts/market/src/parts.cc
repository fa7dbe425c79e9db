#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// How long a store must keep a checkpoint at least: until the audits that may need it are over.
std::uint64_t keep_ms(const Parameters& parameters) {
    const std::uint64_t audited = 2 * parameters.epoch_ms + 4 * parameters.grace_ms +
                                  2 * parameters.audit_ms_max + parameters.window_ms;
    return audited + 2 * dispute_clock_ms_max(parameters);
}

Refusal check_receipt(const Context& context, const Receipt& receipt, std::uint64_t bytes) {
    if (receipt.blob.is_zero()) return Refusal::receipt_invalid;
    if (!verify_receipt(receipt, context.chain.operator_key, context.chain.id))
        return Refusal::receipt_invalid;
    if (receipt.bytes != bytes) return Refusal::receipt_size_wrong;
    if (receipt.kept_until_block_time.value <
        context.block.time.value + keep_ms(context.parameters))
        return Refusal::receipt_expires_early;
    return Refusal::none;
}

Refusal check_key(const Context& context, const PartKey& key) {
    if (find_part(context.state, part_id(context.chain.id, key))) return Refusal::key_used;
    if (key.attempt == 0) return Refusal::none;
    if (key.attempt >= kAttemptsMax) return Refusal::too_many_attempts;
    PartKey before = key;
    --before.attempt;
    const auto previous = find_part(context.state, part_id(context.chain.id, before));
    const bool over = previous && (previous->state == PartState::retracted ||
                                   previous->state == PartState::void_);
    return over ? Refusal::none : Refusal::wrong_attempt;
}

Refusal check_contents(const Context& context, const Job& job, const Lane& lane,
                       const PartCommit& message) {
    const JobShape& shape = job.shape;
    const PartSpan span = part_span(message.part, shape.segments_per_round(), shape.part_segments);
    if (message.segments != span.segments) return Refusal::wrong_segment_count;
    if (message.start_root != lane.next_start_root) return Refusal::wrong_start_root;
    const bool last = message.part + 1 == shape.parts_per_round();
    const bool payload = !message.payload_root.is_zero();
    if (payload != message.payload_receipt.has_value()) return Refusal::payload_missing;
    if (payload && !(last && shape.has_merge())) return Refusal::payload_unexpected;
    if (!payload && last && shape.has_merge()) return Refusal::payload_missing;
    const Refusal end = check_receipt(context, message.end_receipt, job.init_bytes);
    if (end != Refusal::none || !payload) return end;
    return check_receipt(context, *message.payload_receipt, job.payload_bytes);
}

Part make_part(Context& context, const Lane& lane, const PartKey& key, const Job& job,
               const PartCommit& message) {
    Part part;
    part.id = part_id(context.chain.id, key);
    part.key = key;
    part.lease = message.lease;
    part.tree_root = message.tree_root;
    part.first_segment =
        part_span(key.part, job.shape.segments_per_round(), job.shape.part_segments).first_segment;
    part.segments = message.segments;
    part.start_root = message.start_root;
    part.end_root = message.end_root;
    part.start_blob = lane.next_start_blob;
    part.end_blob = message.end_receipt.blob;
    part.payload_root = message.payload_root;
    if (message.payload_receipt) part.payload_blob = message.payload_receipt->blob;
    part.end_bytes = message.end_receipt.bytes;
    if (message.payload_receipt) part.payload_bytes = message.payload_receipt->bytes;
    part.last_loss_bits = message.last_loss_bits;
    part.transaction = context.transaction;
    part.committed_at = context.live;
    part.expected = lane.expected;
    part.draws = 1;
    part.epoch = join_epoch(
        context,
        {0, part.id, CommitmentKind::part, job.id, part.id, 0, {}, key.round, part.tree_root});
    return part;
}

Attributes part_attributes(const Part& part) {
    return {{"part", part.id.hex()},
            {"job", part.key.job.hex()},
            {"round", std::to_string(part.key.round)},
            {"lane", std::to_string(part.key.lane)},
            {"number", std::to_string(part.key.part)},
            {"worker", part.key.worker.hex()},
            {"lease", part.lease.hex()},
            {"epoch", std::to_string(part.epoch)},
            {"loss_bits", std::to_string(part.last_loss_bits)}};
}

}  // namespace

void count_open_part(Context& context, const Part& part, bool more) {
    auto* round = live_round(context, part.key.job, part.key.round);
    ASSAY_CHECK(round && (more || round->open_parts > 0));
    round->open_parts = more ? round->open_parts + 1 : round->open_parts - 1;
    auto* lease = live_lease(context, part.lease);
    ASSAY_CHECK(lease && (more || lease->open_parts > 0));
    lease->open_parts = more ? lease->open_parts + 1 : lease->open_parts - 1;
    if (!more) return;
    ++lease->commits;
    lease->lacked_data = false;
}

Refusal apply_part_commit(Context& context, const PartCommit& message) {
    const auto lease = find_lease(context.state, message.lease);
    if (!lease) return Refusal::lease_unknown;
    if (lease->worker != context.sender) return Refusal::lease_not_yours;
    if (lease->state != LeaseState::active) return Refusal::lease_ended;
    Job& job = need_job(context, lease->job);
    if (job.state != JobState::running) return Refusal::job_state;
    const auto round = find_round(context.state, job.id, message.round);
    if (message.round != job.round || !round || round->state != RoundState::open)
        return Refusal::round_not_open;
    auto* lane = live_lane(context, job.id, lease->lane);
    ASSAY_CHECK(lane && lane->lease == lease->id);
    const PartKey key{job.id,       message.round,  lease->lane,    0,
                      message.part, context.sender, message.attempt};
    if (const Refusal used = check_key(context, key); used != Refusal::none) return used;
    if (message.part != lane->committed_parts || message.part >= job.shape.parts_per_round())
        return Refusal::part_out_of_order;
    if (lane->expected == 0) return Refusal::lane_waits;
    if (const Refusal refusal = check_contents(context, job, *lane, message);
        refusal != Refusal::none)
        return refusal;

    const Part part = make_part(context, *lane, key, job, message);
    save(context.state, part);
    count_open_part(context, part, true);
    ++lane->committed_parts;
    lane->next_start_root = part.end_root;
    lane->next_start_blob = part.end_blob;
    lane->expected = 0;
    if (lane->committed_parts == job.shape.parts_per_round()) {
        auto* working = live_lease(context, part.lease);
        working->deadline = {};
    } else {
        fund_lane(context, job, *lane);
    }
    emit(context, EventKind::part_committed, part_attributes(part));
    if (job.shape.audit_lag > 0) close_round_if_done(context, job);
    return Refusal::none;
}

Refusal apply_part_retract(Context& context, const PartRetract& message) {
    auto* part = live_part(context, message.part);
    if (!part) return Refusal::part_unknown;
    if (part->key.worker != context.sender) return Refusal::part_not_yours;
    if (part->state != PartState::committed) return Refusal::part_state;
    auto* epoch = live_epoch(context, part->epoch);
    if (!epoch || epoch->state != EpochState::open || epoch->commitments_root != base::Hash{})
        return Refusal::epoch_closed;
    auto* job = live_job(context, part->key.job);
    const auto lease = find_lease(context.state, part->lease);
    ASSAY_CHECK(job && lease);
    if (job->state != JobState::running) return Refusal::job_state;
    if (lease->state != LeaseState::active) return Refusal::lease_ended;
    auto* lane = live_lane(context, job->id, part->key.lane);
    ASSAY_CHECK(lane && lane->lease == lease->id);
    if (part->key.round != job->round || lane->committed_parts != part->key.part + 1)
        return Refusal::part_out_of_order;
    // With an audit lag the round may have closed on it.
    if (const auto round = find_round(context.state, job->id, job->round);
        !round || round->state != RoundState::open)
        return Refusal::round_not_open;
    if (!debit(context, context.sender, context.parameters.retract_fee))
        return Refusal::insufficient_balance;

    burn(context, context.parameters.retract_fee, "retract", part->id.hash);
    erase(context.state, EpochCommitment{epoch->number,
                                         part->id,
                                         CommitmentKind::part,
                                         job->id,
                                         part->id,
                                         0,
                                         {},
                                         part->key.round,
                                         part->tree_root});
    --epoch->commitments;
    if (epoch->commitments == 0) {
        clear_timer(context, {epoch->deadline, TimerKind::epoch, {}, epoch->number});
        if (context.chain.epoch_open == epoch->number) context.chain.epoch_open.reset();
        // Nobody has contributed to it: its number is used again, so that the list of epochs has no
        // gap.
        if (context.chain.epoch_next == epoch->number + 1) --context.chain.epoch_next;
        erase(context.state, *epoch);
    } else {
    }
    // What was counted for it is counted for its next attempt; for the part after it nothing is any
    // more.
    unfund_lane(context, *job, *lane);
    lane->expected = part->expected;
    lane->wait = LaneWait::none;
    part->expected = 0;
    part->draws = 0;
    count_open_part(context, *part, false);
    part->state = PartState::retracted;
    drop_questions(context, *job, part->id.hash);
    lane->committed_parts = part->key.part;
    lane->next_start_root = part->start_root;
    lane->next_start_blob = part->start_blob;
    auto* working = live_lease(context, part->lease);
    if (working->deadline.value == 0) {
        working->deadline =
            context.in(std::max(context.parameters.grace_ms,
                                working->segment_ms * context.parameters.lane_time_factor));
        set_timer(context,
                  {working->deadline, TimerKind::lane_deadline, job->id.hash, part->key.lane});
    }
    emit(context, EventKind::part_retracted, part_attributes(*part));
    return Refusal::none;
}

bool is_open(const Part& part) {
    switch (part.state) {
        case PartState::committed:
        case PartState::auditing:
        case PartState::closing:
            return true;
        case PartState::passed:
        case PartState::settled:
        case PartState::retracted:
        case PartState::void_:
        case PartState::unproved:
            return false;
    }
    return false;
}

Amount void_part(Context& context, Job& job, Part& part, bool unproved) {
    const bool open = is_open(part);
    const bool passed = part.state == PartState::passed;
    ASSAY_CHECK(open || passed);
    drop_disputes(context, job, part.id);
    drop_questions(context, job, part.id.hash);
    const Amount paid = end_claims(context, job, part.id);
    if (part.deadline.value != 0) {
        clear_timer(context, {part.deadline, TimerKind::delivery, part.id.hash, 0});
        clear_timer(context, {part.deadline, TimerKind::part_close, part.id.hash, 0});
    }
    if (open) count_open_part(context, part, false);
    Lease& lease = need_lease(context, part.lease);
    if (passed) {
        ASSAY_CHECK(lease.passed_segments >= part.segments);
        lease.passed_segments -= part.segments;
    }
    count_expected(context, job, part.expected, false);
    part.expected = 0;
    part.draws = part.open_claims = 0;
    part.state = unproved ? PartState::unproved : PartState::void_;
    part.deadline = {};
    save(context.state, part);
    if (unproved) {
        // Neither paid nor refunded: nobody gains by keeping work from being judged.
        const Amount price =
            base::minimum(base::multiply(lease.price, part.segments).value_or(job.hold.segment_pay),
                          job.hold.segment_pay);
        job.hold.segment_pay -= price;
        job.spent.unproved += price;
        job.unproved_segments += part.segments;
        burn(context, price, "unproved", part.id.hash);
    }
    append_history(context, job, PartVoided{part.key, part.id, unproved});
    emit(context, unproved ? EventKind::part_unproved : EventKind::part_void,
         part_attributes(part));
    return paid;
}

LaneRelease restart_of(const Context& context, const Job& job, std::uint32_t lane) {
    LaneRelease release;
    release.start_root = job.opening_root;
    release.start_blob = job.opening_blob;
    for (const Part& part : parts_of_lane(context.state, job.id, job.round, lane)) {
        if (part.state != PartState::passed || part.key.part != release.keep_parts) continue;
        release.keep_parts = part.key.part + 1;
        release.start_root = part.end_root;
        release.start_blob = part.end_blob;
    }
    return release;
}

}  // namespace assay::market
