#include "exact/matmul.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "exact/math.h"

namespace assay::exact {

namespace {

constexpr std::size_t kRowsOfA =
    192;  ///< rows packed at a time: fits the second cache with its block of B
constexpr std::size_t kColsOfB = 2048;
constexpr std::size_t kBlocksMax =
    16;  ///< blocks of k packed together, so that C is visited once for all of them
constexpr std::size_t kSpanMax = 4 * kBlock;  ///< their k altogether
constexpr std::size_t kFloatsOfB = kColsOfB * kBlock;
constexpr std::size_t kFloatsOfA = kRowsOfA * kPackedRowStride * kBlocksMax;

/// One block of one chain's k.
struct Block {
    std::size_t chain = 0, k = 0, length = 0;
};

/// A problem with the part of it that is being computed.
struct Work {
    const Kernels& kernels;
    const Matmul& problem;
    MatmulWorkspace& workspace;
    std::size_t row0 = 0, col0 = 0, rows = 0, cols = 0;  ///< the rectangle of this call
};

const float* element(const MatrixView& view, std::size_t chain, std::size_t row, std::size_t col) {
    const float* data = view.data + chain * view.chain_stride;
    return view.transposed ? data + col * view.stride + row : data + row * view.stride + col;
}

/// The k of a block that row `row` may use: [first, second), empty when first >= second.
std::pair<std::size_t, std::size_t> band_range(const DiagonalBand& band, std::size_t row,
                                               const Block& block) {
    const auto begin = static_cast<std::int64_t>(block.k),
               end = static_cast<std::int64_t>(block.k + block.length);
    const auto at = static_cast<std::int64_t>(row);
    const std::int64_t first = std::clamp(at + band.lo, begin, end),
                       last = std::clamp(at + band.hi + 1, begin, end);
    return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last))};
}

/// Columns [first, second) of row `row` inside the output band.
std::pair<std::size_t, std::size_t> column_range(const DiagonalBand& band, std::size_t row,
                                                 std::size_t cols) {
    const auto at = static_cast<std::int64_t>(row), end = static_cast<std::int64_t>(cols);
    const std::int64_t first = std::clamp<std::int64_t>(at + band.lo, 0, end),
                       last = std::clamp<std::int64_t>(at + band.hi + 1, 0, end);
    return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last))};
}

float* packed_b(const Work& work, std::size_t panel, std::size_t span, std::size_t before) {
    return work.workspace.b() + (panel * span + before) * work.kernels.tile_cols;
}

void pack_b(const Work& work, std::span<const Block> blocks, std::size_t span, std::size_t col,
            std::size_t cols) {
    const std::size_t width = work.kernels.tile_cols;
    const MatrixView& b = work.problem.b;
    std::size_t before = 0;
    for (const Block& block : blocks) {
        if (!b.transposed) {
            work.kernels.pack_panels(element(b, block.chain, block.k, col), b.stride, block.length,
                                     cols, packed_b(work, 0, span, before), width, span * width);
        }
        for (std::size_t c = 0; b.transposed && c < cols; c += width) {
            work.kernels.pack_transposed(element(b, block.chain, block.k, col + c), b.stride,
                                         std::min(width, cols - c), block.length,
                                         packed_b(work, c / width, span, before), width);
        }
        before += block.length;
    }
}

/// Rows of A are packed as rows where they lie as rows, as columns of tiles where they lie
/// transposed.
struct PackedA {
    bool by_columns = false;
    std::size_t block_floats = 0;  ///< from one block to the next
};

float* packed_a(const Work& work, const PackedA& form, std::size_t block, std::size_t row,
                std::size_t length) {
    float* base = work.workspace.a() + block * form.block_floats;
    return form.by_columns ? base + row * length : base + row * kPackedRowStride;
}

