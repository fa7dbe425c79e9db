#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/merkle.h"
#include "base/schema.h"
#include "base/signature.h"

/// What a worker commits to, byte for byte (docs/formats/commitment.md): shared by rules, worker,
/// validator and certificate.
namespace assay::market {

/// The key under which a worker signs at most one tree.
struct PartKey {
    base::JobId job;
    std::uint32_t round = 0, lane = 0, stage = 0;
    std::uint32_t part = 0;  ///< within the round
    base::AccountId worker;
    std::uint32_t attempt = 0;
    auto operator<=>(const PartKey&) const = default;
    ASSAY_FIELDS(PartKey, job, round, lane, stage, part, worker, attempt)
};
base::PartId part_id(const base::Hash& chain_id, const PartKey& key);

/// A segment's leaf in clear. `end_field` is the state root where it ends; of a round's last
/// segment in a job with merges, round_end_root.
struct SegmentLeaf {
    base::Hash salt, start_root, end_field;
    ASSAY_FIELDS(SegmentLeaf, salt, start_root, end_field)
};
/// H("assay.segment", salt, start root, end field). The salt hides the end from auditors that would
/// rather copy it.
base::Hash segment_leaf_hash(const SegmentLeaf& leaf);
/// Merkle root (BLAKE2b family) over the leaf hashes of a part's segments.
base::Hash part_root(std::span<const base::Hash> leaf_hashes);
/// H("assay.end", state root, payload root): the end field of a round's last segment in a job with
/// merges.
base::Hash round_end_root(const base::Hash& state_root, const base::Hash& payload_root);

/// A salt that a crash and a resend reproduce: derived from the worker's key for one segment and
/// attempt. `segment` counts within the round.
base::Hash segment_salt(const base::SecretKey& key, const base::JobId& job, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t segment, std::uint32_t attempt);

/// What a store signs over a blob it keeps: domain "assay.receipt", chain id, this.
base::Bytes receipt_message(const base::BlobRoot& blob, std::uint64_t bytes,
                            base::TimeMs kept_until);

/// First segment (within the round) and number of segments of part `part`, when a round has
/// `round_segments` and a part at most K.
struct PartSpan {
    std::uint32_t first_segment = 0, segments = 0;
    bool operator==(const PartSpan&) const = default;
};
PartSpan part_span(std::uint32_t part, std::uint32_t round_segments, std::uint32_t part_segments);
std::uint32_t parts_per_round(std::uint32_t round_segments, std::uint32_t part_segments);

}  // namespace assay::market
