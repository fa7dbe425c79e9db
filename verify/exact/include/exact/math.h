#pragma once

#include <bit>
#include <cstdint>

#include "exact/fma.h"
#include "exact/storage.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// The scalar definition of the profile `f32`: every function here is the meaning of its operation,
/// bit for bit, and every SIMD version must equal it (docs/numerics.md). One rounding per operation
/// as written; fma only where it stands; nothing comes from libm. NaN results are NaN of any
/// payload: whenever tensors are hashed every NaN reads as 0x7fc00000. Pure functions, safe on any
/// thread whose rounding mode is to nearest and which flushes no subnormals (exact/environment.h).
namespace assay::exact {

/// True when the CPU has a fused multiply-add instruction. Never changes a bit, only the speed of
/// fma_f32.
extern const bool kHardwareFma;

/// a * b + c with one rounding.
inline float fma_f32(float a, float b, float c) {
#if defined(__x86_64__)
    if (kHardwareFma) {
        __asm__("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
        return c;
    }
    return soft_fma(a, b, c);
#elif defined(__aarch64__)
    return __builtin_fmaf(a, b, c);  // One instruction on every aarch64.
#else
    return soft_fma(a, b, c);
#endif
}

inline float sqrt_f32(float x) {
#if defined(__x86_64__)
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
#else
    return __builtin_sqrtf(x);       // IEEE: correctly rounded wherever it comes from.
#endif
}

inline float max_f32(float a, float b) { return a > b ? a : b; }
inline float min_f32(float a, float b) { return a < b ? a : b; }
/// Clears (abs) or flips (neg) the sign bit, also of zeros and NaN.
inline float abs_f32(float x) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7fffffffU);
}
inline float neg_f32(float x) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ 0x80000000U);
}

/// Operands of matmul and dot: magnitudes below 2^-63 read as +0, so that no product is subnormal.
inline float flush_operand(float x) { return abs_f32(x) < 0x1p-63F ? 0.0F : x; }

namespace detail {

inline constexpr float kShift =
    0x1.8p23F;  ///< adding it rounds to an integer, which the low bits then hold
inline constexpr float kLog2E = 0x1.715476p+0F;
inline constexpr float kLn2High = 0x1.62e4p-1F, kLn2Low = 0x1.7f7d1cp-20F;
inline constexpr float kExpLowest = -0x1.5d589ep+6F;  ///< least x with exp(x) >= 2^-126
inline constexpr float kExpHighest = 89.0F;           ///< from here on exp is +inf

inline std::int32_t bits_of(float x) { return std::bit_cast<std::int32_t>(x); }
inline float from_bits(std::int32_t x) { return std::bit_cast<float>(x); }
/// 2^k for -126 <= k <= 127.
inline float power_of_two(std::int32_t k) {
    return std::bit_cast<float>((static_cast<std::uint32_t>(k) + 127U) << 23U);
}

/// y >= 0 or NaN, with the sign bit of x.
inline float with_sign_of(float y, float x) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) |
                                (std::bit_cast<std::uint32_t>(x) & 0x80000000U));
}

/// exp(x) for kExpLowest <= x <= kExpHighest, or NaN.
inline float exp_core(float x) {
    const float shifted = fma_f32(x, kLog2E, kShift);
    const float n = shifted - kShift;
    const std::int32_t k = bits_of(shifted) - bits_of(kShift);
    float r = fma_f32(n, -kLn2High, x);
    r = fma_f32(n, -kLn2Low, r);
    float q = 0x1.6d5168p-10F;
    q = fma_f32(q, r, 0x1.123e4cp-7F);
    q = fma_f32(q, r, 0x1.5554e4p-5F);
    q = fma_f32(q, r, 0x1.55548ap-3F);
    q = fma_f32(q, r, 0x1p-1F);
    const float p = 1.0F + fma_f32(r * r, q, r);
    const std::int32_t half = k >> 1;
    return (p * power_of_two(half)) * power_of_two(k - half);
}

}  // namespace detail

