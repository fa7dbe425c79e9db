#include "exact/storage.h"

namespace assay::exact {

std::uint16_t f16_from_f32(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    if (magnitude > 0x7f800000U) return 0x7e00U;
    if (magnitude >= 0x477ff000U)
        return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65520 and above round to infinity
    if (magnitude < 0x33000001U) return sign;               // at most 2^-25: rounds to zero
    std::uint32_t exponent = magnitude >> 23U;
    std::uint32_t mantissa = (magnitude & 0x7fffffU) | 0x800000U;
    // Bits to drop: 13 for normal results, more below 2^-14.
    const std::uint32_t drop = exponent >= 113 ? 13U : 13U + (113U - exponent);
    const std::uint32_t kept = mantissa >> drop;
    const std::uint32_t rest = mantissa & ((1U << drop) - 1U);
    const std::uint32_t half = 1U << (drop - 1U);
    const std::uint32_t rounded =
        kept + ((rest > half || (rest == half && (kept & 1U) != 0)) ? 1U : 0U);
    // A carry out of the mantissa moves into the exponent by itself.
    const std::uint32_t result = exponent >= 113 ? rounded + ((exponent - 113U) << 10U) : rounded;
    return static_cast<std::uint16_t>(sign | result);
}

float f32_from_f16(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16U;
    const std::uint32_t exponent = (bits >> 10U) & 0x1fU;
    const std::uint32_t mantissa = bits & 0x3ffU;
    if (exponent == 31) {
        return std::bit_cast<float>(mantissa != 0 ? 0x7fc00000U : (sign | 0x7f800000U));
    }
    if (exponent == 0) {
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
        return sign != 0 ? -magnitude : magnitude;
    }
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
}

}  // namespace assay::exact
