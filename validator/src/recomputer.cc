#include "validator/recomputer.h"

namespace assay::validator {

using program::CellPlace;
using runtime::ReplayError;

tl::expected<runtime::SegmentOutcome, ReplayError> Replays::segment(
    runtime::Job& job, commit::State& state, const commit::State* round_start,
    const runtime::SegmentPlace& place, std::span<const CellPlace> places,
    const runtime::Progress& progress) {
    if (!places.empty())
        return runtime::replay_segment(job, state, round_start, place, places, progress);
    const runtime::SegmentResult result =
        runtime::run_segment(job, state, round_start, place, progress);
    if (result.stopped) return tl::unexpected(ReplayError::stopped);
    return runtime::SegmentOutcome{result.state_root, result.end_root, result.payload_root, {}};
}

tl::expected<runtime::StateOutcome, ReplayError> Replays::merge(
    runtime::Job& job, commit::State& round_start, std::span<const commit::Payload* const> members,
    std::uint32_t round, const base::Hash& round_start_root, std::span<const CellPlace> places) {
    if (!places.empty())
        return runtime::replay_merge(job, round_start, members, round, round_start_root, places);
    return runtime::StateOutcome{
        runtime::run_merge(job, round_start, members, round, round_start_root), {}};
}

tl::expected<runtime::StateOutcome, ReplayError> Replays::init(runtime::Job& job,
                                                               std::span<const CellPlace> places) {
    if (!places.empty()) return runtime::replay_init(job, places);
    const commit::State state = job.initial_state();
    return runtime::StateOutcome{job.opening_root(state, 0, {}), {}};
}

}  // namespace assay::validator
