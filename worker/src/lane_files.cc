#include "lane_files.h"

#include "commit/checkpoint.h"

namespace assay::worker {

namespace {

using Upload = tl::expected<market::Receipt, std::string>;

Upload send_file(LaneContext& lane, std::uint32_t last_round, const std::filesystem::path& file,
                 const base::BlobRoot& root) {
    auto receipt = lane.node().put_blob_file(file, root);
    if (!receipt) {
        std::error_code error;
        std::filesystem::remove(file, error);
        return tl::unexpected("upload: " + receipt.error().text());
    }
    if (auto kept = lane.keeper.keep(lane.job_id, last_round, receipt->blob, file); !kept)
        return tl::unexpected(kept.error());
    return std::move(*receipt);
}

Upload not_written(const std::filesystem::path& file, commit::FileError error) {
    return tl::unexpected(file.string() + ": " + std::string(commit::message_of(error)));
}

}  // namespace

replay::JobStates states_of(LaneContext& lane) {
    return {lane.node(), lane.cache, lane.job_id, *lane.job};
}

replay::Available<void> need_opening(LaneContext& lane, LaneStates& states,
                                     const replay::JobStates::Opening& opening) {
    const base::Hash& root = opening.round.opening_root;
    if (states.opening && states.opening->root == root) return {};
    states.opening.reset();
    if (opening.round.round == 0 && root != lane.job->initial_root())
        return replay::unavailable("round 0 opens with another root than the init root");
    auto state = states_of(lane).opening_state(opening);
    if (!state) return tl::unexpected(state.error());
    states.opening = LaneStates::Known{root, std::move(*state)};
    return {};
}

replay::Available<void> need_start(LaneContext& lane, LaneStates& states, const PartPlan& plan) {
    if (states.current && states.current->root == plan.start_root) return {};
    states.current.reset();
    if (plan.span.first_segment == 0) {
        if (plan.start_root != plan.opening.round.opening_root)
            return replay::unavailable("the first part starts elsewhere than its round");
        states.current = LaneStates::Known{plan.start_root, states.opening->state.clone()};
        return {};
    }
    auto state = states_of(lane).part_start(plan.key, plan.span.first_segment, plan.start_root,
                                            plan.start_blob, plan.opening);
    if (!state) return tl::unexpected(state.error());
    states.current = LaneStates::Known{plan.start_root, std::move(*state)};
    return {};
}

Upload upload_state(LaneContext& lane, std::uint32_t last_round, const commit::State& state,
                    const commit::StateDescriptor& descriptor) {
    const std::filesystem::path file = lane.folder / "state.upload";
    const auto saved = commit::save_state(file, lane.job->program(), state, descriptor,
                                          commit::Durability::scratch);
    if (!saved) return not_written(file, saved.error());
    return send_file(lane, last_round, file, saved->blob);
}

Upload upload_payload(LaneContext& lane, std::uint32_t last_round, const commit::Payload& payload) {
    const std::filesystem::path file = lane.folder / "payload.upload";
    const auto saved =
        commit::save_payload(file, lane.job->program(), payload, commit::Durability::scratch);
    if (!saved) return not_written(file, saved.error());
    return send_file(lane, last_round, file, saved->blob);
}

}  // namespace assay::worker
