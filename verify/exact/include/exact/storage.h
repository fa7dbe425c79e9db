#pragma once

#include <bit>
#include <cstdint>

#include "program/program.h"

/// Conversions of profile `f32`: between the two computing types, and to and from storage types.
/// Widening is exact; narrowing rounds to nearest even; integers saturate; every NaN written to f16
/// or bf16 is the canonical one.
namespace assay::exact {

/// Round to nearest even, saturating; NaN gives 0.
inline std::int32_t to_i32(float x) {
    if (!(x == x)) return 0;
    if (x >= 0x1p31F) return INT32_MAX;
    if (x < -0x1p31F) return INT32_MIN;
    // Exact in binary64: adding and subtracting 1.5 x 2^52 rounds to an integer, ties to even, with
    // nothing from libm.
    const double magic = 0x1.8p52;
    const volatile double shifted = static_cast<double>(x) + magic;
    return static_cast<std::int32_t>(shifted - magic);
}

/// The hardware conversion: round to nearest even.
inline float to_f32(std::int32_t x) { return static_cast<float>(x); }

inline std::uint16_t bf16_from_f32(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fc0U;
    return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}

inline float f32_from_bf16(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}

std::uint16_t f16_from_f32(float x);
float f32_from_f16(std::uint16_t bits);

inline std::int32_t clamp_i32(std::int32_t x, std::int32_t low, std::int32_t high) {
    return x < low ? low : (x > high ? high : x);
}

/// The type an element is computed with: i32 for i32, i8 and u16; f32 for f32, f16 and bf16.
constexpr program::DType computing_type(program::DType stored) {
    return (stored == program::DType::f32 || stored == program::DType::f16 ||
            stored == program::DType::bf16)
               ? program::DType::f32
               : program::DType::i32;
}

}  // namespace assay::exact
