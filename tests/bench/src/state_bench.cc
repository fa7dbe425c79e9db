#include <numeric>
#include <tl/expected.hpp>

#include "contestants.h"
#include "protocol.h"
#include "runtime/job_cache.h"
#include "runtime/segment.h"
#include "shapes.h"

namespace assay::bench {

namespace {

std::size_t bytes_of(const commit::State& state) {
    return std::accumulate(
        state.tensors.begin(), state.tensors.end(), std::size_t{0},
        [](std::size_t sum, const commit::Buffer& buffer) { return sum + buffer.size(); });
}

/// A job of the shape in its initial state.
struct Opened {
    ScratchFolder folder;
    std::unique_ptr<runtime::Job> job;
    commit::State state;
};

tl::expected<std::unique_ptr<Opened>, std::string> open(const Options& options) {
    auto opened = std::make_unique<Opened>();
    const auto target = runtime::target_from_name(options.target);
    if (!target)
        return tl::unexpected("--target: " + options.target +
                              " is not known or not available here");
    const auto shape =
        make_shape(options.shape, options.text, opened->folder.path(), options.batch);
    if (!shape) return tl::unexpected(shape.error());
    auto job = runtime::Job::open(shape->spec, shape->blob, options.executor(*target));
    if (!job) return tl::unexpected(job.error());
    opened->job = std::move(*job);
    opened->state = opened->job->initial_state();
    return opened;
}

}  // namespace

int run_hash(const Options& options) {
    const auto opened = open(options);
    if (!opened) return fail(opened.error());
    runtime::Job& job = *(*opened)->job;
    const std::size_t bytes = bytes_of((*opened)->state);
    const Json ready{{"contestant", "hash"},
                     {"shape", options.shape},
                     {"unit", "GB/s"},
                     {"threads", options.threads},
                     {"state_bytes", bytes}};
    const commit::StateDescriptor descriptor = runtime::opening_descriptor(job, 0, base::Hash{});
    return serve(ready, [&](const std::string&) {
        const Stopwatch watch;
        static_cast<void>(
            commit::state_root(job.program(), (*opened)->state, descriptor, options.threads));
        return static_cast<double>(bytes) / watch.milliseconds() / 1e6;
    });
}

int run_commit(const Options& options) {
    const auto opened = open(options);
    if (!opened) return fail(opened.error());
    runtime::Job& job = *(*opened)->job;
    commit::State& state = (*opened)->state;
    const std::uint32_t segment = job.spec().segment_steps;
    const std::uint32_t steps = options.steps == 0 ? segment : std::min(options.steps, segment);
    std::uint32_t h = 0;
    double step_ms = 0, root_ms = 0;
    const Json ready{{"contestant", "commit"},   {"shape", options.shape},
                     {"unit", "percent"},        {"threads", options.threads},
                     {"segment_steps", segment}, {"steps_run", steps}};
    const auto measure = [&](const std::string&) {
        step_ms = 0;
        for (std::uint32_t i = 0; i < steps; ++i) {
            const Stopwatch step;
            job.executor().run_step(state, job.data(), 0, 0, h);
            step_ms += step.milliseconds();
            h = (h + 1) % job.spec().round_steps;
        }
        // A segment's start root is the end root of the one before: one root per segment.
        const Stopwatch root;
        const runtime::SegmentPlace place{};
        static_cast<void>(commit::state_root(
            job.program(), state, runtime::state_descriptor(job, place, segment), options.threads));
        root_ms = root.milliseconds();
        const double scale = static_cast<double>(segment) / steps;
        step_ms *= scale;
        return 100 * root_ms / step_ms;
    };
    return serve(ready, measure, [&] {
        return Json{{"training_ms", step_ms}, {"root_ms", root_ms}};
    });
}

}  // namespace assay::bench
