#include "market/pricing.h"

#include <algorithm>

namespace assay::market {

namespace {

using base::Amount;
using base::Rounding;
__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kFlopsPerGflop = 1'000'000'000;
constexpr std::uint64_t kPartsPerBillion = 1'000'000'000;
constexpr std::uint64_t kSurvivalSteps = 64;

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

/// (value ppb)^count by squaring, each product rounded up: never less than the truth.
std::uint64_t power_ppb(std::uint64_t base_ppb, std::uint64_t count) {
    Wide result = kPartsPerBillion;
    Wide square = base_ppb;
    for (std::uint64_t bit = 0; bit < kSurvivalSteps && (count >> bit) != 0; ++bit) {
        if (((count >> bit) & 1U) != 0) result = (result * square + kPartsPerBillion - 1) / kPartsPerBillion;
        square = (square * square + kPartsPerBillion - 1) / kPartsPerBillion;
    }
    return static_cast<std::uint64_t>(result);
}

}  // namespace

std::optional<Amount> protocol_cost(Amount grains_per_gflop, std::uint64_t flops) {
    const auto cost = base::multiply_divide(grains_per_gflop, flops, kFlopsPerGflop, Rounding::up);
    if (!cost) return std::nullopt;
    return base::maximum(*cost, Amount::of(1));
}

std::uint32_t record_rate_ppm(const RecordTerms& terms, Amount record) {
    const Wide scale = static_cast<Wide>(terms.segment_value.grains()) * terms.value_factor;
    if (scale == 0) return terms.rate_new_ppm;
    const Wide shown = static_cast<Wide>(record.grains()) * terms.rate_new_ppm / kPartsPerMillion;
    return static_cast<std::uint32_t>((terms.rate_new_ppm * scale + scale + shown - 1) / (scale + shown));
}

std::optional<Amount> record_needed(const RecordTerms& terms, std::uint32_t rate_ppm) {
    if (rate_ppm >= terms.rate_new_ppm) return Amount{};
    if (rate_ppm == 0) return std::nullopt;
    // shown >= scale (rate_new - rate) / rate, and record >= shown 10^6 / rate_new: both rounded up.
    const Wide scale = static_cast<Wide>(terms.segment_value.grains()) * terms.value_factor;
    const Wide shown = (scale * (terms.rate_new_ppm - rate_ppm) + rate_ppm - 1) / rate_ppm;
    const Wide record = (shown * kPartsPerMillion + terms.rate_new_ppm - 1) / terms.rate_new_ppm;
    if (record > Amount::kMax) return std::nullopt;
    return Amount::of(static_cast<std::uint64_t>(record));
}

Amount record_earned(Amount audit_price, std::uint64_t audited, Amount protocol_fee, std::uint64_t segments, std::uint32_t fee_factor) {
    if (segments == 0) return {};
    const auto worth = base::multiply(audit_price, audited);
    const auto burned = base::multiply_divide(protocol_fee, audited * fee_factor, segments, Rounding::down);
    const Amount most = Amount::of(Amount::kMax);
    return base::minimum(worth.value_or(most), burned.value_or(most));
}

std::uint32_t effective_rate_ppm(std::uint32_t rate_ppm, std::uint32_t collusion_max_ppm) {
    const std::uint64_t rate = std::min<std::uint64_t>(rate_ppm, kPartsPerMillion);
    const std::uint64_t honest = kPartsPerMillion - std::min<std::uint64_t>(collusion_max_ppm, kPartsPerMillion);
    return static_cast<std::uint32_t>(rate * honest / kPartsPerMillion);
}

std::optional<Amount> deterrence(const LockTerms& terms) {
    const std::uint64_t rate = effective_rate_ppm(terms.rate_ppm, terms.collusion_max_ppm);
    if (rate == 0) return std::nullopt;
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    return base::multiply_divide(p, 2 * (kPartsPerMillion - rate), rate, Rounding::up);
}

std::optional<Amount> lease_lock(const LockTerms& terms) {
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    const auto caught = deterrence(terms);
    const auto at_risk = multiply_counts(p, {terms.unfinal_rounds, terms.lanes, terms.round_segments});
    const auto part = add_all(base::multiply(terms.price, terms.part_segments),
                              base::multiply(terms.protocol_cost, terms.part_segments));
    if (!caught || !at_risk || !part) return std::nullopt;
    return base::maximum(*caught, base::maximum(*at_risk, *part));
}

std::optional<Amount> lease_bond(const LockTerms& terms) {
    const Amount p = base::maximum(terms.price, terms.protocol_cost);
    return base::multiply_divide(p, terms.part_segments, 2, Rounding::up);
}

std::optional<Amount> audit_lock(Amount audit_price, std::uint32_t plant_ppm) {
    if (plant_ppm == 0) return base::multiply(audit_price, 2);
    return base::multiply_divide(audit_price, 2 * kPartsPerMillion, plant_ppm, Rounding::up);
}

std::optional<HoldParts> job_hold(const HoldTerms& terms) {
    const auto pay = base::multiply(terms.price_ceiling, terms.segments);
    const auto all_audited = base::multiply(terms.audit_price, terms.segments);
    if (!pay || !all_audited) return std::nullopt;
    const auto drawn = base::multiply_divide(*all_audited, std::min<std::uint64_t>(terms.rate_ppm, kPartsPerMillion),
                                             kPartsPerMillion, Rounding::up);
    const auto reserve = multiply_counts(terms.audit_price, {2, terms.lanes});
    const auto merges = base::multiply(terms.merge_audit_price, terms.rounds);
    const auto audits = add_all(add_all(drawn, reserve), merges);
    const auto total = add_all(add_all(pay, audits), terms.fees);
    if (!total) return std::nullopt;
    return HoldParts{*pay, *audits, terms.fees, *total};
}

std::optional<CheatNumbers> cheat_numbers(const LockTerms& terms, std::uint64_t lane_segments) {
    const auto lock = lease_lock(terms);
    if (!lock) return std::nullopt;
    const auto at_stake = base::add(*lock, terms.price);
    if (!at_stake) return std::nullopt;
    CheatNumbers out;
    out.effective_rate_ppm = effective_rate_ppm(terms.rate_ppm, terms.collusion_max_ppm);
    out.lock = *lock;
    out.saved_per_segment = base::maximum(terms.price, terms.protocol_cost);
    const auto loss =
        base::multiply_divide(*at_stake, out.effective_rate_ppm, kPartsPerMillion, Rounding::down);
    if (!loss) return std::nullopt;
    out.expected_loss_per_segment = *loss;
    const std::uint64_t escape_ppb = (kPartsPerMillion - out.effective_rate_ppm) * 1000;
    out.survive_job_ppb = power_ppb(escape_ppb, lane_segments);
    out.audits_to_survive =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(lane_segments, 0xffffffffU));
    out.deterred = out.expected_loss_per_segment > out.saved_per_segment;
    out.one_step_deterred = terms.rate_ppm >= kPartsPerMillion;
    return out;
}

}  // namespace assay::market
