#include "local.h"

#include <algorithm>

#include "exact/item_view.h"
#include "program/rules.h"

namespace assay::dispute {

using program::Instruction;
using program::Kind;
using program::MatmulStart;
using program::TensorId;
using program::View;

namespace {

struct Extent {
    std::uint32_t first = 0, count = 0;
};

/// Rows x columns as the instruction sees them, in the stored tensor; a dimension of one element is
/// read at 0.
Rect stored(const View& view, std::uint32_t item, std::uint32_t table_row, Extent rows,
            Extent cols) {
    if (view.seen_rows() == 1) rows = {0, 1};
    if (view.seen_cols() == 1) cols = {0, 1};
    if (view.transposed) std::swap(rows, cols);
    const std::uint64_t row = std::uint64_t{view.row} + std::uint64_t{item} * view.item_row_stride +
                              (view.row_from_step ? table_row : 0U);
    const std::uint64_t col = std::uint64_t{view.col} + std::uint64_t{item} * view.item_col_stride;
    return {row + rows.first, col + cols.first, rows.count, cols.count};
}

/// The 32 of a dimension that a step of a running state takes.
Extent taken(std::uint32_t step, std::uint32_t length) {
    const std::uint32_t first = step * kTileSide;
    return {first, std::min(kTileSide, length - first)};
}

bool continues_its_output(const Instruction& instruction) {
    return instruction.kind == Kind::scatter_add ||
           (instruction.kind == Kind::matmul && instruction.start == MatmulStart::continues &&
            instruction.in.size() == 2);
}

}  // namespace

std::vector<View> operands_of(const Instruction& instruction) {
    std::vector<View> operands = instruction.in;
    if (continues_its_output(instruction)) operands.push_back(instruction.out);
    return operands;
}

std::vector<TensorId> tensors_of(const Instruction& instruction) {
    std::vector<TensorId> ids = {instruction.out.tensor};
    for (const View& view : operands_of(instruction)) {
        if (std::find(ids.begin() + 1, ids.end(), view.tensor) == ids.end())
            ids.push_back(view.tensor);
    }
    return ids;
}

std::optional<Local> localise(const ProgramFrame& frame, const Instruction& instruction,
                              std::span<const program::Tensor> tensors) {
    Local local;
    local.program.seed = frame.seed;
    local.program.lanes = frame.lanes;
    local.program.rounds = frame.rounds;
    local.program.round_steps = frame.round_steps;
    local.program.batch = frame.batch;
    local.program.sequence_rows = frame.sequence_rows;
    local.program.tensors.assign(tensors.begin(), tensors.end());
    local.instruction = instruction;
    local.instruction.out.tensor = 0;
    TensorId next = 1;
    for (View& view : local.instruction.in) view.tensor = next++;
    local.operands = local.instruction.in;
    if (continues_its_output(instruction)) {
        local.operands.push_back(local.instruction.out);
        local.operands.back().tensor = next;
    }
    if (tensors.size() != local.operands.size() + 1 ||
        program::check_instruction(local.program, local.instruction)) {
        return std::nullopt;
    }
    return local;
}

std::optional<Rect> read_by(const Local& local, std::size_t operand, const exact::Cell& cell,
                            std::uint32_t step, std::uint32_t table_row,
                            std::optional<std::uint32_t> source_row) {
    const Instruction& instruction = local.instruction;
    const View& view = local.operands[operand];
    const Extent rows = {cell.row, cell.rows}, cols = {cell.col, cell.cols};
    const Extent row = {cell.row + step, 1};
    const bool running = step < state_steps(instruction);
    const auto at = [&](Extent r, Extent c) { return stored(view, cell.item, table_row, r, c); };
    switch (instruction.kind) {
        case Kind::load:
        case Kind::random:
            return std::nullopt;
        case Kind::map:
            return at(row, cols);
        case Kind::gather:
            if (operand == 1) return at(row, {0, 1});
            if (!source_row) return std::nullopt;
            return at({*source_row, 1}, cols);
        case Kind::reduce:
            if (!running) return std::nullopt;
            return at(rows, taken(step, view.seen_cols()));
        case Kind::scatter_add: {
            if (!running) return std::nullopt;
            const Extent t = taken(step, instruction.in[0].seen_rows());
            if (operand == 0) return at(t, cols);
            if (operand == 1) return at(t, {0, 1});
            if (step > 0) return std::nullopt;
            return at(rows, cols);
        }
        case Kind::matmul: {
            if (!running) return std::nullopt;
            const Extent k = taken(step, instruction.in[0].seen_cols());
            if (operand == 0) return at(rows, k);
            if (operand == 1) return at(k, cols);
            if (step > 0) return std::nullopt;
            return at(instruction.start == MatmulStart::bias ? Extent{0, 1} : rows, cols);
        }
    }
    return std::nullopt;
}

std::optional<std::uint32_t> gathered_row(const Local& local,
                                          const exact::ReferenceContext& context,
                                          const exact::Cell& cell, std::uint32_t step) {
    if (local.instruction.kind != Kind::gather) return std::nullopt;
    const exact::ItemView index(local.operands[1], cell.item, context);
    const std::int32_t from = index.i32(cell.row + step, 0);
    if (from < 0 || static_cast<std::uint32_t>(from) >= local.operands[0].seen_rows())
        return std::nullopt;
    return static_cast<std::uint32_t>(from);
}

}  // namespace assay::dispute
