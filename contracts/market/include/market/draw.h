#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/vrf.h"

/// Who audits which segment (docs/formats/draw.md). Pure functions: the rules, the validators and anyone who checks a certificate compute
/// the same draw from the same contributions.
namespace assay::market {

/// What a committee member of epoch e proves: the VRF input over (chain, e, c_e).
base::Bytes contribution_alpha(const base::Hash& chain_id, std::uint64_t epoch, const base::Hash& commitments_root);
/// y_v: the VRF output as a digest, H("assay.y", beta).
base::Hash contribution_output(const base::VrfOutput& beta);

/// Leaf of c_e for one commitment; c_e is the BLAKE2b Merkle root over these in ascending order of part id.
base::Hash commitment_leaf(const base::PartId& part, const base::Hash& part_root);
/// What stands for a merge among the commitments of an epoch: its id joins the epoch like a part of one segment.
base::PartId merge_commitment_id(const base::Hash& chain_id, const base::JobId& job, std::uint32_t round,
                                 std::uint32_t attempt);

/// L = -log2(word / 2^64) in 32.32 fixed point; word 0 counts as 1. With n leading zeros, x = word << n is a number in [1, 2) with 63
/// binary places; 32 times: square x, keep 63 places (truncated); when the square is 2 or more the next binary digit of log2 is 1 and x
/// halves (truncated), else 0. L = (n + 1) 2^32 - digits. Between 1 and 64 * 2^32.
std::uint64_t negative_log2(std::uint64_t word);

/// L1 / w1 < L2 / w2 by cross-multiplication in 128 bits. Weights are grains of stake, above zero.
bool draws_before(std::uint64_t l1, std::uint64_t w1, std::uint64_t l2, std::uint64_t w2);

/// One committee member with its contribution and its stake at the close of the epoch.
struct DrawMember {
    base::AccountId validator;
    base::Hash y;
    std::uint64_t weight = 0;
    bool operator==(const DrawMember&) const = default;
};

/// L(H(y_v, c, i)).
std::uint64_t draw_distance(const base::Hash& y, const base::PartId& commitment, std::uint32_t segment);
/// Indices of `members` from the least L / weight to the greatest; equal ones in ascending order of account id. Members of weight zero are
/// left out. The auditor is the first eligible one; a second draw and a judgement go on from there.
std::vector<std::size_t> draw_order(std::span<const DrawMember> members, const base::PartId& commitment,
                                    std::uint32_t segment);
/// True when u64(H(y_v, "draw", c, i)), scaled to parts per million, falls under the lease's rate; y_v is the auditor's.
bool is_drawn(const base::Hash& y, const base::PartId& commitment, std::uint32_t segment, std::uint32_t rate_ppm);

/// The steps of a segment whose digests an auditor signs and `part_close` opens: at most eight chosen by H(y_v, audit) and the last one,
/// ascending, each once.
std::vector<std::uint32_t> opened_steps(const base::Hash& y, const base::AuditId& audit, std::uint32_t steps);
/// Digest over the step digests at `steps` (same length, same order).
base::Hash opened_steps_digest(std::span<const std::uint32_t> steps, std::span<const base::Hash> digests);

/// What a `valid` verdict seals of its cells (docs/formats/cells.md): H("assay.cells", salt, cells...). `cells` are the tile leaves at the
/// places that choose_cells gives, in that order; the salt keeps them from whoever knows what they should be.
base::Hash cells_digest(const base::Hash& salt, std::span<const base::Hash> cells);

enum class VerdictKind : std::uint8_t { valid = 1, invalid = 2, plant = 3 };
/// A verdict in clear. `end_root` is the one the auditor found (invalid) or zeros; `steps_digest` is zeros for invalid.
struct Verdict {
    VerdictKind kind = VerdictKind::valid;
    base::Hash end_root;
    base::Hash steps_digest;
    bool operator==(const Verdict&) const = default;
};
/// H("assay.seal", audit, validator, verdict, nonce): binding by the hash, hiding by the 32-byte nonce.
base::Hash verdict_seal(const base::AuditId& audit, const base::AccountId& validator, const Verdict& verdict,
                        const base::Hash& nonce);

}  // namespace assay::market
