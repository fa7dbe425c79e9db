#include <bit>
#include <cstring>

#include "exact/kernels.h"
#include "exact/math.h"
#include "exact/philox.h"
#include "exact/storage.h"
#include "kernel_tables.h"

/// The table of every machine: exact/math.h element by element.
namespace assay::exact {

namespace {

float f32_of(std::uint32_t word) { return std::bit_cast<float>(word); }
std::int32_t i32_of(std::uint32_t word) { return std::bit_cast<std::int32_t>(word); }
std::uint32_t word_of(float x) { return std::bit_cast<std::uint32_t>(x); }
std::uint32_t truth(bool x) { return x ? 1U : 0U; }

using Word = std::uint32_t;

template <class Operation, int kArguments>
void chunk(const void* a, const void* b, const void* c, void* out, std::size_t n) {
    const Operation operation;
    const auto read = [](const void* p, std::size_t i) {
        Word word = 0;
        std::memcpy(&word, static_cast<const std::byte*>(p) + 4 * i, 4);
        return word;
    };
    for (std::size_t i = 0; i < n; ++i) {
        const Word y = kArguments > 1 ? read(b, i) : 0;
        const Word z = kArguments > 2 ? read(c, i) : 0;
        const Word result = operation(read(a, i), y, z);
        std::memcpy(static_cast<std::byte*>(out) + 4 * i, &result, 4);
    }
}

#define ASSAY_OPERATION(name, expression)                                 \
    struct name {                                                         \
        Word operator()([[maybe_unused]] Word a, [[maybe_unused]] Word b, \
                        [[maybe_unused]] Word c) const {                  \
            return expression;                                            \
        }                                                                 \
    }
ASSAY_OPERATION(Add, word_of(f32_of(a) + f32_of(b)));
ASSAY_OPERATION(Sub, word_of(f32_of(a) - f32_of(b)));
ASSAY_OPERATION(Mul, word_of(f32_of(a) * f32_of(b)));
ASSAY_OPERATION(Div, word_of(f32_of(a) / f32_of(b)));
ASSAY_OPERATION(Fma, word_of(fma_f32(f32_of(a), f32_of(b), f32_of(c))));
ASSAY_OPERATION(Sqrt, word_of(sqrt_f32(f32_of(a))));
ASSAY_OPERATION(Neg, a ^ 0x80000000U);
ASSAY_OPERATION(Abs, a & 0x7fffffffU);
ASSAY_OPERATION(Min, f32_of(a) < f32_of(b) ? a : b);
ASSAY_OPERATION(Max, f32_of(a) > f32_of(b) ? a : b);
ASSAY_OPERATION(Equal, truth(f32_of(a) == f32_of(b)));
ASSAY_OPERATION(Less, truth(f32_of(a) < f32_of(b)));
ASSAY_OPERATION(LessEqual, truth(f32_of(a) <= f32_of(b)));
ASSAY_OPERATION(Exp, word_of(exp_f32(f32_of(a))));
ASSAY_OPERATION(Log, word_of(log_f32(f32_of(a))));
ASSAY_OPERATION(Tanh, word_of(tanh_f32(f32_of(a))));
ASSAY_OPERATION(Erf, word_of(erf_f32(f32_of(a))));
ASSAY_OPERATION(Sin2pi, word_of(sin2pi_f32(f32_of(a))));
ASSAY_OPERATION(Cos2pi, word_of(cos2pi_f32(f32_of(a))));
ASSAY_OPERATION(ToI32, std::bit_cast<Word>(to_i32(f32_of(a))));
ASSAY_OPERATION(AddI, a + b);
ASSAY_OPERATION(SubI, a - b);
ASSAY_OPERATION(MulI, a* b);
ASSAY_OPERATION(EqualI, truth(a == b));
ASSAY_OPERATION(LessI, truth(i32_of(a) < i32_of(b)));
ASSAY_OPERATION(LessEqualI, truth(i32_of(a) <= i32_of(b)));
ASSAY_OPERATION(ToF32, word_of(to_f32(i32_of(a))));
ASSAY_OPERATION(Select, a != 0 ? b : c);
#undef ASSAY_OPERATION

float tree(float (&lane)[32]) {
    for (std::size_t s = 16; s >= 1; s /= 2) {
        for (std::size_t l = 0; l < s; ++l) lane[l] = lane[l] + lane[l + s];
    }
    return lane[0];
}
float row_sum(const float* row, std::size_t n) {
    float lane[32] = {};
    for (std::size_t i = 0; i < n; ++i) lane[i % 32] = lane[i % 32] + row[i];
    return tree(lane);
}
float row_dot(const float* a, const float* b, std::size_t n) {
    float lane[32] = {};
    for (std::size_t i = 0; i < n; ++i)
        lane[i % 32] = fma_f32(flush_operand(a[i]), flush_operand(b[i]), lane[i % 32]);
    return tree(lane);
}
float row_max(const float* row, std::size_t n) {
    float m = std::bit_cast<float>(0xff800000U);
    for (std::size_t i = 0; i < n; ++i) m = row[i] > m ? row[i] : m;
    return m + 0.0F;
}

constexpr std::uint32_t kTileRows = 4, kTileCols = 8;

void tile(const Tile& t) {
    for (std::size_t r = 0; r < t.rows; ++r) {
        float acc[kTileCols] = {};
        for (std::size_t k = 0; k < t.k; ++k) {
            const float x = t.a_by_columns ? t.a[k * kTileRows + r] : t.a[r * kPackedRowStride + k];
            for (std::size_t c = 0; c < t.cols; ++c)
                acc[c] = fma_f32(x, t.b[k * kTileCols + c], acc[c]);
        }
        for (std::size_t c = 0; c < t.cols; ++c) {
            const float start = t.start == nullptr ? 0.0F : t.start[r * t.start_stride + c];
            t.c[r * t.c_stride + c] = start + acc[c];
        }
    }
}

void pack(const float* src, std::size_t stride, std::size_t rows, std::size_t cols, float* dst,
          std::size_t dst_stride) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c)
            dst[r * dst_stride + c] = flush_operand(src[r * stride + c]);
    }
}
void pack_panels(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                 float* dst, std::size_t width, std::size_t panel_stride) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < (cols + width - 1) / width * width; ++c) {
            dst[c / width * panel_stride + r * width + c % width] =
                c < cols ? flush_operand(src[r * stride + c]) : 0.0F;
        }
    }
}
bool all_finite(const float* values, std::size_t n) {
    bool finite = true;
    for (std::size_t i = 0; i < n; ++i)
        finite = finite && (word_of(values[i]) & 0x7fffffffU) < 0x7f800000U;
    return finite;
}

