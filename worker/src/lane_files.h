#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lane_context.h"

namespace assay::worker {

/// Brings the round's opening state into `states.opening`: kept, computed (init), or fetched and
/// verified.
tl::expected<void, std::string> need_opening(LaneContext& lane, LaneStates& states,
                                             std::uint32_t round, const base::Hash& root,
                                             const base::BlobRoot& blob,
                                             const base::Hash& previous_opening);
/// Brings the state with which the part starts into `states.current`.
tl::expected<void, std::string> need_start(LaneContext& lane, LaneStates& states,
                                           const PartPlan& plan);

// What a failure of these, or of a merge, rests on: whom to ask about it.
/// The merge that opens the plan's round. Nothing for round 0, which everybody computes.
std::optional<agent::Need> opening_need(LaneContext& lane, std::uint32_t round,
                                        const base::Hash& root, const base::Hash& previous_opening);
/// The checkpoint with which the part starts. Nothing for a round's first part, which starts from
/// the opening.
std::optional<agent::Need> start_need(LaneContext& lane, const PartPlan& plan);
std::optional<agent::Need> payload_need(LaneContext& lane, const market::RoundMember& member);

/// Uploads a state or payload, gives the store's receipt, and keeps the file until everything that
/// starts from it in `last_round` is final: anybody may ask for it.
tl::expected<market::Receipt, std::string> upload_state(LaneContext& lane, std::uint32_t last_round,
                                                        const commit::State& state,
                                                        const commit::StateDescriptor& descriptor);
tl::expected<market::Receipt, std::string> upload_payload(LaneContext& lane,
                                                          std::uint32_t last_round,
                                                          const commit::Payload& payload);

}  // namespace assay::worker
