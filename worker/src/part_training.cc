#include "part_training.h"

#include <bit>
#include <chrono>
#include <cstdio>

#include "agent/durable_file.h"
#include "agent/log.h"
#include "base/check.h"
#include "commit/checkpoint.h"
#include "lane_files.h"

namespace assay::worker {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kPartialBytesMax = std::size_t{1} << 30U;

std::string loss_text(float loss) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", static_cast<double>(loss));
    return text;
}

/// One part on its way: what is done, and the files from which a killed worker goes on.
class PartRun {
  public:
    PartRun(LaneContext& lane, LaneStates& states, const PartPlan& plan)
        : lane_(lane), states_(states), plan_(plan), state_(std::move(states.current->state)) {
        record_.key = plan.key;
        record_.lease = lane.lease_id;
        record_.first_segment = plan.span.first_segment;
        record_.start_root = plan.start_root;
        record_.start_blob = plan.start_blob;
        states_.current.reset();
    }

    tl::expected<std::optional<TrainedPart>, std::string> run();

  private:
    void resume();
    tl::expected<bool, std::string> run_segment(std::uint32_t index);
    tl::expected<void, std::string> keep_start(std::uint32_t index);
    tl::expected<void, std::string> save_point(std::uint32_t steps_done,
                                               std::optional<base::Hash> state_root = std::nullopt);
    tl::expected<void, std::string> save_partial();
    [[nodiscard]] base::Hash root_before(std::uint32_t index) const {
        return index == 0 ? plan_.start_root : record_.segments[index - 1].state_root;
    }
    [[nodiscard]] runtime::SegmentPlace place_of(std::uint32_t index) const {
        return {plan_.key.round, plan_.key.lane, plan_.span.first_segment + index,
                plan_.opening.round.opening_root, root_before(index)};
    }
    [[nodiscard]] std::filesystem::path resume_file() const { return lane_.folder / "resume"; }
    [[nodiscard]] std::filesystem::path partial_file() const { return lane_.folder / "partial"; }

    LaneContext& lane_;
    LaneStates& states_;
    const PartPlan& plan_;
    commit::State state_;
    PartRecord record_;
    std::uint32_t first_step_ = 0;  ///< within the segment that comes next
    std::optional<commit::Payload> payload_;
    std::optional<std::string> problem_;  ///< a checkpoint that could not be written in mid-segment
};

/// A resume point counts when it lies in this part and continues the segments of the partial
/// record; anything else is left over from another part, and the part begins at its start.
void PartRun::resume() {
    const runtime::Job& job = *lane_.job;
    auto point = commit::load_resume_point(resume_file(), job.program(), job.spec_root(),
                                           job.program_root(), lane_.settings.executor.threads);
    const auto partial_bytes = agent::load_file(partial_file(), kPartialBytesMax);
    auto partial = partial_bytes ? decode_part_record(*partial_bytes) : std::nullopt;
    if (!point || point->descriptor.round != plan_.key.round ||
        point->descriptor.lane != plan_.key.lane ||
        point->descriptor.round_start_root != plan_.opening.round.opening_root) {
        return;
    }
    const std::uint32_t length = job.spec().segment_steps;
    const std::uint32_t begin = plan_.span.first_segment * length;
    const std::uint32_t step = point->descriptor.step;
    if (step <= begin || step >= begin + plan_.span.segments * length) return;
    const std::uint32_t done = (step - begin) / length;
    if (done > 0) {
        if (!partial || partial->key != plan_.key || partial->start_root != plan_.start_root ||
            partial->segments.size() < done) {
            return;
        }
        partial->segments.resize(done);
        record_.segments = std::move(partial->segments);
    }
    if (point->segment_start_root != root_before(done)) {
        record_.segments.clear();
        return;
    }
    state_ = std::move(point->state);
    first_step_ = (step - begin) % length;
    agent::log(agent::LogLevel::info, "training.resumed", "goes on from the local checkpoint",
               {{"round", std::to_string(plan_.key.round)},
                {"lane", std::to_string(plan_.key.lane)},
                {"step", std::to_string(step)}});
}

tl::expected<void, std::string> PartRun::save_point(std::uint32_t steps_done,
                                                    std::optional<base::Hash> state_root) {
    const auto index = static_cast<std::uint32_t>(record_.segments.size());
    commit::ResumePoint point;
    point.descriptor = runtime::state_descriptor(*lane_.job, place_of(index), steps_done);
    point.segment_start_root = root_before(index);
    point.state = std::move(state_);
    point.state_root = state_root;
    const auto saved = commit::save_resume_point(resume_file(), lane_.job->program(), point,
                                                 lane_.settings.executor.threads);
    state_ = std::move(point.state);
    if (!saved)
        return tl::unexpected("local checkpoint: " +
                              std::string(commit::message_of(saved.error())));
    return {};
}

tl::expected<void, std::string> PartRun::save_partial() {
    return agent::save_durable(partial_file(), encode_part_record(record_));
}

/// The checkpoint at the start of a later segment is needed only if that segment is drawn; it stays
/// here until the part has closed.
tl::expected<void, std::string> PartRun::keep_start(std::uint32_t index) {
    if (index == 0) return {};
    const base::PartId id = market::part_id(lane_.party.identity().chain_id(), plan_.key);
    const std::filesystem::path file = lane_.parts.start_file(id, index);
    const auto descriptor =
        runtime::segment_start_descriptor(*lane_.job, place_of(index), plan_.opening.previous_root);
    const auto saved = commit::save_state(file, lane_.job->program(), state_, descriptor);
    if (!saved)
        return tl::unexpected(file.string() + ": " +
                              std::string(commit::message_of(saved.error())));
    return {};
}

