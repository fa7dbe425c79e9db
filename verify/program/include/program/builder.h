#pragma once

#include <tl/expected.hpp>

#include "market/job_spec.h"
#include "program/program.h"

namespace assay::program {

/// Compiles a job's model, loss, optimizer and merge to its program. A pure function of the spec; the same spec gives the same root
/// everywhere. Refuses unknown builder versions and profiles, and shapes whose cells would open more than 11 tiles.
tl::expected<Program, market::SpecError> build_program(const market::JobSpec& spec);

}  // namespace assay::program
