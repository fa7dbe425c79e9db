#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "program/program.h"

namespace assay::program {

/// Rules about one instruction alone: its views lie within their tensors, shapes and types agree,
/// the output is covered.
std::optional<std::string> check_instruction(const Program& program,
                                             const Instruction& instruction);

/// The largest number of tiles that judging one cell opens: the cell's tiles of each operand of a
/// map, one 32-step of a matmul or row reduction with its running state, one row of a gather.
std::uint32_t tiles_opened(const Program& program, const Instruction& instruction);
inline constexpr std::uint32_t kTilesOpenedMax = 11;

}  // namespace assay::program
