#include "faulty.h"

#include <array>
#include <string>

#include "base/check.h"
#include "commit/state.h"
#include "faulty_replayer.h"
#include "runtime/job_cache.h"

namespace assay::adversaries {

using faults::Fault;
using faults::FaultyReplayer;
using faults::Position;
using program::Kind;

namespace {

constexpr std::array kKinds = {Kind::load, Kind::random, Kind::gather, Kind::scatter_add,
                               Kind::map,  Kind::reduce, Kind::matmul};
constexpr std::array kPositions = {Position::first, Position::edge, Position::last};
constexpr std::uint32_t kThousand = 1000;

exact::DatasetWords words_of(const runtime::Job& job) {
    return {job.data().words, job.data().train_count, job.data().row_words};
}

base::Hash root_after_first_step(runtime::Job& job, std::optional<Fault> fault) {
    FaultyReplayer replayer(job.program(), words_of(job), fault);
    commit::State state = job.initial_state();
    replayer.run_step(state, 0, 0, 0);
    return commit::state_root(job.program(), state,
                              runtime::state_descriptor(job, {0, 0, 0, job.initial_root()}, 1));
}

}  // namespace

Fault fault_of(runtime::Job& job) {
    const auto number = static_cast<std::uint32_t>(job.spec().seed % kFaultCases);
    const Kind kind = kKinds[number / kPositions.size()];
    const Position position = kPositions[number % kPositions.size()];
    const base::Hash right = root_after_first_step(job, std::nullopt);
    for (const Fault& fault :
         faults::candidates(job.program(), dispute::Stage::step, 0, kind, position, 0)) {
        if (root_after_first_step(job, fault) != right) return fault;
    }
    base::fail_check("no instruction of this kind changes the state", __FILE__, __LINE__);
}

runtime::SegmentResult FaultyProducer::produce(runtime::Job& job, commit::State& state,
                                               const commit::State* round_start,
                                               const runtime::SegmentPlace& place,
                                               const runtime::Progress& progress,
                                               std::uint32_t first_step) {
    if (place.round != 0 || place.lane != 0 || place.segment != 0 || first_step != 0)
        return runtime::run_segment(job, state, round_start, place, progress, first_step);
    FaultyReplayer replayer(job.program(), words_of(job), fault_of(job));
    const market::JobSpec& spec = job.spec();
    runtime::SegmentResult result;
    result.start_root = place.round_start_root;
    for (std::uint32_t h = 0; h < spec.segment_steps; ++h) {
        runtime::StepResult step;
        if (h == 0) {
            replayer.run_step(state, 0, 0, 0);
        } else {
            step = job.executor().run_step(state, job.data(), 0, 0, h);
        }
        result.steps.push_back(step);
        if (progress && !progress({0, 0, h, step})) {
            result.stopped = true;
            return result;
        }
    }
    result.state_root = commit::state_root(
        job.program(), state, runtime::state_descriptor(job, place, spec.segment_steps));
    result.end_root = result.state_root;
    if (spec.segment_steps == spec.round_steps && spec.has_merge()) {
        result.payload = commit::Payload::zeros(job.program());
        job.executor().run_payload(*round_start, state, 0, *result.payload);
        result.payload_root = commit::payload_root(job.program(), *result.payload);
        result.end_root = commit::end_root(result.state_root, *result.payload_root);
    }
    return result;
}

std::unique_ptr<dispute::Replayer> FaultyConduct::replayer(runtime::Job& job,
                                                           const runtime::ExecutorOptions&) {
    return std::make_unique<FaultyReplayer>(job.program(), words_of(job), fault_of(job));
}

bool FaultyConduct::answers_now(const market::Dispute& dispute) {
    const auto now = std::chrono::steady_clock::now();
    const auto seen = seen_.emplace(std::pair(dispute.id, dispute.moves), now).first->second;
    const std::uint64_t whole = dispute.deadline.value - dispute.turn_since.value;
    return now - seen >= std::chrono::milliseconds(whole * stall_ / kThousand);
}

std::uint32_t take_stall(std::vector<char*>& arguments) {
    for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
        if (std::string(arguments[i]) != "--stall") continue;
        const auto stall = static_cast<std::uint32_t>(std::stoul(arguments[i + 1]));
        arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i),
                        arguments.begin() + static_cast<std::ptrdiff_t>(i) + 2);
        return stall;
    }
    return 0;
}

}  // namespace assay::adversaries
