#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/merkle.h"
#include "base/signature.h"
#include "base/vrf.h"

/// What a worker commits to, byte for byte (docs/formats/commitment.md): shared by rules, worker, validator and certificate.
namespace assay::market {

/// The key under which a worker signs at most one tree.
struct PartKey {
    base::JobId job;
    std::uint32_t round = 0, lane = 0, stage = 0;
    std::uint32_t part = 0;                  ///< within the round
    base::AccountId worker;
    std::uint32_t attempt = 0;
    auto operator<=>(const PartKey&) const = default;
};
base::PartId part_id(const base::Hash& chain_id, const PartKey& key);

/// A segment's leaf in clear. `end_field` is the end root or, for a forced plant, plant_field(end root).
struct SegmentLeaf {
    base::Hash salt, start_root, end_field, steps_root;
    bool operator==(const SegmentLeaf&) const = default;
};
/// H("assay.segment", salt, start root, end field, steps root).
base::Hash segment_leaf_hash(const SegmentLeaf& leaf);
/// Merkle root (BLAKE2b family) over the leaf hashes of a part's segments.
base::Hash part_root(std::span<const base::Hash> leaf_hashes);
/// H("assay.plant", end root).
base::Hash plant_field(const base::Hash& end_root);
/// H("assay.end", state root, payload root): the end root of a round's last segment in a job with merges.
base::Hash round_end_root(const base::Hash& state_root, const base::Hash& payload_root);
/// Merkle root over the step digests of one segment.
base::Hash steps_root(std::span<const base::Hash> step_digests);

/// A salt that a crash and a resend reproduce: derived from the worker's key for one segment and attempt. `segment` counts within the round.
base::Hash segment_salt(const base::SecretKey& key, const base::JobId& job, std::uint32_t round, std::uint32_t lane,
                        std::uint32_t segment, std::uint32_t attempt);

/// VRF input that decides a part's forced plants; `seed` is the lane's plant seed on the ledger: the app hash of the block that opened the
/// round or accepted the lane's previous part.
base::Bytes plant_alpha(const base::Hash& chain_id, const base::JobId& job, std::uint32_t lane, std::uint32_t round,
                        std::uint32_t part, const base::Hash& seed);
/// Whether segment `index` of a part with `segments` segments must be a plant: (u64(H(beta, i)) 10^6) >> 64 < plant_ppm, never the last.
bool plant_forced(const base::VrfOutput& beta, std::uint32_t index, std::uint32_t segments, std::uint32_t plant_ppm);

/// What a store signs over a blob it keeps: domain "assay.receipt", chain id, this.
base::Bytes receipt_message(const base::BlobRoot& blob, std::uint64_t bytes, base::TimeMs kept_until);

/// First segment (within the round) and number of segments of part `part`, when a round has `round_segments` and a part at most K.
struct PartSpan {
    std::uint32_t first_segment = 0, segments = 0;
    bool operator==(const PartSpan&) const = default;
};
PartSpan part_span(std::uint32_t part, std::uint32_t round_segments, std::uint32_t part_segments);
std::uint32_t parts_per_round(std::uint32_t round_segments, std::uint32_t part_segments);

}  // namespace assay::market
