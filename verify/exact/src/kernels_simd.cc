#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "exact/kernels.h"
#include "kernel_tables.h"

// The portable table serves everything below AVX2: Highway's MulAdd is not fused there.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels_simd.cc"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

#include "simd_math-inl.h"
#include "simd_matmul-inl.h"

#undef ASSAY_TARGET_HAS_KERNELS
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
#define ASSAY_TARGET_HAS_KERNELS 1
#else
#define ASSAY_TARGET_HAS_KERNELS 0
#endif

#if ASSAY_TARGET_HAS_KERNELS
HWY_BEFORE_NAMESPACE();
namespace assay::exact::HWY_NAMESPACE {

using namespace simd;  // NOLINT: the vector vocabulary of this file

// ---- chunks

struct Words {
    VF a, b, c;
};

template <class Operation, int kArguments>
void chunk(const void* a, const void* b, const void* c, void* out, std::size_t n) {
    const F d;
    const float* pa = static_cast<const float*>(a);
    const float* pb = static_cast<const float*>(b);
    const float* pc = static_cast<const float*>(c);
    float* po = static_cast<float*>(out);
    const VF zero = hn::Zero(d);
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        const VF x = hn::LoadU(d, pa + i);
        const VF y = kArguments > 1 ? hn::LoadU(d, pb + i) : zero;
        const VF z = kArguments > 2 ? hn::LoadU(d, pc + i) : zero;
        hn::StoreU(Operation::apply(x, y, z), d, po + i);
    }
    if (i == n) return;
    HWY_ALIGN float tail[4][kLanes] = {};
    const std::size_t bytes = (n - i) * sizeof(float);
    std::memcpy(tail[0], pa + i, bytes);
    if (kArguments > 1) std::memcpy(tail[1], pb + i, bytes);
    if (kArguments > 2) std::memcpy(tail[2], pc + i, bytes);
    hn::Store(Operation::apply(hn::Load(d, tail[0]), hn::Load(d, tail[1]), hn::Load(d, tail[2])), d,
              tail[3]);
    std::memcpy(po + i, tail[3], bytes);
}

#define ASSAY_OPERATION(name, expression)              \
    struct name {                                      \
        static HWY_INLINE VF apply(VF a, VF b, VF c) { \
            (void)b, (void)c;                          \
            return expression;                         \
        }                                              \
    }
template <class Mask>
HWY_INLINE VF truth(Mask mask) {
    return as_f(hn::IfThenElseZero(mask, set_i(1)));
}
HWY_INLINE auto int_mask(hn::Mask<F> mask) { return hn::RebindMask(I(), mask); }

ASSAY_OPERATION(Add, hn::Add(a, b));
ASSAY_OPERATION(Sub, hn::Sub(a, b));
ASSAY_OPERATION(Mul, hn::Mul(a, b));
ASSAY_OPERATION(Div, hn::Div(a, b));
ASSAY_OPERATION(Fma, hn::MulAdd(a, b, c));
ASSAY_OPERATION(Sqrt, hn::Sqrt(a));
ASSAY_OPERATION(Neg, hn::Neg(a));
ASSAY_OPERATION(Abs, hn::Abs(a));
ASSAY_OPERATION(Min, hn::IfThenElse(hn::Lt(a, b), a, b));
ASSAY_OPERATION(Max, hn::IfThenElse(hn::Gt(a, b), a, b));
ASSAY_OPERATION(Equal, truth(int_mask(hn::Eq(a, b))));
ASSAY_OPERATION(Less, truth(int_mask(hn::Lt(a, b))));
ASSAY_OPERATION(LessEqual, truth(int_mask(hn::Le(a, b))));
ASSAY_OPERATION(Exp, simd::exp(a));
ASSAY_OPERATION(Log, simd::log(a));
ASSAY_OPERATION(Tanh, simd::tanh(a));
ASSAY_OPERATION(Erf, simd::erf(a));
ASSAY_OPERATION(Sin2pi, simd::sin2pi(a));
ASSAY_OPERATION(Cos2pi, simd::cos2pi(a));
ASSAY_OPERATION(ToI32, as_f(simd::to_i32(a)));
ASSAY_OPERATION(AddI, as_f(hn::Add(as_i(a), as_i(b))));
ASSAY_OPERATION(SubI, as_f(hn::Sub(as_i(a), as_i(b))));
ASSAY_OPERATION(MulI, as_f(hn::Mul(as_i(a), as_i(b))));
ASSAY_OPERATION(EqualI, truth(hn::Eq(as_i(a), as_i(b))));
ASSAY_OPERATION(LessI, truth(hn::Lt(as_i(a), as_i(b))));
ASSAY_OPERATION(LessEqualI, truth(hn::Not(hn::Gt(as_i(a), as_i(b)))));
ASSAY_OPERATION(ToF32, hn::ConvertTo(F(), as_i(a)));
ASSAY_OPERATION(Select, hn::IfThenElse(hn::RebindMask(F(), hn::Eq(as_i(a), hn::Zero(I()))), c, b));
#undef ASSAY_OPERATION

