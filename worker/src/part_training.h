#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lane_context.h"

namespace assay::worker {

/// A part whose segments are done.
struct TrainedPart {
    PartRecord record;                       ///< lacks receipts (`upload_part`)
    std::optional<commit::Payload> payload;  ///< of a round's last part in a job with merges
};

/// Trains the segments of a part, going on from the resume point on disk when it belongs to this
/// part. Nothing: interrupted, a resume point is on disk. Requires states.opening and
/// states.current to be those of the plan; on success states.current is where the part ends.
tl::expected<std::optional<TrainedPart>, std::string> train_part(LaneContext& lane,
                                                                 LaneStates& states,
                                                                 const PartPlan& plan);

/// Uploads end checkpoint (states.current) and payload and enters their receipts.
tl::expected<void, std::string> upload_part(LaneContext& lane, const LaneStates& states,
                                            const PartPlan& plan, TrainedPart& part);

}  // namespace assay::worker