PackedA pack_a(const Work& work, std::span<const Block> blocks, std::size_t row, std::size_t rows) {
    const MatrixView& a = work.problem.a;
    const std::size_t height = work.kernels.tile_rows;
    const PackedA form{a.transposed, kRowsOfA * kPackedRowStride};
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const Block& block = blocks[i];
        const float* from = element(a, block.chain, row, block.k);
        if (!form.by_columns) {
            float* to = packed_a(work, form, i, 0, block.length);
            work.kernels.pack(from, a.stride, rows, block.length, to, kPackedRowStride);
            const std::size_t padded = (rows + height - 1) / height * height;
            std::memset(to + rows * kPackedRowStride, 0,
                        (padded - rows) * kPackedRowStride * sizeof(float));
            continue;
        }
        work.kernels.pack_panels(from, a.stride, block.length, rows,
                                 packed_a(work, form, i, 0, block.length), height,
                                 height * block.length);
    }
    return form;
}

/// All k that rows [row, row + rows) may use (at least), and whether every row may use some. Both
/// ends of a row's range move with the row.
struct Union {
    std::size_t first, last;
    bool all_rows;
};
Union band_union(const DiagonalBand& band, std::size_t row, std::size_t rows, const Block& block) {
    const auto top = band_range(band, row, block), bottom = band_range(band, row + rows - 1, block);
    return {top.first, bottom.second, top.first < top.second && bottom.first < bottom.second};
}

/// Sets to +0 what the k-band leaves out of the k that a tile runs over: with finite B, fma(+0, b,
/// acc) is acc, since acc is never -0.
void apply_k_band(const Work& work, const PackedA& form, std::span<const Block> blocks,
                  std::size_t row, std::size_t rows) {
    const std::size_t height = work.kernels.tile_rows;
    const std::size_t step = form.by_columns ? height : 1;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const Block& block = blocks[i];
        for (std::size_t top = 0; top < rows; top += height) {
            const std::size_t end = std::min(rows, top + height);
            const Union u = band_union(work.problem.k_band, row + top, end - top, block);
            for (std::size_t r = top; r < end; ++r) {
                const auto [first, last] = band_range(work.problem.k_band, row + r, block);
                float* line = form.by_columns
                                  ? packed_a(work, form, i, top, block.length) + r % height
                                  : packed_a(work, form, i, r, block.length);
                for (std::size_t k = u.first; k < std::min(first, u.last); ++k)
                    line[(k - block.k) * step] = 0.0F;
                for (std::size_t k = std::max(last, u.first); k < u.last; ++k)
                    line[(k - block.k) * step] = 0.0F;
            }
        }
    }
}

/// A tile whose rows differ in what the k-band lets them use in this block, with B that is not
/// finite: element by element.
void slow_tile(const Work& work, const Tile& tile, const Block& block, std::size_t row) {
    const std::size_t height = work.kernels.tile_rows, width = work.kernels.tile_cols;
    for (std::size_t r = 0; r < tile.rows; ++r) {
        const auto [first, last] = band_range(work.problem.k_band, row + r, block);
        if (first >= last) continue;
        for (std::size_t c = 0; c < tile.cols; ++c) {
            float acc = 0.0F;
            for (std::size_t k = first - block.k; k < last - block.k; ++k) {
                acc = fma_f32(
                    tile.a_by_columns ? tile.a[k * height + r] : tile.a[r * kPackedRowStride + k],
                    tile.b[k * width + c], acc);
            }
            float& out = tile.c[r * tile.c_stride + c];
            out = out + acc;
        }
    }
}

/// One tile of a problem with a k-band; C already holds the start.
void banded_tile(const Work& work, Tile tile, const Block& block, std::size_t row, bool finite) {
    const Union u = band_union(work.problem.k_band, row, tile.rows, block);
    if (u.first >= u.last) return;
    if (!finite) return slow_tile(work, tile, block, row);
    const std::size_t skipped = u.first - block.k;
    Tile part = tile;
    part.a += skipped * (tile.a_by_columns ? work.kernels.tile_rows : 1);
    part.b += skipped * work.kernels.tile_cols;
    part.k = u.last - u.first;
    if (u.all_rows) return work.kernels.tile(part);
    // A row without any k in this block adds nothing, not even +0.
    part.c = work.workspace.edge();
    part.c_stride = kTileColsMax;
    work.kernels.tile(part);
    for (std::size_t r = 0; r < tile.rows; ++r) {
        const auto [from, to] = band_range(work.problem.k_band, row + r, block);
        if (from < to)
            std::memcpy(tile.c + r * tile.c_stride, part.c + r * part.c_stride,
                        tile.cols * sizeof(float));
    }
}