// ---- row reductions

inline constexpr std::size_t kParts = 32 / kLanes;

/// lane[l] = lane[l] + lane[l + s] for s = 16, 8, 4, 2, 1: whole vectors while s is a vector or
/// more, then halves of one.
template <class D>
HWY_INLINE float tree_of_vector([[maybe_unused]] D d, hn::Vec<D> v) {
    if constexpr (hn::MaxLanes(D()) > 4) {
        const hn::Half<D> half;
        return tree_of_vector(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    } else {
        const hn::Vec<D> two = hn::Add(v, hn::Shuffle1032(v));
        return hn::GetLane(hn::Add(two, hn::Shuffle2301(two)));
    }
}
HWY_INLINE float tree(VF (&lanes)[kParts]) {
#pragma GCC unroll 4
    for (std::size_t s = kParts / 2; s >= 1; s /= 2) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < s; ++p) lanes[p] = hn::Add(lanes[p], lanes[p + s]);
    }
    return tree_of_vector(F(), lanes[0]);
}

// Columns beyond the end add +0 to a lane that is never -0: no bit changes.
template <bool kDot>
HWY_INLINE void add_to_lanes(VF (&lanes)[kParts], const float* a, const float* b) {
    const F d;
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) {
        const VF x = hn::LoadU(d, a + p * kLanes);
        if (kDot) {
            lanes[p] = fma(flush(x), flush(hn::LoadU(d, b + p * kLanes)), lanes[p]);
        } else {
            lanes[p] = hn::Add(lanes[p], x);
        }
    }
}
template <bool kDot>
HWY_INLINE float reduce(const float* a, const float* b, std::size_t n) {
    const F d;
    VF lanes[kParts];
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) lanes[p] = hn::Zero(d);
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32) add_to_lanes<kDot>(lanes, a + i, b + (kDot ? i : 0));
    if (i < n) {
        HWY_ALIGN float tail[2][32] = {};
        std::memcpy(tail[0], a + i, (n - i) * sizeof(float));
        if (kDot) std::memcpy(tail[1], b + i, (n - i) * sizeof(float));
        add_to_lanes<kDot>(lanes, tail[0], tail[1]);
    }
    return tree(lanes);
}
float row_sum(const float* row, std::size_t n) { return reduce<false>(row, nullptr, n); }
float row_dot(const float* a, const float* b, std::size_t n) { return reduce<true>(a, b, n); }

HWY_INLINE VF larger(VF x, VF m) { return hn::IfThenElse(hn::Gt(x, m), x, m); }
template <class D>
HWY_INLINE float largest([[maybe_unused]] D d, hn::Vec<D> v) {
    const auto pick = [](auto x, auto m) HWY_ATTR { return hn::IfThenElse(hn::Gt(x, m), x, m); };
    if constexpr (hn::MaxLanes(D()) > 4) {
        const hn::Half<D> half;
        return largest(half, pick(hn::UpperHalf(half, v), hn::LowerHalf(half, v)));
    } else {
        const hn::Vec<D> two = pick(hn::Shuffle1032(v), v);
        return hn::GetLane(pick(hn::Shuffle2301(two), two));
    }
}

