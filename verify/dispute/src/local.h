#pragma once

#include <optional>
#include <span>
#include <vector>

#include "dispute/claim.h"

namespace assay::dispute {

/// One instruction over tensors of its own: 0 is the output, i + 1 its operand number i, so that
/// one operand's window is never another's. A matmul or scatter_add that continues its own output
/// has that tensor, as it was before, as one operand more (number 2).
struct Local {
    program::Program program;          ///< the tensors' records, and what the header says
    program::Instruction instruction;  ///< views renumbered
    std::vector<program::View> operands;
};

/// Operands as the program numbers their tensors: `in`, and the output where it is continued.
std::vector<program::View> operands_of(const program::Instruction& instruction);
/// Tensors in the order in which openings list them: the output, then operands by first mention.
std::vector<program::TensorId> tensors_of(const program::Instruction& instruction);

/// `tensors` are those of the output and of each operand. Nothing when the instruction breaks the
/// rules of programs (program/rules.h): then it must not be run.
std::optional<Local> localise(const ProgramFrame& frame, const program::Instruction& instruction,
                              std::span<const program::Tensor> tensors);

/// A rectangle of a stored tensor.
struct Rect {
    std::uint64_t row = 0, col = 0, rows = 0, cols = 0;
};

/// The elements that `step` of a cell reads of operand number `operand` (of Local::operands), if
/// any. `source_row` is the row that a gather's index names; without it nothing of the source.
std::optional<Rect> read_by(const Local& local, std::size_t operand, const exact::Cell& cell,
                            std::uint32_t step, std::uint32_t table_row,
                            std::optional<std::uint32_t> source_row);

/// The row that a gather reads for `step`, when its index lies inside the source. `context` has the
/// index operand.
std::optional<std::uint32_t> gathered_row(const Local& local,
                                          const exact::ReferenceContext& context,
                                          const exact::Cell& cell, std::uint32_t step);

}  // namespace assay::dispute
