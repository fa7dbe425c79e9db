#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exact/reference.h"
#include "program/program.h"

namespace assay::exact {

/// A driver that owes the product's nothing but the definition of an instruction: whole parts of a
/// program, every tensor in memory of its own. What the executor and the prover are tested against;
/// slow and large, so for small programs. Not thread-safe; keeps a reference to the program.
class ReferenceMachine {
  public:
    explicit ReferenceMachine(const program::Program& program);

    /// The memory of one tensor: its elements in storage type, row-major. State tensors persist
    /// between calls.
    [[nodiscard]] std::span<std::byte> bytes(program::TensorId id) { return storage_[id]; }
    [[nodiscard]] std::span<const std::byte> bytes(program::TensorId id) const {
        return storage_[id];
    }
    [[nodiscard]] std::span<float> f32(program::TensorId id);
    [[nodiscard]] std::span<const float> f32(program::TensorId id) const;
    [[nodiscard]] std::span<std::int32_t> i32(program::TensorId id);

    void run_init();
    /// Prologue, all sequences of the batch, update; an identity while the fault scalar is not 0.
    void run_step(const DatasetWords& dataset, std::uint32_t round, std::uint32_t lane,
                  std::uint32_t h);
    /// Forward pass of one window, with the masks of step 0 where the program drops out: the sum of
    /// its rows' losses.
    float run_window(const DatasetWords& dataset, std::uint64_t start);
    /// Copies the state into the round-start tensors.
    void open_round();
    /// From state and round start to the payload tensors.
    void run_payload(std::uint32_t round);
    /// Payload tensors of each member in program order (their bytes), ascending by lane; the state
    /// must be the round's opening state.
    void run_merge(std::span<const std::vector<std::vector<std::byte>>> members,
                   std::uint32_t round);

    /// Payload tensors' bytes in program order, as run_merge takes them.
    [[nodiscard]] std::vector<std::vector<std::byte>> payload() const;
    /// All state tensors' bytes in program order.
    [[nodiscard]] std::vector<std::vector<std::byte>> state() const;
    void set_state(const std::vector<std::vector<std::byte>>& state);

  private:
    void run(program::Part part, const ReferenceContext& context);
    void clear_accumulators(program::Part part);
    [[nodiscard]] ReferenceContext context() const;
    [[nodiscard]] std::vector<program::TensorId> of_class(program::TensorClass cls) const;

    const program::Program& program_;
    std::vector<std::vector<std::byte>> storage_;
    std::vector<TensorMemory> tensors_;
};

}  // namespace assay::exact
