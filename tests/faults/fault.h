#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispute/stage.h"
#include "program/program.h"

/// Errors of one bit in one element of what an instruction computes: what sides of disputes are
/// tested with.
namespace assay::faults {

/// What is computed from the element afterwards is computed rightly.
struct Fault {
    dispute::Stage stage = dispute::Stage::step;
    std::uint32_t step = 0;  ///< within the round
    std::uint32_t unit = 0, instruction = 0;
    std::uint64_t element = 0;
};

/// The first tile of an output, the one at the right edge of the first row, the last one.
enum class Position : std::uint8_t { first = 1, edge, last };
std::string_view name_of(Position position);
std::string_view name_of(program::Kind kind);

/// The tile at a position.
std::uint32_t tile_at(const program::Tensor& out, Position position);
/// An element of the tile that belongs to an item: its last one, where errors of ragged edges lie.
/// Nothing where no item touches the tile.
std::optional<std::uint64_t> element_in(const program::Instruction& instruction,
                                        const program::Tensor& out, std::uint32_t tile);
/// Faults of one kind of instruction at one position in a stage, in the order of the program.
std::vector<Fault> candidates(const program::Program& program, dispute::Stage stage,
                              std::uint32_t step, program::Kind kind, Position position,
                              std::uint32_t members);

}  // namespace assay::faults
