#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "exact/maps.h"

/// Vectorised kernels for one instruction set, chosen when the program runs. Every lane is an
/// output element of its own (or one of the 32 stated lanes of a row reduction), so the width
/// cannot change a bit; each table equals the scalar definition in exact/math.h.
namespace assay::exact {

enum class ChunkOp : std::uint8_t {
    add,
    sub,
    mul,
    div,
    fma,
    sqrt,
    neg,
    abs,
    min,
    max,
    equal,
    less,
    less_equal,
    exp,
    log,
    tanh,
    erf,
    sin2pi,
    cos2pi,
    to_i32,  // of f32
    add_i32,
    sub_i32,
    mul_i32,
    equal_i32,
    less_i32,
    less_equal_i32,
    to_f32,  // of i32
    select,  // i32 != 0 ? b : c, any 32-bit words
    count
};
inline constexpr std::size_t kChunkOps = static_cast<std::size_t>(ChunkOp::count);

/// out[i] = op(a[i], b[i], c[i]) for i < n over 32-bit words. out may be the same memory as an
/// argument, not overlap it otherwise.
using ChunkFunction = void (*)(const void* a, const void* b, const void* c, void* out,
                               std::size_t n);

/// One register tile of a matmul over one block of k: C = start + (chain over k). A is packed by
/// rows (element (r, k) at a[r * kPackedRowStride + k]) or by columns (a[k * tile_rows + r]), B as
/// b[k * tile_cols + c]; both flushed (exact/math.h).
struct Tile {
    const float* a = nullptr;
    const float* b = nullptr;
    std::size_t k = 0;
    const float* start = nullptr;  ///< null: +0
    std::size_t start_stride = 0;  ///< 0: one row for all
    float* c = nullptr;
    std::size_t c_stride = 0;
    std::uint32_t rows = 0, cols = 0;  ///< what is stored; at most tile_rows x tile_cols
    bool a_by_columns = false;
};
inline constexpr std::size_t kBlock = 256;  ///< k is cut at multiples of it
inline constexpr std::size_t kPackedRowStride = kBlock + 16;
inline constexpr std::uint32_t kTileRowsMax = 12, kTileColsMax = 32;
inline constexpr std::uint32_t kTileRowsMin = 4, kTileColsMin = 4;

struct Kernels {
    const char* name = nullptr;
    std::uint32_t tile_rows = 0, tile_cols = 0;
    std::array<ChunkFunction, kChunkOps> chunk{};
    const MapFunction* maps = nullptr;  ///< by find_map_shape; null: maps run node by node
    /// Row reductions of n columns: 32 lanes, then the tree.
    float (*sum)(const float* row, std::size_t n) = nullptr;
    float (*dot)(const float* a, const float* b, std::size_t n) = nullptr;
    float (*max)(const float* row, std::size_t n) = nullptr;
    /// One row of the causal softmax of docs/layers.md: z = score * scale up to column `row`, -inf
    /// behind; out = e * (1 / sum e), e = exp(z - max z) read as +0 below 2^-63. Null: not fused.
    void (*causal_softmax)(const float* scores, std::size_t row, std::size_t cols, float scale,
                           float* out) = nullptr;
    void (*tile)(const Tile& tile) = nullptr;
    /// dst[r * dst_stride + c] = flushed src[r * stride + c].
    void (*pack)(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                 float* dst, std::size_t dst_stride) = nullptr;
    /// Column c of row r goes to panel c / width at dst[c / width * panel_stride + r * width + c %
    /// width], flushed; the last panel is filled up with zeros.
    void (*pack_panels)(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                        float* dst, std::size_t width, std::size_t panel_stride) = nullptr;
    /// dst[c * dst_stride + r] = flushed src[r * stride + c]; zeros for rows <= r < dst_stride.
    void (*pack_transposed)(const float* src, std::size_t stride, std::size_t rows,
                            std::size_t cols, float* dst, std::size_t dst_stride) = nullptr;
    /// One row times a matrix: acc[c] = fma(a[k * a_stride], b[k * b_stride + c], acc[c]) for
    /// ascending k, operands flushed, then out[c] = start[c] + acc[c]; start null: +0.
    void (*row_times_matrix)(const float* a, std::size_t a_stride, const float* b,
                             std::size_t b_stride, std::size_t k, std::size_t n, const float* start,
                             float* out) = nullptr;
    /// Whether all n are finite.
    bool (*all_finite)(const float* values, std::size_t n) = nullptr;
    void (*fill)(float* to, std::size_t n, std::uint32_t word) = nullptr;
    /// Philox words of quads [first, first + count) of (sequence, step) under a key: 4 count words.
    void (*philox)(std::uint32_t key_low, std::uint32_t key_high, std::uint64_t first,
                   std::size_t count, std::uint32_t sequence, std::uint32_t step,
                   std::uint32_t* words) = nullptr;
};

/// Tables that this machine can run, slowest first; the first is the portable one (scalar
/// definition with a correct software fma where the machine has none), which also serves
/// instruction sets without fma.
std::span<const Kernels* const> available_kernels();
/// By name: "portable", "avx2", "avx512", "neon"; null when this machine or build lacks it.
const Kernels* find_kernels(const char* name);

}  // namespace assay::exact
