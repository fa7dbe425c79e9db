#pragma once

#include <span>
#include <tl/expected.hpp>

#include "runtime/cell_replay.h"

namespace assay::validator {

/// Where a validator's results come from. It does everything else (fetching, sealing, revealing,
/// accusing) the same way whoever recomputes, so tests can put somebody here who is lazy or wrong;
/// the product has only `Replays`. Called by one thread. See runtime/cell_replay.h for the
/// parameters; without places it must be what a worker runs, since an accusation rests on it.
class Recomputer {
  public:
    virtual ~Recomputer() = default;
    virtual tl::expected<runtime::SegmentOutcome, runtime::ReplayError> segment(
        runtime::Job& job, commit::State& state, const commit::State* round_start,
        const runtime::SegmentPlace& place, std::span<const program::CellPlace> places,
        const runtime::Progress& progress) = 0;
    virtual tl::expected<runtime::StateOutcome, runtime::ReplayError> merge(
        runtime::Job& job, commit::State& round_start,
        std::span<const commit::Payload* const> members, std::uint32_t round,
        const base::Hash& round_start_root, std::span<const program::CellPlace> places) = 0;
    virtual tl::expected<runtime::StateOutcome, runtime::ReplayError> init(
        runtime::Job& job, std::span<const program::CellPlace> places) = 0;
};

/// Replays with the cells, and without any places runs exactly what the worker ran.
class Replays final : public Recomputer {
  public:
    tl::expected<runtime::SegmentOutcome, runtime::ReplayError> segment(
        runtime::Job& job, commit::State& state, const commit::State* round_start,
        const runtime::SegmentPlace& place, std::span<const program::CellPlace> places,
        const runtime::Progress& progress) override;
    tl::expected<runtime::StateOutcome, runtime::ReplayError> merge(
        runtime::Job& job, commit::State& round_start,
        std::span<const commit::Payload* const> members, std::uint32_t round,
        const base::Hash& round_start_root, std::span<const program::CellPlace> places) override;
    tl::expected<runtime::StateOutcome, runtime::ReplayError> init(
        runtime::Job& job, std::span<const program::CellPlace> places) override;
};

}  // namespace assay::validator
