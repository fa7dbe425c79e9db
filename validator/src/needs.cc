// Whom a judge asks for what it cannot have: whoever committed to it.

#include "commit/checkpoint.h"
#include "judge.h"

namespace assay::validator {

agent::Need Judge::need_state(const market::StoredTarget& target, const base::BlobRoot& blob,
                              std::uint64_t bytes, const base::Hash& root,
                              const commit::StateDescriptor& descriptor, runtime::Job& job) {
    const auto is_right = [&job, root, descriptor](const std::filesystem::path& file) {
        return commit::load_state(file, job.program(), descriptor, root, job.threads()).has_value();
    };
    return {target, blob, bytes, is_right};
}

void Judge::need_start(const Segment& segment, runtime::Job& job) {
    const market::Part& part = segment.part;
    const market::DeliveredSegment& delivered = segment.delivered;
    const auto descriptor =
        runtime::segment_start_descriptor(job, segment.place, segment.opening.previous_root);
    if (delivered.segment != 0) {
        need_ = need_state({market::StoredKind::start, part.id.hash, delivered.segment},
                           delivered.start_blob, delivered.start_bytes, delivered.leaf.start_root,
                           descriptor, job);
        return;
    }
    // The part starts where the one before it in the lane ended.
    const auto parts = node_.parts(part.key.job);
    if (!parts) return;
    for (const market::Part& before : *parts) {
        const bool same_lane = before.key.round == part.key.round &&
                               before.key.lane == part.key.lane &&
                               before.key.part + 1 == part.key.part;
        if (!same_lane || before.end_blob != part.start_blob || before.end_root != part.start_root)
            continue;
        const bool gone = before.state == market::PartState::void_ ||
                          before.state == market::PartState::retracted ||
                          before.state == market::PartState::unproved;
        if (gone) continue;
        need_ = need_state({market::StoredKind::checkpoint, before.id.hash, 0}, before.end_blob,
                           before.end_bytes, before.end_root, descriptor, job);
    }
}

void Judge::need_opening(const base::JobId& id, std::uint32_t round,
                         const games::JobStates::Opening& opening, runtime::Job& job) {
    const auto descriptor = runtime::opening_descriptor(job, round, opening.previous_root);
    if (round == 0) {
        const auto posted = node_.job(id);
        if (posted)
            need_ = need_state({market::StoredKind::init, id.hash, 0}, posted->init_blob,
                               posted->init_bytes, posted->init_root, descriptor, job);
        return;
    }
    const auto merge = node_.merge(id, round - 1);
    if (merge)
        need_ = need_state({market::StoredKind::merge, id.hash, round - 1}, merge->blob,
                           merge->bytes, merge->root, descriptor, job);
}

void Judge::need_payload(const market::RoundMember& member, runtime::Job& job) {
    const auto part = node_.part(member.part);
    if (!part) return;
    const auto is_right = [&job, root = part->payload_root](const std::filesystem::path& file) {
        return commit::load_payload(file, job.program(), root, job.threads()).has_value();
    };
    need_ = agent::Need{{market::StoredKind::payload, part->id.hash, 0},
                        part->payload_blob,
                        part->payload_bytes,
                        is_right};
}

}  // namespace assay::validator
