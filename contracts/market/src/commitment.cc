#include "market/commitment.h"

#include <algorithm>

#include "base/check.h"
#include "base/encoding.h"

namespace assay::market {

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
        .finish();
}

base::Hash part_root(std::span<const base::Hash> leaf_hashes) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaf_hashes);
}

base::Hash round_end_root(const base::Hash& state_root, const base::Hash& payload_root) {
    return base::Hasher("assay.end").add(state_root).add(payload_root).finish();
}

base::Hash segment_salt(const base::SecretKey& key, const base::JobId& job, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t segment, std::uint32_t attempt) {
    base::Encoder context;
    context.id(job).u32(round).u32(lane).u32(segment).u32(attempt);
    return key.derive("salt", context.view());
}

base::Bytes receipt_message(const base::BlobRoot& blob, std::uint64_t bytes,
                            base::TimeMs kept_until) {
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
