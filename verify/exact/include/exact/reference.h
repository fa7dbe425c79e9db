#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "program/program.h"

/// The scalar definition of profile `f32` (docs/numerics.md): the seven instruction kinds in plain
/// code. Every other implementation must equal it bit for bit. Nothing here is fast; everything
/// reads from beginning to end.
namespace assay::exact {

/// Where one tensor lives: row-major, elements of its storage type. Does not own. A referee has
/// only a window of a tensor: `data` is then element (window_row, window_col), and window_cols
/// elements lie in a row of memory. 0 of them: the whole tensor is there.
struct TensorMemory {
    std::byte* data = nullptr;
    std::uint32_t rows = 0, cols = 0;
    program::DType dtype = program::DType::f32;
    std::uint32_t window_row = 0, window_col = 0, window_cols = 0;
};

/// The dataset as the load instructions see it: u32 token words, or the bits of f32 table rows
/// (features, then the label).
struct DatasetWords {
    std::span<const std::uint32_t> words;
    std::uint64_t train_count = 0;  ///< tokens, or rows, of the training split
    std::uint32_t row_words = 1;    ///< 1 for tokens; features + 1 for tables
};

inline constexpr std::uint32_t kInitLane =
    0xffffffffU;  ///< the lane in the Philox key of the init part

/// Everything an instruction's result depends on besides the program. `tensors` is indexed by
/// TensorId; the memories of the instruction's operands and of its output must be present and may
/// be the same only where the output is the tensor that is read element by element (state tensors,
/// accumulators).
struct ReferenceContext {
    std::span<const TensorMemory> tensors;
    std::uint32_t table_row = 0;    ///< round x H + h in a step; `round` in payload and merge
    std::uint32_t lane = 0;         ///< kInitLane in init
    std::uint32_t global_step = 0;  ///< round x H + h; 0 in init
    std::uint32_t sequence = 0;     ///< b within the lane's batch; 0 outside the sequence part
    std::uint32_t members = 0;      ///< merge: number of member lanes
    DatasetWords dataset;
    /// Validation: the window (or first table row) is this one instead of a drawn one.
    std::optional<std::uint64_t> window_start;
};

/// Executes one instruction whole. Aborts (ASSAY_CHECK) on instructions that check_program refuses.
void run_reference(const program::Program& program, const program::Instruction& instruction,
                   const ReferenceContext& context);

/// Only the elements [row, row + rows) x [col, col + cols) of batch item `item` of a random,
/// gather, map, reduce or matmul, as the referee does for one cell. The rest of the output is not
/// touched.
struct Cell {
    std::uint32_t item = 0, row = 0, col = 0, rows = 0, cols = 0;
};
void run_reference_cell(const program::Program& program, const program::Instruction& instruction,
                        const ReferenceContext& context, const Cell& cell);

/// Start of the window of a sequence of tokens: (u64 (n - T)) >> 64 with the two first Philox words
/// of element 0.
std::uint64_t window_start(const program::Program& program, std::uint32_t stream,
                           const ReferenceContext& context);
/// Row index that sample `row` of a table's sequence draws: words 0 and 1 of counter element `row`.
std::uint64_t drawn_row(const program::Program& program, std::uint32_t stream,
                        const ReferenceContext& context, std::uint32_t row);

}  // namespace assay::exact