/// exp: +0 where the result would be below 2^-126 (x < kExpLowest, -inf included); +inf from 88.73
/// on; NaN gives NaN.
inline float exp_f32(float x) {
    const float low = x < detail::kExpLowest ? detail::kExpLowest : x;
    const float y = detail::exp_core(low > detail::kExpHighest ? detail::kExpHighest : low);
    return x < detail::kExpLowest ? 0.0F : y;
}

/// Natural logarithm: log(+-0) = -inf, negative gives NaN, log(+inf) = +inf, log(1) = +0.
inline float log_f32(float x) {
    const bool subnormal = x < 0x1p-126F;
    const float scaled = subnormal ? x * 0x1p25F : x;
    // Unsigned: the difference wraps for negative arguments, whose result is NaN below.
    const auto offset =
        static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(scaled) - 0x3f3504f3U);
    const float e = to_f32(offset >> 23) + (subnormal ? -25.0F : 0.0F);
    const float f = detail::from_bits((offset & 0x7fffff) + 0x3f3504f3) - 1.0F;
    const float z = f * f;
    float p = 0x1.11c874p-4F;
    p = fma_f32(p, f, -0x1.dd651p-4F);
    p = fma_f32(p, f, 0x1.e7a54ep-4F);
    p = fma_f32(p, f, -0x1.fc4dap-4F);
    p = fma_f32(p, f, 0x1.232cfap-3F);
    p = fma_f32(p, f, -0x1.555ae4p-3F);
    p = fma_f32(p, f, 0x1.99a546p-3F);
    p = fma_f32(p, f, -0x1.00000ap-2F);
    p = fma_f32(p, f, 0x1.555546p-2F);
    float y = (f * z) * p;
    y = fma_f32(e, detail::kLn2Low, y);
    y = fma_f32(-0.5F, z, y);
    const float result = fma_f32(e, detail::kLn2High, f + y);
    if (x == 0.0F) return detail::from_bits(static_cast<std::int32_t>(0xff800000U));
    if (!(x > 0.0F)) return detail::from_bits(0x7fc00000);
    return x == detail::from_bits(0x7f800000) ? x : result;
}

/// Hyperbolic tangent: x + x^3 P(x^2) below one half, t / (t + 2) with t = exp(2|x|) - 1 above.
/// Odd, also for zeros; +-1 from |x| = 10 on at the latest.
inline float tanh_f32(float x) {
    const float magnitude = abs_f32(x);
    const float a = (magnitude > 10.0F ? 10.0F : magnitude) * 2.0F;
    const float shifted = fma_f32(a, detail::kLog2E, detail::kShift);
    const float n = shifted - detail::kShift;
    const std::int32_t k = detail::bits_of(shifted) - detail::bits_of(detail::kShift);
    float r = fma_f32(n, -detail::kLn2High, a);
    r = fma_f32(n, -detail::kLn2Low, r);
    float q = 0x1.9e0812p-13F;
    q = fma_f32(q, r, 0x1.6d4388p-10F);
    q = fma_f32(q, r, 0x1.111308p-7F);
    q = fma_f32(q, r, 0x1.5554fp-5F);
    q = fma_f32(q, r, 0x1.555554p-3F);
    q = fma_f32(q, r, 0x1p-1F);
    const float m = fma_f32(r * r, q, r);
    const float scale = detail::power_of_two(k & 0x1f);
    const float t = fma_f32(m, scale, scale - 1.0F);
    const float y = t / (t + 2.0F);
    const float z = magnitude * magnitude;
    float p = -0x1.b14752p-8F;
    p = fma_f32(p, z, 0x1.5c9056p-6F);
    p = fma_f32(p, z, -0x1.b97fbp-5F);
    p = fma_f32(p, z, 0x1.110eep-3F);
    p = fma_f32(p, z, -0x1.55555p-2F);
    const float small = fma_f32(magnitude * z, p, magnitude);
    return detail::with_sign_of(magnitude < 0.5F ? small : y, x);
}

