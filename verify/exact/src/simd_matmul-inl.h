// The matmul of exact/matmul.h: register tiles, packing, single rows. Included once per target (no
// include guard by #pragma), empty for targets without kernels.
#if defined(ASSAY_EXACT_SIMD_MATMUL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_EXACT_SIMD_MATMUL_INL_H_
#undef ASSAY_EXACT_SIMD_MATMUL_INL_H_
#else
#define ASSAY_EXACT_SIMD_MATMUL_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "exact/kernels.h"
#include "hwy/highway.h"
#include "simd_math-inl.h"

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
HWY_BEFORE_NAMESPACE();
namespace assay::exact::HWY_NAMESPACE {

using namespace simd;  // NOLINT: the vector vocabulary of this file

inline constexpr std::size_t kTileRows = kLanes == 16 ? 12 : 6;
inline constexpr std::size_t kTileCols = 2 * kLanes;

/// How many k before the end of the chain C is asked for: later than the operands that would push
/// it out of the first cache again, early enough for memory.
inline constexpr std::size_t kPrefetchAhead = 64;

template <std::size_t kVectors, bool kFull>
HWY_INLINE VF load_part(const float* p, std::size_t v, std::size_t last) {
    const F d;
    if (kFull || v + 1 < kVectors) return hn::LoadU(d, p + v * kLanes);
    return load_first(p + v * kLanes, last);
}

template <std::size_t kVectors, bool kFull>
HWY_INLINE void store_part(VF value, float* p, std::size_t v, std::size_t last) {
    const F d;
    if (kFull || v + 1 < kVectors) {
        hn::StoreU(value, d, p + v * kLanes);
    } else {
        store_first(value, p + v * kLanes, last);
    }
}

/// acc = fma(a, b, acc) over `count` ascending k; moves a and b on.
template <std::size_t kRows, std::size_t kVectors, bool kColumns>
HWY_INLINE void chain(const float*& a, const float*& b, std::size_t count,
                      VF (&acc)[kRows][kVectors]) {
    const F d;
    constexpr std::size_t kRowStep = kColumns ? 1 : kPackedRowStride,
                          kStep = kColumns ? kTileRows : 1;
    for (; count != 0; --count) {
        VF column[kVectors];
#pragma GCC unroll 2
        for (std::size_t v = 0; v < kVectors; ++v) column[v] = hn::Load(d, b + v * kLanes);
#pragma GCC unroll 16
        for (std::size_t r = 0; r < kRows; ++r) {
            const VF x = hn::Set(d, a[r * kRowStep]);
#pragma GCC unroll 2
            for (std::size_t v = 0; v < kVectors; ++v)
                acc[r][v] = hn::MulAdd(x, column[v], acc[r][v]);
        }
        a += kStep;
        b += kTileCols;
    }
}

template <std::size_t kRows, std::size_t kVectors, bool kColumns, bool kFull>
HWY_NOINLINE void tile_body(const Tile& t) {
    const F d;
    VF acc[kRows][kVectors];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
        for (std::size_t v = 0; v < kVectors; ++v) acc[r][v] = hn::Zero(d);
    }
    const float* a = t.a;
    const float* b = t.b;
    float* c = t.c;
    const float* start = t.start;
    const std::size_t c_stride = t.c_stride, start_stride = t.start_stride, rows = t.rows;
    const std::size_t before = t.k > kPrefetchAhead ? t.k - kPrefetchAhead : 0;
    chain<kRows, kVectors, kColumns>(a, b, before, acc);
    for (std::size_t r = 0; r < rows; ++r) {
        const float* row = c + r * c_stride;
#pragma GCC unroll 2
        for (std::size_t v = 0; v < kVectors; ++v) __builtin_prefetch(row + v * kLanes, 1);
        __builtin_prefetch(row + t.cols - 1, 1);
    }
    chain<kRows, kVectors, kColumns>(a, b, t.k - before, acc);
    const std::size_t last = t.cols - (kVectors - 1) * kLanes;
    const auto finish = [&](std::size_t r) HWY_ATTR {
#pragma GCC unroll 2
        for (std::size_t v = 0; v < kVectors; ++v) {
            const VF from =
                start == nullptr ? hn::Zero(d) : load_part<kVectors, kFull>(start, v, last);
            store_part<kVectors, kFull>(hn::Add(from, acc[r][v]), c, v, last);
        }
        c += c_stride;
        start = start == nullptr ? nullptr : start + start_stride;
    };
    if (rows == kRows && start != nullptr) {
#pragma GCC unroll 16
        for (std::size_t r = 0; r < kRows; ++r) finish(r);
        return;
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
        if (r >= rows) break;
        finish(r);
    }
}

