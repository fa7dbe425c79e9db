#include "market/draw.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/merkle.h"
#include "base/wide.h"

namespace assay::market {

namespace {

using base::Amount;
using base::Uint128;

constexpr std::uint32_t kFractionBits = 32;
constexpr std::uint64_t kOne = std::uint64_t{1} << kFractionBits;
constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kAll = ~std::uint64_t{0};
/// floor(ln 2 x 2^32).
constexpr std::uint64_t kNaturalLog2 = 2'977'044'471;

/// floor(2^64 x 2^-2^-i) for i = 1 to 32.
constexpr std::array<std::uint64_t, 32> kRoots{
    0xb504f333f9de6484, 0xd744fccad69d6af4, 0xeac0c6e7dd24392e, 0xf5257d152486cc2c,
    0xfa83b2db722a033a, 0xfd3e0c0cf486c174, 0xfe9e115c7b8f884b, 0xff4ecb59511ec8a5,
    0xffa756521c8daed1, 0xffd3a751c0f7e10b, 0xffe9d2b2f7db2755, 0xfff4e91bff1b8c3d,
    0xfffa747ea0040664, 0xfffd3a3b7814eb53, 0xfffe9d1cc60ddab1, 0xffff4e8e25879bfa,
    0xffffa7470363f451, 0xffffd3a37dda0313, 0xffffe9d1bdf703ae, 0xfffff4e8debe025e,
    0xfffffa746f4fa150, 0xfffffd3a37a3f8b0, 0xfffffe9d1bd1065a, 0xffffff4e8de845ad,
    0xffffffa746f41376, 0xffffffd3a37a05e3, 0xffffffe9d1bd01fb, 0xfffffff4e8de80c0,
    0xfffffffa746f4050, 0xfffffffd3a37a024, 0xfffffffe9d1bd011, 0xffffffff4e8de808};

base::PartId named(std::string_view tag, const base::Hash& subject, std::uint32_t number) {
    return {base::Hasher(tag).add(subject).add_u32(number).finish()};
}

/// Largest r with r^2 <= value.
std::uint64_t square_root(Uint128 value) {
    std::uint64_t root = 0;
    for (std::uint32_t bit = 64; bit-- > 0;) {
        const std::uint64_t wider = root | (std::uint64_t{1} << bit);
        if (static_cast<Uint128>(wider) * wider <= value) root = wider;
    }
    return root;
}

}  // namespace

base::Bytes contribution_alpha(const base::Hash& chain_id, std::uint64_t epoch,
                               const base::Hash& commitments_root) {
    base::Encoder out;
    out.text("assay.epoch").hash(chain_id).u64(epoch).hash(commitments_root);
    return out.take();
}

base::Hash contribution_output(const base::VrfOutput& beta) {
    return base::blake2b("assay.y", beta);
}

base::Hash commitment_leaf(const base::PartId& id, const base::JobId& job, const base::Hash& root) {
    return base::Hasher("assay.commitment").add(id.hash).add(job.hash).add(root).finish();
}

base::Hash extend_members(const base::Hash& before, const base::AccountId& validator,
                          std::uint64_t weight) {
    return base::Hasher("assay.member").add(before).add(validator.hash).add_u64(weight).finish();
}

base::Hash epoch_root(const base::Hash& members, std::uint64_t jailed_weight,
                      std::span<const base::Hash> leaves) {
    const base::Hash root = base::merkle_root(base::MerkleFamily::blake2b, leaves);
    return base::Hasher("assay.epochroot").add(members).add_u64(jailed_weight).add(root).finish();
}

base::PartId merge_commitment_id(const base::Hash& chain_id, const base::JobId& job,
                                 std::uint32_t round, std::uint32_t attempt) {
    return {base::Hasher("assay.mergeid")
                .add(chain_id)
                .add(job.hash)
                .add_u32(round)
                .add_u32(attempt)
                .finish()};
}

base::PartId init_commitment_id(const base::JobId& job) {
    return named("assay.initid", job.hash, 0);
}

base::PartId redraw_commitment_id(const base::PartId& subject, std::uint32_t segment,
                                  std::uint32_t redraw) {
    return named("assay.redraw", named("assay.redraw", subject.hash, segment).hash, redraw);
}

base::PartId control_commitment_id(const base::AuditId& audit, std::uint32_t redraw) {
    return named("assay.control", audit.hash, redraw);
}

base::PartId job_commitment_id(const base::JobId& job) {
    return named("assay.jobend", job.hash, 0);
}

std::uint64_t negative_log2(std::uint64_t word) {
    const std::uint64_t value = std::max<std::uint64_t>(word, 1);
    const auto zeros = static_cast<std::uint64_t>(std::countl_zero(value));
    std::uint64_t x = value << zeros;
    std::uint64_t digits = 0;
    for (std::uint32_t i = 0; i < kFractionBits; ++i) {
        const Uint128 square = (static_cast<Uint128>(x) * x) >> 63U;
        const bool two_or_more = (square >> 64U) != 0;
        digits = (digits << 1U) | (two_or_more ? 1U : 0U);
        x = static_cast<std::uint64_t>(two_or_more ? square >> 1U : square);
    }
    return ((zeros + 1) << kFractionBits) - digits;
}

std::uint64_t power_of_half(std::uint64_t x) {
    ASSAY_CHECK(x > 0);
    const std::uint64_t whole = x >> kFractionBits;
    if (whole >= 64) return 0;
    std::uint64_t result = kAll;
    for (std::uint32_t i = 0; i < kRoots.size(); ++i) {
        if (((x >> (kFractionBits - 1 - i)) & 1U) != 0)
            result = static_cast<std::uint64_t>((static_cast<Uint128>(result) * kRoots[i]) >> 64U);
    }
    return result >> whole;
}

std::uint64_t rate_exponent(std::uint32_t rate_ppm) {
    if (rate_ppm == 0) return 0;
    if (rate_ppm >= kMillion) return kAllExponent;
    const auto missed =
        static_cast<std::uint64_t>((static_cast<Uint128>(kMillion - rate_ppm) << 64U) / kMillion);
    return std::min(negative_log2(missed), kAllExponent);
}

std::uint64_t member_exponent(std::uint64_t exponent, std::uint64_t weight,
                              std::uint64_t all_weight) {
    ASSAY_CHECK(weight > 0 && weight <= all_weight);
    return static_cast<std::uint64_t>((static_cast<Uint128>(exponent) * weight + all_weight - 1) /
                                      all_weight);
}

std::uint64_t draw_chance(std::uint64_t exponent) {
    return exponent == 0 ? 0 : kAll - power_of_half(exponent);
}

bool is_drawn(const base::Hash& y, const DrawSubject& subject, std::uint64_t chance) {
    const base::Hash ticket = base::Hasher("assay.draw")
                                  .add(y)
                                  .add_u8(static_cast<std::uint8_t>(subject.kind))
                                  .add(subject.job.hash)
                                  .add_u32(subject.round)
                                  .add_u32(subject.lane)
                                  .add_u32(subject.segment)
                                  .add(subject.control.hash)
                                  .finish();
    return base::first_u64(ticket) < chance;
}

std::uint64_t expected_audits(std::uint32_t rate_ppm) {
    return static_cast<std::uint64_t>(
        (static_cast<Uint128>(rate_exponent(rate_ppm)) * kNaturalLog2) >> kFractionBits);
}

std::optional<Amount> audit_pay(Amount price, std::uint64_t exponent) {
    const auto t = (static_cast<Uint128>(exponent) * kNaturalLog2) >> kFractionBits;
    const std::uint64_t chance = std::max<std::uint64_t>(draw_chance(exponent) >> kFractionBits, 1);
    const auto factor = static_cast<std::uint64_t>((t << kFractionBits) / chance);
    return base::multiply_divide(price, std::max(factor, kOne), kOne, base::Rounding::down);
}

std::uint64_t audits_bound(std::uint64_t expected) {
    const std::uint64_t root = square_root(static_cast<Uint128>(expected) << kFractionBits);
    const Uint128 sum = static_cast<Uint128>(expected) + static_cast<Uint128>(6) * root +
                        3 * static_cast<Uint128>(kOne);
    return static_cast<std::uint64_t>((sum + kOne - 1) >> kFractionBits);
}

base::Bytes spot_alpha(const base::AuditId& audit, const base::Hash& root) {
    base::Encoder out;
    out.text("assay.spot").hash(audit.hash).hash(root);
    return out.take();
}

base::Hash verdict_seal(const base::AuditId& audit, const base::AccountId& validator,
                        const Verdict& verdict, const base::Hash& nonce) {
    return base::Hasher("assay.seal")
        .add(audit.hash)
        .add(validator.hash)
        .add_u8(static_cast<std::uint8_t>(verdict.kind))
        .add(verdict.end_root)
        .add(verdict.cells_digest)
        .add(nonce)
        .finish();
}

base::Hash cells_digest(const base::Hash& salt, std::span<const base::Hash> cells) {
    base::Hasher hasher("assay.cells");
    hasher.add(salt);
    for (const base::Hash& cell : cells) hasher.add(cell);
    return hasher.finish();
}

}  // namespace assay::market
