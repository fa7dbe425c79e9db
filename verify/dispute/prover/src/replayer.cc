#include "prover/replayer.h"

namespace assay::dispute {

JobReplayer::JobReplayer(runtime::Job& job, const runtime::ExecutorOptions& options)
    : job_(job), engine_{options} {}

const program::Program& JobReplayer::program() const { return job_.program(); }

exact::DatasetWords JobReplayer::dataset() const {
    const runtime::DataView data = job_.data();
    return {data.words, data.train_count, data.row_words};
}

unsigned JobReplayer::threads() const { return job_.threads(); }

void JobReplayer::run_init(commit::State& state) { job_.executor().run_init(state); }

void JobReplayer::run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                           std::uint32_t step) {
    job_.executor().run_step(state, job_.data(), round, lane, step);
}

void JobReplayer::run_payload(const commit::State& round_start, const commit::State& end,
                              std::uint32_t round, commit::Payload& out) {
    job_.executor().run_payload(round_start, end, round, out);
}

void JobReplayer::run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                            std::uint32_t round) {
    job_.executor().run_merge(state, members, round);
}

StageTrace JobReplayer::stage(const StageInputs& inputs) { return trace_stage(inputs, engine_); }

UnitTrace JobReplayer::unit(const StageInputs& inputs, std::size_t position) {
    return trace_unit(inputs, position, engine_);
}

Evidence JobReplayer::evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                               std::size_t position, std::uint32_t instruction,
                               const base::Hash& round_start_descriptor) {
    return collect_evidence(inputs, std::move(stage), std::move(unit), position, instruction,
                            round_start_descriptor, engine_);
}

}  // namespace assay::dispute
