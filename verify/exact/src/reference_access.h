#pragma once

#include <cstdint>

#include "exact/item_view.h"
#include "exact/reference.h"

namespace assay::exact {

/// The part of one item that is to be computed: all of it, or one cell.
struct Region {
    std::uint32_t item = 0, row_begin = 0, row_end = 0, col_begin = 0, col_end = 0;
};

void reference_load(const program::Program& program, const program::Instruction& instruction,
                    const ReferenceContext& context);
void reference_random(const program::Program& program, const program::Instruction& instruction,
                      const ReferenceContext& context, const Region& region);
void reference_gather(const program::Instruction& instruction, const ReferenceContext& context,
                      const Region& region);
void reference_scatter_add(const program::Instruction& instruction,
                           const ReferenceContext& context);
void reference_map(const program::Instruction& instruction, const ReferenceContext& context,
                   const Region& region);
void reference_reduce(const program::Instruction& instruction, const ReferenceContext& context,
                      const Region& region);
void reference_matmul(const program::Instruction& instruction, const ReferenceContext& context,
                      const Region& region);

}  // namespace assay::exact
