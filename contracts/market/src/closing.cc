#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

namespace {

Refusal check_tree(const Part& part, const std::vector<SegmentLeaf>& leaves) {
    if (leaves.size() != part.segments) return Refusal::wrong_segment_count;
    std::vector<base::Hash> hashes;
    for (const SegmentLeaf& leaf : leaves) hashes.push_back(segment_leaf_hash(leaf));
    if (part_root(hashes) != part.tree_root) return Refusal::wrong_leaves;
    if (leaves.front().start_root != part.start_root || leaves.back().end_field != last_end_field(part)) return Refusal::roots_not_continuous;
    return Refusal::none;
}

/// Every forced plant and no other; and every segment starts where the one before it ended.
Refusal check_plants(const Part& part, const PartClose& message, const base::VrfOutput& beta, std::uint32_t plant_ppm) {
    std::size_t next_plant = 0;
    for (std::uint32_t i = 0; i < part.segments; ++i) {
        const bool listed = next_plant < message.plants.size() && message.plants[next_plant].segment == i;
        const bool forced = plant_forced(beta, i, part.segments, plant_ppm);
        if (forced && !listed) return Refusal::plant_missing;
        if (!forced && listed) return Refusal::plant_unexpected;
        const base::Hash& field = message.leaves[i].end_field;
        if (forced && plant_field(message.plants[next_plant].end_root) != field) return Refusal::plant_missing;
        const base::Hash& end = forced ? message.plants[next_plant].end_root : field;
        if (i + 1 < part.segments && message.leaves[i + 1].start_root != end) return Refusal::roots_not_continuous;
        if (listed) ++next_plant;
    }
    return next_plant == message.plants.size() ? Refusal::none : Refusal::plant_unexpected;
}

/// Audits whose digests `part_close` must open, in the order of the draw.
std::vector<Audit> audits_to_open(const Context& context, const Part& part) {
    std::vector<Audit> audits;
    for (Audit& audit : audits_of_part(context, part)) {
        if (audit.state == AuditState::revealed) audits.push_back(std::move(audit));
    }
    return audits;
}

Refusal check_opening(const Audit& audit, const StepOpening& opening, const base::Hash& root, std::uint32_t segment_steps) {
    if (opening.segment != audit.segment) return Refusal::opening_missing;
    const std::vector<std::uint32_t> steps = opened_steps(audit.y, audit.id, segment_steps);
    if (opening.digests.size() != steps.size() || opening.paths.size() != steps.size()) return Refusal::opening_missing;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const base::InclusionProof proof{steps[i], segment_steps, opening.paths[i]};
        if (!base::merkle_verify(base::MerkleFamily::blake2b, opening.digests[i], proof, root)) return Refusal::wrong_opening;
    }
    return Refusal::none;
}

Refusal check_openings(const Part& part, const PartClose& message, const std::vector<Audit>& audits, std::uint32_t segment_steps) {
    if (message.openings.size() != audits.size()) return Refusal::opening_missing;
    for (std::size_t i = 0; i < audits.size(); ++i) {
        ASSAY_CHECK(audits[i].segment < part.segments);
        const base::Hash& root = message.leaves[audits[i].segment].steps_root;
        const Refusal refusal = check_opening(audits[i], message.openings[i], root, segment_steps);
        if (refusal != Refusal::none) return refusal;
    }
    return Refusal::none;
}

/// The auditor saw a plant where there is one, and only there.
bool saw(const Audit& audit, bool plant) { return audit.verdict->kind == (plant ? VerdictKind::plant : VerdictKind::valid); }

/// The auditor recomputed: its digest is over the digests the worker committed to.
bool confirms(const Audit& audit, const StepOpening& opening, std::uint32_t segment_steps) {
    const std::vector<std::uint32_t> steps = opened_steps(audit.y, audit.id, segment_steps);
    return audit.verdict->steps_digest == opened_steps_digest(steps, opening.digests);
}

/// `valid` for a segment that ends in a forced plant: whoever had recomputed it would have found the plant, whatever the worker did, because
/// the field that `part_close` opens is no end root. Not to look costs the audit's lock: twice the fee, over the chance of a plant.
bool missed_plant(const Audit& audit, bool plant) { return plant && audit.verdict->kind == VerdictKind::valid; }

void punish_missed_plant(Context& context, Audit& audit) {
    const base::Amount lock = audit.lock;
    take_locked_stake(context, audit.auditor, Role::validator, lock);
    audit.lock = {};
    burn(context, lock, "plant_missed", audit.id.hash);
    emit(context, EventKind::fined, {{"validator", audit.auditor.hex()}, {"amount", lock.decimal()}, {"reason", "plant_missed"}});
}

void count_passed(Context& context, const Job& job, const Part& part) {
    auto lease = find_lease(context.state, part.lease);
    ASSAY_CHECK(lease.has_value());
    lease->passed_segments += part.segments;
    lease->last_round = std::max(lease->last_round, part.key.round);
    save(context.state, *lease);
    if (part.key.round != job.round) return;
    auto lane = find_lane(context.state, job.id, part.key.lane);
    ASSAY_CHECK(lane.has_value());
    for (const Part& other : parts_of_lane(context.state, job.id, job.round, part.key.lane)) {
        if (other.state == PartState::passed && other.key.part == lane->passed_parts) ++lane->passed_parts;
    }
    save(context.state, *lane);
}

