#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

base::Hash last_end_field(const Part& part) {
    return part.payload_root.is_zero() ? part.end_root : round_end_root(part.end_root, part.payload_root);
}

namespace {

Refusal check_leaf(const Part& part, const SegmentDeliver& message) {
    const base::InclusionProof proof{message.segment, part.segments, message.path};
    const base::Hash leaf = segment_leaf_hash(message.leaf);
    if (!base::merkle_verify(base::MerkleFamily::blake2b, leaf, proof, part.tree_root)) return Refusal::wrong_path;
    if (message.segment == 0 && message.leaf.start_root != part.start_root) return Refusal::wrong_leaf;
    if (message.segment + 1 == part.segments && message.leaf.end_field != last_end_field(part)) return Refusal::wrong_leaf;
    return Refusal::none;
}

}  // namespace

Refusal apply_segment_deliver(Context& context, const SegmentDeliver& message) {
    auto part = find_part(context.state, message.part);
    if (!part) return Refusal::part_unknown;
    if (part->key.worker != context.sender) return Refusal::part_not_yours;
    if (part->state != PartState::drawn) return Refusal::part_state;
    const auto known = std::find_if(part->delivered.begin(), part->delivered.end(),
                                    [&](const DeliveredSegment& d) { return d.segment >= message.segment; });
    if (known != part->delivered.end() && known->segment == message.segment) return Refusal::already_delivered;
    std::vector<Audit> waiting;
    for (const Audit& audit : audits_of_part(context, *part)) {
        if (audit.segment == message.segment && audit.state == AuditState::drawn) waiting.push_back(audit);
    }
    if (waiting.empty()) return Refusal::not_drawn;
    if (const Refusal refusal = check_leaf(*part, message); refusal != Refusal::none) return refusal;
    if (!verify_receipt(message.start_receipt, context.chain.operator_key, context.chain.id)) return Refusal::receipt_invalid;
    if (message.segment == 0 && message.start_receipt.blob != part->start_blob) return Refusal::receipt_invalid;
    const auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    if (message.start_receipt.bytes != job->init_bytes) return Refusal::receipt_size_wrong;
    if (message.start_receipt.kept_until_block_time.value < context.block.time.value + context.parameters.grace_ms) {
        return Refusal::receipt_expires_early;
    }

    part->delivered.insert(known, {message.segment, message.leaf, message.start_receipt.blob, message.start_receipt.bytes});
    save(context.state, *part);
    emit(context, EventKind::segment_delivered,
         {{"part", part->id.hex()}, {"job", job->id.hex()}, {"segment", std::to_string(message.segment)}});
    for (Audit& audit : waiting) start_audit(context, *job, audit);
    return Refusal::none;
}

void on_delivery_due(Context& context, const Timer& timer) {
    const auto part = find_part(context.state, base::PartId{timer.subject});
    if (!part || part->state != PartState::drawn || part->deadline != timer.due) return;
    const auto audits = audits_of_part(context, *part);
    const bool silent = std::any_of(audits.begin(), audits.end(), [](const Audit& a) { return a.state == AuditState::drawn; });
    if (!silent) return;
    auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    convict(context, *job, {part->lease, SlashReason::no_delivery, part->id.hash, part->key.round});
    close_round_if_done(context, *job);
    start_window_if_done(context, *job, part->key.round);
    save(context.state, *job);
}

}  // namespace assay::market
