#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// All leaves of the tree, each starting where the one before it ended.
Refusal check_leaves(const Part& part, const std::vector<SegmentLeaf>& leaves) {
    if (leaves.size() != part.segments) return Refusal::wrong_segment_count;
    std::vector<base::Hash> hashes;
    for (const SegmentLeaf& leaf : leaves) hashes.push_back(segment_leaf_hash(leaf));
    if (part_root(hashes) != part.tree_root) return Refusal::wrong_leaves;
    if (leaves.front().start_root != part.start_root ||
        leaves.back().end_field != last_end_field(part))
        return Refusal::roots_not_continuous;
    for (std::size_t i = 1; i < leaves.size(); ++i) {
        if (leaves[i].start_root != leaves[i - 1].end_field) return Refusal::roots_not_continuous;
    }
    return Refusal::none;
}

/// Counts a part that passed in its lease and, in the round that is open, its lane.
void count_passed(Context& context, const Job& job, const Part& part) {
    Lease& lease = need_lease(context, part.lease);
    lease.passed_segments += part.segments;
    lease.last_round = std::max(lease.last_round, part.key.round);
    if (part.key.round != job.round) return;
    Lane& lane = need_lane(context, job.id, part.key.lane);
    for (const Part& other : parts_of_lane(context.state, job.id, job.round, part.key.lane)) {
        if (other.state == PartState::passed && other.key.part == lane.passed_parts)
            ++lane.passed_parts;
    }
}

void pass_part(Context& context, Job& job, Part& part, const PartClose& message) {
    PartPassed fact{part.key,          part.id,         part.first_segment,
                    part.tree_root,    part.start_root, part.end_root,
                    part.payload_root, message.leaves,  facts_of(context, part.id)};
    part.state = PartState::passed;
    part.closing = context.transaction;
    part.passed_at = context.live;
    part.passed_entry = job.history_count;
    part.deadline = {};
    count_expected(context, job, part.expected, false);
    part.expected = 0;
    count_open_part(context, part, false);
    count_passed(context, job, part);
    append_history(context, job, fact);
    emit(context, EventKind::part_passed,
         {{"part", part.id.hex()},
          {"job", job.id.hex()},
          {"round", std::to_string(part.key.round)},
          {"lane", std::to_string(part.key.lane)},
          {"number", std::to_string(part.key.part)},
          {"worker", part.key.worker.hex()},
          {"audited", std::to_string(fact.audits.size())},
          {"loss_bits", std::to_string(part.last_loss_bits)}});
    close_round_if_done(context, job);
    start_window_if_done(context, job, part.key.round);
}

}  // namespace

Refusal apply_part_close(Context& context, const PartClose& message) {
    auto* part = live_part(context, message.part);
    if (!part) return Refusal::part_unknown;
    if (part->key.worker != context.sender) return Refusal::part_not_yours;
    if (part->state == PartState::committed || part->state == PartState::auditing)
        return Refusal::not_judged;
    if (part->state != PartState::closing) return Refusal::part_state;
    Job& job = need_job(context, part->key.job);
    if (const Refusal refusal = check_leaves(*part, message.leaves); refusal != Refusal::none)
        return refusal;

    clear_timer(context, {part->deadline, TimerKind::part_close, part->id.hash, 0});
    pass_part(context, job, *part, message);
    if (job.state == JobState::settling) settle_on(context, job);
    return Refusal::none;
}

void advance_part(Context& context, const base::PartId& id) {
    auto* part = live_part(context, id);
    if (!part || part->state != PartState::auditing || part->draws > 0 || part->open_claims > 0)
        return;
    if (part->deadline.value != 0)
        clear_timer(context, {part->deadline, TimerKind::delivery, part->id.hash, 0});
    part->state = PartState::closing;
    part->deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {part->deadline, TimerKind::part_close, part->id.hash, 0});
    emit(context, EventKind::part_due_close,
         {{"part", part->id.hex()},
          {"job", part->key.job.hex()},
          {"worker", part->key.worker.hex()},
          {"lease", part->lease.hex()}});
}

void on_part_close(Context& context, const Timer& timer) {
    const auto part = find_part(context.state, base::PartId{timer.subject});
    if (!part || part->state != PartState::closing || part->deadline != timer.due) return;
    Job& job = need_job(context, part->key.job);
    convict(context, job, {part->lease, SlashReason::no_close, part->id.hash, part->key.round});
    start_window_if_done(context, job, part->key.round);
    if (job.state == JobState::settling) settle_on(context, job);
}

}  // namespace assay::market
