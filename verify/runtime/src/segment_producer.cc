#include "runtime/segment_producer.h"

namespace assay::runtime {

SegmentResult Trainer::produce(Job& job, commit::State& state, const commit::State* round_start, const SegmentPlace& place,
                               const Progress& progress, std::uint32_t first_step) {
    return run_segment(job, state, round_start, place, progress, first_step);
}

}  // namespace assay::runtime
