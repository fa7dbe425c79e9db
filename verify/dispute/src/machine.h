#pragma once

#include <functional>
#include <vector>

#include "dispute/stage.h"

namespace assay::dispute {

/// Runs the units of a stage through the reference, instruction by instruction. A value has memory
/// from the instruction that defines it to the last that reads it; state, accumulators and payload
/// as long as the machine. Not thread-safe; the inputs must outlive it.
class Machine {
  public:
    explicit Machine(const StageInputs& inputs);

    /// What a caller looks at around an instruction; may be empty.
    using Look = std::function<void(std::uint32_t instruction)>;
    /// Runs one unit whole; units must be run in order. `before` sees the operands (and what the
    /// instruction is about to overwrite), `after` its result too.
    void run(const Unit& unit, const Look& before, const Look& after);

    /// The elements of a tensor that is alive now.
    [[nodiscard]] const std::byte* data(program::TensorId id) const;
    [[nodiscard]] const std::vector<Unit>& units() const { return units_; }
    /// Memory as the reference sees it in `unit`; valid until the next instruction runs.
    [[nodiscard]] exact::ReferenceContext context(const Unit& unit) const;
    /// Tensors that the part of `unit` accumulates into, by number.
    [[nodiscard]] std::vector<program::TensorId> accumulators(program::Part part) const;

  private:
    void bind(program::TensorId id, std::byte* data);
    void allocate(program::TensorId id);
    void free_value(program::TensorId id);
    void bind_member(std::uint32_t member);

    const StageInputs inputs_;
    const program::Program& program_;
    std::vector<Unit> units_;
    std::vector<commit::Buffer> owned_;  // by tensor; empty where the inputs own the memory
    std::vector<exact::TensorMemory> tensors_;
    std::vector<std::uint32_t> last_reader_;  // by tensor, within its part
};

}  // namespace assay::dispute