// `x > m ? x : m` then + (+0): NaN never wins and -0 becomes +0, so no order is visible.
float row_max(const float* row, std::size_t n) {
    const F d;
    const VF lowest = as_f(set_i(static_cast<std::int32_t>(0xff800000U)));
    VF m[4] = {lowest, lowest, lowest, lowest};
    std::size_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < 4; ++p) m[p] = larger(hn::LoadU(d, row + i + p * kLanes), m[p]);
    }
    for (; i + kLanes <= n; i += kLanes) m[0] = larger(hn::LoadU(d, row + i), m[0]);
    if (i < n) {
        HWY_ALIGN float tail[kLanes];
        hn::Store(lowest, d, tail);
        std::memcpy(tail, row + i, (n - i) * sizeof(float));
        m[0] = larger(hn::Load(d, tail), m[0]);
    }
    return largest(d, larger(larger(m[0], m[1]), larger(m[2], m[3]))) + 0.0F;
}

// ---- causal softmax

/// Like load_first, with `otherwise` in the other lanes.
HWY_INLINE VF load_first_or(const float* from, std::size_t count, VF otherwise) {
    HWY_ALIGN float part[kLanes];
    hn::Store(otherwise, F(), part);
    std::memcpy(part, from, count * sizeof(float));
    return hn::Load(F(), part);
}

/// out[i] = scores[i] * scale for i < n; their maximum.
HWY_INLINE float scale_and_max(const float* scores, std::size_t n, float scale, float* out) {
    const F d;
    const VF factor = set(scale), lowest = as_f(set_i(static_cast<std::int32_t>(0xff800000U)));
    VF m[2] = {lowest, lowest};
    std::size_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
#pragma GCC unroll 2
        for (std::size_t p = 0; p < 2; ++p) {
            const VF z = hn::Mul(hn::LoadU(d, scores + i + p * kLanes), factor);
            hn::StoreU(z, d, out + i + p * kLanes);
            m[p] = larger(z, m[p]);
        }
    }
    for (; i < n; i += kLanes) {
        const std::size_t count = std::min(kLanes, n - i);
        const VF z = hn::Mul(load_first_or(scores + i, count, lowest), factor);
        store_first(z, out + i, count);
        m[0] = larger(load_first_or(out + i, count, lowest), m[0]);
    }
    return largest(d, larger(m[0], m[1])) + 0.0F;
}

HWY_INLINE VF exponential(VF z, VF m) {
    const VF t = simd::exp(hn::Sub(z, m));
    return hn::IfThenZeroElse(hn::Lt(t, set(0x1p-63F)), t);
}

// What lies above the diagonal is -inf before exp and +0 after it, unless the maximum is infinite
// (or the row has no number): then the row is computed to its end.
void causal_softmax(const float* scores, std::size_t row, std::size_t cols, float scale,
                    float* out) {
    const F d;
    std::size_t n = std::min(cols, row + 1);
    const float m = scale_and_max(scores, n, scale, out);
    if (!(m < std::numeric_limits<float>::infinity() &&
          m > -std::numeric_limits<float>::infinity())) {
        for (; n < cols; ++n) out[n] = -std::numeric_limits<float>::infinity();
    }
    const VF most = set(m);
    VF lanes[kParts];
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kParts; ++p) lanes[p] = hn::Zero(d);
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 8
        for (std::size_t p = 0; p < kParts; ++p) {
            const VF e = exponential(hn::LoadU(d, out + i + p * kLanes), most);
            hn::StoreU(e, d, out + i + p * kLanes);
            lanes[p] = hn::Add(lanes[p], e);
        }
    }
    for (std::size_t p = 0; i < n; ++p, i += kLanes) {
        const std::size_t count = std::min(kLanes, n - i);
        const VF z =
            load_first_or(out + i, count, as_f(set_i(static_cast<std::int32_t>(0xff800000U))));
        store_first(exponential(z, most), out + i, count);
        lanes[p] = hn::Add(lanes[p], load_first(out + i, count));
    }
    const float r = 1.0F / tree(lanes);
    const VF factor = set(r), outside = hn::Mul(hn::Zero(d), factor);
    for (i = 0; i + kLanes <= n; i += kLanes)
        hn::StoreU(hn::Mul(hn::LoadU(d, out + i), factor), d, out + i);
    if (i < n) store_first(hn::Mul(load_first(out + i, n - i), factor), out + i, n - i);
    for (i = n; i + kLanes <= cols; i += kLanes) hn::StoreU(outside, d, out + i);
    if (i < cols) store_first(outside, out + i, cols - i);
}

