#pragma once

#include <memory>
#include <vector>

#include "commit/state.h"
#include "evaluation.h"
#include "exact/reference.h"
#include "runtime/backend.h"

namespace assay::runtime {

/// The definition of verify/exact, instruction by instruction on one thread: what every other back
/// end must equal. A value has memory from the instruction that defines it to the last that reads
/// it.
class ReferenceBackend final : public Backend {
  public:
    explicit ReferenceBackend(const program::Program& program);

    void bind(program::TensorId tensor, const std::byte* data) override;
    void clear_accumulators(program::Part loop) override;
    void run(program::Part part, const Moment& moment) override;
    void run(program::Part part, const Moment& moment, const Watch& watch) override;
    void run_window(const Moment& moment) override;
    [[nodiscard]] const std::byte* data(program::TensorId tensor) const override;
    [[nodiscard]] std::size_t planned_bytes() override;

  private:
    void run(const program::Program& program, std::uint32_t first, std::uint32_t last,
             const Moment& moment, const Watch& watch);
    void own(program::TensorId tensor);
    void release(program::TensorId tensor);

    const program::Program& program_;
    std::unique_ptr<Evaluation> evaluation_;
    std::vector<commit::Buffer> owned_;         // by tensor
    std::vector<exact::TensorMemory> tensors_;  // by tensor
};

}  // namespace assay::runtime
