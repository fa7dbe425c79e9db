#include "runtime/segment_producer.h"

namespace assay::runtime {

base::Hash SegmentProducer::merge(Job& job, commit::State& round_start,
                                  std::span<const commit::Payload* const> members,
                                  std::uint32_t round, const base::Hash& round_start_root) {
    return run_merge(job, round_start, members, round, round_start_root);
}

SegmentResult Trainer::produce(Job& job, commit::State& state, const commit::State* round_start,
                               const SegmentPlace& place, const Progress& progress,
                               std::uint32_t first_step) {
    return run_segment(job, state, round_start, place, progress, first_step);
}

}  // namespace assay::runtime
