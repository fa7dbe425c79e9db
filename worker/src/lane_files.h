#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lane_context.h"

namespace assay::worker {

/// Brings the round's opening state into `states.opening`: kept, computed (init), or fetched and verified.
tl::expected<void, std::string> need_opening(LaneContext& lane, LaneStates& states, std::uint32_t round, const base::Hash& root,
                                             const base::BlobRoot& blob, const base::Hash& previous_opening);
/// Brings the state with which the part starts into `states.current`.
tl::expected<void, std::string> need_start(LaneContext& lane, LaneStates& states, const PartPlan& plan);

/// Uploads a state or payload of this round, gives the store's receipt, and keeps the file until the round is final: anybody may ask for a
/// chunk of it.
tl::expected<market::Receipt, std::string> upload_state(LaneContext& lane, std::uint32_t round, const commit::State& state,
                                                        const commit::StateDescriptor& descriptor);
tl::expected<market::Receipt, std::string> upload_payload(LaneContext& lane, std::uint32_t round, const commit::Payload& payload);

}  // namespace assay::worker
