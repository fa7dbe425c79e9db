#pragma once

#include "exact/reference.h"
#include "runtime/backend.h"

namespace assay::runtime {

/// What the definition of an instruction needs of a moment, for the sequence in `slot`; its tensors
/// are the caller's.
inline exact::ReferenceContext reference_context(const Moment& moment, std::size_t slot = 0) {
    exact::ReferenceContext context;
    context.table_row = moment.table_row;
    context.lane = moment.lane;
    context.global_step = moment.global_step;
    context.sequence = moment.first_sequence + static_cast<std::uint32_t>(slot);
    context.members = moment.members;
    context.dataset = {moment.data.words, moment.data.train_count, moment.data.row_words};
    context.window_start = moment.window_start;
    return context;
}

}  // namespace assay::runtime
