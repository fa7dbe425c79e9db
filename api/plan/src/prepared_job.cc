#include "plan/prepared_job.h"

#include <string>

#include "dispute/job_facts.h"
#include "runtime/executor.h"

namespace assay::plan {

tl::expected<PreparedJob, market::SpecError> prepare_job(const market::JobSpec& spec,
                                                         unsigned threads,
                                                         std::uint64_t memory_bytes_max) {
    auto built = dispute::build_job(spec);
    if (!built) return tl::unexpected(built.error());
    PreparedJob job{std::move(built->program), {}, {}, {}};
    const program::Cost& cost = built->cost;
    const std::uint64_t needed = cost.peak_bytes(1) + cost.state_bytes;
    if (needed > memory_bytes_max) {
        return tl::unexpected(market::SpecError{
            "model", "needs " + std::to_string(needed) + " bytes of memory, and at most " +
                         std::to_string(memory_bytes_max) + " are given to a job here"});
    }
    job.facts.spec_root = market::spec_root(market::encode_spec(spec));
    static_cast<market::JobFacts&>(job.facts) = built->facts;
    job.facts.flops_per_step = cost.flops_per_step;
    for (std::uint32_t m = 1; m < spec.batch; m *= 2)
        job.facts.memory.push_back({m, cost.peak_bytes(m)});
    job.facts.memory.push_back({spec.batch, cost.peak_bytes(spec.batch)});

    job.descriptor = {job.facts.spec_root,
                      job.facts.program_root,
                      spec.profile,
                      0,
                      commit::kOpeningLane,
                      0,
                      0,
                      {}};
    job.initial_state = commit::State::zeros(job.program);
    runtime::Executor executor(job.program, {threads, 1, runtime::Target::best});
    executor.run_init(job.initial_state);
    job.facts.init_root =
        commit::state_root(job.program, job.initial_state, job.descriptor, threads);
    return job;
}

}  // namespace assay::plan
