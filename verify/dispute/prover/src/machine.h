#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dispute/stage.h"
#include "prover/engine.h"
#include "prover/evidence.h"
#include "runtime/backend.h"

namespace assay::dispute {

/// Runs the units of a stage, instruction by instruction where somebody looks. What the last part
/// of a stage defines has memory from the instruction that defines it to the last that reads it:
/// the stage's inputs are never written. Accumulators have memory as long as the machine. Not
/// thread-safe; the inputs must outlive it.
class Machine {
  public:
    Machine(const StageInputs& inputs, const Engine& engine);
    virtual ~Machine() = default;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// What a caller looks at around an instruction; may be empty.
    using Look = std::function<void(std::uint32_t instruction)>;
    /// Runs one unit; units of a loop must be run in order. `before` sees the operands (and what
    /// the instruction is about to overwrite), `after` its result. With `last` the unit ends after
    /// that instruction.
    virtual void run(const Unit& unit, const Look& before, const Look& after,
                     std::optional<std::uint32_t> last = std::nullopt);
    /// The same without looking.
    virtual void run(const Unit& unit);

    /// The elements of a tensor that is alive now.
    [[nodiscard]] const std::byte* data(program::TensorId id) const;
    /// Roots of tensors that are alive now.
    [[nodiscard]] std::vector<base::Hash> roots(const std::vector<program::TensorId>& ids) const;
    [[nodiscard]] const std::vector<Unit>& units() const { return units_; }
    /// Tensors that the part of `unit` accumulates into, by number.
    [[nodiscard]] std::vector<program::TensorId> accumulators(program::Part part) const;

  private:
    void bind(program::TensorId id, const std::byte* data);
    void allocate(program::TensorId id);
    void release(program::TensorId id);
    void bind_member(std::uint32_t member);
    void find_touches(program::Part part);
    /// Memory that comes with an instruction and goes after it.
    void enter(std::uint32_t instruction);
    void leave(std::uint32_t instruction);
    [[nodiscard]] runtime::Moment moment_of(const Unit& unit) const;
    [[nodiscard]] bool is_defined_here(program::TensorId id, program::Part part) const;

    const StageInputs inputs_;
    const program::Program& program_;
    const unsigned threads_;
    std::vector<Unit> units_;
    std::vector<commit::Buffer> owned_;      // by tensor; empty where the inputs own the memory
    std::vector<const std::byte*> bound_;    // by tensor, as last bound here
    std::vector<std::uint32_t> last_touch_;  // by tensor, of the part that runs
    std::unique_ptr<runtime::Backend> backend_;
};

/// The traces and evidence of the public headers, on a machine that has run nothing yet.
StageTrace trace_stage(Machine& machine, const StageInputs& inputs);
UnitTrace trace_unit(Machine& machine, const StageInputs& inputs, std::size_t unit);
Evidence collect_evidence(Machine& machine, const StageInputs& inputs, StageTrace stage,
                          UnitTrace unit, std::size_t position, std::uint32_t instruction,
                          const base::Hash& round_start_descriptor, unsigned threads);

}  // namespace assay::dispute
