#include "market/pricing.h"

#include <algorithm>

#include "base/wide.h"
#include "market/transactions.h"

namespace assay::market {

namespace {

using base::Amount;
using base::Rounding;
using Wide = base::Uint128;

constexpr std::uint64_t kFlopsPerGflop = 1'000'000'000;
constexpr std::uint64_t kPartsPerBillion = 1'000'000'000;
constexpr std::uint64_t kFixedOne = std::uint64_t{1} << 32U;
/// Chances are fractions of 2^64.
constexpr std::uint64_t kCertain = ~std::uint64_t{0};
/// How far power_of_half may be below the truth: one for its first factor, one for each of 32
/// products and of the 32 constants in them, one for the shift at the end.
constexpr std::uint64_t kHalfError = 66;

std::optional<Amount> add_all(std::optional<Amount> a, std::optional<Amount> b) {
    if (!a || !b) return std::nullopt;
    return base::add(*a, *b);
}

/// The factors are counts of a job: their product may not fit 64 bits even when each does.
std::optional<Amount> multiply_counts(Amount amount, std::initializer_list<std::uint64_t> counts) {
    std::optional<Amount> product = amount;
    for (const std::uint64_t count : counts) {
        if (product) product = base::multiply(*product, count);
    }
    return product;
}

/// chance^count by squaring, each product rounded up: never less than the truth.
std::uint64_t power_of(std::uint64_t chance, std::uint64_t count) {
    const auto product = [](std::uint64_t a, std::uint64_t b) {
        return static_cast<std::uint64_t>((static_cast<Wide>(a) * b + kCertain) >> 64U);
    };
    std::uint64_t result = kCertain;
    std::uint64_t square = chance;
    for (std::uint64_t left = count; left != 0; left >>= 1U) {
        if ((left & 1U) != 0) result = product(result, square);
        square = product(square, square);
    }
    return result;
}

/// Audits of `count` things that expect `each` in 32.32.
std::optional<std::uint64_t> audits_of(std::uint64_t count, std::uint64_t each) {
    const Wide all = static_cast<Wide>(count) * each;
    if (all > kCertain / 2) return std::nullopt;
    return static_cast<std::uint64_t>(all);
}

}  // namespace

std::optional<Amount> protocol_cost(Amount grains_per_gflop, std::uint64_t flops) {
    const auto cost = base::multiply_divide(grains_per_gflop, flops, kFlopsPerGflop, Rounding::up);
    if (!cost) return std::nullopt;
    return base::maximum(*cost, Amount::of(1));
}

std::optional<Amount> audit_price(Amount grains_per_gflop, Amount base_fee, std::uint64_t flops) {
    constexpr std::uint64_t kFeesCovered = 2, kRawBytes = 1;
    const std::uint64_t weight = message_weight(VerdictSeal{}, kRawBytes) +
                                 message_weight(VerdictReveal{}, kRawBytes) +
                                 message_weight(CellsOpen{}, kRawBytes);
    const auto cost = protocol_cost(grains_per_gflop, flops);
    const auto fees = base::multiply(base_fee, kFeesCovered * weight);
    if (!cost || !fees) return std::nullopt;
    return base::maximum(*cost, *fees);
}

std::uint32_t record_rate_ppm(const RecordTerms& terms, Amount record) {
    const Wide scale = static_cast<Wide>(terms.segment_value.grains()) * terms.value_factor;
    if (scale == 0) return terms.rate_new_ppm;
    const Wide shown = static_cast<Wide>(record.grains()) * terms.rate_new_ppm / kPartsPerMillion;
    return static_cast<std::uint32_t>((terms.rate_new_ppm * scale + scale + shown - 1) /
                                      (scale + shown));
}

std::optional<Amount> record_needed(const RecordTerms& terms, std::uint32_t rate_ppm) {
    if (rate_ppm >= terms.rate_new_ppm) return Amount{};
    if (rate_ppm == 0) return std::nullopt;
    // shown >= scale (rate_new - rate) / rate, and record >= shown 10^6 / rate_new: both rounded
    // up.
    const Wide scale = static_cast<Wide>(terms.segment_value.grains()) * terms.value_factor;
    const Wide shown = (scale * (terms.rate_new_ppm - rate_ppm) + rate_ppm - 1) / rate_ppm;
    const Wide record = (shown * kPartsPerMillion + terms.rate_new_ppm - 1) / terms.rate_new_ppm;
    if (record > Amount::kMax) return std::nullopt;
    return Amount::of(static_cast<std::uint64_t>(record));
}

Amount record_earned(Amount audit_price, std::uint64_t audited, Amount protocol_fee,
                     std::uint64_t segments, std::uint32_t fee_factor) {
    if (segments == 0) return {};
    const auto worth = base::multiply(audit_price, audited);
    const auto burned =
        base::multiply_divide(protocol_fee, audited * fee_factor, segments, Rounding::down);
    const Amount most = Amount::of(Amount::kMax);
    return base::minimum(worth.value_or(most), burned.value_or(most));
}

std::uint64_t escape_chance(std::uint32_t rate_ppm, std::uint32_t collusion_max_ppm) {
    const std::uint64_t honest =
        kPartsPerMillion - std::min<std::uint64_t>(collusion_max_ppm, kPartsPerMillion);
    const auto x = static_cast<std::uint64_t>(static_cast<Wide>(rate_exponent(rate_ppm)) * honest /
                                              kPartsPerMillion);
    if (x == 0) return kCertain;
    const std::uint64_t chance = power_of_half(x);
    return chance > kCertain - kHalfError ? kCertain : chance + kHalfError;
}

std::optional<Amount> deterrence(const LockTerms& terms) {
    const std::uint64_t escape = escape_chance(terms.rate_ppm, terms.collusion_max_ppm);
    if (escape == kCertain) return std::nullopt;
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    const Wide caught = kCertain - escape + Wide{1};
    // 2p and the chance are below 2^64: the product fits.
    const Wide lock = (static_cast<Wide>(2 * p.grains()) * escape + caught - 1) / caught;
    if (lock > Amount::kMax) return std::nullopt;
    return Amount::of(static_cast<std::uint64_t>(lock));
}

std::optional<Amount> lease_lock(const LockTerms& terms) {
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    const auto caught = deterrence(terms);
    const auto at_risk =
        multiply_counts(p, {2, terms.unfinal_rounds, terms.lanes, terms.round_segments});
    const auto expected = audits_of(terms.part_segments, expected_audits(terms.rate_ppm));
    if (!caught || !at_risk || !expected) return std::nullopt;
    const auto part = add_all(base::multiply(terms.price, terms.part_segments),
                              audit_pool(*expected, terms.protocol_cost, terms.protocol_cost));
    if (!part) return std::nullopt;
    return base::maximum(*caught, base::maximum(*at_risk, *part));
}

std::optional<Amount> lease_bond(const LockTerms& terms) {
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    return base::multiply_divide(p, terms.part_segments, 2, Rounding::up);
}

std::optional<Amount> audit_lock(Amount audit_price, std::uint32_t control_ppm) {
    return base::multiply_divide(audit_price, 2 * kPartsPerMillion, control_ppm, Rounding::up);
}

std::uint64_t expected_with_controls(std::uint32_t rate_ppm, std::uint32_t control_ppm) {
    const Wide each = static_cast<Wide>(kFixedOne) + expected_audits(control_ppm);
    return static_cast<std::uint64_t>((expected_audits(rate_ppm) * each + kFixedOne - 1) /
                                      kFixedOne);
}

std::uint64_t in_greatest(std::uint64_t expected, Amount price, Amount greatest) {
    const Wide product = static_cast<Wide>(expected) * price.grains();
    return static_cast<std::uint64_t>((product + greatest.grains() - 1) / greatest.grains());
}

std::optional<Amount> audit_pool(std::uint64_t expected, Amount price, Amount highest) {
    if (highest.is_zero()) return Amount{};
    const Wide pieces =
        (static_cast<Wide>(expected) * price.grains() + highest.grains() - 1) / highest.grains();
    if (pieces > ~std::uint64_t{0} / 2) return std::nullopt;
    return base::multiply(highest, audits_bound(static_cast<std::uint64_t>(pieces)));
}

std::optional<HoldParts> job_hold(const HoldTerms& terms) {
    const auto pay = base::multiply(terms.price_ceiling, terms.segments);
    const auto segments =
        audits_of(terms.segments, expected_with_controls(terms.rate_ppm, terms.control_ppm));
    const std::uint64_t sure = expected_with_controls(terms.rate_sure_ppm, terms.control_ppm);
    const auto rounds = audits_of(terms.rounds, sure);
    if (!pay || !segments || !rounds) return std::nullopt;
    const Amount greatest =
        base::maximum(terms.audit_price, base::maximum(terms.merge_price, terms.init_price));
    if (greatest.is_zero()) return std::nullopt;
    const std::uint64_t work = in_greatest(*segments, terms.audit_price, greatest) +
                               in_greatest(*rounds, terms.merge_price, greatest);
    const std::uint64_t init = in_greatest(sure, terms.init_price, greatest);
    const std::uint64_t expected = work + init;
    // The initial state has been judged before anything else begins: whatever that took, the rest
    // is covered.
    const auto audits = add_all(audit_pool(work, greatest, terms.highest_pay),
                                audit_pool(init, greatest, terms.highest_pay));
    if (!audits) return std::nullopt;
    const auto total = add_all(add_all(pay, audits), terms.fees);
    if (!total) return std::nullopt;
    return HoldParts{*pay, *audits, terms.fees, *total, expected};
}

std::optional<CheatNumbers> cheat_numbers(const LockTerms& terms, std::uint64_t lane_segments,
                                          std::uint32_t share_ppm) {
    const auto lock = lease_lock(terms);
    const auto at_stake = lock ? base::add(*lock, terms.price) : std::nullopt;
    if (!at_stake) return std::nullopt;
    const std::uint64_t escape = escape_chance(terms.rate_ppm, share_ppm);
    const Wide caught = kCertain - escape;
    const std::uint64_t survives = power_of(escape, lane_segments);
    CheatNumbers out;
    out.share_ppm = share_ppm;
    out.caught_ppm = static_cast<std::uint64_t>((caught * kPartsPerMillion) >> 64U);
    out.lock = *lock;
    out.saved_per_segment = base::maximum(terms.price, terms.protocol_cost);
    out.expected_loss_per_segment =
        Amount::of(static_cast<std::uint64_t>((caught * at_stake->grains()) >> 64U));
    out.survive_job_ppb = static_cast<std::uint64_t>(
        (static_cast<Wide>(survives) * kPartsPerBillion + kCertain) >> 64U);
    out.deterred = out.expected_loss_per_segment > out.saved_per_segment;
    return out;
}

}  // namespace assay::market