/// Error function: x E(x^2) below 1, 1 - exp(-g(|x|)) above. Odd, also for zeros; +-1 from |x|
/// = 3.95 on at the latest.
inline float erf_f32(float x) {
    const float magnitude = abs_f32(x);
    const float z = x * x;
    float s = 0x1.48edeep-14F;
    s = fma_f32(s, z, -0x1.a3c95cp-11F);
    s = fma_f32(s, z, 0x1.53ff92p-8F);
    s = fma_f32(s, z, -0x1.b7f858p-6F);
    s = fma_f32(s, z, 0x1.ce2cfp-4F);
    s = fma_f32(s, z, -0x1.81273ep-2F);
    s = fma_f32(s, z, 0x1.06eba8p-3F);
    const float small = fma_f32(x, s, x);
    const float t = magnitude > 3.95F ? 3.95F : magnitude;
    float g = fma_f32(0x1.cc2028p-19F, t, -0x1.c36ab8p-16F);
    g = fma_f32(g, t, -0x1.32eacap-13F);
    g = fma_f32(g, t, 0x1.a3c35p-9F);
    g = fma_f32(g, t, -0x1.7adddp-6F);
    g = fma_f32(g, t, 0x1.b0f1dp-4F);
    g = fma_f32(g, t, 0x1.455276p-1F);
    g = fma_f32(g, t, 0x1.20ec1ep+0F);
    const float y = 1.0F - detail::exp_core(-(g * t));
    return magnitude < 1.0F ? small : detail::with_sign_of(y, x);
}

namespace detail {

/// |x| turns reduced to r in [-1/8, 1/8] and the quarter turn it is counted from.
struct Turn {
    float r;
    std::int32_t quarter;
};
inline Turn reduce_turn(float magnitude) {
    // From 2^23 on every float is an integer; below, the shift removes whole turns exactly.
    const float whole = (magnitude + kShift) - kShift;
    const float f = magnitude < 0x1p23F ? magnitude - whole : 0.0F;
    const float shifted = fma_f32(f, 4.0F, kShift);
    const float n = shifted - kShift;
    return {fma_f32(-0.25F, n, f), bits_of(shifted) - bits_of(kShift)};
}
/// sin and cos of 2 pi r for |r| <= 1/8.
inline float sin_core(float r) {
    const float z = r * r;
    float p = 0x1.465d3ep+5F;
    p = fma_f32(p, z, -0x1.32b45cp+6F);
    p = fma_f32(p, z, 0x1.466b82p+6F);
    p = fma_f32(p, z, -0x1.4abbcep+5F);
    p = fma_f32(p, z, -0x1.777a5cp-23F);
    return fma_f32(r, 0x1.921fb6p+2F, r * p);
}
inline float cos_core(float r) {
    const float z = r * r;
    float p = 0x1.d684a8p+5F;
    p = fma_f32(p, z, -0x1.55b7cep+6F);
    p = fma_f32(p, z, 0x1.03c1b8p+6F);
    p = fma_f32(p, z, -0x1.3bd3ccp+4F);
    return fma_f32(p, z, 1.0F);
}
/// sin of (|x| + first_quarter / 4) turns.
inline float turn_value(float x, std::int32_t first_quarter) {
    const float magnitude = abs_f32(x);
    const Turn turn = reduce_turn(magnitude);
    const std::int32_t quarter = turn.quarter + first_quarter;
    const float y = (quarter & 1) != 0 ? cos_core(turn.r) : sin_core(turn.r);
    const float result = (quarter & 2) != 0 ? neg_f32(y) : y;
    return magnitude < from_bits(0x7f800000) ? result : from_bits(0x7fc00000);
}

}  // namespace detail

/// sin(2 pi x) and cos(2 pi x), the argument in turns; sin is odd, also for zeros. Infinite and NaN
/// arguments give NaN.
inline float sin2pi_f32(float x) {
    const float y = detail::turn_value(x, 0);
    return (detail::bits_of(x) < 0) ? neg_f32(y) : y;
}
inline float cos2pi_f32(float x) { return detail::turn_value(x, 1); }

}  // namespace assay::exact
