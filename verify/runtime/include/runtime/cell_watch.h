#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/hash.h"
#include "commit/state.h"
#include "program/cells.h"
#include "runtime/executor.h"

namespace assay::runtime {

/// Runs what an audit replays and keeps the leaves of tiles on the way (docs/formats/cells.md).
/// A step goes through the executor as in training; before it, each sequence with a chosen cell is
/// run once more by a Replay, up to the last such instruction. Other parts with a chosen cell, and
/// the sequences of a step whose update has one, are run by the Replay in the executor's place: it
/// shows every result and gives the same bits. Beside the executor's memory it takes that of the
/// accumulators and of one sequence with all its values. Not thread-safe.
class CellWatch {
  public:
    /// Keeps references to program and executor. `options`: those of the executor. The places fit
    /// the scope of what is run (is_cell).
    CellWatch(const program::Program& program, Executor& executor, const ExecutorOptions& options,
              std::span<const program::CellPlace> places);
    ~CellWatch();
    CellWatch(const CellWatch&) = delete;
    CellWatch& operator=(const CellWatch&) = delete;

    /// As the executor's functions, on the same state; of a segment in order, from its first step.
    /// `step` counts within the segment, h within the round.
    StepResult run_step(commit::State& state, const DataView& data, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t h, std::uint32_t step);
    void run_payload(const commit::State& round_start, const commit::State& end,
                     std::uint32_t round, commit::Payload& out);
    void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                   std::uint32_t round);
    void run_init(commit::State& state);

    /// Leaves of the chosen tiles, in the order of the places. Requires that what they lie in has
    /// been run.
    [[nodiscard]] const std::vector<base::Hash>& cells() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::runtime
