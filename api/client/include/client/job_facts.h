#pragma once

#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "market/job_facts.h"

namespace assay::client {

/// What a job's spec implies: what the rules compute of it, the initial root that `job_post`
/// declares, and what else `assay plan` shows.
struct JobFacts : market::JobFacts {
    base::Hash spec_root, init_root;
    std::uint64_t flops_per_step = 0;
    struct Memory {
        std::uint32_t micro_batch = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<Memory> memory;  ///< for micro-batches 1, 2, 4, ... and the whole batch
};

}  // namespace assay::client
