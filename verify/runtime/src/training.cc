#include "runtime/training.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "commit/checkpoint.h"
#include "commit/model_export.h"
#include "roots_file.h"
#include "runtime/job_cache.h"
#include "training_record.h"

namespace assay::runtime {

namespace {

using base::Hash;
template <class T>
using Result = tl::expected<T, std::string>;

std::string sentence(const std::filesystem::path& file, commit::FileError error) {
    return file.string() + ": " + std::string(commit::message_of(error));
}

/// Why a lane stopped before the end of its round.
enum class LaneEnd : std::uint8_t { round_done, limit, stopped, diverged };

/// One run over one directory. A round's opening state is kept in `opening-R.state` and, where a
/// merge will need it, in memory; each lane that is done leaves its payload file; a lane in the
/// middle of its round leaves a resume point.
class Run {
  public:
    Run(Job& job, const TrainingOptions& options)
        : job_(job), spec_(job.spec()), options_(options) {}

    Result<TrainingResult> operator()() {
        if (auto refused = check_options()) return tl::unexpected(*refused);
        if (auto begun = begin(); !begun) return tl::unexpected(begun.error());
        if (auto opened = open_roots(); !opened) return tl::unexpected(opened.error());
        while (record_.round() < spec_.rounds && round_limit() > 0) {
            auto ended = run_round();
            if (!ended) return tl::unexpected(ended.error());
            if (*ended != LaneEnd::round_done || !spec_.has_merge()) break;
        }
        return result();
    }

  private:
    std::optional<std::string> check_options() const {
        if (options_.members.empty()) return std::nullopt;
        if (!spec_.has_merge() || options_.members.size() > spec_.rounds)
            return "the membership has more rounds than the job has merges";
        for (std::size_t round = 0; round < options_.members.size(); ++round) {
            const auto& lanes = options_.members[round];
            const bool ascending = std::adjacent_find(lanes.begin(), lanes.end(),
                                                      std::greater_equal<>()) == lanes.end();
            if (lanes.empty() || !ascending || lanes.back() >= spec_.lanes) {
                return "the members of round " + std::to_string(round) +
                       " are not an ascending list of the job's lanes";
            }
        }
        return std::nullopt;
    }

    /// Opens or continues the directory: fills record_ and opening_.
    Result<void> begin() {
        std::error_code error;
        std::filesystem::create_directories(options_.directory, error);
        if (error)
            return tl::unexpected(options_.directory.string() +
                                  ": the directory cannot be created");
        auto found = load_record(record_file());
        if (!found) return tl::unexpected(found.error());
        if (!*found) return begin_anew();
        if (!options_.resume)
            return tl::unexpected(options_.directory.string() +
                                  ": holds a run already; resume it or choose another directory");
        record_ = std::move(**found);
        if (record_.spec_root != job_.spec_root() || record_.program_root != job_.program_root()) {
            return tl::unexpected(options_.directory.string() + ": holds a run of another job");
        }
        if (record_.members_digest != digest_of_members(options_.members)) {
            return tl::unexpected(options_.directory.string() +
                                  ": holds a run with another membership");
        }
        return load_opening();
    }

    Result<void> begin_anew() {
        record_.spec_root = job_.spec_root();
        record_.program_root = job_.program_root();
        record_.members_digest = digest_of_members(options_.members);
        opening_ = job_.initial_state();
        record_.opening_roots = {job_.opening_root(opening_, 0, Hash{})};
        return save_opening();
    }

    Result<void> save_opening() {
        const auto file = opening_file(record_.round());
        const auto saved = commit::save_state(file, job_.program(), opening_, current_opening());
        if (!saved) return tl::unexpected(sentence(file, saved.error()));
        return save_record(record_file(), record_);
    }

