#include "runtime/self_check.h"

#include <chrono>

#include "base/check.h"
#include "program/program.h"
#include "reference_job.h"
#include "runtime/job_cache.h"

namespace assay::runtime {

namespace {

constexpr std::uint32_t kExactnessSteps = 2;
constexpr std::string_view kExactnessRoot =
    "655b02de227da95588abe2498c06d3320c6e7160efd5b0f303d5e4969ed4c872";
constexpr std::uint32_t kSpeedStepsMax = 900;

}  // namespace

tl::expected<base::Hash, std::string> exactness_root(const std::filesystem::path& folder,
                                                     ExecutorOptions options) {
    auto reference = open_reference_job(folder, ReferenceSize::exactness, options);
    if (!reference) return tl::unexpected(reference.error());
    Job& job = *reference->job;
    commit::State state = job.initial_state();
    for (std::uint32_t step = 0; step < kExactnessSteps; ++step)
        job.executor().run_step(state, job.data(), 0, 0, step);
    const SegmentPlace place{0, 0, 0, job.initial_root()};
    return commit::state_root(job.program(), state, state_descriptor(job, place, kExactnessSteps));
}

base::Hash known_exactness_root() {
    const auto root = base::hash_from_hex(kExactnessRoot);
    ASSAY_CHECK(root.has_value());
    return *root;
}

std::optional<double> measure_flops(const std::filesystem::path& folder, ExecutorOptions options,
                                    double seconds) {
    using Clock = std::chrono::steady_clock;
    auto reference = open_reference_job(folder, ReferenceSize::speed, options);
    if (!reference) return std::nullopt;
    Job& job = *reference->job;
    commit::State state = job.initial_state();
    const auto flops = static_cast<double>(program::cost_of(job.program()).flops_per_step);
    job.executor().run_step(state, job.data(), 0, 0, 0);  // warms caches and threads
    const Clock::time_point start = Clock::now();
    double elapsed = 0;
    std::uint32_t steps = 0;
    while (elapsed < seconds && steps < kSpeedStepsMax) {
        ++steps;
        job.executor().run_step(state, job.data(), 0, 0, steps);
        elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    return flops * steps / elapsed;
}

}  // namespace assay::runtime