void fill(float* to, std::size_t n, std::uint32_t word) {
    for (std::size_t i = 0; i < n; ++i) std::memcpy(to + i, &word, 4);
}
void pack_transposed(const float* src, std::size_t stride, std::size_t rows, std::size_t cols,
                     float* dst, std::size_t dst_stride) {
    for (std::size_t c = 0; c < cols; ++c) {
        for (std::size_t r = 0; r < dst_stride; ++r)
            dst[c * dst_stride + r] = r < rows ? flush_operand(src[r * stride + c]) : 0.0F;
    }
}
void row_times_matrix(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                      std::size_t k, std::size_t n, const float* start, float* out) {
    for (std::size_t c = 0; c < n; ++c) {
        float acc = 0.0F;
        for (std::size_t i = 0; i < k; ++i)
            acc = fma_f32(flush_operand(a[i * a_stride]), flush_operand(b[i * b_stride + c]), acc);
        out[c] = (start == nullptr ? 0.0F : start[c]) + acc;
    }
}
void philox_words(std::uint32_t key_low, std::uint32_t key_high, std::uint64_t first,
                  std::size_t count, std::uint32_t sequence, std::uint32_t step,
                  std::uint32_t* words) {
    for (std::size_t i = 0; i < count; ++i) {
        const PhiloxWords quad = philox_quad({key_low, key_high}, first + i, sequence, step);
        std::memcpy(words + 4 * i, quad.data(), sizeof quad);
    }
}

Kernels make_table() {
    Kernels k;
    k.name = "portable";
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

}  // namespace

const Kernels* portable_kernels() {
    static const Kernels table = make_table();
    return &table;
}

std::span<const Kernels* const> available_kernels() {
    static const std::array<const Kernels*, 4> all = {portable_kernels(), avx2_kernels(),
                                                      avx512_kernels(), neon_kernels()};
    static const auto present = [] {
        std::array<const Kernels*, 5> list{};
        std::size_t n = 0;
        for (const Kernels* table : all) {
            if (table != nullptr) list[n++] = table;
        }
        return list;
    }();
    std::size_t n = 0;
    while (present[n] != nullptr) ++n;
    return {present.data(), n};
}

const Kernels* find_kernels(const char* name) {
    for (const Kernels* table : available_kernels()) {
        if (std::strcmp(table->name, name) == 0) return table;
    }
    return nullptr;
}

}  // namespace assay::exact
