#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "commit/dataset.h"
#include "commit/state.h"
#include "market/job_spec.h"
#include "runtime/executor.h"

namespace assay::runtime {

/// A job ready to run on this machine: spec, program, data, executor. Used by worker, validator and
/// `assay train` alike: there is one runner of segments, so an audit replays exactly what training
/// did.
class Job {
  public:
    static tl::expected<std::unique_ptr<Job>, std::string> open(
        const market::JobSpec& spec, const std::filesystem::path& dataset_blob,
        ExecutorOptions options);
    const market::JobSpec& spec() const;
    const program::Program& program() const;
    const base::Hash& spec_root() const;
    const base::Hash& program_root() const;
    Executor& executor();
    DataView data() const;
    unsigned threads() const;                ///< for hashing
    const ExecutorOptions& options() const;  ///< those the job was opened with

    /// The initial state and its root (descriptor: round 0, opening lane).
    commit::State initial_state();
    base::Hash initial_root();  ///< computed once

    /// Root of a state that opens `round` (init or merge). `previous_opening` is zeros for round 0.
    base::Hash opening_root(const commit::State& state, std::uint32_t round,
                            const base::Hash& previous_opening);

    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

  private:
    Job();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct StepReport {
    std::uint32_t round, lane, step;  ///< step: 0-based within the round
    StepResult result;
};
using Progress = std::function<bool(const StepReport&)>;  ///< return false to stop early

/// What one segment produced: everything its leaf needs.
struct SegmentResult {
    base::Hash start_root;  ///< zeros when the place lacks it and first_step > 0 in a segment other
                            ///< than the round's first
    base::Hash state_root, end_root;
    std::optional<base::Hash> payload_root;  ///< last segment of a round of a job with merges
    std::vector<StepResult> steps;
    std::optional<commit::Payload> payload;
    bool stopped = false;  ///< Progress said stop: of the above only start_root and steps are valid
};

struct SegmentPlace {
    std::uint32_t round = 0, lane = 0, segment = 0;  ///< segment within the round
    base::Hash round_start_root;
    /// Root of the state at the segment's start, when the caller has it: the state root of the
    /// segment before, or the root against which the state was loaded. Otherwise run_segment hashes
    /// the state once more.
    std::optional<base::Hash> start_root = std::nullopt;
};

/// Runs segment `place` from `state` (in place). `round_start` is needed for the last segment of a
/// round (payload); may be null otherwise. `first_step` > 0 continues inside the segment (resume).
SegmentResult run_segment(Job& job, commit::State& state, const commit::State* round_start,
                          const SegmentPlace& place, const Progress& progress,
                          std::uint32_t first_step = 0);

/// Merges into the next opening state and gives its root. `members` ascending by lane.
base::Hash run_merge(Job& job, commit::State& round_start,
                     std::span<const commit::Payload* const> members, std::uint32_t round,
                     const base::Hash& round_start_root);

/// Mean over the first `windows` consecutive, non-overlapping context windows of the validation
/// split, or as many as it has; NaN when it has none.
double validation_loss(Job& job, const commit::State& state, std::uint32_t windows);

}  // namespace assay::runtime
