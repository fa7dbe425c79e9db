#include "dispute/claim.h"

#include <algorithm>

namespace assay::dispute {

using program::Instruction;
using program::Kind;

namespace {

struct Interval {
    std::uint64_t first = 0, last = 0;
    [[nodiscard]] bool empty() const { return first >= last; }
};

Interval common(const Interval& a, const Interval& b) {
    return {std::max(a.first, b.first), std::min(a.last, b.last)};
}

}  // namespace

std::uint64_t Facts::unit_count() const {
    const auto [first, last] = frame.range(program::Part::prologue);
    const std::uint64_t prologue = stage == Stage::step && first != last ? 1 : 0;
    switch (stage) {
        case Stage::init:
        case Stage::payload:
            return 1;
        case Stage::step:
            return prologue + frame.batch + 1;
        case Stage::merge:
            return std::uint64_t{members} + 1;
    }
    return 0;
}

std::optional<Unit> Facts::unit_at(std::uint64_t position) const {
    const std::uint64_t count = unit_count();
    if (position >= count) return std::nullopt;
    if (position + 1 == count) return units_of(stage, 0, false).back();
    const std::uint64_t runs = stage == Stage::merge ? members : frame.batch;
    const std::uint64_t prologue = count - 1 - runs;
    if (position < prologue) return Unit{program::Part::prologue, 0};
    return Unit{*loop_of(stage), static_cast<std::uint32_t>(position - prologue)};
}

bool narrows(Kind kind) {
    switch (kind) {
        case Kind::load:
        case Kind::random:
        case Kind::gather:
        case Kind::map:
            return false;
        case Kind::scatter_add:
        case Kind::reduce:
        case Kind::matmul:
            return true;
    }
    return false;
}

std::optional<exact::Cell> cell_of(const Instruction& instruction, const program::Tensor& out,
                                   std::uint32_t tile, std::uint32_t item) {
    if (item >= instruction.items) return std::nullopt;
    const std::uint64_t across = (std::uint64_t{out.cols} + kTileSide - 1) / kTileSide;
    const std::uint64_t row = tile / across * kTileSide, col = tile % across * kTileSide;
    const program::View& view = instruction.out;
    const std::uint64_t item_row = view.row + std::uint64_t{item} * view.item_row_stride;
    const std::uint64_t item_col = view.col + std::uint64_t{item} * view.item_col_stride;
    const Interval rows = common({row, std::min<std::uint64_t>(row + kTileSide, out.rows)},
                                 {item_row, item_row + view.rows});
    const Interval cols = common({col, std::min<std::uint64_t>(col + kTileSide, out.cols)},
                                 {item_col, item_col + view.cols});
    if (rows.empty() || cols.empty()) return std::nullopt;
    return exact::Cell{item, static_cast<std::uint32_t>(rows.first - item_row),
                       static_cast<std::uint32_t>(cols.first - item_col),
                       static_cast<std::uint32_t>(rows.last - rows.first),
                       static_cast<std::uint32_t>(cols.last - cols.first)};
}

std::uint32_t state_steps(const Instruction& instruction) {
    if (instruction.in.empty()) return 0;  // a record that nobody has checked yet
    const auto of = [](std::uint32_t length) { return (length - 1) / kTileSide + 1; };
    switch (instruction.kind) {
        case Kind::load:
        case Kind::random:
        case Kind::gather:
        case Kind::map:
            return 0;
        case Kind::scatter_add:
            return of(instruction.in[0].seen_rows());
        case Kind::reduce:
        case Kind::matmul:
            return of(instruction.in[0].seen_cols());
    }
    return 0;
}

std::uint32_t steps_of(const Instruction& instruction, const exact::Cell& cell) {
    return narrows(instruction.kind) ? state_steps(instruction) + 1 : cell.rows;
}

}  // namespace assay::dispute