/// Tiles of rows [row, row + rows) x cols [col, col + cols) over the packed blocks.
void multiply(const Work& work, const PackedA& form, std::span<const Block> blocks,
              std::size_t span, std::size_t row, std::size_t rows, std::size_t col,
              std::size_t cols, bool first_blocks, bool finite) {
    const Matmul& problem = work.problem;
    const std::size_t height = work.kernels.tile_rows, width = work.kernels.tile_cols;
    const bool banded = !problem.k_band.open();
    for (std::size_t c = 0; c < cols; c += width) {
        for (std::size_t r = 0; r < rows; r += height) {
            Tile tile;
            tile.rows = static_cast<std::uint32_t>(std::min(height, rows - r));
            tile.cols = static_cast<std::uint32_t>(std::min(width, cols - c));
            if (!problem.out_band.open()) {
                const auto top = column_range(problem.out_band, row + r, problem.cols);
                const auto bottom =
                    column_range(problem.out_band, row + r + tile.rows - 1, problem.cols);
                if (std::max(top.second, bottom.second) <= col + c ||
                    std::min(top.first, bottom.first) >= col + c + tile.cols)
                    continue;
            }
            tile.c = problem.c + (row + r) * problem.c_stride + col + c;
            tile.c_stride = problem.c_stride;
            tile.a_by_columns = form.by_columns;
            std::size_t before = 0;
            for (std::size_t i = 0; i < blocks.size(); ++i) {
                tile.a = packed_a(work, form, i, r, blocks[i].length);
                tile.b = packed_b(work, c / width, span, before);
                tile.k = blocks[i].length;
                before += blocks[i].length;
                if (first_blocks && i == 0 && !banded) {
                    tile.start = problem.start == nullptr
                                     ? nullptr
                                     : problem.start + (row + r) * problem.start_stride + col + c;
                    tile.start_stride = problem.start_stride;
                } else {
                    tile.start = tile.c;
                    tile.start_stride = tile.c_stride;
                }
                if (banded) {
                    banded_tile(work, tile, blocks[i], row + r, finite);
                } else {
                    work.kernels.tile(tile);
                }
            }
        }
    }
}

void write_start(const Work& work) {
    const Matmul& p = work.problem;
    if (p.start == p.c) return;
    for (std::size_t r = work.row0; r < work.row0 + work.rows; ++r) {
        float* to = p.c + r * p.c_stride + work.col0;
        if (p.start == nullptr) {
            std::memset(to, 0, work.cols * sizeof(float));
        } else {
            std::memcpy(to, p.start + r * p.start_stride + work.col0, work.cols * sizeof(float));
        }
    }
}

void clear_outside(const Work& work) {
    const Matmul& p = work.problem;
    for (std::size_t r = work.row0; r < work.row0 + work.rows; ++r) {
        const auto [first, last] = column_range(p.out_band, r, p.cols);
        const std::size_t end = work.col0 + work.cols, left = std::clamp(first, work.col0, end),
                          right = std::clamp(last, left, end);
        float* row = p.c + r * p.c_stride;
        std::memset(row + work.col0, 0, (left - work.col0) * sizeof(float));
        std::memset(row + right, 0, (end - right) * sizeof(float));
    }
}

/// A single row needs no packing: its chains run along the columns. Sums down columns are of this
/// form.
bool single_row(const Work& work) {
    const Matmul& p = work.problem;
    if (p.rows != 1 || p.b.transposed || !p.k_band.open() || !p.out_band.open()) return false;
    const float* start = p.start == nullptr ? nullptr : p.start + work.col0;
    for (std::size_t chain = 0; chain < p.chains; ++chain) {
        for (std::size_t k = 0; k < p.k; k += kBlock) {
            work.kernels.row_times_matrix(
                element(p.a, chain, 0, k), p.a.transposed ? p.a.stride : 1,
                element(p.b, chain, k, work.col0), p.b.stride, std::min(kBlock, p.k - k), work.cols,
                start, p.c + work.col0);
            start = p.c + work.col0;
        }
    }
    return true;
}

