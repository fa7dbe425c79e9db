#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "exact/kernels.h"
#include "kernel_tables.h"
#include "map_shapes.h"
#include "program/operations.h"

// The same targets as kernels_simd.cc.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maps_simd.cc"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

#include "simd_math-inl.h"

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
using program::Op;

using MF = hn::Mask<F>;

/// Straight-line code of one shape. Node values live in `v`; a compare's also as a mask, so that a
/// select on it costs nothing.
template <std::size_t kShape>
struct CompiledMap {
    static constexpr const MapShape& kThis = kMapShapes[kShape];
    static constexpr std::size_t kCount = kThis.count;

    static constexpr bool is_integer(std::size_t i) {
        const ShapeNode& n = kThis.nodes[i];
        const std::size_t arguments[] = {n.a, n.b, n.c};
        return !program::gives_real(n.op, [&](int k) {
            return n.op == Op::operand ? ((kThis.integers >> n.a) & 1U) == 0
                                       : !is_integer(arguments[k]);
        });
    }
    static constexpr bool is_compare(std::size_t i) {
        const Op op = kThis.nodes[i].op;
        return op == Op::equal || op == Op::less || op == Op::less_equal;
    }
    static constexpr bool is_column(std::size_t i) {
        return kThis.nodes[i].op == Op::operand && ((kThis.columns >> kThis.nodes[i].a) & 1U) != 0;
    }

    struct Values {
        HWY_INLINE Values() {}  // An implicit one is not compiled for the target.
        VF v[program::kNodesMax];
        MF m[program::kNodesMax];
    };

    template <std::size_t kNode>
    static HWY_INLINE void constant(Values& x, const MapCall& call) {
        constexpr Op kOp = kThis.nodes[kNode].op;
        if constexpr (kOp == Op::constant_f32 || kOp == Op::constant_i32)
            x.v[kNode] = as_f(set_i(static_cast<std::int32_t>(call.nodes[kNode].bits)));
    }

    template <std::size_t kNode>
    static HWY_INLINE void of_row(Values& x, const MapCall& call, std::size_t row) {
        constexpr ShapeNode kNow = kThis.nodes[kNode];
        if constexpr (is_column(kNode))
            x.v[kNode] = set(call.in[kNow.a][row * call.stride[kNow.a]]);
        if constexpr (kNow.op == Op::row_index)
            x.v[kNode] = as_f(set_i(static_cast<std::int32_t>(call.first_row + row)));
    }

    static HWY_INLINE MF chosen(const Values& x, std::size_t i) {
        return hn::RebindMask(F(), hn::Ne(as_i(x.v[i]), hn::Zero(I())));
    }

    template <Op kOp>
    static HWY_INLINE MF compare(bool integers, VF a, VF b) {
        if (integers) {
            if constexpr (kOp == Op::equal) return hn::RebindMask(F(), hn::Eq(as_i(a), as_i(b)));
            if constexpr (kOp == Op::less) return hn::RebindMask(F(), hn::Lt(as_i(a), as_i(b)));
            return hn::RebindMask(F(), hn::Not(hn::Gt(as_i(a), as_i(b))));
        }
        if constexpr (kOp == Op::equal) return hn::Eq(a, b);
        if constexpr (kOp == Op::less) return hn::Lt(a, b);
        return hn::Le(a, b);
    }