    /// Lines of steps that will run again are dropped from the roots file.
    Result<void> open_roots() {
        if (options_.roots_every == 0) return {};
        std::vector<std::uint32_t> done(spec_.lanes, 0);
        for (std::uint32_t lane = 0; lane < spec_.lanes; ++lane) {
            if (record_.payload_roots.contains(lane))
                done[lane] = spec_.round_steps;
            else if (auto point = resume_point(lane))
                done[lane] = point->descriptor.step;
        }
        const std::uint32_t current = record_.round();
        auto roots = RootsFile::open(
            options_.roots_file, [&](std::uint32_t round, std::uint32_t lane, std::uint32_t step) {
                if (lane >= spec_.lanes || round > current) return false;
                return round < current || step <= done[lane];
            });
        if (!roots) return tl::unexpected(roots.error());
        roots_ = std::move(*roots);
        return {};
    }

    /// Steps of the current round that the options allow.
    [[nodiscard]] std::uint32_t round_limit() const {
        if (!options_.steps) return spec_.round_steps;
        const std::uint64_t before = std::uint64_t{record_.round()} * spec_.round_steps;
        return *options_.steps <= before ? 0
                                         : static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                               *options_.steps - before, spec_.round_steps));
    }

    [[nodiscard]] std::vector<std::uint32_t> members() const {
        if (record_.round() < options_.members.size()) return options_.members[record_.round()];
        std::vector<std::uint32_t> all(spec_.lanes);
        std::iota(all.begin(), all.end(), 0U);
        return all;
    }

    Result<LaneEnd> run_round() {
        LaneEnd end = LaneEnd::round_done;
        for (const std::uint32_t lane : members()) {
            if (record_.payload_roots.contains(lane)) continue;
            auto ended = run_lane(lane);
            if (!ended) return ended;
            if (*ended == LaneEnd::stopped || *ended == LaneEnd::diverged) return ended;
            if (*ended == LaneEnd::limit) end = *ended;
        }
        if (end != LaneEnd::round_done || !spec_.has_merge()) return end;
        if (auto merged = merge(); !merged) return tl::unexpected(merged.error());
        return end;
    }

    Result<LaneEnd> run_lane(std::uint32_t lane) {
        auto point = lane_start(lane);
        if (!point) return tl::unexpected(point.error());
        lane_state_ = std::move(point->state);
        lane_descriptor_ = point->descriptor;
        const std::uint32_t limit = round_limit();
        std::uint32_t done = point->descriptor.step;
        std::optional<Hash> known_root =
            point->state_root;  // of lane_state_ where a segment starts
        LaneEnd end = LaneEnd::round_done;
        while (done < spec_.round_steps) {
            if (done >= limit) return save_point(lane, done).map([] { return LaneEnd::limit; });
            const std::uint32_t segment = done / spec_.segment_steps;
            const std::uint32_t first = done % spec_.segment_steps;
            std::string problem;
            const auto watch = [&](const StepReport& report) {
                return after_step(report, limit, end, problem);
            };
            SegmentPlace place = place_of(lane, segment);
            if (first == 0) place.start_root = known_root;
            SegmentResult segment_result =
                run_segment(job_, lane_state_, &opening_, place, watch, first);
            if (!problem.empty()) return tl::unexpected(problem);
            done += static_cast<std::uint32_t>(segment_result.steps.size());
            lane_descriptor_.step = done;
            if (end == LaneEnd::diverged) return end;
            if (segment_result.stopped && done < spec_.round_steps)
                return save_point(lane, done).map([&] { return end; });
            if (segment_result.stopped) return finish_lane(lane, nullptr, end);
            if (done == spec_.round_steps)
                return finish_lane(lane, &segment_result, LaneEnd::round_done);
            known_root = segment_result.state_root;
        }
        return finish_lane(lane, nullptr, LaneEnd::round_done);
    }

    /// Where the lane goes on: its resume point or the round's opening state. A job without merges
    /// never needs the opening state again, so it is not held beside the lane's: state and
    /// gradients are nearly all the memory that training needs.
    Result<commit::ResumePoint> lane_start(std::uint32_t lane) {
        const bool alone = !spec_.has_merge();
        if (alone && std::filesystem::exists(resume_file(lane))) opening_ = {};
        if (auto point = resume_point(lane)) return std::move(*point);
        if (opening_.tensors.empty()) {
            if (auto loaded = load_opening(); !loaded) return tl::unexpected(loaded.error());
        }
        commit::ResumePoint point;
        point.state = alone ? std::move(opening_) : opening_.clone();
        point.descriptor = state_descriptor(job_, place_of(lane, 0), 0);
        return point;
    }

