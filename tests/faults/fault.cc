#include "fault.h"

#include "dispute/claim.h"

namespace assay::faults {

std::string_view name_of(Position position) {
    switch (position) {
        case Position::first:
            return "first";
        case Position::edge:
            return "edge";
        case Position::last:
            return "last";
    }
    return "";
}

std::string_view name_of(program::Kind kind) {
    switch (kind) {
        case program::Kind::load:
            return "load";
        case program::Kind::random:
            return "random";
        case program::Kind::gather:
            return "gather";
        case program::Kind::scatter_add:
            return "scatter_add";
        case program::Kind::map:
            return "map";
        case program::Kind::reduce:
            return "reduce";
        case program::Kind::matmul:
            return "matmul";
    }
    return "";
}

std::uint32_t tile_at(const program::Tensor& out, Position position) {
    const std::uint32_t across = (out.cols + dispute::kTileSide - 1) / dispute::kTileSide;
    const std::uint32_t down = (out.rows + dispute::kTileSide - 1) / dispute::kTileSide;
    switch (position) {
        case Position::first:
            return 0;
        case Position::edge:
            return across - 1;
        case Position::last:
            return across * down - 1;
    }
    return 0;
}

std::optional<std::uint64_t> element_in(const program::Instruction& instruction,
                                        const program::Tensor& out, std::uint32_t tile) {
    for (std::uint32_t item = instruction.items; item-- > 0;) {
        const auto cell = dispute::cell_of(instruction, out, tile, item);
        if (!cell) continue;
        const std::uint64_t row = std::uint64_t{instruction.out.row} +
                                  std::uint64_t{item} * instruction.out.item_row_stride +
                                  cell->row + cell->rows - 1;
        const std::uint64_t col = std::uint64_t{instruction.out.col} +
                                  std::uint64_t{item} * instruction.out.item_col_stride +
                                  cell->col + cell->cols - 1;
        return row * out.cols + col;
    }
    return std::nullopt;
}

std::vector<Fault> candidates(const program::Program& program, dispute::Stage stage,
                              std::uint32_t step, program::Kind kind, Position position,
                              std::uint32_t members) {
    std::vector<Fault> found;
    const std::vector<dispute::Unit> units = dispute::units_of(program, stage, members);
    for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
        const auto [first, last] = program.range(units[unit].part);
        for (std::uint32_t i = first; i < last; ++i) {
            const program::Instruction& instruction = program.instructions[i];
            if (instruction.kind != kind) continue;
            const program::Tensor& out = program.tensors[instruction.out.tensor];
            const auto element = element_in(instruction, out, tile_at(out, position));
            if (element) found.push_back({stage, step, unit, i, *element});
        }
    }
    return found;
}

}  // namespace assay::faults
