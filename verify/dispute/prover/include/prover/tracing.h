#pragma once

#include "dispute/trace.h"
#include "prover/engine.h"

/// Traces computed on demand, by the reference or by the executor's kernels; never while training.
namespace assay::dispute {

/// Runs the whole stage; in a step with the fast engine this takes little longer than training it.
StageTrace trace_stage(const StageInputs& inputs, const Engine& engine = {});
/// Runs the stage up to and including unit number `unit`.
UnitTrace trace_unit(const StageInputs& inputs, std::size_t unit, const Engine& engine = {});

}  // namespace assay::dispute
