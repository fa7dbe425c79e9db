#include "adamw.h"

namespace assay::program {

using market::SpecError;

std::optional<SpecError> AdamW::check() const {
    if (optimizer_.beta1_ppb >= 1'000'000'000U)
        return SpecError{"optimizer.beta1_ppb", "must be below 1"};
    if (optimizer_.beta2_ppb >= 1'000'000'000U)
        return SpecError{"optimizer.beta2_ppb", "must be below 1"};
    return std::nullopt;
}

std::vector<Moment> AdamW::moments() const { return {{"moment1"}, {"moment2"}}; }

std::vector<float> AdamW::columns(std::uint64_t steps, std::uint64_t period) const {
    const double beta1 = from_ppb(optimizer_.beta1_ppb);
    const double beta2 = from_ppb(optimizer_.beta2_ppb);
    std::vector<float> values;
    values.reserve(2 * static_cast<std::size_t>(steps));
    double power1 = 1.0, power2 = 1.0;
    for (std::uint64_t step = 0; step < steps; ++step) {
        if (step % period == 0) power1 = power2 = 1.0;
        power1 = power1 * beta1;
        power2 = power2 * beta2;
        values.push_back(static_cast<float>(1.0 / (1.0 - power1)));
        values.push_back(static_cast<float>(1.0 / (1.0 - power2)));
    }
    return values;
}

void AdamW::emit_step(Emitter& e, const WeightStep& step) const {
    const auto beta1 = static_cast<float>(from_ppb(optimizer_.beta1_ppb));
    const auto beta2 = static_cast<float>(from_ppb(optimizer_.beta2_ppb));
    const auto rest1 = static_cast<float>(from_ppb(1'000'000'000U - optimizer_.beta1_ppb));
    const auto rest2 = static_cast<float>(from_ppb(1'000'000'000U - optimizer_.beta2_ppb));
    const auto epsilon =
        static_cast<float>(static_cast<double>(optimizer_.epsilon_ppb_of_ppb) / 1e18);
    const TensorId weight = step.parameter.weight;
    const Term w = e.term(weight), m = e.term(step.moments[0]), v = e.term(step.moments[1]);
    const Term& g = step.gradient;
    e.begin_group("adamw");
    e.map(e.all(step.moments[0]), select(step.sound, flush_moment(fma(beta1, m, rest1 * g)), m));
    e.map(e.all(step.moments[1]),
          select(step.sound, flush_moment(fma(beta2, v, rest2 * (g * g))), v));
    const Term decayed = e.record(weight).decay ? w * step.column(kDecay) : w;
    const Term direction = (m * step.column(kBias1)) / (sqrt(v * step.column(kBias2)) + epsilon);
    e.map(e.all(weight),
          select(step.sound, fma(-step.column(kLearningRate), direction, decayed), w));
    e.end_group();
}

}  // namespace assay::program
