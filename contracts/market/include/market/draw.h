#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/amount.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/vrf.h"

/// Who audits what (docs/formats/draw.md). Every validator draws for itself; pure functions, so
/// that the rules, the validators and anyone who checks a certificate compute the same draw from
/// the same contributions.
namespace assay::market {

/// What a member of epoch e proves: the VRF input over (chain, e, c_e).
base::Bytes contribution_alpha(const base::Hash& chain_id, std::uint64_t epoch,
                               const base::Hash& commitments_root);
/// y_v: the VRF output as a digest, H("assay.y", beta).
base::Hash contribution_output(const base::VrfOutput& beta);

/// One commitment of an epoch. The job stands in it so that whoever sees the leaves of an epoch
/// knows all that a job committed there.
base::Hash commitment_leaf(const base::PartId& id, const base::JobId& job, const base::Hash& root);
/// The members of an epoch as they are listed, one after the other, from zeros: H("assay.member",
/// before, validator, weight).
base::Hash extend_members(const base::Hash& before, const base::AccountId& validator,
                          std::uint64_t weight);
/// c_e = H("assay.epochroot", members, jailed weight, BLAKE2b Merkle root of the commitment leaves
/// in ascending order of id). The weights stand in it, so that nobody chooses them after the
/// contributions are known.
base::Hash epoch_root(const base::Hash& members, std::uint64_t jailed_weight,
                      std::span<const base::Hash> leaves);
/// Under these ids merges, initial states, segments that are drawn again, verdicts that may be
/// controlled, and closed jobs join an epoch.
base::PartId merge_commitment_id(const base::Hash& chain_id, const base::JobId& job,
                                 std::uint32_t round, std::uint32_t attempt);
base::PartId init_commitment_id(const base::JobId& job);
base::PartId redraw_commitment_id(const base::PartId& subject, std::uint32_t segment,
                                  std::uint32_t redraw);
base::PartId control_commitment_id(const base::AuditId& audit, std::uint32_t redraw);
base::PartId job_commitment_id(const base::JobId& job);

/// What is drawn, without worker, salt or attempt: nobody can try another name for the same work.
ASSAY_ENUM(ClaimKind, segment = 1, merge, init)
struct DrawSubject {
    ClaimKind kind = ClaimKind::segment;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;  ///< zeros in init; lane 0 in a merge
    std::uint32_t segment = 0;          ///< within the round
    base::AuditId control;              ///< zeros, or the audit that a control is drawn for
    bool operator==(const DrawSubject&) const = default;
};

/// Rates are parts per million; 1,000,000 ("all") means 1 - 2^-20.
inline constexpr std::uint64_t kAllExponent = std::uint64_t{20} << 32U;

/// L = -log2(word / 2^64) in 32.32 fixed point; word 0 counts as 1. With n leading zeros, x = word
/// << n is a number in [1, 2) with 63 binary places; 32 times: square x, keep 63 places
/// (truncated); when the square is 2 or more the next binary digit of log2 is 1 and x halves
/// (truncated), else 0. L = (n + 1) 2^32 - digits. Between 1 and 64 * 2^32.
std::uint64_t negative_log2(std::uint64_t word);
/// 2^-x as a fraction of 2^64, for x > 0 in 32.32: the product over the bits of x of floor(2^64
/// 2^-2^-i), each product rounded down.
std::uint64_t power_of_half(std::uint64_t x);
/// L(q) = -log2(1 - q) in 32.32, q in parts per million; 0 for q = 0, kAllExponent for 1,000,000
/// and more.
std::uint64_t rate_exponent(std::uint32_t rate_ppm);
/// x = L w / W in 32.32, rounded up. Requires 0 < w <= W.
std::uint64_t member_exponent(std::uint64_t rate_exponent, std::uint64_t weight,
                              std::uint64_t all_weight);
/// p = 1 - 2^-x = 1 - (1 - q)^(w / W) as a fraction of 2^64, never less than the truth. 0 for x =
/// 0.
std::uint64_t draw_chance(std::uint64_t member_exponent);
/// u64(H("assay.draw", y, subject)) < chance.
bool is_drawn(const base::Hash& y, const DrawSubject& subject, std::uint64_t chance);

/// n = -ln(1 - q) in 32.32: audits that one segment expects, whoever contributes and however stakes
/// are split.
std::uint64_t expected_audits(std::uint32_t rate_ppm);
/// Pay of one audit: price x t / (1 - e^-t), t = -ln(1 - q) w / W; rounded down, never below the
/// price. So splitting a stake changes nobody's income. Nothing when it is no amount.
std::optional<base::Amount> audit_pay(base::Amount price, std::uint64_t member_exponent);
/// ceil(n + 6 sqrt(n) + 3) for n in 32.32: audits that `n` expected ones become with a chance below
/// 10^-8 of more.
std::uint64_t audits_bound(std::uint64_t expected);

/// VRF input of an auditor's cells: over the audit's id and the root that was committed (a part's
/// tree root, a merge's or an initial root).
base::Bytes spot_alpha(const base::AuditId& audit, const base::Hash& root);

ASSAY_ENUM(VerdictKind, valid = 1, invalid)
/// A verdict in clear. invalid: `end_root` is the one the auditor found. valid: `cells_digest` is
/// over the cells that it captured.
struct Verdict {
    VerdictKind kind = VerdictKind::valid;
    base::Hash end_root;
    base::Hash cells_digest;
    ASSAY_FIELDS(Verdict, kind, end_root, cells_digest)
};
/// H("assay.seal", audit, validator, verdict, nonce): binding by the hash, hiding by the 32-byte
/// nonce. A control seals a `valid` with the salt of its cells as nonce.
base::Hash verdict_seal(const base::AuditId& audit, const base::AccountId& validator,
                        const Verdict& verdict, const base::Hash& nonce);

inline constexpr std::uint32_t kCells = 8;
/// H("assay.cells", salt, hashes of the cells).
base::Hash cells_digest(const base::Hash& salt, std::span<const base::Hash> cells);

}  // namespace assay::market
