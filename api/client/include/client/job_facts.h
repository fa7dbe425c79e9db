#pragma once

#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "market/objects.h"

namespace assay::client {

/// What a job's spec implies, recomputed from it: what `job_post` declares and what `assay plan`
/// shows.
struct JobFacts {
    base::Hash spec_root, program_root, init_root;
    market::JobCosts costs;
    std::uint64_t flops_per_step = 0;
    struct Memory {
        std::uint32_t micro_batch = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<Memory> memory;  ///< for micro-batches 1, 2, 4, ... and the whole batch
};

}  // namespace assay::client
