#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emitter.h"
#include "market/job_spec.h"
#include "parameters.h"
#include "program/model_files.h"

namespace assay::program {

/// A job's model: its limits, its layers and its files. Keeps a reference to the spec.
class ModelFamily {
  public:
    ModelFamily() = default;
    virtual ~ModelFamily() = default;
    ModelFamily(const ModelFamily&) = delete;
    ModelFamily& operator=(const ModelFamily&) = delete;

    /// Which field keeps the model from being built. The others need a spec that passes.
    [[nodiscard]] virtual std::optional<market::SpecError> check() const = 0;
    /// T: rows of one sequence.
    [[nodiscard]] virtual std::uint32_t sequence_rows() const = 0;
    /// The trained tensors alone, as `emit` declares them.
    virtual void declare(Parameters& parameters) const = 0;
    /// Init and sequence parts and, where a tensor is used twice, the update part's sum of its
    /// gradients.
    virtual void emit(Emitter& emitter, Parameters& parameters, std::uint32_t batch) const = 0;
    /// As program/model_files.h says.
    [[nodiscard]] virtual std::vector<ModelEntry> files(const Program& program) const = 0;
    [[nodiscard]] virtual std::string config() const = 0;
};

/// The family of the spec's model: the one place that names them all.
std::unique_ptr<ModelFamily> family_of(const market::JobSpec& spec);

inline constexpr std::uint64_t kElementsMax = std::uint64_t{1} << 31U;

/// For a model that drops out.
std::optional<market::SpecError> check_dropout(std::uint32_t dropout_ppb);

}  // namespace assay::program
