#pragma once

#include <span>

#include "prover/evidence.h"
#include "runtime/segment.h"

namespace assay::dispute {

/// How a side computes what a game is about. One thread at a time.
class Replayer {
  public:
    virtual ~Replayer() = default;
    [[nodiscard]] virtual const program::Program& program() const = 0;
    [[nodiscard]] virtual exact::DatasetWords dataset() const = 0;
    /// For hashing.
    [[nodiscard]] virtual unsigned threads() const = 0;

    /// Whole stages: the initial state; one step, in place; a lane's payload; the merge, in place.
    virtual void run_init(commit::State& state) = 0;
    virtual void run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                          std::uint32_t step) = 0;
    virtual void run_payload(const commit::State& round_start, const commit::State& end,
                             std::uint32_t round, commit::Payload& out) = 0;
    virtual void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                           std::uint32_t round) = 0;

    /// As the functions of tracing.h and evidence.h.
    virtual StageTrace stage(const StageInputs& inputs) = 0;
    virtual UnitTrace unit(const StageInputs& inputs, std::size_t position) = 0;
    virtual Evidence evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                              std::size_t position, std::uint32_t instruction,
                              const base::Hash& round_start_descriptor) = 0;
};

/// By the executor of an open job: what workers and validators use.
class JobReplayer final : public Replayer {
  public:
    /// Keeps a reference to the job. `options` are those the job was opened with.
    JobReplayer(runtime::Job& job, const runtime::ExecutorOptions& options);
    [[nodiscard]] const program::Program& program() const override;
    [[nodiscard]] exact::DatasetWords dataset() const override;
    [[nodiscard]] unsigned threads() const override;
    void run_init(commit::State& state) override;
    void run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                  std::uint32_t step) override;
    void run_payload(const commit::State& round_start, const commit::State& end,
                     std::uint32_t round, commit::Payload& out) override;
    void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                   std::uint32_t round) override;
    StageTrace stage(const StageInputs& inputs) override;
    UnitTrace unit(const StageInputs& inputs, std::size_t position) override;
    Evidence evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                      std::size_t position, std::uint32_t instruction,
                      const base::Hash& round_start_descriptor) override;

  private:
    runtime::Job& job_;
    const Engine engine_;
};

}  // namespace assay::dispute
