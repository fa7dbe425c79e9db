#pragma once

#include <cstdint>
#include <tl/expected.hpp>

#include "client/job_facts.h"
#include "commit/state.h"
#include "market/job_spec.h"
#include "program/program.h"

/// From a job spec to everything that posting it takes. Used by the node's edge (which recomputes
/// the initial root that a submitter declares) and by the command line (which declares it).
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

}  // namespace assay::plan