    Result<void> load_opening() {
        const auto file = opening_file(record_.round());
        auto state = commit::load_state(file, job_.program(), current_opening(),
                                        record_.opening_roots.back(), job_.threads());
        if (!state) return tl::unexpected(sentence(file, state.error()));
        opening_ = std::move(*state);
        return {};
    }

    /// The lane's round is complete; `segment` is null when it was interrupted right after the last
    /// step, before its payload.
    Result<LaneEnd> finish_lane(std::uint32_t lane, const SegmentResult* segment, LaneEnd end) {
        if (!spec_.has_merge()) return save_point(lane, spec_.round_steps).map([&] { return end; });
        commit::Payload computed;
        const commit::Payload* payload = &computed;
        Hash root;
        if (segment != nullptr) {
            payload = &*segment->payload;
            root = *segment->payload_root;
        } else {
            computed = commit::Payload::zeros(job_.program());
            job_.executor().run_payload(opening_, lane_state_, record_.round(), computed);
            root = commit::payload_root(job_.program(), computed, job_.threads());
        }
        const auto file = payload_file(record_.round(), lane);
        const auto saved = commit::save_payload(file, job_.program(), *payload);
        if (!saved) return tl::unexpected(sentence(file, saved.error()));
        record_.payload_roots[lane] = root;
        if (auto written = save_record(record_file(), record_); !written)
            return tl::unexpected(written.error());
        remove(resume_file(lane));
        return end;
    }

    /// After every step: fault, root line, resume point, the caller's progress, the limit.
    bool after_step(const StepReport& report, std::uint32_t limit, LaneEnd& end,
                    std::string& problem) {
        const std::uint32_t done = report.step + 1;
        const std::uint64_t since_start = std::uint64_t{report.round} * spec_.round_steps + done;
        if (roots_ && since_start % options_.roots_every == 0) {
            const auto descriptor = state_descriptor(job_, place_of(report.lane, 0), done);
            const Hash root =
                commit::state_root(job_.program(), lane_state_, descriptor, job_.threads());
            const auto appended =
                roots_->append(report.round, report.lane, done, root, report.result.loss);
            if (!appended) problem = appended.error();
        }
        if (report.result.fault != 0) {
            diverged_step_ = static_cast<std::uint64_t>(report.result.fault) - 1;
            end = LaneEnd::diverged;
        } else if (options_.progress && !options_.progress(report)) {
            end = LaneEnd::stopped;
            stopped_by_caller_ = true;
        } else if (done >= limit && done < spec_.round_steps) {
            end = LaneEnd::limit;
        } else if (options_.save_every != 0 && since_start % options_.save_every == 0 &&
                   done < spec_.round_steps) {
            if (auto saved = save_point(report.lane, done); !saved) problem = saved.error();
        }
        return end == LaneEnd::round_done && problem.empty();
    }

    Result<void> merge() {
        std::vector<commit::Payload> payloads;
        for (const std::uint32_t lane : members()) {
            const auto file = payload_file(record_.round(), lane);
            auto payload = commit::load_payload(file, job_.program(),
                                                record_.payload_roots.at(lane), job_.threads());
            if (!payload) return tl::unexpected(sentence(file, payload.error()));
            payloads.push_back(std::move(*payload));
        }
        std::vector<const commit::Payload*> pointers;
        for (const commit::Payload& payload : payloads) pointers.push_back(&payload);
        const std::uint32_t round = record_.round();
        const Hash root = run_merge(job_, opening_, pointers, round, record_.opening_roots.back());
        record_.opening_roots.push_back(root);
        record_.payload_roots.clear();
        if (auto saved = save_opening(); !saved) return saved;
        remove(opening_file(round));
        for (std::uint32_t lane = 0; lane < spec_.lanes; ++lane) remove(payload_file(round, lane));
        return {};
    }

