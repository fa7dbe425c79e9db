#pragma once

#include <tl/expected.hpp>

#include "market/job_spec.h"
#include "program/program.h"

namespace assay::program {

/// Compiles a job's model, loss, optimizer and merge to its program. A pure function of the spec;
/// the same spec gives the same root everywhere. Refuses unknown builder versions and profiles, and
/// shapes whose cells would open more than 11 tiles.
tl::expected<Program, market::SpecError> build_program(const market::JobSpec& spec);

/// What a job's states and payloads consist of, in program order: name, type, shape and flags of
/// build_program's tensors of those classes
/// (`start_of` is kNoTensor). Takes a small part of the time, since no step is compiled; refuses a
/// spec for the same fields, but does not check cells.
struct JobTensors {
    std::vector<Tensor> state, payload;  ///< no payload in jobs without a merge
};
tl::expected<JobTensors, market::SpecError> build_tensors(const market::JobSpec& spec);

}  // namespace assay::program
