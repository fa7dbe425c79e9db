#include "family.h"

#include "gpt/gpt.h"
#include "mlp/mlp.h"

namespace assay::program {
namespace {

std::unique_ptr<ModelFamily> make_family(const market::GptModel& model,
                                         const market::JobSpec& spec) {
    return std::make_unique<GptFamily>(model, spec);
}

std::unique_ptr<ModelFamily> make_family(const market::MlpModel& model,
                                         const market::JobSpec& spec) {
    return std::make_unique<MlpFamily>(model, spec);
}

}  // namespace

std::unique_ptr<ModelFamily> family_of(const market::JobSpec& spec) {
    return std::visit([&](const auto& model) { return make_family(model, spec); }, spec.model);
}

std::optional<market::SpecError> check_dropout(std::uint32_t dropout_ppb) {
    if (dropout_ppb >= 1'000'000'000U)
        return market::SpecError{"model.dropout_ppb", "must be below 1"};
    return std::nullopt;
}

std::vector<ModelEntry> model_layout(const Program& program, const market::JobSpec& spec) {
    return family_of(spec)->files(program);
}

std::string model_config(const market::JobSpec& spec) { return family_of(spec)->config(); }

}  // namespace assay::program
