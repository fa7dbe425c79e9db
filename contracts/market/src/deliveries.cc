#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

base::Hash last_end_field(const Part& part) {
    return part.payload_root.is_zero() ? part.end_root
                                       : round_end_root(part.end_root, part.payload_root);
}

namespace {

Refusal check_leaf(const Part& part, const SegmentDeliver& message) {
    const base::InclusionProof proof{message.segment, part.segments, message.path};
    const base::Hash leaf = segment_leaf_hash(message.leaf);
    if (!base::merkle_verify(base::MerkleFamily::blake2b, leaf, proof, part.tree_root))
        return Refusal::wrong_path;
    if (message.segment == 0 && message.leaf.start_root != part.start_root)
        return Refusal::wrong_leaf;
    if (message.segment + 1 == part.segments && message.leaf.end_field != last_end_field(part))
        return Refusal::wrong_leaf;
    return Refusal::none;
}

bool is_delivered(const Part& part, std::uint32_t segment) {
    return std::any_of(part.delivered.begin(), part.delivered.end(),
                       [&](const DeliveredSegment& d) { return d.segment == segment; });
}

/// Drawn segments whose auditors wait for it.
bool owes_delivery(const Context& context, const Part& part) {
    const auto claims = claims_of(context.state, part.id, kTouchedMax);
    return std::any_of(claims.begin(), claims.end(), [&](const Claim& claim) {
        return claim.open > 0 && !is_delivered(part, claim.segment);
    });
}

}  // namespace

std::uint64_t transfer_ms(std::uint64_t bytes) {
    constexpr std::uint64_t kBytesPerMs = 4'000;
    return bytes / kBytesPerMs;
}

void ask_delivery(Context& context, const Job& job, Part& part) {
    std::uint64_t states = 0;
    for (const Claim& claim : claims_of(context.state, part.id, kTouchedMax))
        states += claim.open > 0 && !is_delivered(part, claim.segment) ? 1 : 0;
    if (states == 0) return;
    const base::TimeMs due =
        context.in(context.parameters.grace_ms + transfer_ms(states * job.init_bytes));
    if (due <= part.deadline) return;
    if (part.deadline.value != 0)
        clear_timer(context, {part.deadline, TimerKind::delivery, part.id.hash, 0});
    part.deadline = due;
    set_timer(context, {part.deadline, TimerKind::delivery, part.id.hash, 0});
    emit(context, EventKind::part_due_delivery,
         {{"part", part.id.hex()},
          {"job", job.id.hex()},
          {"worker", part.key.worker.hex()},
          {"deadline", std::to_string(part.deadline.value)}});
}

Refusal apply_segment_deliver(Context& context, const SegmentDeliver& message) {
    auto* part = live_part(context, message.part);
    if (!part) return Refusal::part_unknown;
    if (part->key.worker != context.sender) return Refusal::part_not_yours;
    if (part->state != PartState::committed && part->state != PartState::auditing)
        return Refusal::part_state;
    if (is_delivered(*part, message.segment)) return Refusal::already_delivered;
    const auto claim = find_claim(context.state, part->id, message.segment);
    if (!claim || claim->open == 0) return Refusal::not_drawn;
    if (const Refusal refusal = check_leaf(*part, message); refusal != Refusal::none)
        return refusal;
    const auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    const Receipt& receipt = message.start_receipt;
    if (!verify_receipt(receipt, context.chain.operator_key, context.chain.id))
        return Refusal::receipt_invalid;
    if (receipt.bytes != job->init_bytes) return Refusal::receipt_size_wrong;
    if (message.segment == 0 && receipt.blob != part->start_blob) return Refusal::receipt_invalid;
    if (receipt.kept_until_block_time.value <
        context.block.time.value + context.parameters.grace_ms)
        return Refusal::receipt_expires_early;

    const auto place =
        std::find_if(part->delivered.begin(), part->delivered.end(),
                     [&](const DeliveredSegment& d) { return d.segment > message.segment; });
    part->delivered.insert(place, {message.segment, message.leaf, receipt.blob, receipt.bytes});
    if (part->deadline.value != 0 && !owes_delivery(context, *part)) {
        clear_timer(context, {part->deadline, TimerKind::delivery, part->id.hash, 0});
        part->deadline = {};
    }
    emit(context, EventKind::segment_delivered,
         {{"part", part->id.hex()},
          {"job", job->id.hex()},
          {"segment", std::to_string(message.segment)}});
    for (Audit& audit :
         live(context, audits_of_claim(context.state, part->id, message.segment, kTouchedMax))) {
        if (audit.state == AuditState::drawn) start_audit(context, audit);
    }
    return Refusal::none;
}

void on_delivery(Context& context, const Timer& timer) {
    const auto part = find_part(context.state, base::PartId{timer.subject});
    if (!part || part->state != PartState::auditing || part->deadline != timer.due ||
        !owes_delivery(context, *part))
        return;
    Job& job = need_job(context, part->key.job);
    convict(context, job, {part->lease, SlashReason::no_delivery, part->id.hash, part->key.round});
    close_round_if_done(context, job);
    start_window_if_done(context, job, part->key.round);
}

}  // namespace assay::market
