// Whom to ask for what cannot be had: whoever committed to it.

#include "commit/checkpoint.h"
#include "replay/job_states.h"

namespace assay::replay {

Need dataset_need(const market::Job& job) {
    return {{market::StoredKind::data, job.id.hash, 0}, job.data_blob, job.data_bytes, {}};
}

Need JobStates::state_need(const market::StoredTarget& target, const base::BlobRoot& blob,
                           std::uint64_t bytes, const base::Hash& root,
                           const commit::StateDescriptor& descriptor) const {
    const auto is_right = [&job = job_, root, descriptor](const std::filesystem::path& file) {
        return commit::load_state(file, job.program(), descriptor, root, job.threads()).has_value();
    };
    return {target, blob, bytes, is_right};
}

/// The part that starts so starts where the one before it in the lane ended.
std::optional<Need> JobStates::part_start_need(const market::PartKey& key, const base::Hash& root,
                                               const base::BlobRoot& blob,
                                               const commit::StateDescriptor& descriptor) {
    const auto parts = node_.parts(key.job);
    if (!parts) return std::nullopt;
    for (const market::Part& before : *parts) {
        const bool same_lane = before.key.round == key.round && before.key.lane == key.lane &&
                               before.key.part + 1 == key.part;
        if (!same_lane || before.end_blob != blob || before.end_root != root) continue;
        const bool gone = before.state == market::PartState::void_ ||
                          before.state == market::PartState::retracted ||
                          before.state == market::PartState::unproved;
        if (gone) continue;
        return state_need({market::StoredKind::checkpoint, before.id.hash, 0}, before.end_blob,
                          before.end_bytes, before.end_root, descriptor);
    }
    return std::nullopt;
}

std::optional<Need> JobStates::opening_need(const Opening& opening) {
    const std::uint32_t round = opening.round.round;
    const auto descriptor = runtime::opening_descriptor(job_, round, opening.previous_root);
    if (round == 0) {
        const auto posted = node_.job(id_);
        if (!posted) return std::nullopt;
        return state_need({market::StoredKind::init, id_.hash, 0}, posted->init_blob,
                          posted->init_bytes, posted->init_root, descriptor);
    }
    const auto merge = node_.merge(id_, round - 1);
    if (!merge) return std::nullopt;
    return state_need({market::StoredKind::merge, id_.hash, round - 1}, merge->blob, merge->bytes,
                      merge->root, descriptor);
}

std::optional<Need> JobStates::payload_need(const market::RoundMember& member) {
    const auto part = node_.part(member.part);
    if (!part) return std::nullopt;
    const auto is_right = [&job = job_,
                           root = part->payload_root](const std::filesystem::path& file) {
        return commit::load_payload(file, job.program(), root, job.threads()).has_value();
    };
    return Need{{market::StoredKind::payload, part->id.hash, 0},
                part->payload_blob,
                part->payload_bytes,
                is_right};
}

}  // namespace assay::replay
