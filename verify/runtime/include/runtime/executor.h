#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "commit/state.h"
#include "program/program.h"

namespace assay::runtime {

/// Which instruction set the fast kernels use. `scalar` runs the definition itself (verify/exact's
/// reference), instruction by instruction.
enum class Target : std::uint8_t { scalar, sse4, avx2, avx512, neon, best };
/// Nothing when the name is unknown or this machine lacks the instructions.
std::optional<Target> target_from_name(std::string_view name);
std::vector<std::string> available_targets();

struct ExecutorOptions {
    unsigned threads = 1;
    /// Sequences run together. 0: about two thousand rows, which is where more stop paying, as long
    /// as their activations take no more than half the state's memory (or 512 MiB).
    unsigned micro_batch = 0;
    Target target = Target::best;
    /// Compute a layer's activations again when the backward pass needs them instead of keeping
    /// those of all layers: about a third more time, memory of one layer and one value per layer.
    bool recompute = false;
};

/// The dataset as the load instructions see it: token words or f32 bits of table rows, and the
/// sizes of the training split.
struct DataView {
    std::span<const std::uint32_t> words;
    std::uint64_t train_count = 0;  ///< tokens, or rows
    std::uint32_t row_words = 1;    ///< 1 for tokens; features + 1 for tables
};

struct StepResult {
    float loss = 0, norm = 0;  ///< after the step, as in the state
    std::int32_t fault = 0;
};

/// Runs a program with exact bits. Not thread-safe itself; owns its thread pool (floating-point
/// environment checked on every thread) and its planned memory. Bits depend on none of the options.
class Executor {
  public:
    Executor(const program::Program& program,
             ExecutorOptions options);  ///< keeps a reference to the program
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

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
    [[nodiscard]] std::size_t planned_bytes() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::runtime
