#include "runtime/cell_replay.h"

#include "base/check.h"
#include "runtime/cell_watch.h"
#include "runtime/job_cache.h"

namespace assay::runtime {

using program::CellPlace;
using program::CellScope;
using program::CellStage;

namespace {

bool all_are_cells(const Job& job, const CellScope& scope, std::span<const CellPlace> places) {
    for (const CellPlace& place : places) {
        if (!program::is_cell(job.program(), scope, place)) return false;
    }
    return true;
}

}  // namespace

CellScope segment_scope(const market::JobSpec& spec, std::uint32_t segment) {
    CellScope scope;
    scope.stage = CellStage::segment;
    scope.steps = spec.segment_steps;
    scope.closes_round = spec.has_merge() && segment + 1 == spec.segments_per_round();
    return scope;
}

CellScope merge_scope() {
    CellScope scope;
    scope.stage = CellStage::merge;
    return scope;
}

CellScope init_scope() {
    CellScope scope;
    scope.stage = CellStage::init;
    return scope;
}

tl::expected<SegmentOutcome, ReplayError> replay_segment(Job& job, commit::State& state,
                                                         const commit::State* round_start,
                                                         const SegmentPlace& place,
                                                         std::span<const CellPlace> places,
                                                         const Progress& progress) {
    const market::JobSpec& spec = job.spec();
    ASSAY_CHECK(place.round < spec.rounds && place.lane < spec.lanes);
    ASSAY_CHECK(place.segment < spec.segments_per_round());
    const CellScope scope = segment_scope(spec, place.segment);
    if (!all_are_cells(job, scope, places)) return tl::unexpected(ReplayError::no_such_cell);
    CellWatch watch(job.program(), job.executor(), job.options(), places);
    const DataView data = job.data();
    for (std::uint32_t i = 0; i < spec.segment_steps; ++i) {
        const std::uint32_t h = place.segment * spec.segment_steps + i;
        const StepResult step = watch.run_step(state, data, place.round, place.lane, h, i);
        if (progress && !progress({place.round, place.lane, h, step}))
            return tl::unexpected(ReplayError::stopped);
    }
    SegmentOutcome outcome;
    const std::uint32_t done = (place.segment + 1) * spec.segment_steps;
    outcome.state_root =
        commit::state_root(job.program(), state, state_descriptor(job, place, done), job.threads());
    outcome.end_root = outcome.state_root;
    if (scope.closes_round) {
        ASSAY_CHECK(round_start != nullptr);
        commit::Payload payload = commit::Payload::zeros(job.program());
        watch.run_payload(*round_start, state, place.round, payload);
        outcome.payload_root = commit::payload_root(job.program(), payload, job.threads());
        outcome.end_root = commit::end_root(outcome.state_root, *outcome.payload_root);
    }
    outcome.cells = watch.cells();
    return outcome;
}

tl::expected<StateOutcome, ReplayError> replay_merge(
    Job& job, commit::State& round_start, std::span<const commit::Payload* const> members,
    std::uint32_t round, const base::Hash& round_start_root, std::span<const CellPlace> places) {
    ASSAY_CHECK(job.spec().has_merge() && round < job.spec().rounds && !members.empty());
    if (!all_are_cells(job, merge_scope(), places))
        return tl::unexpected(ReplayError::no_such_cell);
    CellWatch watch(job.program(), job.executor(), job.options(), places);
    watch.run_merge(round_start, members, round);
    return StateOutcome{job.opening_root(round_start, round + 1, round_start_root), watch.cells()};
}

tl::expected<StateOutcome, ReplayError> replay_init(Job& job, std::span<const CellPlace> places) {
    if (!all_are_cells(job, init_scope(), places)) return tl::unexpected(ReplayError::no_such_cell);
    CellWatch watch(job.program(), job.executor(), job.options(), places);
    commit::State state = commit::State::zeros(job.program());
    watch.run_init(state);
    return StateOutcome{job.opening_root(state, 0, base::Hash{}), watch.cells()};
}

}  // namespace assay::runtime
