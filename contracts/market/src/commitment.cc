#include "market/commitment.h"

#include <algorithm>

#include "base/check.h"
#include "base/encoding.h"

namespace assay::market {

namespace {

constexpr std::uint64_t kMillion = 1'000'000;

}  // namespace

base::PartId part_id(const base::Hash& chain_id, const PartKey& key) {
    return {base::Hasher("assay.part")
                .add(chain_id)
                .add(key.job.hash)
                .add_u32(key.round)
                .add_u32(key.lane)
                .add_u32(key.stage)
                .add_u32(key.part)
                .add(key.worker.hash)
                .add_u32(key.attempt)
                .finish()};
}

base::Hash segment_leaf_hash(const SegmentLeaf& leaf) {
    return base::Hasher("assay.segment")
        .add(leaf.salt)
        .add(leaf.start_root)
        .add(leaf.end_field)
        .add(leaf.steps_root)
        .finish();
}

base::Hash part_root(std::span<const base::Hash> leaf_hashes) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaf_hashes);
}

base::Hash plant_field(const base::Hash& end_root) { return base::Hasher("assay.plant").add(end_root).finish(); }

base::Hash round_end_root(const base::Hash& state_root, const base::Hash& payload_root) {
    return base::Hasher("assay.end").add(state_root).add(payload_root).finish();
}

base::Hash steps_root(std::span<const base::Hash> step_digests) {
    return base::merkle_root(base::MerkleFamily::blake2b, step_digests);
}

base::Hash segment_salt(const base::SecretKey& key, const base::JobId& job, std::uint32_t round, std::uint32_t lane,
                        std::uint32_t segment, std::uint32_t attempt) {
    base::Encoder context;
    context.id(job).u32(round).u32(lane).u32(segment).u32(attempt);
    return key.derive("salt", context.view());
}

base::Bytes plant_alpha(const base::Hash& chain_id, const base::JobId& job, std::uint32_t lane, std::uint32_t round,
                        std::uint32_t part, const base::Hash& seed) {
    base::Encoder out;
    out.text("assay.plants").hash(chain_id).id(job).u32(lane).u32(round).u32(part).hash(seed);
    return out.take();
}

bool plant_forced(const base::VrfOutput& beta, std::uint32_t index, std::uint32_t segments, std::uint32_t plant_ppm) {
    ASSAY_CHECK(index < segments);
    if (index + 1 == segments) return false;
    const base::Hash word = base::Hasher("assay.forced").add(beta).add_u32(index).finish();
    return base::scale_u64(base::first_u64(word), kMillion) < plant_ppm;
}

base::Bytes receipt_message(const base::BlobRoot& blob, std::uint64_t bytes, base::TimeMs kept_until) {
    base::Encoder out;
    out.id(blob).u64(bytes).count(kept_until);
    return out.take();
}

std::uint32_t parts_per_round(std::uint32_t round_segments, std::uint32_t part_segments) {
    ASSAY_CHECK(part_segments > 0);
    return round_segments / part_segments + (round_segments % part_segments == 0 ? 0U : 1U);
}

PartSpan part_span(std::uint32_t part, std::uint32_t round_segments, std::uint32_t part_segments) {
    ASSAY_CHECK(part < parts_per_round(round_segments, part_segments));
    const std::uint32_t first = part * part_segments;
    return {first, std::min(part_segments, round_segments - first)};
}

}  // namespace assay::market