template <std::size_t kRows, bool kColumns>
HWY_INLINE void tile_of_rows(const Tile& t) {
    if (t.cols == kTileCols) return tile_body<kRows, 2, kColumns, true>(t);
    if (t.cols > kLanes) return tile_body<kRows, 2, kColumns, false>(t);
    if (t.cols == kLanes) return tile_body<kRows, 1, kColumns, true>(t);
    return tile_body<kRows, 1, kColumns, false>(t);
}

template <bool kColumns>
HWY_INLINE void tile_by_rows(const Tile& t) {
    constexpr std::size_t kThird = kTileRows / 3;
    if (t.rows > 2 * kThird) return tile_of_rows<kTileRows, kColumns>(t);
    if (t.rows > kThird) return tile_of_rows<2 * kThird, kColumns>(t);
    return tile_of_rows<kThird, kColumns>(t);
}

void tile(const Tile& t) {
    if (t.a_by_columns) {
        tile_by_rows<true>(t);
    } else {
        tile_by_rows<false>(t);
    }
}

inline constexpr std::size_t kRowsAhead = 6;

void pack(const float* src, std::size_t stride, std::size_t rows, std::size_t cols, float* dst,
          std::size_t dst_stride) {
    const F d;
    const std::size_t whole = cols / kLanes * kLanes;
    for (std::size_t r = 0; r < rows; ++r) {
        const float* from = src + r * stride;
        float* to = dst + r * dst_stride;
        for (std::size_t c = 0; c < whole; c += kLanes) {
            __builtin_prefetch(from + kRowsAhead * stride + c);
            hn::StoreU(flush(hn::LoadU(d, from + c)), d, to + c);
        }
        if (whole < cols)
            store_first(flush(load_first(from + whole, cols - whole)), to + whole, cols - whole);
    }
}

/// A panel's row of `kWidth` elements, flushed. Stores whole vectors only: one that is wider than
/// the panel runs into the next row's place, which is written later (or into the pad behind the
/// panel).
template <std::size_t kWidth>
HWY_INLINE void pack_panel_row(const float* from, float* to) {
    const F d;
    if constexpr (kWidth < kLanes) {
        hn::StoreU(flush(hn::LoadU(d, from)), d, to);
    } else {
        for (std::size_t c = 0; c + kLanes <= kWidth; c += kLanes)
            hn::StoreU(flush(hn::LoadU(d, from + c)), d, to + c);
        if constexpr (kWidth % kLanes != 0) {
            constexpr std::size_t kLast = kWidth - kLanes;
            hn::StoreU(flush(hn::LoadU(d, from + kLast)), d, to + kLast);
        }
    }
}

// Rows outermost: the source is read as it lies, line after line, and asked for some rows ahead.
template <std::size_t kWidth>
void pack_panels_of(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                    float* dst, std::size_t panel_stride) {
    // A vector that is wider than the panel may read past the row's end only inside the row.
    constexpr std::size_t kReach = std::max(kWidth, kLanes);
    const std::size_t whole = cols < kReach ? 0 : (cols - kReach) / kWidth + 1;
    for (std::size_t r = 0; r < rows; ++r) {
        const float* from = src + r * stride;
        float* to = dst + r * kWidth;
        for (std::size_t p = 0; p < whole; ++p, from += kWidth, to += panel_stride) {
            __builtin_prefetch(from + kRowsAhead * stride);
            if (kWidth > 16) __builtin_prefetch(from + kRowsAhead * stride + 16);
            pack_panel_row<kWidth>(from, to);
        }
        for (std::size_t done = whole * kWidth; done < cols; done += kWidth, to += panel_stride) {
            HWY_ALIGN float rest[kReach] = {};
            std::memcpy(rest, src + r * stride + done, std::min(kWidth, cols - done) * 4);
            pack_panel_row<kWidth>(rest, to);
        }
    }
}

void pack_panels(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                 float* dst, std::size_t width, std::size_t panel_stride) {
    if (width == kTileCols)
        return pack_panels_of<kTileCols>(src, stride, rows, cols, dst, panel_stride);
    pack_panels_of<kTileRows>(src, stride, rows, cols, dst, panel_stride);
}

