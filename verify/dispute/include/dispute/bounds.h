#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dispute/records.h"

/// Whether every claim about a program can be judged: a property of the program, to be known before
/// a job is accepted, since a claim whose openings are too large would be lost by the honest side.
namespace assay::dispute {

/// At least as many bytes as the openings of any claim about the instruction have.
std::uint64_t opening_bytes_max(const program::Program& program, const ProgramFrame& frame,
                                std::uint32_t instruction);

/// Why some claim could not be judged, if so: openings above kOpeningBytesMax, a tensor without
/// origin. For programs that check_program accepts.
std::optional<std::string> check_judgeable(const program::Program& program,
                                           const ProgramFrame& frame);

}  // namespace assay::dispute