/// False: interrupted, with a resume point on disk.
tl::expected<bool, std::string> PartRun::run_segment(std::uint32_t index) {
    if (first_step_ == 0) {
        if (auto kept = keep_start(index); !kept) return tl::unexpected(kept.error());
    }
    const runtime::SegmentPlace place = place_of(index);
    const std::uint32_t length = lane_.job->spec().segment_steps;
    Clock::time_point saved_at = Clock::now();
    const auto progress = [&](const runtime::StepReport& report) {
        const bool stop = lane_.interrupted();
        const bool last = report.step + 1 == (place.segment + 1) * length;
        agent::log(agent::LogLevel::debug, "training.step", "step done",
                   {{"round", std::to_string(report.round)},
                    {"lane", std::to_string(report.lane)},
                    {"step", std::to_string(report.step + 1)},
                    {"loss", loss_text(report.result.loss)}});
        // Where a segment ends its root is known a moment later, and a point is saved with it.
        if (!last && (stop || Clock::now() - saved_at >= lane_.settings.checkpoint_every)) {
            const auto saved = save_point(report.step + 1);
            if (!saved) problem_ = saved.error();
            saved_at = Clock::now();
        }
        return !problem_ && (!stop || last);  // a finished segment is worth more than a prompt end
    };
    runtime::SegmentResult result = lane_.producer.produce(
        *lane_.job, state_, &states_.opening->state, place, progress, first_step_);
    if (problem_) return tl::unexpected(*problem_);
    if (result.stopped) return false;

    SegmentRecord segment;
    const market::PartKey& key = plan_.key;
    segment.leaf.salt = market::segment_salt(lane_.party.identity().hot(), key.job, key.round,
                                             key.lane, place.segment, key.attempt);
    segment.leaf.start_root = root_before(index);
    segment.leaf.end_field = result.end_root;
    segment.state_root = result.state_root;
    record_.segments.push_back(std::move(segment));
    record_.end_root = result.state_root;
    if (!result.steps.empty())
        record_.last_loss_bits = std::bit_cast<std::uint32_t>(result.steps.back().loss);
    if (result.payload) {
        record_.payload_root = *result.payload_root;
        payload_ = std::move(result.payload);
    }
    first_step_ = 0;
    return true;
}

tl::expected<std::optional<TrainedPart>, std::string> PartRun::run() {
    resume();
    for (auto index = static_cast<std::uint32_t>(record_.segments.size());
         index < plan_.span.segments; ++index) {
        const auto done = run_segment(index);
        if (!done) return tl::unexpected(done.error());
        if (!*done) return std::optional<TrainedPart>{};
        agent::log(agent::LogLevel::info, "segment.trained", "trained a segment",
                   {{"round", std::to_string(plan_.key.round)},
                    {"lane", std::to_string(plan_.key.lane)},
                    {"segment", std::to_string(plan_.span.first_segment + index)},
                    {"loss", loss_text(std::bit_cast<float>(record_.last_loss_bits))}});
        if (index + 1 == plan_.span.segments) break;
        if (auto saved = save_partial(); !saved) return tl::unexpected(saved.error());
        const std::uint32_t steps =
            (plan_.span.first_segment + index + 1) * lane_.job->spec().segment_steps;
        if (auto saved = save_point(steps, record_.end_root); !saved)
            return tl::unexpected(saved.error());
        if (lane_.interrupted()) return std::optional<TrainedPart>{};
    }
    states_.current = LaneStates::Known{record_.end_root, std::move(state_)};
    return std::optional<TrainedPart>(TrainedPart{std::move(record_), std::move(payload_)});
}

}  // namespace

tl::expected<std::optional<TrainedPart>, std::string> train_part(LaneContext& lane,
                                                                 LaneStates& states,
                                                                 const PartPlan& plan) {
    ASSAY_CHECK(states.current && states.current->root == plan.start_root);
    ASSAY_CHECK(states.opening && states.opening->root == plan.opening.round.opening_root);
    return PartRun(lane, states, plan).run();
}

tl::expected<void, std::string> upload_part(LaneContext& lane, const LaneStates& states,
                                            const PartPlan& plan, TrainedPart& part) {
    ASSAY_CHECK(states.current && states.current->root == part.record.end_root);
    const std::uint32_t last = plan.span.first_segment + plan.span.segments - 1;
    const runtime::SegmentPlace place{plan.key.round, plan.key.lane, last,
                                      plan.opening.round.opening_root};
    const auto descriptor =
        runtime::state_descriptor(*lane.job, place, (last + 1) * lane.job->spec().segment_steps);
    auto end = upload_state(lane, plan.key.round, states.current->state, descriptor);
    if (!end) return tl::unexpected(end.error());
    part.record.end_receipt = *end;
    if (!part.payload) return {};
    auto payload = upload_payload(lane, plan.key.round, *part.payload);
    if (!payload) return tl::unexpected(payload.error());
    part.record.payload_receipt = *payload;
    return {};
}

}  // namespace assay::worker