/// The vector whose block i of 128 bits holds the four elements from `col` on of row from[4 i].
HWY_INLINE VF load_blocks(const float* const* from, std::size_t col) {
    const F d;
    VF v = hn::LoadDup128(d, from[0] + col);
    if constexpr (kLanes > 4) {
        const auto lane_block = hn::ShiftRight<2>(hn::Iota(I(), 0));
#pragma GCC unroll 4
        for (std::size_t i = 1; i < kLanes / 4; ++i) {
            const auto here =
                hn::RebindMask(d, hn::Eq(lane_block, set_i(static_cast<std::int32_t>(i))));
            v = hn::IfThenElse(here, hn::LoadDup128(d, from[4 * i] + col), v);
        }
    }
    return v;
}

// kLanes rows of the source at a time, four columns of them as one square per block of 128 bits.
// Rows that are missing are read from a row of zeros.
void pack_transposed(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                     float* dst, std::size_t dst_stride) {
    const F d;
    constexpr std::size_t kColsAtOnce = 256;
    HWY_ALIGN static constexpr float kZeros[kColsAtOnce] = {};
    for (std::size_t first = 0; first < dst_stride; first += kLanes) {
        for (std::size_t begin = 0; begin < cols; begin += kColsAtOnce) {
            const std::size_t count = std::min(kColsAtOnce, cols - begin);
            const float* from[kLanes];
            for (std::size_t r = 0; r < kLanes; ++r)
                from[r] = first + r < rows ? src + (first + r) * stride + begin : kZeros;
            float* to = dst + begin * dst_stride + first;
            std::size_t c = 0;
            for (; c + 4 <= count; c += 4) {
                if (c % 16 == 0) {  // The same line of the rows that come next.
                    for (std::size_t r = 0; r < kLanes; ++r)
                        __builtin_prefetch(src + (first + kLanes + r) * stride + begin + c);
                }
                const VF x0 = flush(load_blocks(from, c)), x1 = flush(load_blocks(from + 1, c));
                const VF x2 = flush(load_blocks(from + 2, c)), x3 = flush(load_blocks(from + 3, c));
                const VF low02 = hn::InterleaveLower(d, x0, x2),
                         low13 = hn::InterleaveLower(d, x1, x3);
                const VF high02 = hn::InterleaveUpper(d, x0, x2),
                         high13 = hn::InterleaveUpper(d, x1, x3);
                hn::StoreU(hn::InterleaveLower(d, low02, low13), d, to + c * dst_stride);
                hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, to + (c + 1) * dst_stride);
                hn::StoreU(hn::InterleaveLower(d, high02, high13), d, to + (c + 2) * dst_stride);
                hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, to + (c + 3) * dst_stride);
            }
            for (; c < count; ++c) {
                for (std::size_t r = 0; r < kLanes; ++r) {
                    const float x = from[r][c];
                    to[c * dst_stride + r] = (x < 0x1p-63F && x > -0x1p-63F) ? 0.0F : x;
                }
            }
        }
    }
}

void row_times_matrix(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                      std::size_t k, std::size_t n, const float* start, float* out) {
    const F d;
    constexpr std::size_t kWide = 4;
    for (std::size_t c = 0; c < n; c += kWide * kLanes) {
        VF acc[kWide];
        std::size_t count[kWide];
        for (std::size_t v = 0; v < kWide; ++v) {
            const std::size_t first = c + v * kLanes;
            acc[v] = hn::Zero(d);
            count[v] = first < n ? n - first : 0;
        }
        const bool full = c + kWide * kLanes <= n;
        for (std::size_t i = 0; i < k; ++i) {
            const VF x = flush(hn::Set(d, a[i * a_stride]));
            const float* row = b + i * b_stride + c;
            for (std::size_t v = 0; v < kWide; ++v) {
                if (!full && c + v * kLanes >= n) break;
                const VF y =
                    full ? hn::LoadU(d, row + v * kLanes) : load_first(row + v * kLanes, count[v]);
                acc[v] = hn::MulAdd(x, flush(y), acc[v]);
            }
        }
        for (std::size_t v = 0; v < kWide && c + v * kLanes < n; ++v) {
            const std::size_t first = c + v * kLanes;
            const VF from = start == nullptr ? hn::Zero(d) : load_first(start + first, count[v]);
            store_first(hn::Add(from, acc[v]), out + first, count[v]);
        }
    }
}

}  // namespace assay::exact::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // targets with kernels

#endif
