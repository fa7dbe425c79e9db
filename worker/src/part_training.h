#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lane_context.h"

namespace assay::worker {

/// Trains the segments of a part, going on from the resume point on disk when it belongs to this part, and uploads what the commitment
/// needs. The record lacks what the plant seed decides: `seal_record`. Nothing: interrupted, a resume point is on disk. Requires
/// states.opening and states.current to be those of the plan; on success states.current is where the part ends.
tl::expected<std::optional<PartRecord>, std::string> train_part(LaneContext& lane, LaneStates& states, const PartPlan& plan);

/// Fills in VRF proof and end fields for the plant seed.
void seal_record(const LaneContext& lane, const base::Hash& plant_seed, std::uint32_t plant_ppm, PartRecord& record);

}  // namespace assay::worker
