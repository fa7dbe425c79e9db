#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace assay::runtime {

/// The sequence part with recomputed activations: its instructions in order, and before the first
/// one of the backward pass that reads a stretch of the forward pass, that stretch once more (Chen
/// et al. 2016, arXiv:1604.06174). A stretch ends where a single value carries the forward pass on;
/// only those values live until the backward pass. The same instructions on the same operands give
/// the same bits, random masks included.
std::vector<std::uint32_t> recomputing_order(const program::Program& program);

}  // namespace assay::runtime
