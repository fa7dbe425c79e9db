// The functions of exact/math.h on Highway vectors, operation for operation. Included once per
// target (no include guard by #pragma).
#if defined(ASSAY_EXACT_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_EXACT_SIMD_MATH_INL_H_
#undef ASSAY_EXACT_SIMD_MATH_INL_H_
#else
#define ASSAY_EXACT_SIMD_MATH_INL_H_
#endif

#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay::exact::HWY_NAMESPACE {
namespace simd {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;
using I = hn::ScalableTag<std::int32_t>;
using U = hn::ScalableTag<std::uint32_t>;
using VF = hn::Vec<F>;
using VI = hn::Vec<I>;
using VU = hn::Vec<U>;
inline constexpr std::size_t kLanes = hn::MaxLanes(F());

HWY_INLINE VF set(float x) { return hn::Set(F(), x); }
HWY_INLINE VI set_i(std::int32_t x) { return hn::Set(I(), x); }
HWY_INLINE VI as_i(VF x) { return hn::BitCast(I(), x); }
HWY_INLINE VF as_f(VI x) { return hn::BitCast(F(), x); }
HWY_INLINE VF fma(VF a, VF b, VF c) { return hn::MulAdd(a, b, c); }
HWY_INLINE VF fma(VF a, VF b, float c) { return hn::MulAdd(a, b, set(c)); }

inline constexpr float kShift = 0x1.8p23F;
inline constexpr std::int32_t kShiftBits = 0x4b400000;
inline constexpr float kLn2High = 0x1.62e4p-1F, kLn2Low = 0x1.7f7d1cp-20F;

HWY_INLINE VF power_of_two(VI k) { return as_f(hn::ShiftLeft<23>(hn::Add(k, set_i(127)))); }
HWY_INLINE VF with_sign_of(VF y, VF x) {
    return as_f(hn::Or(as_i(y), hn::And(as_i(x), set_i(static_cast<std::int32_t>(0x80000000U)))));
}
HWY_INLINE VF flush(VF x) { return hn::IfThenZeroElse(hn::Lt(hn::Abs(x), set(0x1p-63F)), x); }

/// The first `count` lanes, at most all; the others are +0. Touches no other element: NEON has no
/// masked access, and what Highway does instead (load all, blend, store all) would write back
/// elements that another thread has changed meanwhile.
HWY_INLINE VF load_first(const float* from, std::size_t count) {
#if HWY_TARGET == HWY_NEON
    HWY_ALIGN float part[kLanes] = {};
    std::memcpy(part, from, (count < kLanes ? count : kLanes) * sizeof(float));
    return hn::Load(F(), part);
#else
    return hn::MaskedLoad(hn::FirstN(F(), count), F(), from);
#endif
}
HWY_INLINE void store_first(VF value, float* to, std::size_t count) {
#if HWY_TARGET == HWY_NEON
    HWY_ALIGN float part[kLanes];
    hn::Store(value, F(), part);
    std::memcpy(to, part, (count < kLanes ? count : kLanes) * sizeof(float));
#else
    hn::BlendedStore(value, hn::FirstN(F(), count), F(), to);
#endif
}

HWY_INLINE VF exp_core(VF x) {
    const VF shifted = fma(x, set(0x1.715476p+0F), kShift);
    const VF n = hn::Sub(shifted, set(kShift));
    const VI k = hn::Sub(as_i(shifted), set_i(kShiftBits));
    VF r = fma(n, set(-kLn2High), x);
    r = fma(n, set(-kLn2Low), r);
    VF q = set(0x1.6d5168p-10F);
    q = fma(q, r, 0x1.123e4cp-7F);
    q = fma(q, r, 0x1.5554e4p-5F);
    q = fma(q, r, 0x1.55548ap-3F);
    q = fma(q, r, 0x1p-1F);
    const VF p = hn::Add(set(1.0F), fma(hn::Mul(r, r), q, r));
    const VI half = hn::ShiftRight<1>(k);
    return hn::Mul(hn::Mul(p, power_of_two(half)), power_of_two(hn::Sub(k, half)));
}

HWY_INLINE VF exp(VF x) {
    const VF lowest = set(-0x1.5d589ep+6F), highest = set(89.0F);
    const auto below = hn::Lt(x, lowest);
    const VF low = hn::IfThenElse(below, lowest, x);
    const VF y = exp_core(hn::IfThenElse(hn::Gt(low, highest), highest, low));
    return hn::IfThenZeroElse(below, y);
}

HWY_INLINE VF log(VF x) {
    const auto subnormal = hn::Lt(x, set(0x1p-126F));
    const VF scaled = hn::IfThenElse(subnormal, hn::Mul(x, set(0x1p25F)), x);
    const VI offset = hn::Sub(as_i(scaled), set_i(0x3f3504f3));
    const VF e = hn::Add(hn::ConvertTo(F(), hn::ShiftRight<23>(offset)),
                         hn::IfThenElseZero(subnormal, set(-25.0F)));
    const VF f =
        hn::Sub(as_f(hn::Add(hn::And(offset, set_i(0x7fffff)), set_i(0x3f3504f3))), set(1.0F));
    const VF z = hn::Mul(f, f);
    VF p = set(0x1.11c874p-4F);
    p = fma(p, f, -0x1.dd651p-4F);
    p = fma(p, f, 0x1.e7a54ep-4F);
    p = fma(p, f, -0x1.fc4dap-4F);
    p = fma(p, f, 0x1.232cfap-3F);
    p = fma(p, f, -0x1.555ae4p-3F);
    p = fma(p, f, 0x1.99a546p-3F);
    p = fma(p, f, -0x1.00000ap-2F);
    p = fma(p, f, 0x1.555546p-2F);
    VF y = hn::Mul(hn::Mul(f, z), p);
    y = fma(e, set(kLn2Low), y);
    y = fma(set(-0.5F), z, y);
    const VF result = fma(e, set(kLn2High), hn::Add(f, y));
    const VF infinity = as_f(set_i(0x7f800000));
    const VF positive = hn::IfThenElse(hn::Eq(x, infinity), x, result);
    const VF other = hn::IfThenElse(hn::Gt(x, hn::Zero(F())), positive, as_f(set_i(0x7fc00000)));
    return hn::IfThenElse(hn::Eq(x, hn::Zero(F())), hn::Neg(infinity), other);
}

HWY_INLINE VF tanh(VF x) {
    const VF magnitude = hn::Abs(x);
    const VF a =
        hn::Mul(hn::IfThenElse(hn::Gt(magnitude, set(10.0F)), set(10.0F), magnitude), set(2.0F));
    const VF shifted = fma(a, set(0x1.715476p+0F), kShift);
    const VF n = hn::Sub(shifted, set(kShift));
    const VI k = hn::Sub(as_i(shifted), set_i(kShiftBits));
    VF r = fma(n, set(-kLn2High), a);
    r = fma(n, set(-kLn2Low), r);
    VF q = set(0x1.9e0812p-13F);
    q = fma(q, r, 0x1.6d4388p-10F);
    q = fma(q, r, 0x1.111308p-7F);
    q = fma(q, r, 0x1.5554fp-5F);
    q = fma(q, r, 0x1.555554p-3F);
    q = fma(q, r, 0x1p-1F);
    const VF m = fma(hn::Mul(r, r), q, r);
    const VF scale = power_of_two(hn::And(k, set_i(0x1f)));
    const VF t = fma(m, scale, hn::Sub(scale, set(1.0F)));
    const VF y = hn::Div(t, hn::Add(t, set(2.0F)));
    const VF z = hn::Mul(magnitude, magnitude);
    VF p = set(-0x1.b14752p-8F);
    p = fma(p, z, 0x1.5c9056p-6F);
    p = fma(p, z, -0x1.b97fbp-5F);
    p = fma(p, z, 0x1.110eep-3F);
    p = fma(p, z, -0x1.55555p-2F);
    const VF small = fma(hn::Mul(magnitude, z), p, magnitude);
    return with_sign_of(hn::IfThenElse(hn::Lt(magnitude, set(0.5F)), small, y), x);
}

HWY_INLINE VF erf(VF x) {
    const VF magnitude = hn::Abs(x);
    const VF z = hn::Mul(x, x);
    VF s = set(0x1.48edeep-14F);
    s = fma(s, z, -0x1.a3c95cp-11F);
    s = fma(s, z, 0x1.53ff92p-8F);
    s = fma(s, z, -0x1.b7f858p-6F);
    s = fma(s, z, 0x1.ce2cfp-4F);
    s = fma(s, z, -0x1.81273ep-2F);
    s = fma(s, z, 0x1.06eba8p-3F);
    const VF small = fma(x, s, x);
    const VF t = hn::IfThenElse(hn::Gt(magnitude, set(3.95F)), set(3.95F), magnitude);
    VF g = fma(set(0x1.cc2028p-19F), t, -0x1.c36ab8p-16F);
    g = fma(g, t, -0x1.32eacap-13F);
    g = fma(g, t, 0x1.a3c35p-9F);
    g = fma(g, t, -0x1.7adddp-6F);
    g = fma(g, t, 0x1.b0f1dp-4F);
    g = fma(g, t, 0x1.455276p-1F);
    g = fma(g, t, 0x1.20ec1ep+0F);
    const VF y = hn::Sub(set(1.0F), exp_core(hn::Neg(hn::Mul(g, t))));
    return hn::IfThenElse(hn::Lt(magnitude, set(1.0F)), small, with_sign_of(y, x));
}

HWY_INLINE VF turn_value(VF x, std::int32_t first_quarter) {
    const VF magnitude = hn::Abs(x), shift = set(kShift);
    const VF whole = hn::Sub(hn::Add(magnitude, shift), shift);
    const VF f = hn::IfThenElseZero(hn::Lt(magnitude, set(0x1p23F)), hn::Sub(magnitude, whole));
    const VF shifted = fma(f, set(4.0F), kShift);
    const VF r = fma(set(-0.25F), hn::Sub(shifted, shift), f);
    const VI quarter = hn::Add(hn::Sub(as_i(shifted), set_i(kShiftBits)), set_i(first_quarter));
    const VF z = hn::Mul(r, r);
    VF sine = set(0x1.465d3ep+5F);
    sine = fma(sine, z, -0x1.32b45cp+6F);
    sine = fma(sine, z, 0x1.466b82p+6F);
    sine = fma(sine, z, -0x1.4abbcep+5F);
    sine = fma(sine, z, -0x1.777a5cp-23F);
    sine = fma(r, set(0x1.921fb6p+2F), hn::Mul(r, sine));
    VF cosine = set(0x1.d684a8p+5F);
    cosine = fma(cosine, z, -0x1.55b7cep+6F);
    cosine = fma(cosine, z, 0x1.03c1b8p+6F);
    cosine = fma(cosine, z, -0x1.3bd3ccp+4F);
    cosine = fma(cosine, z, 1.0F);
    const auto odd = hn::MaskFromVec(as_f(hn::Neg(hn::And(quarter, set_i(1)))));
    const VF y = hn::IfThenElse(odd, cosine, sine);
    const VF result = as_f(hn::Xor(as_i(y), hn::ShiftLeft<30>(hn::And(quarter, set_i(2)))));
    return hn::IfThenElse(hn::Lt(magnitude, as_f(set_i(0x7f800000))), result,
                          as_f(set_i(0x7fc00000)));
}
HWY_INLINE VF sin2pi(VF x) {
    return as_f(hn::Xor(as_i(turn_value(x, 0)),
                        hn::And(as_i(x), set_i(static_cast<std::int32_t>(0x80000000U)))));
}
HWY_INLINE VF cos2pi(VF x) { return turn_value(x, 1); }

/// Round to nearest even, saturating; NaN gives 0.
HWY_INLINE VI to_i32(VF x) {
    const VI rounded = hn::NearestInt(x);
    const auto number = hn::RebindMask(I(), hn::Eq(x, x));
    const auto above = hn::RebindMask(I(), hn::Ge(x, set(0x1p31F)));
    return hn::IfThenElse(above, set_i(INT32_MAX), hn::IfThenElseZero(number, rounded));
}

}  // namespace simd
}  // namespace assay::exact::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
