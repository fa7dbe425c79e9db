#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "dispute/moves.h"
#include "dispute/records.h"

/// Whether every claim about a program can be judged: a property of the program, to be known before
/// a job is accepted, since a claim whose openings are too large would be lost by the honest side.
namespace assay::dispute {

/// At least as many bytes as the openings of any claim about the instruction have.
std::uint64_t opening_bytes_max(const program::Program& program, const ProgramFrame& frame,
                                std::uint32_t instruction);

/// At least as many bytes as a move of each kind has, in the order of Move, whatever stage the game
/// is about: each is counted over the whole program.
using MoveBytes = std::array<std::uint64_t, std::variant_size_v<Move>>;
MoveBytes move_bytes_max(const program::Program& program, const ProgramFrame& frame);

/// Why some game about the program could not be played to its end by the side that is right, if so:
/// openings or a frame above kOpeningBytesMax, a move above kMoveBytesMax, a tensor without origin,
/// a state that no move can show to be unchanged. For programs that check_program accepts.
std::optional<std::string> check_judgeable(const program::Program& program,
                                           const ProgramFrame& frame);

}  // namespace assay::dispute
