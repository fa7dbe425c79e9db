#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lane_context.h"

namespace assay::worker {

[[nodiscard]] replay::JobStates states_of(LaneContext& lane);
/// Brings the round's opening state into `states.opening`: kept, computed (init), or fetched and
/// verified.
replay::Available<void> need_opening(LaneContext& lane, LaneStates& states,
                                     const replay::JobStates::Opening& opening);
/// Brings the state with which the part starts into `states.current`.
replay::Available<void> need_start(LaneContext& lane, LaneStates& states, const PartPlan& plan);

/// Uploads a state or payload, gives the store's receipt, and keeps the file until everything that
/// starts from it in `last_round` is final: anybody may ask for it.
tl::expected<market::Receipt, std::string> upload_state(LaneContext& lane, std::uint32_t last_round,
                                                        const commit::State& state,
                                                        const commit::StateDescriptor& descriptor);
tl::expected<market::Receipt, std::string> upload_payload(LaneContext& lane,
                                                          std::uint32_t last_round,
                                                          const commit::Payload& payload);

}  // namespace assay::worker
