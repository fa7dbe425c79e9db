#pragma once

#include <functional>
#include <memory>
#include <span>

#include "runtime/segment.h"

namespace assay::runtime {

/// Where a worker's segments and merges come from. It does everything else (leases, checkpoints,
/// commitments) the same way whoever produces them, so tests can put a producer here that cheats;
/// the product has only `Trainer`.
class SegmentProducer {
  public:
    virtual ~SegmentProducer() = default;
    /// Advances `state` by the segment at `place`; see run_segment for the parameters. Called by
    /// one thread per job.
    virtual SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                                  const SegmentPlace& place, const Progress& progress,
                                  std::uint32_t first_step) = 0;
    /// Makes the next opening state of a round's start; see run_merge, which it is unless somebody
    /// cheats here.
    virtual base::Hash merge(Job& job, commit::State& round_start,
                             std::span<const commit::Payload* const> members, std::uint32_t round,
                             const base::Hash& round_start_root);
};
using ProducerFactory = std::function<std::unique_ptr<SegmentProducer>()>;

/// Trains: run_segment and nothing else.
class Trainer final : public SegmentProducer {
  public:
    SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                          const SegmentPlace& place, const Progress& progress,
                          std::uint32_t first_step) override;
};

}  // namespace assay::runtime
