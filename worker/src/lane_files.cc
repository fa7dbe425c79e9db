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

std::function<bool(const std::filesystem::path&)> is_state(
    const LaneContext& lane, const commit::StateDescriptor& descriptor, const base::Hash& root) {
    return [job = lane.job, descriptor, root](const std::filesystem::path& file) {
        return commit::load_state(file, job->program(), descriptor, root, job->threads())
            .has_value();
    };
}

Upload not_written(const std::filesystem::path& file, commit::FileError error) {
    return tl::unexpected(file.string() + ": " + std::string(commit::message_of(error)));
}

}  // namespace

tl::expected<void, std::string> need_opening(LaneContext& lane, LaneStates& states,
                                             std::uint32_t round, const base::Hash& root,
                                             const base::BlobRoot& blob,
                                             const base::Hash& previous_opening) {
    if (states.opening && states.opening->root == root) return {};
    states.opening.reset();
    if (round == 0) {
        if (root != lane.job->initial_root())
            return tl::unexpected(
                std::string("round 0 opens with another root than the init root"));
        states.opening = LaneStates::Known{root, lane.job->initial_state()};
        return {};
    }
    const auto round_of = [&](std::uint32_t number) -> tl::expected<market::Round, std::string> {
        auto record = lane.node().round(lane.job_id, number);
        if (!record)
            return tl::unexpected("round " + std::to_string(number) + ": " + record.error().text());
        return std::move(*record);
    };
    auto state = lane.cache.opening_state(lane.job_id, *lane.job, round, blob, previous_opening,
                                          root, round_of);
    if (!state) return tl::unexpected("opening state: " + state.error());
    states.opening = LaneStates::Known{root, std::move(*state)};
    return {};
}

tl::expected<void, std::string> need_start(LaneContext& lane, LaneStates& states,
                                           const PartPlan& plan) {
    if (states.current && states.current->root == plan.start_root) return {};
    states.current.reset();
    if (plan.span.first_segment == 0) {
        if (plan.start_root != plan.opening_root)
            return tl::unexpected(std::string("the first part starts elsewhere than its round"));
        states.current = LaneStates::Known{plan.start_root, states.opening->state.clone()};
        return {};
    }
    const runtime::SegmentPlace place{plan.key.round, plan.key.lane, plan.span.first_segment,
                                      plan.opening_root};
    auto state = lane.cache.fetch_state(
        lane.job_id, *lane.job, plan.start_blob,
        runtime::segment_start_descriptor(*lane.job, place, plan.previous_opening),
        plan.start_root);
    if (!state) return tl::unexpected("start state: " + state.error());
    states.current = LaneStates::Known{plan.start_root, std::move(*state)};
    return {};
}

std::optional<agent::Need> opening_need(LaneContext& lane, std::uint32_t round,
                                        const base::Hash& root,
                                        const base::Hash& previous_opening) {
    if (round == 0) return std::nullopt;
    const auto merge = lane.node().merge(lane.job_id, round - 1);
    if (!merge || merge->root != root) return std::nullopt;
    const commit::StateDescriptor descriptor =
        runtime::opening_descriptor(*lane.job, round, previous_opening);
    return agent::Need{{market::StoredKind::merge, lane.job_id.hash, round - 1},
                       merge->blob,
                       merge->bytes,
                       is_state(lane, descriptor, root)};
}

std::optional<agent::Need> start_need(LaneContext& lane, const PartPlan& plan) {
    if (plan.span.first_segment == 0) return std::nullopt;
    const auto parts = lane.node().parts(plan.key.job);
    if (!parts) return std::nullopt;
    const runtime::SegmentPlace place{plan.key.round, plan.key.lane, plan.span.first_segment,
                                      plan.opening_root};
    for (const market::Part& part : *parts) {
        if (part.key.round != plan.key.round || part.key.lane != plan.key.lane ||
            part.key.part + 1 != plan.key.part)
            continue;
        if (part.state == market::PartState::void_ || part.state == market::PartState::retracted ||
            part.end_blob != plan.start_blob)
            continue;
        const commit::StateDescriptor descriptor =
            runtime::segment_start_descriptor(*lane.job, place, plan.previous_opening);
        return agent::Need{{market::StoredKind::checkpoint, part.id.hash, 0},
                           part.end_blob,
                           part.end_bytes,
                           is_state(lane, descriptor, plan.start_root)};
    }
    return std::nullopt;
}

std::optional<agent::Need> payload_need(LaneContext& lane, const market::RoundMember& member) {
    const auto part = lane.node().part(member.part);
    if (!part) return std::nullopt;
    const auto is_right = [job = lane.job,
                           root = member.payload_root](const std::filesystem::path& file) {
        return commit::load_payload(file, job->program(), root, job->threads()).has_value();
    };
    return agent::Need{{market::StoredKind::payload, part->id.hash, 0},
                       part->payload_blob,
                       part->payload_bytes,
                       is_right};
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
