#pragma once

#include <tl/expected.hpp>

#include "client/job_facts.h"
#include "market/job_spec.h"

namespace assay::server {

/// What the API edge must know about a job's program. Implemented over `verify` and wired in main,
/// so that the server itself links none of it.
class JobChecker {
  public:
    virtual ~JobChecker() = default;
    /// Builds the program and fills the initial state: slow, so it runs on a worker thread.
    /// Thread-safe.
    virtual tl::expected<client::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec) = 0;
};

}  // namespace assay::server
