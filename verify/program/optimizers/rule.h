#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "emitter.h"
#include "market/job_spec.h"
#include "parameters.h"
#include "schedule.h"

namespace assay::program {

/// A state tensor beside each weight, of the weight's shape in f32 and +0 at first. A merge sets it
/// to +0, or averages what the payloads carry of it.
struct Moment {
    std::string name;                ///< its tensors are `<name>.<weight>`
    DType in_payload = DType::bf16;  ///< when moments are averaged
};

/// What the step of one weight reads and writes.
struct WeightStep {
    const Parameter& parameter;
    const std::vector<TensorId>& moments;  ///< as OptimizerRule::moments lists them
    Term gradient;                         ///< after clipping
    Term sound;                            ///< 0 in a step that finds a fault: everything stays
    TensorId schedule = kNoTensor;

    [[nodiscard]] Term column(std::uint32_t column) const {
        return Term(table_column(schedule, column));
    }
};

/// What a step does to a weight, given its gradient. Keeps a reference to the spec.
class OptimizerRule {
  public:
    OptimizerRule() = default;
    virtual ~OptimizerRule() = default;
    OptimizerRule(const OptimizerRule&) = delete;
    OptimizerRule& operator=(const OptimizerRule&) = delete;

    /// Which field keeps the rule from being built.
    [[nodiscard]] virtual std::optional<market::SpecError> check() const = 0;
    [[nodiscard]] virtual std::vector<Moment> moments() const = 0;
    /// Columns of the schedule that are the rule's own, from kRuleColumns on.
    [[nodiscard]] virtual std::uint32_t column_count() const = 0;
    /// Their values, row by row, for steps 1 to `steps`, where counting begins at 1 again after
    /// every `period` steps.
    [[nodiscard]] virtual std::vector<float> columns(std::uint64_t steps,
                                                     std::uint64_t period) const = 0;
    /// Part update: new moments, then the new weight, as one group.
    virtual void emit_step(Emitter& emitter, const WeightStep& step) const = 0;
};

/// The rule of the spec's optimizer: the one place that names them all. Refuses builder versions
/// that are unknown.
tl::expected<std::unique_ptr<OptimizerRule>, market::SpecError> rule_of(
    const market::JobSpec& spec);

}  // namespace assay::program
