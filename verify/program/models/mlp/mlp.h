#pragma once

#include "../family.h"

namespace assay::program {

class MlpFamily final : public ModelFamily {
  public:
    MlpFamily(const market::MlpModel& model, const market::JobSpec& spec)
        : model_(model), data_(std::get_if<market::TableData>(&spec.data)) {}

    [[nodiscard]] std::optional<market::SpecError> check() const override;
    [[nodiscard]] std::uint32_t sequence_rows() const override;
    void declare(Parameters& parameters) const override;
    void emit(Emitter& emitter, Parameters& parameters, std::uint32_t batch) const override;
    [[nodiscard]] std::vector<ModelEntry> files(const Program& program) const override;
    [[nodiscard]] std::string config() const override;

  private:
    const market::MlpModel& model_;
    const market::TableData* data_;  ///< nothing when the spec has data of another kind
};

}  // namespace assay::program