    template <std::size_t kNode, bool kWhole>
    static HWY_INLINE void element(Values& x, const MapCall& call, std::size_t row, std::size_t col,
                                   std::size_t count) {
        constexpr ShapeNode kNow = kThis.nodes[kNode];
        constexpr Op kOp = kNow.op;
        constexpr bool kIntegers = is_integer(kNow.a);
        VF& y = x.v[kNode];
        const VF a = x.v[kNow.a], b = x.v[kNow.b], c = x.v[kNow.c];
        if constexpr (kOp == Op::operand) {
            if constexpr (!is_column(kNode)) {
                const float* from = call.in[kNow.a] + row * call.stride[kNow.a] + col;
                y = kWhole ? hn::LoadU(F(), from) : load_first(from, count);
            }
        } else if constexpr (kOp == Op::col_index) {
            y = as_f(hn::Iota(I(), static_cast<std::int32_t>(col)));
        } else if constexpr (is_compare(kNode)) {
            x.m[kNode] = compare<kOp>(kIntegers, a, b);
            y = as_f(hn::IfThenElseZero(hn::RebindMask(I(), x.m[kNode]), set_i(1)));
        } else if constexpr (kOp == Op::select) {
            if constexpr (is_compare(kNow.a)) {
                y = hn::IfThenElse(x.m[kNow.a], b, c);
            } else {
                y = hn::IfThenElse(chosen(x, kNow.a), b, c);
            }
        } else if constexpr (kOp == Op::add) {
            y = kIntegers ? as_f(hn::Add(as_i(a), as_i(b))) : hn::Add(a, b);
        } else if constexpr (kOp == Op::sub) {
            y = kIntegers ? as_f(hn::Sub(as_i(a), as_i(b))) : hn::Sub(a, b);
        } else if constexpr (kOp == Op::mul) {
            y = kIntegers ? as_f(hn::Mul(as_i(a), as_i(b))) : hn::Mul(a, b);
        } else if constexpr (kOp == Op::div) {
            y = hn::Div(a, b);
        } else if constexpr (kOp == Op::fma) {
            y = hn::MulAdd(a, b, c);
        } else if constexpr (kOp == Op::sqrt) {
            y = hn::Sqrt(a);
        } else if constexpr (kOp == Op::neg) {
            y = hn::Neg(a);
        } else if constexpr (kOp == Op::abs) {
            y = hn::Abs(a);
        } else if constexpr (kOp == Op::min) {
            y = hn::IfThenElse(hn::Lt(a, b), a, b);
        } else if constexpr (kOp == Op::max) {
            y = hn::IfThenElse(hn::Gt(a, b), a, b);
        } else if constexpr (kOp == Op::exp) {
            y = simd::exp(a);
        } else if constexpr (kOp == Op::log) {
            y = simd::log(a);
        } else if constexpr (kOp == Op::tanh) {
            y = simd::tanh(a);
        } else if constexpr (kOp == Op::erf) {
            y = simd::erf(a);
        } else if constexpr (kOp == Op::sin2pi) {
            y = simd::sin2pi(a);
        } else if constexpr (kOp == Op::cos2pi) {
            y = simd::cos2pi(a);
        } else if constexpr (kOp == Op::to_f32) {
            y = kIntegers ? hn::ConvertTo(F(), as_i(a)) : a;
        } else if constexpr (kOp == Op::to_i32) {
            y = kIntegers ? a : as_f(simd::to_i32(a));
        } else {
            static_assert(kOp == Op::constant_f32 || kOp == Op::constant_i32 ||
                          kOp == Op::row_index);
        }
    }

    template <bool kWhole, std::size_t... kNodes>
    static HWY_INLINE void elements(Values& x, const MapCall& call, std::size_t row,
                                    std::size_t col, std::size_t count,
                                    std::index_sequence<kNodes...> /*nodes*/) {
        (element<kNodes, kWhole>(x, call, row, col, count), ...);
        float* to = call.out + row * call.out_stride + col;
        if constexpr (kWhole) {
            hn::StoreU(x.v[kCount - 1], F(), to);
        } else {
            store_first(x.v[kCount - 1], to, count);
        }
    }

    template <std::size_t... kNodes>
    static HWY_INLINE void rows(const MapCall& call, std::index_sequence<kNodes...> nodes) {
        Values x;
        (constant<kNodes>(x, call), ...);
        for (std::size_t row = 0; row < call.rows; ++row) {
            (of_row<kNodes>(x, call, row), ...);
            std::size_t col = 0;
            for (; col + kLanes <= call.cols; col += kLanes)
                elements<true>(x, call, row, col, kLanes, nodes);
            if (col < call.cols) elements<false>(x, call, row, col, call.cols - col, nodes);
        }
    }

    static void run(const MapCall& call) { rows(call, std::make_index_sequence<kCount>()); }
};

template <std::size_t... kShapes>
constexpr std::array<MapFunction, sizeof...(kShapes)> functions(
    std::index_sequence<kShapes...> /*shapes*/) {
    return {CompiledMap<kShapes>::run...};
}

constexpr auto kMaps = functions(std::make_index_sequence<kMapShapeCount>());

}  // namespace assay::exact::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace assay::exact {

const MapFunction* avx2_maps() {
#if HWY_TARGETS & HWY_AVX2
    return N_AVX2::kMaps.data();
#else
    return nullptr;
#endif
}
const MapFunction* avx512_maps() {
#if HWY_TARGETS & HWY_AVX3
    return N_AVX3::kMaps.data();
#else
    return nullptr;
#endif
}
const MapFunction* neon_maps() {
#if HWY_TARGETS & HWY_NEON
    return N_NEON::kMaps.data();
#else
    return nullptr;
#endif
}

std::optional<std::size_t> find_map_shape(std::span<const program::Node> nodes,
                                          std::uint8_t columns, std::uint8_t integers) {
    for (std::size_t s = 0; s < kMapShapeCount; ++s) {
        const MapShape& shape = kMapShapes[s];
        bool same =
            shape.count == nodes.size() && shape.columns == columns && shape.integers == integers;
        for (std::size_t i = 0; same && i < nodes.size(); ++i) {
            const ShapeNode& n = shape.nodes[i];
            same =
                n.op == nodes[i].op && n.a == nodes[i].a && n.b == nodes[i].b && n.c == nodes[i].c;
        }
        if (same) return s;
    }
    return std::nullopt;
}

}  // namespace assay::exact
#endif
