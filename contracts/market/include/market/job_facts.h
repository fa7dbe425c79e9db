#pragma once

#include <cstdint>

#include "base/hash.h"
#include "base/schema.h"

/// What follows from a job's spec alone, so that nobody declares it (docs/protocol.md).
namespace assay::market {

/// Integer costs of a job, as the program's instructions count them.
struct JobCosts {
    std::uint64_t segment_flops = 0;
    std::uint64_t merge_flops = 0;    ///< of one merge; 0 without merges
    std::uint64_t state_bytes = 0;    ///< elements of a state, without a file's header
    std::uint64_t payload_bytes = 0;  ///< elements of a payload; 0 without merges
    std::uint64_t memory_bytes = 0;   ///< a worker needs at least
    std::uint64_t weights = 0;
    ASSAY_FIELDS(JobCosts, segment_flops, merge_flops, state_bytes, payload_bytes, memory_bytes,
                 weights)
};

/// Everything that the rules take from a spec through the referee. Sizes are those of the canonical
/// files (docs/formats/checkpoint.md, docs/formats/dataset.md), so a receipt that names another
/// size is of another file.
struct JobFacts {
    base::Hash program_root;
    JobCosts costs;
    std::uint64_t init_bytes = 0;     ///< of every state checkpoint: initial, a part's end, merged
    std::uint64_t payload_bytes = 0;  ///< of a payload file; 0 without merges
    std::uint64_t data_bytes = 0;     ///< of the data blob
    std::uint64_t init_flops = 0;     ///< of computing the initial state
    bool operator==(const JobFacts&) const = default;
};

}  // namespace assay::market
