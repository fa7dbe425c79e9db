#pragma once

#include <vector>

#include "emitter.h"
#include "market/job_spec.h"
#include "parameters.h"

namespace assay::program {

/// Each emits a model's init and sequence parts and, where a tensor is used twice, the update
/// part's sum of its gradients.
void emit_gpt(Emitter& emitter, Parameters& parameters, const market::GptModel& model,
              std::uint32_t vocabulary, std::uint32_t batch);
void emit_mlp(Emitter& emitter, Parameters& parameters, const market::MlpModel& model,
              const market::TableData& data, std::uint32_t batch);

/// The trained tensors alone, as emit_gpt and emit_mlp declare them.
void declare_gpt(Parameters& parameters, const market::GptModel& model, std::uint32_t vocabulary);
void declare_mlp(Parameters& parameters, const market::MlpModel& model,
                 const market::TableData& data);

/// Tensors of a job that the update, payload and merge parts share.
struct Training {
    const market::JobSpec& spec;
    TensorId schedule = kNoTensor;        ///< table, see schedule.h
    TensorId grid = kNoTensor;            ///< table of the merge, only when there is one
    std::vector<TensorId> first, second;  ///< moments, by parameter
    std::vector<TensorId> outer;          ///< outer momentum, by parameter; empty without merges
};

/// State tensors beside the weights and their initial values (+0); tables.
Training emit_training_state(Emitter& emitter, const Parameters& parameters,
                             const market::JobSpec& spec);
/// Gradient norm, fault, clip ("norm_clip"), then AdamW per tensor ("adamw").
void emit_update(Emitter& emitter, const Parameters& parameters, const Training& training);
/// A parameter's tensors in the payload: the quantised difference and, when moments are averaged,
/// both moments.
struct PayloadTensors {
    TensorId difference = kNoTensor, first = kNoTensor, second = kNoTensor;
};
/// Part payload.
std::vector<PayloadTensors> emit_payloads(Emitter& emitter, const Parameters& parameters,
                                          const Training& training);
/// Parts payload, merge_lane and merge (docs/numerics.md, "Merge").
void emit_merge(Emitter& emitter, const Parameters& parameters, const Training& training);

}  // namespace assay::program
