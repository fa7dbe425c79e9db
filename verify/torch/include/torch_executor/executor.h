#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "commit/state.h"
#include "program/program.h"

/// The same programs on stock libtorch kernels: oracle within tolerance, speed baseline, evaluation
/// and sampling. No torch type appears in this header; only verify/torch sees libtorch.
namespace assay::torch_executor {

/// What a step left behind, in the units of the program (nats per token, L2 norm before clipping).
struct StepValues {
    float loss = 0, norm = 0;
    std::int32_t fault = 0;
};

/// Interprets a program with ATen operators: every instruction becomes stock tensor operations,
/// whole matrices at a time. Rounding differs from the exact executor (that is its purpose), so
/// states agree within tolerance only. Loads and random words come from the definition, since they
/// are data and not arithmetic. Not thread-safe; ATen's own threads do the work.
class Executor {
  public:
    /// Keeps a reference to the program. `threads` is ATen's intra-op thread count.
    Executor(const program::Program& program, unsigned threads);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// Fills a zeroed state by the init part.
    void run_init(commit::State& state);
    /// One step h of (round, lane) over the whole batch, then the update. `words`: dataset words;
    /// `train_count` and `row_words` as in runtime::DataView.
    StepValues run_step(commit::State& state, std::span<const std::uint32_t> words,
                        std::uint64_t train_count, std::uint32_t row_words, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t h);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::torch_executor
