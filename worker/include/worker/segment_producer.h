#pragma once

#include <vector>

#include "runtime/segment.h"

namespace assay::worker {

/// Where a segment's result comes from. The worker does everything else (leases, checkpoints, commitments, deliveries) the same way
/// whoever produces the segment, so tests can put a producer here that cheats; the product has only `Trainer`.
class SegmentProducer {
  public:
    virtual ~SegmentProducer() = default;
    /// Advances `state` by the segment at `place`; see runtime::run_segment for the parameters. Called by one thread per job.
    virtual runtime::SegmentResult produce(runtime::Job& job, commit::State& state, const commit::State* round_start,
                                           const runtime::SegmentPlace& place, const runtime::Progress& progress,
                                           std::uint32_t first_step, std::vector<base::Hash> digests_so_far) = 0;
};

/// Trains: runtime::run_segment and nothing else.
class Trainer final : public SegmentProducer {
  public:
    runtime::SegmentResult produce(runtime::Job& job, commit::State& state, const commit::State* round_start,
                                   const runtime::SegmentPlace& place, const runtime::Progress& progress,
                                   std::uint32_t first_step, std::vector<base::Hash> digests_so_far) override;
};

}  // namespace assay::worker
