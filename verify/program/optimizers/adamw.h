#pragma once

#include "rule.h"

namespace assay::program {

/// Adam with bias corrections and decoupled weight decay (Loshchilov and Hutter 2019).
class AdamW final : public OptimizerRule {
  public:
    enum Column : std::uint32_t {
        kBias1 = kRuleColumns,  ///< 1 / (1 - beta1^t)
        kBias2,
    };

    explicit AdamW(const market::Optimizer& optimizer) : optimizer_(optimizer) {}

    [[nodiscard]] std::optional<market::SpecError> check() const override;
    [[nodiscard]] std::vector<Moment> moments() const override;
    [[nodiscard]] std::uint32_t column_count() const override { return 2; }
    [[nodiscard]] std::vector<float> columns(std::uint64_t steps,
                                             std::uint64_t period) const override;
    void emit_step(Emitter& emitter, const WeightStep& step) const override;

  private:
    const market::Optimizer& optimizer_;
};

}  // namespace assay::program
