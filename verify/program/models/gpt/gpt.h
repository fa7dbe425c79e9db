#pragma once

#include "../family.h"

namespace assay::program {

class GptFamily final : public ModelFamily {
  public:
    GptFamily(const market::GptModel& model, const market::JobSpec& spec)
        : model_(model), data_(std::get_if<market::TokenData>(&spec.data)) {}

    [[nodiscard]] std::optional<market::SpecError> check() const override;
    [[nodiscard]] std::uint32_t sequence_rows() const override;
    void declare(Parameters& parameters) const override;
    void emit(Emitter& emitter, Parameters& parameters, std::uint32_t batch) const override;
    [[nodiscard]] std::vector<ModelEntry> files(const Program& program) const override;
    [[nodiscard]] std::string config() const override;

  private:
    const market::GptModel& model_;
    const market::TokenData* data_;  ///< nothing when the spec has data of another kind
};

}  // namespace assay::program
