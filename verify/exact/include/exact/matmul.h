#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "exact/kernels.h"
#include "exact/pool.h"

namespace assay::exact {

/// A matrix operand as it lies in memory: element (r, c) of what is seen at data[r * stride + c],
/// or [c * stride + r] when transposed.
struct MatrixView {
    const float* data = nullptr;
    std::size_t stride = 0;
    bool transposed = false;
    std::size_t chain_stride = 0;  ///< elements from one chain's matrix to the next
};

/// lo <= x - row <= hi; the defaults are open.
struct DiagonalBand {
    std::int64_t lo = std::numeric_limits<std::int32_t>::min();
    std::int64_t hi = std::numeric_limits<std::int32_t>::max();
    [[nodiscard]] bool open() const {
        return lo == std::numeric_limits<std::int32_t>::min() &&
               hi == std::numeric_limits<std::int32_t>::max();
    }
};

/// C = start, then for each of `chains` pairs (A, B) in order, for each block of k cut at multiples
/// of 256: C = C + the block's fma chain. One chain is an ordinary product; several are the
/// sequences of a gradient. Rules 3 and 4 of docs/numerics.md, bands included.
struct Matmul {
    std::size_t rows = 0, cols = 0, k = 0;
    std::size_t chains = 1;
    MatrixView a, b;
    const float* start = nullptr;  ///< null: +0. May be c itself.
    std::size_t start_stride = 0;  ///< 0: a bias row
    float* c = nullptr;
    std::size_t c_stride = 0;
    DiagonalBand k_band;    ///< of k - row
    DiagonalBand out_band;  ///< of col - row; +0 outside
};

/// Packing memory of one thread. Allocated once.
class MatmulWorkspace {
  public:
    MatmulWorkspace();
    MatmulWorkspace(MatmulWorkspace&&) = default;
    MatmulWorkspace& operator=(MatmulWorkspace&&) = default;
    [[nodiscard]] float* a() { return a_; }
    [[nodiscard]] float* b() { return b_; }
    [[nodiscard]] float* edge() { return edge_; }
    static std::size_t bytes();

  private:
    std::vector<float> memory_;
    float* a_;
    float* b_;
    float* edge_;
};

/// On the calling thread.
void matmul(const Kernels& kernels, const Matmul& problem, MatmulWorkspace& workspace);
/// Problems that do not read each other's results, split over rows and columns on the pool's
/// threads (never over k); `workspaces` has one per thread.
void matmul(const Kernels& kernels, std::span<const Matmul> problems, ThreadPool& pool,
            std::vector<MatmulWorkspace>& workspaces);

}  // namespace assay::exact
