#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "commit/state.h"
#include "runtime/backend.h"

namespace assay::runtime {

struct StepResult {
    float loss = 0, norm = 0;  ///< after the step, as in the state
    std::int32_t fault = 0;
};

/// The driver: how an initial state, a step, a payload and a merge go, part by part, on whatever
/// back end. Not thread-safe. Bits depend on none of the options.
class Executor {
  public:
    /// Keeps a reference to the program.
    Executor(const program::Program& program, const ExecutorOptions& options);
    Executor(const program::Program& program, std::unique_ptr<Backend> backend);

    /// The init part: fills a zeroed state.
    void run_init(commit::State& state);
    /// One step h of (round, lane): sequences, then update. Skipped as an identity when fault != 0.
    StepResult run_step(commit::State& state, const DataView& data, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t h);
    /// The payload part after the round's last step.
    void run_payload(const commit::State& round_start, const commit::State& end,
                     std::uint32_t round, commit::Payload& out);
    /// The merge: round-start state in, next opening state out (in place). `members` in ascending
    /// lane order.
    void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                   std::uint32_t round);
    /// Mean loss over `rows` of one window (tokens: [start, start + T]; tables: rows start .. start
    /// + T - 1), forward pass only, no dropout.
    float window_loss(const commit::State& state, const DataView& data, std::uint64_t start);
    /// Planned memory in bytes, all buffers of this executor.
    [[nodiscard]] std::size_t planned_bytes() { return backend_->planned_bytes(); }

  private:
    const program::Program& program_;
    std::unique_ptr<Backend> backend_;
};

// What drivers bind: the memory of whole states and payloads, in program order.
void bind_state(Backend& backend, const program::Program& program, const commit::State& state);
void bind_round_start(Backend& backend, const program::Program& program,
                      const commit::State& round_start);
void bind_payload(Backend& backend, const program::Program& program,
                  const commit::Payload& payload);
/// Moments of a stage's parts.
[[nodiscard]] Moment moment_of_init();
[[nodiscard]] Moment moment_of_step(const program::Program& program, const DataView& data,
                                    std::uint32_t round, std::uint32_t lane, std::uint32_t h);
/// Of payload and merge.
[[nodiscard]] Moment moment_of_round(std::uint32_t round, std::size_t members);
/// Loss, norm and fault of a state.
[[nodiscard]] StepResult result_in(const program::Program& program, const commit::State& state);

}  // namespace assay::runtime