// ---- whole arrays

bool all_finite(const float* values, std::size_t n) {
    const I d;
    const VI magnitude = set_i(0x7fffffff);
    VI largest[2] = {hn::Zero(d), hn::Zero(d)};
    const auto word = [&](std::size_t i)
                          HWY_ATTR { return hn::And(as_i(hn::LoadU(F(), values + i)), magnitude); };
    std::size_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
        largest[0] = hn::Max(largest[0], word(i));
        largest[1] = hn::Max(largest[1], word(i + kLanes));
    }
    HWY_ALIGN std::int32_t lanes[kLanes];
    hn::Store(hn::Max(largest[0], largest[1]), d, lanes);
    bool finite = true;
    for (const std::int32_t lane : lanes) finite = finite && lane < 0x7f800000;
    for (; i < n; ++i)
        finite = finite && (std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffU) < 0x7f800000U;
    return finite;
}

void fill(float* to, std::size_t n, std::uint32_t word) {
    const F d;
    const VF x = as_f(hn::Set(I(), static_cast<std::int32_t>(word)));
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) hn::StoreU(x, d, to + i);
    if (i < n) store_first(x, to + i, n - i);
}

// ---- Philox

struct Product {
    VU low, high;
};
HWY_INLINE Product multiply(VU a, std::uint32_t b) {
    const U d;
    const VU factor = hn::Set(d, b);
    const auto even = hn::MulEven(a, factor);
    const auto odd = hn::MulEven(
        hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(hn::Repartition<std::uint64_t, U>(), a))),
        factor);
    const VU even32 = hn::BitCast(d, even), odd32 = hn::BitCast(d, odd);
    // even holds (low, high) of lanes 0, 2, ...; odd those of lanes 1, 3, ...
    const VU low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), even32);
    const VU high = hn::OddEven(odd32, hn::BitCast(d, hn::ShiftRight<32>(even)));
    return {low, high};
}

void philox_words(std::uint32_t key_low, std::uint32_t key_high, std::uint64_t first,
                  std::size_t count, std::uint32_t sequence, std::uint32_t step,
                  std::uint32_t* words) {
    const U d;
    HWY_ALIGN std::uint32_t low[kLanes], high[kLanes], out[4][kLanes];
    for (std::size_t i = 0; i < count; i += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) {
            low[l] = static_cast<std::uint32_t>(first + i + l);
            high[l] = static_cast<std::uint32_t>((first + i + l) >> 32U);
        }
        VU c0 = hn::Load(d, low), c1 = hn::Load(d, high), c2 = hn::Set(d, sequence),
           c3 = hn::Set(d, step);
        std::uint32_t k0 = key_low, k1 = key_high;
        for (int round = 0; round < 10; ++round) {
            const Product p = multiply(c0, 0xD2511F53U), q = multiply(c2, 0xCD9E8D57U);
            c0 = hn::Xor(hn::Xor(q.high, c1), hn::Set(d, k0));
            c1 = q.low;
            c2 = hn::Xor(hn::Xor(p.high, c3), hn::Set(d, k1));
            c3 = p.low;
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }
        hn::Store(c0, d, out[0]);
        hn::Store(c1, d, out[1]);
        hn::Store(c2, d, out[2]);
        hn::Store(c3, d, out[3]);
        for (std::size_t l = 0; l < kLanes && i + l < count; ++l) {
            for (std::size_t w = 0; w < 4; ++w) words[4 * (i + l) + w] = out[w][l];
        }
    }
}

