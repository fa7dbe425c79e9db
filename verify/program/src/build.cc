#include <string>
#include <utility>

#include "models.h"
#include "program/builder.h"

namespace assay::program {
namespace {

using market::SpecError;

constexpr std::uint64_t kElementsMax = std::uint64_t{1} << 31U;

std::optional<SpecError> check_gpt(const market::GptModel& model, const market::JobSpec& spec) {
    const auto* data = std::get_if<market::TokenData>(&spec.data);
    if (data == nullptr) return SpecError{"data", "a gpt model needs token data"};
    if (model.layers == 0) return SpecError{"model.layers", "must be at least 1"};
    if (model.heads == 0) return SpecError{"model.heads", "must be at least 1"};
    if (model.width == 0 || model.width % model.heads != 0) {
        return SpecError{"model.width", "must be a positive multiple of model.heads"};
    }
    if (model.context == 0) return SpecError{"model.context", "must be at least 1"};
    if (data->vocabulary == 0) return SpecError{"data.vocabulary", "must be at least 1"};
    if (data->train_tokens <= model.context) {
        return SpecError{"data.train_tokens", "the training split must be longer than one context"};
    }
    if (std::uint64_t{data->vocabulary} * model.width >= kElementsMax ||
        std::uint64_t{4} * model.width * model.width >= kElementsMax ||
        std::uint64_t{data->vocabulary} * model.context >= kElementsMax ||
        (std::uint64_t{model.context} + 32) * model.heads * model.context >= kElementsMax) {
        return SpecError{"model", "a tensor would have 2^31 elements or more"};
    }
    if (model.dropout_ppb >= 1'000'000'000U)
        return SpecError{"model.dropout_ppb", "must be below 1"};
    return std::nullopt;
}

std::optional<SpecError> check_mlp(const market::MlpModel& model, const market::JobSpec& spec) {
    const auto* data = std::get_if<market::TableData>(&spec.data);
    if (data == nullptr) return SpecError{"data", "an mlp model needs table data"};
    if (data->features == 0) return SpecError{"data.features", "must be at least 1"};
    if (data->classes == 0) return SpecError{"data.classes", "must be at least 1"};
    if (data->train_rows == 0) return SpecError{"data.train_rows", "must be at least 1"};
    if (model.rows_per_sequence == 0)
        return SpecError{"model.rows_per_sequence", "must be at least 1"};
    std::uint64_t width = data->features;
    for (const std::uint32_t next : model.hidden) {
        if (next == 0) return SpecError{"model.hidden", "widths must be at least 1"};
        if (width * next >= kElementsMax ||
            std::uint64_t{next} * model.rows_per_sequence >= kElementsMax) {
            return SpecError{"model.hidden", "a tensor would have 2^31 elements or more"};
        }
        width = next;
    }
    if (width * data->classes >= kElementsMax ||
        std::uint64_t{data->classes} * model.rows_per_sequence >= kElementsMax) {
        return SpecError{"data.classes", "a tensor would have 2^31 elements or more"};
    }
    if (model.dropout_ppb >= 1'000'000'000U)
        return SpecError{"model.dropout_ppb", "must be below 1"};
    return std::nullopt;
}

std::optional<SpecError> check_training(const market::JobSpec& spec) {
    if (spec.builder_version != 1)
        return SpecError{"builder_version", "unknown; this is version 1"};
    if (spec.profile != "f32") return SpecError{"profile", "unknown; the profile is f32"};
    if (spec.batch == 0) return SpecError{"batch", "must be at least 1"};
    if (spec.lanes == 0) return SpecError{"lanes", "must be at least 1"};
    if (spec.rounds == 0 || spec.round_steps == 0)
        return SpecError{"round_steps", "rounds and steps must be at least 1"};
    if (spec.steps_per_lane() > market::kLaneStepsMax)
        return SpecError{"rounds", "rounds x round_steps must be at most 2^20"};
    const market::Optimizer& optimizer = spec.optimizer;
    if (optimizer.beta1_ppb >= 1'000'000'000U)
        return SpecError{"optimizer.beta1_ppb", "must be below 1"};
    if (optimizer.beta2_ppb >= 1'000'000'000U)
        return SpecError{"optimizer.beta2_ppb", "must be below 1"};
    if (optimizer.learning_rate_min_ppb > optimizer.learning_rate_ppb) {
        return SpecError{"optimizer.learning_rate_min_ppb", "must be at most the peak"};
    }
    return std::nullopt;
}

std::optional<SpecError> check_buildable(const market::JobSpec& spec) {
    if (auto error = check_training(spec)) return error;
    const auto* gpt = std::get_if<market::GptModel>(&spec.model);
    return gpt != nullptr ? check_gpt(*gpt, spec)
                          : check_mlp(std::get<market::MlpModel>(spec.model), spec);
}

}  // namespace

tl::expected<JobTensors, SpecError> build_tensors(const market::JobSpec& spec) {
    if (auto error = check_buildable(spec)) return tl::unexpected(std::move(*error));
    // Tensors depend on whether there is a merge, not on how many steps the tables have rows for.
    market::JobSpec shortest = spec;
    shortest.rounds = spec.has_merge() ? 2 : 1;
    shortest.round_steps = 1;
    Emitter emitter(0, 1, shortest.rounds, 1, 1, 1);
    Parameters parameters(emitter);
    if (const auto* gpt = std::get_if<market::GptModel>(&spec.model)) {
        declare_gpt(parameters, *gpt, std::get<market::TokenData>(spec.data).vocabulary);
    } else {
        declare_mlp(parameters, std::get<market::MlpModel>(spec.model),
                    std::get<market::TableData>(spec.data));
    }
    const Training training = emit_training_state(emitter, parameters, shortest);
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
    if (auto error = check_buildable(spec)) return tl::unexpected(std::move(*error));
    const auto* gpt = std::get_if<market::GptModel>(&spec.model);
    const auto* mlp = std::get_if<market::MlpModel>(&spec.model);
    const std::uint32_t rows = gpt != nullptr ? gpt->context : mlp->rows_per_sequence;
    Emitter emitter(spec.seed, spec.lanes, spec.rounds, spec.round_steps, spec.batch, rows);
    Parameters parameters(emitter);
    if (gpt != nullptr) {
        emit_gpt(emitter, parameters, *gpt, std::get<market::TokenData>(spec.data).vocabulary,
                 spec.batch);
    } else {
        emit_mlp(emitter, parameters, *mlp, std::get<market::TableData>(spec.data), spec.batch);
    }
    const Training training = emit_training_state(emitter, parameters, spec);
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
