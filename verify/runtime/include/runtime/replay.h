#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "program/program.h"
#include "runtime/executor.h"

namespace assay::runtime {

/// What a part's results depend on besides tensors.
struct ReplayMoment {
    std::uint32_t table_row = 0;    ///< round x H + h in a step; the round in payload and merge
    std::uint32_t lane = 0;         ///< of the Philox key; exact::kInitLane in init
    std::uint32_t global_step = 0;  ///< round x H + h; 0 outside steps
    std::uint32_t sequence = 0;     ///< within the batch
    std::uint32_t members = 0;      ///< merge only
    DataView data;                  ///< step only
};

/// Runs a program's parts one sequence at a time with the executor's kernels and exact bits, such
/// that what they compute can be looked at: an accumulator after each sequence, or the result of
/// every instruction. Traces of disputes are made of it. Not thread-safe.
class Replay {
  public:
    /// Keeps a reference to the program. Of the options `micro_batch` has no effect; `recompute`
    /// saves memory in the same way as in training.
    Replay(const program::Program& program, ExecutorOptions options);
    ~Replay();
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

    /// Where a tensor lies that is no value, table or constant; written if an instruction defines
    /// it. The caller owns the memory, and zeroes accumulators before the first sequence or member.
    void bind(program::TensorId tensor, const std::byte* data);

    /// Runs a part as training does.
    void run(program::Part part, const ReplayMoment& moment);

    /// What looks at an instruction, by its number in the program; may be empty.
    struct Watch {
        /// Its operands are there; it is the time to bind what it defines.
        std::function<void(std::uint32_t instruction)> before;
        /// Its result is there; of its operands an accumulator may be overwritten. False: nothing
        /// more of the part is run.
        std::function<bool(std::uint32_t instruction)> after;
    };
    /// Runs a part instruction by instruction, each value in memory of its own from the instruction
    /// that defines it to its last reader. Instructions that `recompute` runs again are not shown
    /// again.
    void run(program::Part part, const ReplayMoment& moment, const Watch& watch);

    /// Elements of a bound tensor, or of a value that is alive where a watch looks.
    [[nodiscard]] const std::byte* data(program::TensorId tensor) const;
    /// Bytes that this replay has allocated so far; a part's memory comes with its first run.
    [[nodiscard]] std::size_t planned_bytes() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::runtime
