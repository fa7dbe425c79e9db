#include "runtime/segment.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "runtime/job_cache.h"

namespace assay::runtime {

namespace {

base::Hash start_root_of(const Job& job, const commit::State& state, const SegmentPlace& place,
                         std::uint32_t first_step) {
    if (place.segment == 0) return place.round_start_root;
    if (place.start_root) return *place.start_root;
    if (first_step > 0) return {};
    const std::uint32_t done = place.segment * job.spec().segment_steps;
    return commit::state_root(job.program(), state, state_descriptor(job, place, done),
                              job.threads());
}

void finish(Job& job, const commit::State& state, const commit::State* round_start,
            const SegmentPlace& place, SegmentResult& result) {
    const market::JobSpec& spec = job.spec();
    const std::uint32_t done = (place.segment + 1) * spec.segment_steps;
    result.state_root =
        commit::state_root(job.program(), state, state_descriptor(job, place, done), job.threads());
    result.end_root = result.state_root;
    if (done < spec.round_steps || !spec.has_merge()) return;
    ASSAY_CHECK(round_start != nullptr);
    result.payload = commit::Payload::zeros(job.program());
    job.executor().run_payload(*round_start, state, place.round, *result.payload);
    result.payload_root = commit::payload_root(job.program(), *result.payload, job.threads());
    result.end_root = commit::end_root(result.state_root, *result.payload_root);
}

}  // namespace

SegmentResult run_segment(Job& job, commit::State& state, const commit::State* round_start,
                          const SegmentPlace& place, const Progress& progress,
                          std::uint32_t first_step) {
    const market::JobSpec& spec = job.spec();
    ASSAY_CHECK(place.round < spec.rounds && place.lane < spec.lanes &&
                place.segment < spec.segments_per_round());
    ASSAY_CHECK(first_step <= spec.segment_steps);
    SegmentResult result;
    result.start_root = start_root_of(job, state, place, first_step);
    const DataView data = job.data();
    for (std::uint32_t i = first_step; i < spec.segment_steps; ++i) {
        const std::uint32_t h = place.segment * spec.segment_steps + i;
        const StepResult step = job.executor().run_step(state, data, place.round, place.lane, h);
        result.steps.push_back(step);
        if (progress && !progress({place.round, place.lane, h, step})) {
            result.stopped = true;
            return result;
        }
    }
    finish(job, state, round_start, place, result);
    return result;
}

base::Hash run_merge(Job& job, commit::State& round_start,
                     std::span<const commit::Payload* const> members, std::uint32_t round,
                     const base::Hash& round_start_root) {
    ASSAY_CHECK(job.spec().has_merge() && round < job.spec().rounds && !members.empty());
    job.executor().run_merge(round_start, members, round);
    return job.opening_root(round_start, round + 1, round_start_root);
}

double validation_loss(Job& job, const commit::State& state, std::uint32_t windows) {
    const DataView data = job.data();
    const std::uint64_t rows = job.program().sequence_rows;
    const std::uint64_t count = data.words.size() / data.row_words;
    // A window of tokens reads one token more than it has rows: the last label.
    const std::uint64_t reads =
        rows + (std::holds_alternative<market::TokenData>(job.spec().data) ? 1 : 0);
    double sum = 0;
    std::uint32_t done = 0;
    for (std::uint64_t start = data.train_count; done < windows && start + reads <= count;
         start += rows) {
        sum += static_cast<double>(job.executor().window_loss(state, data, start));
        ++done;
    }
    return done == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / done;
}

}  // namespace assay::runtime
