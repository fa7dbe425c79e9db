#pragma once

#include <array>
#include <memory>
#include <vector>

#include "commit/state.h"
#include "equipment.h"
#include "evaluation.h"
#include "part_plan.h"
#include "runtime/backend.h"

namespace assay::runtime {

/// The kernels of verify/exact on this machine's threads. A part is planned when it is first run:
/// values lie in one arena, accumulators in one buffer (or as their touched rows) unless they are
/// bound.
class CpuBackend final : public Backend {
  public:
    /// `kernels` of the options' target.
    CpuBackend(const program::Program& program, const ExecutorOptions& options,
               const exact::Kernels& kernels, bool looked_at);

    void bind(program::TensorId tensor, const std::byte* data) override;
    void clear_accumulators(program::Part loop) override;
    void run(program::Part part, const Moment& moment) override;
    void run(program::Part part, const Moment& moment, const Watch& watch) override;
    void run_window(const Moment& moment) override;
    [[nodiscard]] const std::byte* data(program::TensorId tensor) const override;
    [[nodiscard]] unsigned slots_max() const override { return options_.micro_batch; }
    [[nodiscard]] std::size_t planned_bytes() override;

  private:
    struct Planned {
        std::vector<std::uint32_t> order;  ///< numbers of instructions
        std::unique_ptr<PartPlan> plan;
    };
    const Planned& plan(program::Part part, Cut cut);
    const PartPlan& window_plan();
    void make_room(const PartPlan& plan);
    void find_sparse();
    std::size_t place_accumulators(program::Part loop);
    void forget_values();

    const program::Program& program_;
    const ExecutorOptions options_;
    Equipment equipment_;
    Machine machine_;
    std::array<Planned, program::kParts> fused_, separate_;
    std::unique_ptr<Evaluation> evaluation_;  ///< the program without dropout
    std::unique_ptr<PartPlan> window_;
    SparseAccumulators sparse_;
    commit::Buffer arena_, accumulators_;
    Places places_;
};

}  // namespace assay::runtime
