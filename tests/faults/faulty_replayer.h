#pragma once

#include "fault.h"
#include "prover/replayer.h"

namespace assay::faults {

/// The scalar definition, on the thread of the caller, with or without a fault: what a side
/// computes with that is wrong in one place and consistent everywhere else.
class FaultyReplayer : public dispute::Replayer {
  public:
    /// Keeps a reference to the program; the dataset's words outlive it.
    FaultyReplayer(const program::Program& program, const exact::DatasetWords& dataset,
                   std::optional<Fault> fault = std::nullopt)
        : program_(program), dataset_(dataset), fault_(fault) {}
    [[nodiscard]] const program::Program& program() const override { return program_; }
    [[nodiscard]] exact::DatasetWords dataset() const override { return dataset_; }
    [[nodiscard]] unsigned threads() const override { return 1; }
    void run_init(commit::State& state) override;
    void run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                  std::uint32_t step) override;
    void run_payload(const commit::State& round_start, const commit::State& end,
                     std::uint32_t round, commit::Payload& out) override;
    void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                   std::uint32_t round) override;
    dispute::StageTrace stage(const dispute::StageInputs& inputs) override;
    dispute::UnitTrace unit(const dispute::StageInputs& inputs, std::size_t position) override;
    dispute::Evidence evidence(const dispute::StageInputs& inputs, dispute::StageTrace stage,
                               dispute::UnitTrace unit, std::size_t position,
                               std::uint32_t instruction,
                               const base::Hash& round_start_descriptor) override;

  private:
    [[nodiscard]] std::optional<Fault> fault_in(const dispute::StageInputs& inputs) const;
    void run_stage(const dispute::StageInputs& inputs, program::TensorClass cls,
                   std::vector<commit::Buffer>& results);
    const program::Program& program_;
    const exact::DatasetWords dataset_;
    const std::optional<Fault> fault_;
};

}  // namespace assay::faults
