#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "replay/job_states.h"
#include "runtime/job_cache.h"
#include "validator/recomputer.h"

namespace assay::validator {

using replay::Available;

/// Another root than the one that somebody asserts.
struct Finding {
    market::ChallengeTarget target;
    base::Hash claimed;
    bool operator==(const Finding&) const = default;
};

/// What a replay gave, beside what was committed to.
struct Recomputed {
    base::Hash root;  ///< that was committed: a part's tree root, a merge's or an initial root
    base::Hash asserted, found;     ///< end field of the leaf, merged or initial root
    std::vector<base::Hash> cells;  ///< empty unless the two agree
};
/// Chooses an audit's cells: from the root that was committed.
using SpotOf = std::function<base::VrfOutput(const base::Hash& root)>;

using CellPlaces = std::vector<program::CellPlace>;
struct ReplayOutcome {
    base::Hash found;
    std::vector<base::Hash> cells;
};
/// One whole replay with these cells; without any it is the plain one.
using ReplayOnce = std::function<Available<ReplayOutcome>(const CellPlaces& places)>;
/// Replays with the cells, and when that contradicts what was asserted, once more without: only
/// what both find is found. An error when the two differ: a machine that is not sure accuses
/// nobody.
Available<Recomputed> compare(const base::Hash& root, const base::Hash& asserted,
                              const CellPlaces& places, const ReplayOnce& replay);

/// Finds verdicts, and wrong work that nobody was drawn for, by recomputing. Reads public state and
/// blobs only; the same work gives the same answer whoever judges. What contradicts a commitment is
/// recomputed once more without looking at cells, and stands only when that gives the same. One
/// thread.
class Judge {
  public:
    /// `recomputer` outlives it.
    Judge(client::Client& node, std::filesystem::path folder, runtime::ExecutorOptions options,
          Recomputer& recomputer);
    /// Of an audit or control. Unavailable: something cannot be had, two replays differ, or the end
    /// was asked for (`interrupted`).
    Available<Recomputed> recompute(const market::Audit& audit, const SpotOf& spot);
    /// Recomputes a segment of a passed part. Where its start checkpoint was not delivered the part
    /// is trained from its start, and what differs first on the way is the finding. Nothing when
    /// all is right; an error means "not now".
    Available<std::optional<Finding>> check_segment(const market::PartPassed& passed,
                                                    std::uint32_t segment,
                                                    const runtime::Progress& go_on);
    /// Recomputes the merge that stands for a round.
    Available<std::optional<Finding>> check_merge(const base::JobId& job, std::uint32_t round);

    /// Deletes what is here of jobs that are over.
    void forget_closed();

  private:
    Available<Recomputed> recompute_segment(const market::Audit& audit, const SpotOf& spot);
    Available<Recomputed> recompute_merge(const market::Audit& audit, const SpotOf& spot);
    Available<Recomputed> recompute_init(const market::Audit& audit, const SpotOf& spot);
    Available<std::reference_wrapper<runtime::Job>> open(const base::JobId& id);
    Available<ReplayOutcome> merge_once(const base::JobId& id, std::uint32_t round,
                                        runtime::Job& job, const CellPlaces& places);
    Available<std::optional<Finding>> walk(const market::PartPassed& passed, std::uint32_t segment,
                                           const runtime::Progress& go_on);

    struct Segment {  ///< where an audited segment is, and what its worker says about it
        market::Part part;
        market::DeliveredSegment delivered;
        replay::JobStates::Opening opening;
        runtime::SegmentPlace place;
    };
    Available<Segment> locate(const market::Audit& audit, replay::JobStates& states,
                              runtime::Job& job);
    Available<commit::State> delivered_start(const market::Audit& audit, const Segment& segment,
                                             replay::JobStates& states);

    client::Client& node_;
    runtime::JobCache cache_;
    Recomputer& recomputer_;
    /// Audits without a start, how often that was so, and when their start was last trained from
    /// the part's.
    struct Waiting {
        std::uint32_t tries = 0;
        std::chrono::steady_clock::time_point trained;
    };
    std::map<base::AuditId, Waiting> waiting_;
};

}  // namespace assay::validator
