#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "exact/kernels.h"
#include "places.h"
#include "program/program.h"

namespace assay::runtime {

inline constexpr std::size_t kChunk = 512;  ///< elements that one node computes at a time: all of a
                                            ///< map's buffers stay in the first cache
inline constexpr std::size_t kMapBuffers = program::kNodesMax + 1;
inline constexpr std::size_t kMapScratchFloats = kMapBuffers * kChunk;

/// A map's expression: one compiled function where the kernels have it, else calls of chunk
/// functions over buffers. Immutable; runs on any thread with that thread's scratch.
class MapCode {
  public:
    MapCode(const program::Program& program, const program::Instruction& instruction,
            const exact::Kernels& kernels);

    /// Computes rows [first, last) of one item. `in` are the operands' rectangles.
    void run(const Rectangle& out, std::span<const Rectangle> in, std::uint32_t first,
             std::uint32_t last, float* scratch) const;

  private:
    static constexpr std::uint8_t kNone = 0xff;
    struct Step {
        exact::ChunkFunction function;
        std::uint8_t a, b, c, out;  ///< nodes
    };
    struct Geometry;
    void find_compiled(const program::Program& program, const program::Instruction& instruction,
                       const exact::Kernels& kernels);
    void run_compiled(const Rectangle& out, std::span<const Rectangle> in, std::uint32_t first,
                      std::uint32_t last) const;
    using Pointers = std::array<const void*, program::kNodesMax>;

    void prepare(const Geometry& g, std::span<const Rectangle> in, float* scratch,
                 Pointers& at) const;
    void bind(const Geometry& g, std::span<const Rectangle> in, std::uint32_t row,
              std::uint32_t rows, std::uint32_t col, std::uint32_t cols, float* scratch,
              Pointers& at) const;
    [[nodiscard]] float* buffer(std::size_t node, float* scratch) const {
        return scratch + buffer_[node] * kChunk;
    }

    program::Expression nodes_;
    exact::MapFunction compiled_ = nullptr;  ///< the whole expression, where the kernels have it
    std::uint8_t columns_ = 0;               ///< operands of one column, as in MapShape
    bool counts_ = false;                    ///< reads row or column indices
    bool causal_ = false;                    ///< select(col <= row, ..., constant)
    void (*fill_)(float* to, std::size_t n, std::uint32_t word);
    std::vector<std::size_t> fixed_;    ///< nodes that are constants
    std::vector<std::size_t> read_;     ///< nodes that are operands
    std::vector<std::size_t> indices_;  ///< nodes that are row or column indices
    std::vector<Step> steps_;
    std::array<std::uint8_t, program::kNodesMax> buffer_{};
    std::uint8_t out_buffer_ = 0;
};

/// Elements of a rectangle as 32-bit words of their computing type: `cols` from (row, col) on as
/// seen, widened where stored narrower.
void read_words(const Rectangle& from, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
                float* out);
/// Narrows `cols` words of one row into the rectangle.
void write_words(const Rectangle& to, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
                 const float* words);

}  // namespace assay::runtime