void pass_part(Context& context, Job& job, Part& part, const PartClose& message) {
    PartPassed fact{part.key, part.id, part.first_segment, part.tree_root, part.start_root, part.end_root, part.payload_root,
                    message.leaves, {}, part.unaudited};
    for (Audit& audit : audits_of_part(context, part)) {
        if (audit.state == AuditState::settled && audit.paid && audit.verdict) fact.audits.push_back(fact_of(audit));
    }
    std::sort(fact.audits.begin(), fact.audits.end(), [](const AuditFact& a, const AuditFact& b) {
        return a.segment != b.segment ? a.segment < b.segment : a.audit < b.audit;
    });
    part.state = PartState::passed;
    part.passed_at = context.live;
    part.passed_entry = job.history_count;
    part.deadline = {};
    save(context.state, part);
    count_open_part(context, part, false);
    count_passed(context, job, part);
    append_history(context, job, fact);
    emit(context, EventKind::part_passed,
         {{"part", part.id.hex()}, {"job", job.id.hex()}, {"round", std::to_string(part.key.round)},
          {"lane", std::to_string(part.key.lane)}, {"number", std::to_string(part.key.part)}, {"worker", part.key.worker.hex()},
          {"audited", std::to_string(fact.audits.size())}, {"unaudited", std::to_string(part.unaudited.size())},
          {"loss_bits", std::to_string(part.last_loss_bits)}});
    close_round_if_done(context, job);
    start_window_if_done(context, job, part.key.round);
}

}  // namespace

Refusal apply_part_close(Context& context, const PartClose& message) {
    auto part = find_part(context.state, message.part);
    if (!part) return Refusal::part_unknown;
    if (part->key.worker != context.sender) return Refusal::part_not_yours;
    if (part->state == PartState::drawn) return Refusal::not_all_revealed;
    if (part->state == PartState::judged) return Refusal::judgement_open;
    if (part->state != PartState::revealed) return Refusal::part_state;
    auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    if (const Refusal refusal = check_tree(*part, message.leaves); refusal != Refusal::none) return refusal;
    const auto account = find_account(context.state, context.sender);
    if (!account || !account->keys || account->keys->vrf.is_zero()) return Refusal::vrf_key_missing;
    const base::Bytes alpha = plant_alpha(context.chain.id, job->id, part->key.lane, part->key.round, part->key.part, part->plant_seed);
    const auto beta = base::vrf_verify(account->keys->vrf, alpha, message.proof);
    if (!beta) return Refusal::proof_invalid;
    const std::uint32_t plant_ppm = parameters_of(context, *job).plant_ppm;
    if (const Refusal refusal = check_plants(*part, message, *beta, plant_ppm); refusal != Refusal::none) return refusal;
    std::vector<Audit> audits = audits_to_open(context, *part);
    const std::uint32_t steps = job->shape.segment_steps;
    if (const Refusal refusal = check_openings(*part, message, audits, steps); refusal != Refusal::none) return refusal;

    clear_timer(context, {part->deadline, TimerKind::part_close, part->id.hash, 0});
    const bool referee = by_referee(context, *job);
    std::vector<std::size_t> disputed;
    bool again = false;
    for (std::size_t i = 0; i < audits.size(); ++i) {
        const bool plant = plant_forced(*beta, audits[i].segment, part->segments, plant_ppm);
        const bool matches = confirms(audits[i], message.openings[i], steps);
        // Either side can lie about digests, so a game decides. A vote has no way to.
        if (referee && saw(audits[i], plant) && !matches) {
            disputed.push_back(i);
            continue;
        }
        const bool good = matches && saw(audits[i], plant);
        if (missed_plant(audits[i], plant)) punish_missed_plant(context, audits[i]);
        settle_audit(context, *job, audits[i], good ? AuditPay::hold : AuditPay::none);
        if (good) continue;
        const std::size_t before = part->audits.size();
        redraw_segment(context, *job, *part, audits[i]);
        again = again || part->audits.size() > before;
    }
    if (!disputed.empty()) {
        part->state = PartState::judged;
        part->deadline = {};
        save(context.state, *part);
    } else if (again) {
        part->state = PartState::drawn;
        part->deadline = {};
        save(context.state, *part);
    } else {
        pass_part(context, *job, *part, message);
    }
    save(context.state, *job);
    for (const std::size_t i : disputed) {
        open_steps_dispute(context, audits[i], message.openings[i].digests);
        // A game without moves is over at once, and may void the part.
        if (find_part(context.state, message.part)->state != PartState::judged) break;
    }
    return Refusal::none;
}

void on_part_close_due(Context& context, const Timer& timer) {
    const auto part = find_part(context.state, base::PartId{timer.subject});
    if (!part || part->state != PartState::revealed || part->deadline != timer.due) return;
    auto job = find_job(context.state, part->key.job);
    ASSAY_CHECK(job.has_value());
    convict(context, *job, {part->lease, SlashReason::no_close, part->id.hash, part->key.round});
    start_window_if_done(context, *job, part->key.round);
    save(context.state, *job);
}

}  // namespace assay::market