Kernels make_table(const char* name, const MapFunction* maps) {
    Kernels k;
    k.name = name;
    k.maps = maps;
    k.tile_rows = kTileRows;
    k.tile_cols = kTileCols;
    const auto put = [&k](ChunkOp op, ChunkFunction function) {
        k.chunk[static_cast<std::size_t>(op)] = function;
    };
    put(ChunkOp::add, chunk<Add, 2>);
    put(ChunkOp::sub, chunk<Sub, 2>);
    put(ChunkOp::mul, chunk<Mul, 2>);
    put(ChunkOp::div, chunk<Div, 2>);
    put(ChunkOp::fma, chunk<Fma, 3>);
    put(ChunkOp::sqrt, chunk<Sqrt, 1>);
    put(ChunkOp::neg, chunk<Neg, 1>);
    put(ChunkOp::abs, chunk<Abs, 1>);
    put(ChunkOp::min, chunk<Min, 2>);
    put(ChunkOp::max, chunk<Max, 2>);
    put(ChunkOp::equal, chunk<Equal, 2>);
    put(ChunkOp::less, chunk<Less, 2>);
    put(ChunkOp::less_equal, chunk<LessEqual, 2>);
    put(ChunkOp::exp, chunk<Exp, 1>);
    put(ChunkOp::log, chunk<Log, 1>);
    put(ChunkOp::tanh, chunk<Tanh, 1>);
    put(ChunkOp::erf, chunk<Erf, 1>);
    put(ChunkOp::sin2pi, chunk<Sin2pi, 1>);
    put(ChunkOp::cos2pi, chunk<Cos2pi, 1>);
    put(ChunkOp::to_i32, chunk<ToI32, 1>);
    put(ChunkOp::add_i32, chunk<AddI, 2>);
    put(ChunkOp::sub_i32, chunk<SubI, 2>);
    put(ChunkOp::mul_i32, chunk<MulI, 2>);
    put(ChunkOp::equal_i32, chunk<EqualI, 2>);
    put(ChunkOp::less_i32, chunk<LessI, 2>);
    put(ChunkOp::less_equal_i32, chunk<LessEqualI, 2>);
    put(ChunkOp::to_f32, chunk<ToF32, 1>);
    put(ChunkOp::select, chunk<Select, 3>);
    k.sum = row_sum;
    k.dot = row_dot;
    k.max = row_max;
    k.causal_softmax = causal_softmax;
    k.tile = tile;
    k.pack = pack;
    k.pack_panels = pack_panels;
    k.all_finite = all_finite;
    k.fill = fill;
    k.pack_transposed = pack_transposed;
    k.row_times_matrix = row_times_matrix;
    k.philox = philox_words;
    return k;
}

}  // namespace assay::exact::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace assay::exact {

const Kernels* avx2_kernels() {
#if HWY_TARGETS & HWY_AVX2
    if ((hwy::SupportedTargets() & HWY_AVX2) == 0) return nullptr;
    static const Kernels table = N_AVX2::make_table("avx2", avx2_maps());
    return &table;
#else
    return nullptr;
#endif
}
const Kernels* avx512_kernels() {
#if HWY_TARGETS & HWY_AVX3
    if ((hwy::SupportedTargets() & HWY_AVX3) == 0) return nullptr;
    static const Kernels table = N_AVX3::make_table("avx512", avx512_maps());
    return &table;
#else
    return nullptr;
#endif
}
const Kernels* neon_kernels() {
#if HWY_TARGETS & HWY_NEON
    static const Kernels table = N_NEON::make_table("neon", neon_maps());
    return &table;
#else
    return nullptr;
#endif
}

}  // namespace assay::exact
#endif
