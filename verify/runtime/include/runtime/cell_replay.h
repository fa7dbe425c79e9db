#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "program/cells.h"
#include "runtime/segment.h"

/// What auditors and controllers replay: as run_segment and run_merge, with the cells that the
/// verdict seals (docs/formats/cells.md). An `invalid` verdict has no cells; before one it is worth
/// a second replay by run_segment, which is exactly what the worker ran.
namespace assay::runtime {

enum class ReplayError : std::uint8_t {
    stopped = 1,       ///< Progress said stop
    no_such_cell = 2,  ///< a place that choose_cells cannot give here; nothing was run
};

struct SegmentOutcome {
    base::Hash state_root, end_root;
    std::optional<base::Hash> payload_root;  ///< last segment of a round of a job with merges
    std::vector<base::Hash> cells;           ///< tile leaves, in the order of the places
};

struct StateOutcome {
    base::Hash root;  ///< of the state that opens the round
    std::vector<base::Hash> cells;
};

/// What the places are chosen in: a segment of this job, a merge, the initial state.
program::CellScope segment_scope(const market::JobSpec& spec, std::uint32_t segment);
program::CellScope merge_scope();
program::CellScope init_scope();

/// Runs segment `place` from `state` (in place). `round_start` is needed for the last segment of a
/// round of a job with merges; may be null otherwise. No places: what run_segment computes.
/// `progress` may be empty.
tl::expected<SegmentOutcome, ReplayError> replay_segment(Job& job, commit::State& state,
                                                         const commit::State* round_start,
                                                         const SegmentPlace& place,
                                                         std::span<const program::CellPlace> places,
                                                         const Progress& progress);

/// Merges into the next opening state (in place). `members` ascending by lane, at least one.
tl::expected<StateOutcome, ReplayError> replay_merge(
    Job& job, commit::State& round_start, std::span<const commit::Payload* const> members,
    std::uint32_t round, const base::Hash& round_start_root,
    std::span<const program::CellPlace> places);

/// Makes the initial state.
tl::expected<StateOutcome, ReplayError> replay_init(Job& job,
                                                    std::span<const program::CellPlace> places);

}  // namespace assay::runtime
