#include <memory>
#include <string>
#include <utility>

#include "models/family.h"
#include "optimizers/rule.h"
#include "program/builder.h"
#include "training.h"

namespace assay::program {
namespace {

using market::SpecError;

std::optional<SpecError> check_training(const market::JobSpec& spec) {
    if (spec.profile != "f32") return SpecError{"profile", "unknown; the profile is f32"};
    if (spec.batch == 0) return SpecError{"batch", "must be at least 1"};
    if (spec.lanes == 0) return SpecError{"lanes", "must be at least 1"};
    if (spec.rounds == 0 || spec.round_steps == 0)
        return SpecError{"round_steps", "rounds and steps must be at least 1"};
    if (spec.steps_per_lane() > market::kLaneStepsMax)
        return SpecError{"rounds", "rounds x round_steps must be at most 2^20"};
    if (spec.optimizer.learning_rate_min_ppb > spec.optimizer.learning_rate_ppb) {
        return SpecError{"optimizer.learning_rate_min_ppb", "must be at most the peak"};
    }
    return std::nullopt;
}

std::optional<SpecError> check_buildable(const market::JobSpec& spec, const ModelFamily& family,
                                         const OptimizerRule& rule) {
    if (auto error = check_training(spec)) return error;
    if (auto error = rule.check()) return error;
    return family.check();
}

}  // namespace

tl::expected<JobTensors, SpecError> build_tensors(const market::JobSpec& spec) {
    const std::unique_ptr<ModelFamily> family = family_of(spec);
    const auto rule = rule_of(spec);
    if (!rule) return tl::unexpected(rule.error());
    if (auto error = check_buildable(spec, *family, **rule))
        return tl::unexpected(std::move(*error));
    // Tensors depend on whether there is a merge, not on how many steps the tables have rows for.
    market::JobSpec shortest = spec;
    shortest.rounds = spec.has_merge() ? 2 : 1;
    shortest.round_steps = 1;
    Emitter emitter(0, 1, shortest.rounds, 1, 1, 1);
    Parameters parameters(emitter);
    family->declare(parameters);
    const Training training = emit_training_state(emitter, parameters, shortest, **rule);
    if (spec.has_merge()) emit_payloads(emitter, parameters, training);
    emitter.program().tables.clear();  // nothing here reads the schedule

    Program program = emitter.finish();
    JobTensors tensors;
    for (Tensor& tensor : program.tensors) {
        tensor.start_of = kNoTensor;
        if (tensor.cls == TensorClass::state) {
            tensors.state.push_back(std::move(tensor));
        } else if (tensor.cls == TensorClass::payload) {
            tensors.payload.push_back(std::move(tensor));
        }
    }
    return tensors;
}

tl::expected<Program, SpecError> build_program(const market::JobSpec& spec) {
    const std::unique_ptr<ModelFamily> family = family_of(spec);
    const auto rule = rule_of(spec);
    if (!rule) return tl::unexpected(rule.error());
    if (auto error = check_buildable(spec, *family, **rule))
        return tl::unexpected(std::move(*error));
    Emitter emitter(spec.seed, spec.lanes, spec.rounds, spec.round_steps, spec.batch,
                    family->sequence_rows());
    Parameters parameters(emitter);
    family->emit(emitter, parameters, spec.batch);
    const Training training = emit_training_state(emitter, parameters, spec, **rule);
    emit_update(emitter, parameters, training);
    if (spec.has_merge()) emit_merge(emitter, parameters, training);

    Program program = emitter.finish();
    program.builder_version = spec.builder_version;
    program.profile = spec.profile;
    if (auto reason = check_program(program))
        return tl::unexpected(SpecError{"model", std::move(*reason)});
    return program;
}

}  // namespace assay::program
