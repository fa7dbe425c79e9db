#include "worker/segment_producer.h"

namespace assay::worker {

runtime::SegmentResult Trainer::produce(runtime::Job& job, commit::State& state, const commit::State* round_start,
                                        const runtime::SegmentPlace& place, const runtime::Progress& progress,
                                        std::uint32_t first_step, std::vector<base::Hash> digests_so_far) {
    return runtime::run_segment(job, state, round_start, place, progress, first_step, std::move(digests_so_far));
}

}  // namespace assay::worker
