#include "dispute/job_facts.h"

#include "base/wide.h"
#include "commit/checkpoint.h"
#include "commit/dataset.h"
#include "dispute/bounds.h"
#include "exact/environment.h"
#include "program/builder.h"
#include "program/record.h"

namespace assay::dispute {

using base::Uint128;
using market::JobSpec;
using market::SpecError;

namespace {

constexpr std::uint64_t kFlopsMax = std::uint64_t{1} << 62U;

}  // namespace

tl::expected<BuiltJob, SpecError> build_job(const JobSpec& spec) {
    // The program's tables are computed in binary64.
    const exact::FloatEnvironment environment;
    auto built = program::build_program(spec);
    if (!built) return tl::unexpected(std::move(built.error()));
    // A claim that no referee can judge would be lost by whoever is right.
    const ProgramRecords records(*built);
    if (const auto why = check_judgeable(*built, records.frame))
        return tl::unexpected(SpecError{"model", *why});

    BuiltJob job{std::move(*built), {}, {}};
    job.cost = program::cost_of(job.program);
    const program::Cost& cost = job.cost;
    if (Uint128{cost.flops_per_step} * spec.segment_steps > kFlopsMax)
        return tl::unexpected(SpecError{"segment_steps", "a segment has more than 2^62 FLOPs"});
    const bool merges = spec.has_merge();
    const std::uint64_t merge = merges ? program::merge_flops(cost.weights, spec.lanes) : 0;
    if (merge > kFlopsMax)
        return tl::unexpected(SpecError{"lanes", "a merge has more than 2^62 FLOPs"});
    job.facts.program_root = program::root_over_records(records.frame.records_root);
    job.facts.costs = {cost.flops_per_step * spec.segment_steps,
                       merge,
                       cost.state_bytes,
                       merges ? cost.payload_bytes : 0,
                       cost.peak_bytes(1),
                       cost.weights};
    job.facts.init_bytes = commit::state_file_bytes(job.program);
    job.facts.payload_bytes = merges ? commit::payload_file_bytes(job.program) : 0;
    job.facts.data_bytes = commit::extent_of(spec.data).words * sizeof(std::uint32_t);
    job.facts.init_flops = cost.init_flops;
    return job;
}

}  // namespace assay::dispute