bool all_finite(const Work& work, std::size_t floats) {
    const float* b = work.workspace.b();
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < floats; ++i)
        largest = std::max(largest, std::bit_cast<std::uint32_t>(b[i]) & 0x7fffffffU);
    return largest < 0x7f800000U;
}

void compute(const Work& work) {
    const Matmul& p = work.problem;
    if (work.rows == 0 || work.cols == 0) return;
    const bool banded = !p.k_band.open();
    if (p.chains == 0 || p.k == 0 || banded) write_start(work);
    if (!single_row(work)) {
        const std::size_t padded =
            (std::min(work.cols, kColsOfB) + kTileColsMax - 1) / kTileColsMax * kTileColsMax;
        const std::size_t span_max = std::clamp(kFloatsOfB / padded, kBlock, kSpanMax);
        for (std::size_t col = work.col0; col < work.col0 + work.cols; col += kColsOfB) {
            const std::size_t cols = std::min(kColsOfB, work.col0 + work.cols - col);
            std::size_t chain = 0, k = 0;
            bool first = true;
            while (chain < p.chains && p.k > 0) {
                std::array<Block, kBlocksMax> list;
                std::size_t count = 0, span = 0;
                while (chain < p.chains && count < kBlocksMax) {
                    const std::size_t length = std::min(kBlock, p.k - k);
                    if (span + length > span_max) break;
                    list[count++] = {chain, k, length};
                    span += length;
                    k += length;
                    if (k == p.k) k = 0, ++chain;
                }
                const std::span<const Block> blocks(list.data(), count);
                pack_b(work, blocks, span, col, cols);
                const std::size_t panels =
                    (cols + work.kernels.tile_cols - 1) / work.kernels.tile_cols;
                const bool finite =
                    !banded || all_finite(work, panels * span * work.kernels.tile_cols);
                for (std::size_t row = work.row0; row < work.row0 + work.rows; row += kRowsOfA) {
                    const std::size_t rows = std::min(kRowsOfA, work.row0 + work.rows - row);
                    const PackedA form = pack_a(work, blocks, row, rows);
                    if (banded) apply_k_band(work, form, blocks, row, rows);
                    multiply(work, form, blocks, span, row, rows, col, cols, first, finite);
                }
                first = false;
            }
        }
    }
    if (!p.out_band.open()) clear_outside(work);
}

}  // namespace

std::size_t MatmulWorkspace::bytes() {
    return (kFloatsOfA + kFloatsOfB + kTileRowsMax * kTileColsMax + 64) * sizeof(float);
}

MatmulWorkspace::MatmulWorkspace() : memory_(bytes() / sizeof(float)) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    a_ = memory_.data() + (64 - address % 64) % 64 / sizeof(float);
    edge_ = a_ + kFloatsOfA + 16;
    b_ = edge_ + kTileRowsMax * kTileColsMax;
}

void matmul(const Kernels& kernels, const Matmul& problem, MatmulWorkspace& workspace) {
    compute({kernels, problem, workspace, 0, 0, problem.rows, problem.cols});
}

void matmul(const Kernels& kernels, const Matmul& problem, ThreadPool& pool,
            std::vector<MatmulWorkspace>& workspaces) {
    ASSAY_CHECK(workspaces.size() >= pool.threads());
    const std::size_t threads = pool.threads();
    if (threads == 1) return matmul(kernels, problem, workspaces.front());
    // Pieces of whole tiles along the longer side; A or B is packed once per piece.
    const bool by_rows = problem.rows >= problem.cols;
    const std::size_t length = by_rows ? problem.rows : problem.cols;
    const std::size_t unit = by_rows ? kernels.tile_rows : kernels.tile_cols;
    const std::size_t units = (length + unit - 1) / unit;
    const std::size_t pieces = std::min(units, threads);
    auto task = [&](std::size_t piece, unsigned thread) {
        const std::size_t from = units * piece / pieces * unit,
                          to = std::min(length, units * (piece + 1) / pieces * unit);
        Work work{kernels, problem, workspaces[thread], 0, 0, problem.rows, problem.cols};
        (by_rows ? work.row0 : work.col0) = from;
        (by_rows ? work.rows : work.cols) = to - from;
        compute(work);
    };
    pool.run(pieces, task);
}

}  // namespace assay::exact
