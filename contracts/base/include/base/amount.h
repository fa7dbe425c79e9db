#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay::base {

/// An amount of money in grains, the smallest unit. Always below 2^63; every operation is checked,
/// nothing wraps.
class Amount {
  public:
    constexpr Amount() = default;
    static constexpr std::uint64_t kMax = (std::uint64_t{1} << 63U) - 1;
    /// Requires grains <= kMax (a bug otherwise).
    static Amount of(std::uint64_t grains);
    /// Nothing when grains > kMax: for outside input.
    static std::optional<Amount> checked(std::uint64_t grains);
    [[nodiscard]] constexpr std::uint64_t grains() const { return grains_; }
    [[nodiscard]] constexpr bool is_zero() const { return grains_ == 0; }
    auto operator<=>(const Amount&) const = default;
    [[nodiscard]] std::string decimal() const;

  private:
    explicit constexpr Amount(std::uint64_t grains) : grains_(grains) {}
    std::uint64_t grains_ = 0;
};

std::optional<Amount> amount_from_decimal(
    std::string_view text);  ///< digits only, no leading zeros

[[nodiscard]] std::optional<Amount> add(Amount a, Amount b);       ///< nothing on overflow
[[nodiscard]] std::optional<Amount> subtract(Amount a, Amount b);  ///< nothing when b > a
[[nodiscard]] std::optional<Amount> multiply(Amount a, std::uint64_t factor);

enum class Rounding : std::uint8_t { down, up };
/// a * numerator / denominator with a 128-bit product. Nothing on overflow or when denominator is
/// 0. Fees and slashes round up, payments down (docs/formats/money.md).
[[nodiscard]] std::optional<Amount> multiply_divide(Amount a, std::uint64_t numerator,
                                                    std::uint64_t denominator, Rounding rounding);
Amount minimum(Amount a, Amount b);
Amount maximum(Amount a, Amount b);

/// Operations whose failure is a bug (the caller has checked): they abort instead of wrapping.
Amount operator+(Amount a, Amount b);
Amount operator-(Amount a, Amount b);
inline Amount& operator+=(Amount& a, Amount b) { return a = a + b; }
inline Amount& operator-=(Amount& a, Amount b) { return a = a - b; }

}  // namespace assay::base
