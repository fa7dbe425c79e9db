#pragma once

#include <functional>
#include <memory>

#include "runtime/segment.h"

namespace assay::runtime {

/// Where a segment's result comes from. Worker and validator do everything else (leases, checkpoints, commitments, verdicts) the same way
/// whoever produces the segment, so tests can put a producer here that cheats; the product has only `Trainer`.
class SegmentProducer {
  public:
    virtual ~SegmentProducer() = default;
    /// Advances `state` by the segment at `place`; see run_segment for the parameters. Called by one thread per job.
    virtual SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start, const SegmentPlace& place,
                                  const Progress& progress, std::uint32_t first_step) = 0;
};
using ProducerFactory = std::function<std::unique_ptr<SegmentProducer>()>;

/// Trains: run_segment and nothing else.
class Trainer final : public SegmentProducer {
  public:
    SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start, const SegmentPlace& place,
                          const Progress& progress, std::uint32_t first_step) override;
};

}  // namespace assay::runtime
