// What games and questions are about, read from the state: nothing once it is void or gone.

#include "market/queries.h"

#include "base/check.h"
#include "market/tables.h"

namespace assay::market {

namespace {

/// In a descriptor: the state that opens a round belongs to all lanes.
constexpr std::uint32_t kAllLanes = 0xffffffff;

/// Whether anything still rests on the part.
bool stands(const Part& part) {
    switch (part.state) {
        case PartState::committed:
        case PartState::auditing:
        case PartState::closing:
        case PartState::passed:
        case PartState::settled:
            return true;
        case PartState::retracted:
        case PartState::void_:
        case PartState::unproved:
            return false;
    }
    return false;
}

/// The merge of a round once it is posted, while nobody has refuted it.
std::optional<MergeRecord> standing_merge(const StateReader& state, const base::JobId& job,
                                          std::uint32_t round) {
    auto merge = find_merge(state, job, round);
    if (!merge || merge->state == MergeState::waiting || merge->state == MergeState::refuted)
        return std::nullopt;
    return merge;
}

/// State root that opened the round before; zeros in round 0. Nothing when that round is gone.
std::optional<base::Hash> root_before(const StateReader& state, const base::JobId& job,
                                      std::uint32_t round) {
    if (round == 0) return base::Hash{};
    const auto before = find_round(state, job, round - 1);
    if (!before) return std::nullopt;
    return before->opening_root;
}

struct ClaimPlace {
    ClaimKind kind = ClaimKind::segment;
    base::JobId job;
    std::uint32_t round = 0;
    base::PartId subject;
    std::uint32_t segment = 0;
};

bool fill_segment(const StateReader& state, const Job& job, const ClaimPlace& place,
                  GameSubject& subject) {
    const auto part = find_part(state, place.subject);
    if (!part || !stands(*part)) return false;
    const auto leaf = opened_leaf(state, *part, place.segment);
    if (!leaf) return false;
    const std::uint32_t segment = part->first_segment + place.segment;
    subject.lane = part->key.lane;
    subject.first_step = segment * job.shape.segment_steps;
    subject.steps = job.shape.segment_steps;
    subject.start_root = leaf->start_root;
    subject.closes_round = job.shape.has_merge() && segment + 1 == job.shape.segments_per_round();
    return true;
}

/// Everything of a subject that follows from where the claim stands. False when it is void or gone.
bool fill_claim(const StateReader& state, const Job& job, const ClaimPlace& place,
                GameSubject& subject) {
    if (place.kind == ClaimKind::init) return true;
    const auto round = find_round(state, place.job, place.round);
    const auto before = root_before(state, place.job, place.round);
    if (!round || !before) return false;
    subject.round = place.round;
    subject.round_start_root = round->opening_root;
    subject.previous_round_root = *before;
    if (place.kind == ClaimKind::segment) return fill_segment(state, job, place, subject);
    const auto merge = standing_merge(state, place.job, place.round);
    if (!merge || merge->commitment != place.subject) return false;
    subject.start_root = round->opening_root;
    for (const RoundMember& member : round->members)
        subject.payload_roots.push_back(member.payload_root);
    return true;
}

GameStage stage_of(ClaimKind kind) {
    switch (kind) {
        case ClaimKind::segment:
            return GameStage::segment;
        case ClaimKind::merge:
            return GameStage::merge;
        case ClaimKind::init:
            return GameStage::init;
    }
    return GameStage::segment;
}

ClaimKind claim_of(DisputeTarget target) {
    switch (target) {
        case DisputeTarget::merge:
            return ClaimKind::merge;
        case DisputeTarget::init:
            return ClaimKind::init;
        case DisputeTarget::segment:
        case DisputeTarget::cell:
            return ClaimKind::segment;
    }
    return ClaimKind::segment;
}

/// Descriptor of the state that opens `round`.
bool fill_opening(const StateReader& state, const base::JobId& job, std::uint32_t round,
                  QuestionSubject& subject) {
    const auto before = root_before(state, job, round);
    if (!before) return false;
    subject.round = round;
    subject.lane = kAllLanes;
    subject.round_start_root = *before;
    return true;
}

/// Descriptor of a lane's state at the boundary before `segment` of the part's round; before the
/// first one it is the state that opens the round.
bool fill_boundary(const StateReader& state, const Job& job, const Part& part,
                   std::uint32_t segment, QuestionSubject& subject) {
    if (segment == 0) return fill_opening(state, job.id, part.key.round, subject);
    const auto round = find_round(state, job.id, part.key.round);
    if (!round) return false;
    subject.round = part.key.round;
    subject.lane = part.key.lane;
    subject.step = segment * job.shape.segment_steps;
    subject.round_start_root = round->opening_root;
    return true;
}

bool fill_part_target(const StateReader& state, const Job& job, const Part& part,
                      const StoredTarget& target, QuestionSubject& subject) {
    if (target.kind == StoredKind::payload) {
        subject.tree = QuestionTree::payload;
        subject.root = part.payload_root;
        return !part.payload_root.is_zero();
    }
    if (target.kind == StoredKind::checkpoint) {
        subject.root = part.end_root;
        return fill_boundary(state, job, part, part.first_segment + part.segments, subject);
    }
    const auto leaf = opened_leaf(state, part, target.number);
    if (!leaf) return false;
    subject.root = leaf->start_root;
    return fill_boundary(state, job, part, part.first_segment + target.number, subject);
}

bool fill_job_target(const StateReader& state, const Job& job, const StoredTarget& target,
                     QuestionSubject& subject) {
    if (target.kind == StoredKind::init) {
        subject.root = job.init_root;
        return fill_opening(state, job.id, 0, subject);
    }
    const auto merge = standing_merge(state, job.id, target.number);
    if (!merge) return false;
    subject.root = merge->root;
    return fill_opening(state, job.id, target.number + 1, subject);
}

}  // namespace

std::optional<SegmentLeaf> opened_leaf(const StateReader& state, const Part& part,
                                       std::uint32_t segment) {
    if (part.state == PartState::passed || part.state == PartState::settled) {
        const auto bytes = state.get(history_key(part.key.job, part.passed_entry));
        if (!bytes) return std::nullopt;
        const auto entry = decode<JobHistoryEntry>(*bytes);
        ASSAY_CHECK(entry.has_value());
        const auto* passed = std::get_if<PartPassed>(&*entry);
        ASSAY_CHECK(passed != nullptr && passed->part == part.id);
        if (segment >= passed->leaves.size()) return std::nullopt;
        return passed->leaves[segment];
    }
    for (const DeliveredSegment& delivered : part.delivered) {
        if (delivered.segment == segment) return delivered.leaf;
    }
    return std::nullopt;
}

std::optional<base::Hash> committed_root(const StateReader& state, const base::JobId& job,
                                         std::uint32_t round, ClaimKind kind,
                                         const base::PartId& subject) {
    switch (kind) {
        case ClaimKind::segment: {
            const auto part = find_part(state, subject);
            if (!part) return std::nullopt;
            return part->tree_root;
        }
        case ClaimKind::merge: {
            const auto merge = find_merge(state, job, round);
            if (!merge || merge->state == MergeState::waiting || merge->commitment != subject)
                return std::nullopt;
            return merge->root;
        }
        case ClaimKind::init: {
            const auto posted = find_job(state, job);
            if (!posted) return std::nullopt;
            return posted->init_root;
        }
    }
    return std::nullopt;
}

std::optional<GameSubject> game_subject(const StateReader& state, const Dispute& dispute) {
    const auto job = find_job(state, dispute.job);
    const auto spec = find_spec(state, dispute.job);
    if (!job || !spec) return std::nullopt;
    GameSubject subject;
    subject.spec = *spec;
    subject.program_root = job->program_root;
    subject.asserted = dispute.asserted;
    ClaimPlace place{claim_of(dispute.target), dispute.job, dispute.round, dispute.part,
                     dispute.segment};
    if (dispute.target == DisputeTarget::cell) {
        const auto defended = find_audit(state, dispute.defended);
        if (!defended) return std::nullopt;
        place.kind = defended->claim;
        subject.about = stage_of(defended->claim);
        subject.spot = defended->spot;
        subject.cell = dispute.cell;
    }
    subject.stage = dispute.target == DisputeTarget::cell ? GameStage::cell : stage_of(place.kind);
    if (!fill_claim(state, *job, place, subject)) return std::nullopt;
    return subject;
}

std::optional<QuestionSubject> question_subject(const StateReader& state,
                                                const StoredTarget& target) {
    const bool of_part = target.kind == StoredKind::checkpoint ||
                         target.kind == StoredKind::payload || target.kind == StoredKind::start;
    std::optional<Part> part;
    if (of_part) part = find_part(state, base::PartId{target.subject});
    if (target.kind == StoredKind::data || (of_part && (!part || !stands(*part))))
        return std::nullopt;
    const base::JobId id = part ? part->key.job : base::JobId{target.subject};
    const auto job = find_job(state, id);
    const auto spec = find_spec(state, id);
    if (!job || !spec) return std::nullopt;
    QuestionSubject subject;
    subject.spec = *spec;
    subject.program_root = job->program_root;
    const bool filled = part ? fill_part_target(state, *job, *part, target, subject)
                             : fill_job_target(state, *job, target, subject);
    if (!filled) return std::nullopt;
    return subject;
}

std::optional<base::Amount> challenge_bond(const Parameters& parameters, const Job& job,
                                           DisputeTarget target, base::Amount base_fee) {
    base::Amount replay = job.audit_price;
    if (target == DisputeTarget::merge) replay = job.merge_audit_price;
    if (target == DisputeTarget::init) replay = job.init_audit_price;
    const auto work = base::multiply(replay, parameters.challenge_bond_factor);
    const auto fees = base::multiply(base_fee, parameters.dispute_game_weight);
    return work && fees ? base::add(*work, *fees) : std::nullopt;
}

}  // namespace assay::market
