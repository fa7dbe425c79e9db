#include "exact/matmul.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "exact/math.h"

namespace assay::exact {

namespace {

// A block of A (208 KiB) and one of B (768 KiB) share a second cache of 1 MiB or more.
constexpr std::size_t kRowsOfA = 192, kColsOfB = 768;
constexpr std::size_t kBlocksMax =
    16;  ///< short blocks of k packed together, so that C is visited once for all of them
constexpr std::size_t kSpanMax = kBlock;  ///< their k altogether
// Panels lie a line more apart than their length: a whole number of pages between them would put
// all panels into the same sets of the caches.
constexpr std::size_t kPanelPad = 16;
constexpr std::size_t kFloatsOfB = kColsOfB * kSpanMax + kColsOfB / kTileColsMin * kPanelPad;
constexpr std::size_t kFloatsOfA =
    kRowsOfA * kPackedRowStride + kRowsOfA / kTileRowsMin * kPanelPad;

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

/// Where packed operands lie. The k of all blocks packed together (`span` of them) run on behind
/// each other.
struct Packed {
    std::size_t span = 0;
    bool a_by_columns = false;  ///< A lies transposed: columns of a tile; else as rows
    std::size_t a_step = 0;     ///< floats from k to k + 1
};

float* packed_b(const Work& work, const Packed& form, std::size_t panel, std::size_t before) {
    const std::size_t width = work.kernels.tile_cols;
    return work.workspace.b() + panel * (form.span * width + kPanelPad) + before * width;
}

/// `row` counts from the first packed row and, by columns, is the first of a tile.
float* packed_a(const Work& work, const Packed& form, std::size_t row, std::size_t before) {
    float* base = work.workspace.a();
    if (!form.a_by_columns) return base + row * kPackedRowStride + before;
    const std::size_t height = work.kernels.tile_rows;
    return base + row / height * (form.span * height + kPanelPad) + before * height;
}

void pack_b(const Work& work, const Packed& form, std::span<const Block> blocks, std::size_t col,
            std::size_t cols) {
    const std::size_t width = work.kernels.tile_cols;
    const MatrixView& b = work.problem.b;
    std::size_t before = 0;
    for (const Block& block : blocks) {
        if (!b.transposed) {
            work.kernels.pack_panels(element(b, block.chain, block.k, col), b.stride, block.length,
                                     cols, packed_b(work, form, 0, before), width,
                                     form.span * width + kPanelPad);
        }
        for (std::size_t c = 0; b.transposed && c < cols; c += width) {
            work.kernels.pack_transposed(element(b, block.chain, block.k, col + c), b.stride,
                                         std::min(width, cols - c), block.length,
                                         packed_b(work, form, c / width, before), width);
        }
        before += block.length;
    }
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

/// Rows [top, top + rows) of the packed ones, k from `k` on, `length` of them.
void pack_a_part(const Work& work, const Packed& form, const Block& block, std::size_t row,
                 std::size_t top, std::size_t rows, std::size_t k, std::size_t length,
                 std::size_t before) {
    const MatrixView& a = work.problem.a;
    const std::size_t height = work.kernels.tile_rows;
    const float* from = element(a, block.chain, row + top, k);
    float* to = packed_a(work, form, top, before) + (k - block.k) * form.a_step;
    if (form.a_by_columns) {
        return work.kernels.pack_panels(from, a.stride, length, rows, to, height,
                                        form.span * height + kPanelPad);
    }
    work.kernels.pack(from, a.stride, rows, length, to, kPackedRowStride);
    const std::size_t padded = (rows + height - 1) / height * height;
    for (std::size_t r = rows; r < padded; ++r)
        std::memset(to + r * kPackedRowStride, 0, length * sizeof(float));
}

/// What the k-band leaves out of every row of a tile is not packed: nobody reads it. Rows go tile
/// by tile; where A lies transposed its lines run along the rows, so it goes by stretches of k,
/// each with the tiles that use some of it.
void pack_a_in_band(const Work& work, const Packed& form, const Block& block, std::size_t row,
                    std::size_t rows, std::size_t before) {
    constexpr std::size_t kStretch = 32;
    const std::size_t height = work.kernels.tile_rows, end = block.k + block.length;
    const auto of_tile = [&](std::size_t top) {
        return band_union(work.problem.k_band, row + top, std::min(height, rows - top), block);
    };
    if (!form.a_by_columns) {
        for (std::size_t top = 0; top < rows; top += height) {
            const Union u = of_tile(top);
            if (u.first < u.last)
                pack_a_part(work, form, block, row, top, std::min(height, rows - top), u.first,
                            u.last - u.first, before);
        }
        return;
    }
    for (std::size_t k = block.k; k < end; k += kStretch) {
        const std::size_t length = std::min(kStretch, end - k);
        std::size_t first = rows, last = 0;
        for (std::size_t top = 0; top < rows; top += height) {
            const Union u = of_tile(top);
            if (u.first >= k + length || u.last <= k) continue;
            first = std::min(first, top);
            last = std::min(rows, top + height);
        }
        if (first < last)
            pack_a_part(work, form, block, row, first, last - first, k, length, before);
    }
}

void pack_a(const Work& work, const Packed& form, std::span<const Block> blocks, std::size_t row,
            std::size_t rows) {
    std::size_t before = 0;
    for (const Block& block : blocks) {
        if (work.problem.k_band.open()) {
            pack_a_part(work, form, block, row, 0, rows, block.k, block.length, before);
        } else {
            pack_a_in_band(work, form, block, row, rows, before);
        }
        before += block.length;
    }
}

/// Sets to +0 what the k-band leaves out of the k that a tile runs over: with finite B, fma(+0, b,
/// acc) is acc, since acc is never -0.
void apply_k_band(const Work& work, const Packed& form, std::span<const Block> blocks,
                  std::size_t row, std::size_t rows) {
    const std::size_t height = work.kernels.tile_rows;
    std::size_t before = 0;
    for (const Block& block : blocks) {
        for (std::size_t top = 0; top < rows; top += height) {
            const std::size_t end = std::min(rows, top + height);
            const Union u = band_union(work.problem.k_band, row + top, end - top, block);
            for (std::size_t r = top; r < end; ++r) {
                const auto [first, last] = band_range(work.problem.k_band, row + r, block);
                float* line = form.a_by_columns ? packed_a(work, form, top, before) + (r - top)
                                                : packed_a(work, form, r, before);
                for (std::size_t k = u.first; k < std::min(first, u.last); ++k)
                    line[(k - block.k) * form.a_step] = 0.0F;
                for (std::size_t k = std::max(last, u.first); k < u.last; ++k)
                    line[(k - block.k) * form.a_step] = 0.0F;
            }
        }
        before += block.length;
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

/// Copies what C starts from into a tile of it.
void write_start(const Matmul& problem, const Tile& tile, const float* start) {
    if (start == tile.c) return;
    for (std::size_t r = 0; r < tile.rows; ++r) {
        float* to = tile.c + r * tile.c_stride;
        if (start == nullptr) {
            std::memset(to, 0, tile.cols * sizeof(float));
        } else {
            std::memcpy(to, start + r * problem.start_stride, tile.cols * sizeof(float));
        }
    }
}

/// One tile of a problem with a k-band.
void banded_tile(const Work& work, Tile tile, const Block& block, std::size_t row, bool finite) {
    const Union u = band_union(work.problem.k_band, row, tile.rows, block);
    if (tile.start != tile.c && (!u.all_rows || !finite)) {
        write_start(work.problem, tile, tile.start);
        tile.start = tile.c;
        tile.start_stride = tile.c_stride;
    }
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

/// Nothing of the tile lies inside the output band.
bool outside(const Matmul& problem, std::size_t row, std::size_t rows, std::size_t col,
             std::size_t cols) {
    if (problem.out_band.open()) return false;
    const auto top = column_range(problem.out_band, row, problem.cols);
    const auto bottom = column_range(problem.out_band, row + rows - 1, problem.cols);
    return std::max(top.second, bottom.second) <= col ||
           std::min(top.first, bottom.first) >= col + cols;
}

/// Tiles of rows [row, row + rows) x cols [col, col + cols) over the packed blocks.
void multiply(const Work& work, const Packed& form, std::span<const Block> blocks, std::size_t row,
              std::size_t rows, std::size_t col, std::size_t cols, bool first_blocks, bool finite) {
    const Matmul& problem = work.problem;
    const std::size_t height = work.kernels.tile_rows, width = work.kernels.tile_cols;
    const bool banded = !problem.k_band.open();
    for (std::size_t c = 0; c < cols; c += width) {
        for (std::size_t r = 0; r < rows; r += height) {
            Tile tile;
            tile.rows = static_cast<std::uint32_t>(std::min(height, rows - r));
            tile.cols = static_cast<std::uint32_t>(std::min(width, cols - c));
            if (outside(problem, row + r, tile.rows, col + c, tile.cols)) continue;
            tile.c = problem.c + (row + r) * problem.c_stride + col + c;
            tile.c_stride = problem.c_stride;
            tile.a_by_columns = form.a_by_columns;
            std::size_t before = 0;
            for (std::size_t i = 0; i < blocks.size(); ++i) {
                tile.a = packed_a(work, form, r, before);
                tile.b = packed_b(work, form, c / width, before);
                tile.k = blocks[i].length;
                before += blocks[i].length;
                if (first_blocks && i == 0) {
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

/// A problem without any k: C is its start.
void copy_start(const Work& work) {
    const Matmul& p = work.problem;
    Tile all;
    all.rows = static_cast<std::uint32_t>(work.rows);
    all.cols = static_cast<std::uint32_t>(work.cols);
    all.c = p.c + work.row0 * p.c_stride + work.col0;
    all.c_stride = p.c_stride;
    write_start(p, all,
                p.start == nullptr ? nullptr : p.start + work.row0 * p.start_stride + work.col0);
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

bool b_is_finite(const Work& work, const Packed& form, std::size_t cols) {
    for (std::size_t c = 0; c < cols; c += work.kernels.tile_cols) {
        const std::size_t panel = c / work.kernels.tile_cols;
        if (!work.kernels.all_finite(packed_b(work, form, panel, 0),
                                     form.span * work.kernels.tile_cols))
            return false;
    }
    return true;
}

/// Walks the blocks of all chains, ascending, as many at a time as are packed together.
class BlockWalk {
  public:
    explicit BlockWalk(const Matmul& problem) : problem_(problem) {}
    /// The next blocks, none at the end.
    std::span<const Block> next() {
        std::size_t count = 0;
        span_ = 0;
        while (problem_.k > 0 && chain_ < problem_.chains && count < kBlocksMax) {
            const std::size_t length = std::min(kBlock, problem_.k - k_);
            if (span_ + length > kSpanMax) break;
            list_[count++] = {chain_, k_, length};
            span_ += length;
            k_ += length;
            if (k_ == problem_.k) k_ = 0, ++chain_;
        }
        return {list_.data(), count};
    }
    [[nodiscard]] std::size_t span() const { return span_; }

  private:
    const Matmul& problem_;
    std::size_t chain_ = 0, k_ = 0, span_ = 0;
    std::array<Block, kBlocksMax> list_;
};

void compute_columns(const Work& work, std::size_t col, std::size_t cols) {
    const Matmul& p = work.problem;
    const bool banded = !p.k_band.open();
    BlockWalk walk(p);
    bool first = true;
    for (auto blocks = walk.next(); !blocks.empty(); blocks = walk.next()) {
        const Packed form{walk.span(), p.a.transposed, p.a.transposed ? work.kernels.tile_rows : 1};
        pack_b(work, form, blocks, col, cols);
        const bool finite = !banded || b_is_finite(work, form, cols);
        for (std::size_t row = work.row0; row < work.row0 + work.rows; row += kRowsOfA) {
            const std::size_t rows = std::min(kRowsOfA, work.row0 + work.rows - row);
            pack_a(work, form, blocks, row, rows);
            if (banded) apply_k_band(work, form, blocks, row, rows);
            multiply(work, form, blocks, row, rows, col, cols, first, finite);
        }
        first = false;
    }
}

void compute(const Work& work) {
    const Matmul& p = work.problem;
    if (work.rows == 0 || work.cols == 0) return;
    if (p.chains == 0 || p.k == 0) copy_start(work);
    if (!single_row(work)) {
        for (std::size_t col = work.col0; col < work.col0 + work.cols; col += kColsOfB)
            compute_columns(work, col, std::min(kColsOfB, work.col0 + work.cols - col));
    }
    if (!p.out_band.open()) clear_outside(work);
}

/// How a problem is cut for several threads.
struct Grid {
    std::size_t rows = 1, cols = 1;  ///< pieces along each side
};

/// Every row of pieces packs B again and every column of pieces A: a piece of m rows spends about
/// 5 / m of its time on B, one of n columns about 3 / n on A (counted in multiply-adds of full
/// vectors). More pieces than threads even out threads that are disturbed.
Grid cut(const Matmul& problem, const Kernels& kernels, std::size_t threads) {
    constexpr double kCostOfB = 5, kCostOfA = 3, kBearable = 0.02;
    const auto best_of = [&](std::size_t pieces, double& cost) {
        Grid best;
        for (std::size_t rows = 1; rows <= pieces; ++rows) {
            const std::size_t cols = (pieces + rows - 1) / rows;
            if ((rows > 1 && problem.rows < rows * kernels.tile_rows) ||
                (cols > 1 && problem.cols < cols * kernels.tile_cols))
                continue;
            const double now =
                kCostOfB * static_cast<double>(rows) / static_cast<double>(problem.rows) +
                kCostOfA * static_cast<double>(cols) / static_cast<double>(problem.cols);
            if (now < cost) cost = now, best = {rows, cols};
        }
        return best;
    };
    for (const std::size_t finer : {4U, 2U}) {
        double cost = 1e9;
        const Grid grid = best_of(finer * threads, cost);
        if (cost < kBearable) return grid;
    }
    double cost = 1e9;
    return best_of(threads, cost);
}

}  // namespace

std::size_t MatmulWorkspace::bytes() {
    return (kFloatsOfA + kFloatsOfB + kTileRowsMax * kTileColsMax + 96) * sizeof(float);
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

namespace {

/// One task of a call: piece (r, c) of a problem's grid.
struct Piece {
    const Matmul* problem = nullptr;
    Grid grid;
    std::size_t r = 0, c = 0;
};

void compute(const Kernels& kernels, const Piece& piece, MatmulWorkspace& workspace) {
    // Whole tiles: border i of n of a side.
    const auto border = [](std::size_t length, std::size_t unit, std::size_t i, std::size_t n) {
        return std::min(length, (length + unit - 1) / unit * i / n * unit);
    };
    const Matmul& p = *piece.problem;
    Work work{kernels, p, workspace};
    work.row0 = border(p.rows, kernels.tile_rows, piece.r, piece.grid.rows);
    work.rows = border(p.rows, kernels.tile_rows, piece.r + 1, piece.grid.rows) - work.row0;
    work.col0 = border(p.cols, kernels.tile_cols, piece.c, piece.grid.cols);
    work.cols = border(p.cols, kernels.tile_cols, piece.c + 1, piece.grid.cols) - work.col0;
    compute(work);
}

}  // namespace

void matmul(const Kernels& kernels, std::span<const Matmul> problems, ThreadPool& pool,
            std::vector<MatmulWorkspace>& workspaces) {
    ASSAY_CHECK(workspaces.size() >= pool.threads());
    if (pool.threads() == 1) {
        for (const Matmul& problem : problems) matmul(kernels, problem, workspaces.front());
        return;
    }
    std::vector<Piece> pieces;
    for (const Matmul& problem : problems) {
        const Grid grid = cut(problem, kernels, pool.threads());
        for (std::size_t c = 0; c < grid.cols; ++c) {
            for (std::size_t r = 0; r < grid.rows; ++r) pieces.push_back({&problem, grid, r, c});
        }
    }
    auto task = [&](std::size_t i, unsigned thread) {
        compute(kernels, pieces[i], workspaces[thread]);
    };
    pool.run(pieces.size(), task);
}

}  // namespace assay::exact
