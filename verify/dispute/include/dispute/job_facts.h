#pragma once

#include <tl/expected.hpp>

#include "market/job_facts.h"
#include "market/job_spec.h"
#include "program/program.h"

/// The one place where a job's costs and sizes come from its spec: for the rules, the node's edge,
/// `assay plan`, workers and validators alike.
namespace assay::dispute {

/// A job whose every claim can be judged.
struct BuiltJob {
    program::Program program;
    program::Cost cost;
    market::JobFacts facts;
};

/// Builds the program of a spec that decode_spec accepts, checks that a game about it could be
/// judged, and counts. The same bits on every machine that passes check_environment; market's
/// facts_weight bounds its time. Errors: what the program builder refuses; "model": a claim whose
/// openings would be too large; "segment_steps", "lanes": a segment or a merge of more than 2^62
/// FLOPs.
[[nodiscard]] tl::expected<BuiltJob, market::SpecError> build_job(const market::JobSpec& spec);

}  // namespace assay::dispute
