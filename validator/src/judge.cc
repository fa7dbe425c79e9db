#include "judge.h"

#include <algorithm>

#include "agent/questions.h"
#include "agent/stop.h"
#include "commit/checkpoint.h"

namespace assay::validator {

namespace {

using namespace std::chrono_literals;
using replay::Unavailable;

constexpr std::size_t kJobsOpenMax = 4;
constexpr auto kTrainAgain = 30s;
constexpr std::size_t kWaitingMax = 256;

bool until_stop(const runtime::StepReport&) { return !agent::stop_requested(); }

tl::unexpected<Unavailable> failed(const client::ClientError& error) {
    return replay::unavailable(error.text());
}

tl::unexpected<Unavailable> failed(runtime::ReplayError error) {
    if (error == runtime::ReplayError::stopped) return replay::interrupted();
    return replay::unavailable("a cell was chosen that does not exist");
}

}  // namespace

Available<Recomputed> compare(const base::Hash& root, const base::Hash& asserted,
                              const CellPlaces& places, const ReplayOnce& replay) {
    auto once = replay(places);
    if (!once) return tl::unexpected(once.error());
    if (once->found == asserted)
        return Recomputed{root, asserted, once->found, std::move(once->cells)};
    const auto again = replay({});
    if (!again) return tl::unexpected(again.error());
    if (again->found != once->found) {
        return replay::unavailable("two replays on this machine lead to " + once->found.hex() +
                                   " and to " + again->found.hex() + ": look at the machine");
    }
    return Recomputed{root, asserted, again->found, {}};
}

Judge::Judge(client::Client& node, std::filesystem::path folder, runtime::ExecutorOptions options,
             Recomputer& recomputer)
    : node_(node),
      cache_(std::move(folder), options, replay::fetch_from(node), kJobsOpenMax),
      recomputer_(recomputer) {}

Available<std::reference_wrapper<runtime::Job>> Judge::open(const base::JobId& id) {
    const auto spec = node_.job_spec(id);
    if (!spec) return failed(spec.error());
    auto job = cache_.open(id, *spec);
    if (job) return *job;
    // Whoever cannot open the job has no data, or data that are none.
    const auto posted = node_.job(id);
    if (!posted) return replay::unavailable(job.error());
    return replay::unavailable(job.error(), replay::dataset_need(*posted));
}

void Judge::forget_closed() {
    for (const base::JobId& id : cache_.kept()) {
        const auto job = node_.job(id);
        const bool over = job ? market::is_terminal(job->state) : job.error().not_found();
        if (over) cache_.forget(id);
    }
}

Available<Recomputed> Judge::recompute(const market::Audit& audit, const SpotOf& spot) {
    switch (audit.claim) {
        case market::ClaimKind::segment:
            return recompute_segment(audit, spot);
        case market::ClaimKind::merge:
            return recompute_merge(audit, spot);
        case market::ClaimKind::init:
            return recompute_init(audit, spot);
    }
    return replay::unavailable("unknown kind of claim");
}

// ---- Segments

Available<Judge::Segment> Judge::locate(const market::Audit& audit, replay::JobStates& states,
                                        runtime::Job& job) {
    const auto part = node_.part(audit.subject);
    if (!part) return failed(part.error());
    const auto delivered =
        std::find_if(part->delivered.begin(), part->delivered.end(),
                     [&](const market::DeliveredSegment& d) { return d.segment == audit.segment; });
    if (delivered == part->delivered.end())
        return replay::unavailable("the segment is not delivered");
    auto opening = states.opening(audit.round);
    if (!opening) return tl::unexpected(opening.error());
    const runtime::SegmentPlace place{audit.round, audit.lane, part->first_segment + audit.segment,
                                      opening->round.opening_root, delivered->leaf.start_root};
    if (place.segment >= job.spec().segments_per_round())
        return replay::unavailable("the round has no such segment");
    return Segment{*part, *delivered, std::move(*opening), place};
}

/// The state of the checkpoint that the worker delivered; else, once the question about it is
/// asked, what training from the part's start gives: what the worker committed to may be right
/// although what it stored is not.
Available<commit::State> Judge::delivered_start(const market::Audit& audit, const Segment& segment,
                                                replay::JobStates& states) {
    auto state = states.delivered_start(segment.part, segment.delivered, segment.opening);
    if (state) {
        waiting_.erase(audit.id);
        return state;
    }
    const auto now = std::chrono::steady_clock::now();
    if (waiting_.size() >= kWaitingMax) waiting_.clear();
    Waiting& waiting = waiting_[audit.id];
    ++waiting.tries;
    const bool soon = waiting.trained != std::chrono::steady_clock::time_point() &&
                      now < waiting.trained + kTrainAgain;
    if (segment.delivered.segment == 0 || waiting.tries <= agent::kMissesBeforeQuestion || soon)
        return state;
    auto trained = states.segment_start(segment.part, audit.segment,
                                        segment.delivered.leaf.start_root, until_stop);
    waiting.trained = std::chrono::steady_clock::now();
    if (trained || trained.error().interrupted) return trained;
    return replay::unavailable(state.error().why + "; and " + trained.error().why,
                               state.error().need);
}

Available<Recomputed> Judge::recompute_segment(const market::Audit& audit, const SpotOf& spot) {
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    replay::JobStates states(node_, cache_, audit.job, job);
    const auto segment = locate(audit, states, job);
    if (!segment) return tl::unexpected(segment.error());
    const program::CellScope scope = runtime::segment_scope(job.spec(), segment->place.segment);
    const CellPlaces places =
        program::choose_cells(job.program(), scope, spot(segment->part.tree_root));
    const auto replay = [&](const CellPlaces& looked_at) -> Available<ReplayOutcome> {
        const bool first = segment->place.segment == 0;
        std::optional<commit::State> round_start;
        if (first || scope.closes_round) {
            auto loaded = states.opening_state(segment->opening);
            if (!loaded) return tl::unexpected(loaded.error());
            round_start = std::move(*loaded);
        }
        auto state = first ? Available<commit::State>(round_start->clone())
                           : delivered_start(audit, *segment, states);
        if (!state) return tl::unexpected(state.error());
        auto outcome = recomputer_.segment(job, *state, round_start ? &*round_start : nullptr,
                                           segment->place, looked_at, until_stop);
        if (!outcome) return failed(outcome.error());
        return ReplayOutcome{outcome->end_root, std::move(outcome->cells)};
    };
    return compare(segment->part.tree_root, segment->delivered.leaf.end_field, places, replay);
}

// ---- Merges and initial states

Available<ReplayOutcome> Judge::merge_once(const base::JobId& id, std::uint32_t round,
                                           runtime::Job& job, const CellPlaces& places) {
    replay::JobStates states(node_, cache_, id, job);
    const auto opening = states.opening(round);
    if (!opening) return tl::unexpected(opening.error());
    auto state = states.opening_state(*opening);
    if (!state) return tl::unexpected(state.error());
    const auto payloads = states.payloads(opening->round);
    if (!payloads) return tl::unexpected(payloads.error());
    std::vector<const commit::Payload*> members;
    for (const commit::Payload& payload : *payloads) members.push_back(&payload);
    auto outcome =
        recomputer_.merge(job, *state, members, round, opening->round.opening_root, places);
    if (!outcome) return failed(outcome.error());
    return ReplayOutcome{outcome->root, std::move(outcome->cells)};
}

Available<Recomputed> Judge::recompute_merge(const market::Audit& audit, const SpotOf& spot) {
    const auto merge = node_.merge(audit.job, audit.round);
    if (!merge) return failed(merge.error());
    if (merge->commitment != audit.subject)
        return replay::unavailable("another merge stands for the round now");
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    const CellPlaces places =
        program::choose_cells(job.program(), runtime::merge_scope(), spot(merge->root));
    return compare(merge->root, merge->root, places, [&](const CellPlaces& looked_at) {
        return merge_once(audit.job, audit.round, job, looked_at);
    });
}

Available<Recomputed> Judge::recompute_init(const market::Audit& audit, const SpotOf& spot) {
    const auto posted = node_.job(audit.job);
    if (!posted) return failed(posted.error());
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    const CellPlaces places =
        program::choose_cells(job.program(), runtime::init_scope(), spot(posted->init_root));
    return compare(posted->init_root, posted->init_root, places,
                   [&](const CellPlaces& looked_at) -> Available<ReplayOutcome> {
                       auto outcome = recomputer_.init(job, looked_at);
                       if (!outcome) return failed(outcome.error());
                       return ReplayOutcome{outcome->root, std::move(outcome->cells)};
                   });
}

// ---- Unasked

Available<std::optional<Finding>> Judge::check_merge(const base::JobId& id, std::uint32_t round) {
    const auto merge = node_.merge(id, round);
    if (!merge) return failed(merge.error());
    auto opened = open(id);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    const auto done = compare(merge->root, merge->root, {}, [&](const CellPlaces& places) {
        return merge_once(id, round, job, places);
    });
    if (!done) return tl::unexpected(done.error());
    if (done->found == done->asserted) return std::nullopt;
    return Finding{{market::DisputeTarget::merge, merge->commitment, 0, id, round}, done->found};
}

Available<std::optional<Finding>> Judge::check_segment(const market::PartPassed& passed,
                                                       std::uint32_t segment,
                                                       const runtime::Progress& go_on) {
    auto first = walk(passed, segment, go_on);
    if (!first || !*first) return first;
    auto again = walk(passed, segment, go_on);
    if (again && *again != *first)
        return replay::unavailable("two replays on this machine differ: look at the machine");
    return again;
}

Available<std::optional<Finding>> Judge::walk(const market::PartPassed& passed,
                                              std::uint32_t segment,
                                              const runtime::Progress& go_on) {
    const auto part = node_.part(passed.part);
    if (!part) return failed(part.error());
    auto opened = open(passed.key.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    replay::JobStates states(node_, cache_, passed.key.job, job);
    const auto opening = states.opening(passed.key.round);
    if (!opening) return tl::unexpected(opening.error());

    std::uint32_t at = segment;
    const bool shown =
        std::any_of(part->delivered.begin(), part->delivered.end(),
                    [&](const market::DeliveredSegment& d) { return d.segment == segment; });
    Available<commit::State> state = replay::unavailable({});
    if (shown) state = states.segment_start(*part, at, passed.leaves.at(at).start_root, go_on);
    if (!state) {
        at = 0;
        state = states.segment_start(*part, at, passed.leaves.front().start_root, go_on);
    }
    if (!state) return tl::unexpected(state.error());
    std::optional<commit::State> round_start;
    for (; at <= segment; ++at) {
        const runtime::SegmentPlace place{passed.key.round, passed.key.lane,
                                          passed.first_segment + at, opening->round.opening_root,
                                          passed.leaves.at(at).start_root};
        if (runtime::segment_scope(job.spec(), place.segment).closes_round) {
            auto loaded = states.opening_state(*opening);
            if (!loaded) return tl::unexpected(loaded.error());
            round_start = std::move(*loaded);
        }
        const auto found = recomputer_.segment(job, *state, round_start ? &*round_start : nullptr,
                                               place, {}, go_on);
        if (!found) return failed(found.error());
        if (passed.leaves.at(at).end_field == found->end_root) continue;
        return Finding{{market::DisputeTarget::segment, passed.part, at, {}, 0}, found->end_root};
    }
    return std::nullopt;
}

}  // namespace assay::validator
