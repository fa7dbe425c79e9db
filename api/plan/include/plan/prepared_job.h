#pragma once

#include <cstdint>
#include <tl/expected.hpp>

#include "client/job_facts.h"
#include "commit/state.h"
#include "market/job_spec.h"
#include "program/program.h"

/// From a job spec to everything that posting it takes. Used by the node's edge (which recomputes
/// what a submitter declares) and by the command line (which declares it).
namespace assay::plan {

struct PreparedJob {
    program::Program program;
    commit::State initial_state;
    commit::StateDescriptor descriptor;  ///< of the initial state
    client::JobFacts facts;
};

/// Compiles the spec, fills the initial state and hashes it with `threads` threads. The error names
/// the field. What would need more than `memory_bytes_max` is refused before it is allocated.
tl::expected<PreparedJob, market::SpecError> prepare_job(
    const market::JobSpec& spec, unsigned threads, std::uint64_t memory_bytes_max = UINT64_MAX);

/// FLOPs of one merge, protocol cost: per lane each weight's difference and two moments are scaled
/// and added (2 each), then the outer step takes 12 per weight.
std::uint64_t merge_flops(std::uint64_t weights, std::uint32_t lanes);

}  // namespace assay::plan
