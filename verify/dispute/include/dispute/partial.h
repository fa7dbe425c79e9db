#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "exact/reference.h"
#include "program/program.h"

/// Running states of one cell of a matmul, row reduction or scatter_add (docs/formats/trace.md).
/// Tests hold that their last state is what the reference computes whole.
namespace assay::dispute {

/// 32-bit words; every NaN is 7fc00000, so a state has one spelling.
using PartialState = std::vector<std::uint32_t>;

/// How many words a state of the cell has. `integers`: a matmul of i8.
std::size_t partial_words(const program::Instruction& instruction, bool integers,
                          const exact::Cell& cell);
/// Before step 0. `start` is the view of what the instruction starts from or continues; null where
/// that is nothing.
PartialState start_partial(const program::Instruction& instruction, const program::View* start,
                           const exact::ReferenceContext& context, const exact::Cell& cell);
void advance_partial(const program::Instruction& instruction,
                     const exact::ReferenceContext& context, const exact::Cell& cell,
                     std::uint32_t step, PartialState& state);
/// Writes the cell that the state after the last step means.
void finish_partial(const program::Instruction& instruction, const PartialState& state,
                    const exact::ReferenceContext& context, const exact::Cell& cell);

/// Little-endian, as it is hashed and opened.
base::Bytes encode_partial(const PartialState& state);
PartialState decode_partial(base::ByteView bytes);

}  // namespace assay::dispute
