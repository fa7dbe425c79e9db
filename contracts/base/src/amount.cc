#include "base/amount.h"

#include "base/check.h"
#include "base/wide.h"

namespace assay::base {

Amount Amount::of(std::uint64_t grains) {
    ASSAY_CHECK(grains <= kMax);
    return Amount(grains);
}

std::optional<Amount> Amount::checked(std::uint64_t grains) {
    if (grains > kMax) return std::nullopt;
    return Amount(grains);
}

std::string Amount::decimal() const { return std::to_string(grains_); }

std::optional<Amount> amount_from_decimal(std::string_view text) {
    if (text.empty() || text.size() > 19) return std::nullopt;  // 2^63 - 1 has 19 digits
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    std::uint64_t grains = 0;  // 19 digits stay below 2^64
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        grains = grains * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return Amount::checked(grains);
}

std::optional<Amount> add(Amount a, Amount b) { return Amount::checked(a.grains() + b.grains()); }

std::optional<Amount> subtract(Amount a, Amount b) {
    if (b > a) return std::nullopt;
    return Amount::of(a.grains() - b.grains());
}

std::optional<Amount> multiply(Amount a, std::uint64_t factor) {
    return multiply_divide(a, factor, 1, Rounding::down);
}

std::optional<Amount> multiply_divide(Amount a, std::uint64_t numerator, std::uint64_t denominator,
                                      Rounding rounding) {
    if (denominator == 0) return std::nullopt;
    const Uint128 product = static_cast<Uint128>(a.grains()) * numerator;
    Uint128 quotient = product / denominator;
    if (rounding == Rounding::up && product % denominator != 0) ++quotient;
    if (quotient > Amount::kMax) return std::nullopt;
    return Amount::of(static_cast<std::uint64_t>(quotient));
}

Amount minimum(Amount a, Amount b) { return a < b ? a : b; }

Amount maximum(Amount a, Amount b) { return a < b ? b : a; }

Amount operator+(Amount a, Amount b) {
    const auto sum = add(a, b);
    ASSAY_CHECK(sum.has_value());
    return *sum;
}

Amount operator-(Amount a, Amount b) {
    const auto difference = subtract(a, b);
    ASSAY_CHECK(difference.has_value());
    return *difference;
}

}  // namespace assay::base