    Result<TrainingResult> result() {
        TrainingResult out;
        out.diverged_step = diverged_step_;
        const bool lane_is_final = spec_.lanes == 1 && lane_descriptor_.step > 0 &&
                                   lane_descriptor_.round == record_.round() &&
                                   !lane_state_.tensors.empty();
        const bool at_end = spec_.has_merge()
                                ? record_.round() == spec_.rounds
                                : lane_is_final && lane_descriptor_.step == spec_.round_steps;
        out.completed = at_end && !diverged_step_;
        out.stopped = stopped_by_caller_ && !out.completed;
        out.opening_roots = record_.opening_roots;
        if (lane_is_final) {
            out.final_state = std::move(lane_state_);
            out.final_descriptor = lane_descriptor_;
            out.final_root = commit::state_root(job_.program(), out.final_state,
                                                out.final_descriptor, job_.threads());
        } else {
            out.final_state = std::move(opening_);
            out.final_descriptor = current_opening();
            out.final_root = record_.opening_roots.back();
        }
        if (options_.model_directory.empty() || out.stopped || out.diverged_step) return out;
        auto exported =
            commit::export_model(job_.program(), spec_, out.final_state, options_.model_directory);
        if (!exported) return tl::unexpected(exported.error());
        out.model_root = *exported;
        return out;
    }

    Result<void> save_point(std::uint32_t lane, std::uint32_t done) {
        // save_resume_point reads the state only; it lives in the point for the time of the call.
        commit::ResumePoint point{
            state_descriptor(job_, place_of(lane, 0), done), {}, std::move(lane_state_)};
        const auto saved =
            commit::save_resume_point(resume_file(lane), job_.program(), point, job_.threads());
        lane_state_ = std::move(point.state);
        if (!saved) return tl::unexpected(sentence(resume_file(lane), saved.error()));
        return {};
    }

    /// The lane's resume point when it belongs to the current round; anything else (older round,
    /// damaged) is run again from the opening.
    std::optional<commit::ResumePoint> resume_point(std::uint32_t lane) const {
        auto point = commit::load_resume_point(resume_file(lane), job_.program(), job_.spec_root(),
                                               job_.program_root(), job_.threads());
        if (!point) return std::nullopt;
        const commit::StateDescriptor expected =
            state_descriptor(job_, place_of(lane, 0), point->descriptor.step);
        const bool fits = point->descriptor == expected && expected.step <= spec_.round_steps;
        if (!fits) return std::nullopt;
        return std::move(*point);
    }

    [[nodiscard]] SegmentPlace place_of(std::uint32_t lane, std::uint32_t segment) const {
        return {record_.round(), lane, segment, record_.opening_roots.back()};
    }
    [[nodiscard]] commit::StateDescriptor current_opening() const {
        const std::size_t count = record_.opening_roots.size();
        return opening_descriptor(job_, record_.round(),
                                  count < 2 ? Hash{} : record_.opening_roots[count - 2]);
    }
    [[nodiscard]] std::filesystem::path record_file() const {
        return options_.directory / "training.record";
    }
    [[nodiscard]] std::filesystem::path opening_file(std::uint32_t round) const {
        return options_.directory / ("opening-" + std::to_string(round) + ".state");
    }
    [[nodiscard]] std::filesystem::path payload_file(std::uint32_t round,
                                                     std::uint32_t lane) const {
        return options_.directory /
               ("payload-" + std::to_string(round) + "-" + std::to_string(lane) + ".payload");
    }
    [[nodiscard]] std::filesystem::path resume_file(std::uint32_t lane) const {
        return options_.directory / ("lane-" + std::to_string(lane) + ".resume");
    }
    static void remove(const std::filesystem::path& file) {
        std::error_code ignored;
        std::filesystem::remove(file, ignored);
    }

    Job& job_;
    const market::JobSpec& spec_;
    const TrainingOptions& options_;
    TrainingRecord record_;
    commit::State opening_, lane_state_;
    commit::StateDescriptor lane_descriptor_;
    std::optional<RootsFile> roots_;
    std::optional<std::uint64_t> diverged_step_;
    bool stopped_by_caller_ = false;
};

}  // namespace

Result<TrainingResult> train(Job& job, const TrainingOptions& options) {
    return Run(job, options)();
}

}  // namespace assay::runtime
