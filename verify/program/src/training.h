#pragma once

#include <vector>

#include "emitter.h"
#include "market/job_spec.h"
#include "optimizers/rule.h"
#include "parameters.h"

namespace assay::program {

/// Tensors of a job that the update, payload and merge parts share.
struct Training {
    const market::JobSpec& spec;
    const OptimizerRule& rule;
    TensorId schedule = kNoTensor;               ///< table, see schedule.h
    TensorId grid = kNoTensor;                   ///< table of the merge, only when there is one
    std::vector<std::vector<TensorId>> moments;  ///< by parameter, as the rule lists them
    std::vector<TensorId> outer;  ///< outer momentum, by parameter; empty without merges
};

/// State tensors beside the weights and their initial values (+0); tables.
Training emit_training_state(Emitter& emitter, const Parameters& parameters,
                             const market::JobSpec& spec, const OptimizerRule& rule);
/// Gradient norm, fault, clip ("norm_clip"), then the optimizer's rule per tensor.
void emit_update(Emitter& emitter, const Parameters& parameters, const Training& training);
/// A parameter's tensors in the payload: the quantised difference and, when moments are averaged,
/// the moments.
struct PayloadTensors {
    TensorId difference = kNoTensor;
    std::vector<TensorId> moments;
};
/// Part payload.
std::vector<PayloadTensors> emit_payloads(Emitter& emitter, const Parameters& parameters,
                                          const Training& training);
/// Parts payload, merge_lane and merge (docs/numerics.md, "Merge").
void emit_merge(Emitter& emitter, const Parameters& parameters, const Training& training);

}  // namespace assay::program
