#include "judge.h"

#include <algorithm>

#include "agent/log.h"
#include "agent/stop.h"
#include "commit/checkpoint.h"
#include "games/job_states.h"

namespace assay::validator {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kJobsOpenMax = 4;
constexpr auto kTrainAgain = 30s;
constexpr std::string_view kNoStart = "the start checkpoint is there and is not the start root";

bool until_stop(const runtime::StepReport&) { return !agent::stop_requested(); }

market::Verdict invalid(const base::Hash& end_root) { return {market::VerdictKind::invalid, end_root, {}}; }

std::string said(const client::ClientError& error) { return error.text(); }

/// Plain when the worker's field is the end root, plant when it is the end root's plant, else invalid.
market::Verdict compare(const market::Audit& audit, const market::SegmentLeaf& leaf, const runtime::SegmentResult& found) {
    market::Verdict verdict;
    if (leaf.end_field == found.end_root) {
        verdict.kind = market::VerdictKind::valid;
    } else if (leaf.end_field == market::plant_field(found.end_root)) {
        verdict.kind = market::VerdictKind::plant;
    } else {
        return invalid(found.end_root);
    }
    const auto steps = market::opened_steps(audit.y, audit.id, static_cast<std::uint32_t>(found.step_digests.size()));
    std::vector<base::Hash> digests;
    for (const std::uint32_t step : steps) digests.push_back(found.step_digests[step]);
    verdict.steps_digest = market::opened_steps_digest(steps, digests);
    return verdict;
}

}  // namespace

base::Hash no_start_root(const base::Hash& start_root) { return base::blake2b("assay.nostart", start_root.view()); }

Judge::Judge(client::Client& node, std::filesystem::path folder, runtime::ExecutorOptions options, runtime::SegmentProducer& producer)
    : node_(node), cache_(std::move(folder), options, games::fetch_from(node), kJobsOpenMax), producer_(producer) {}

void Judge::miss_start(const market::Part& part, const market::DeliveredSegment& delivered) {
    if (delivered.segment != 0) {
        missing_ = Missing{{market::ChunkTargetKind::start, part.id.hash, delivered.segment}, delivered.start_blob, delivered.start_bytes};
        return;
    }
    // The part starts where the one before it in the lane ended.
    const auto parts = node_.parts(part.key.job);
    if (!parts) return;
    for (const market::Part& before : *parts) {
        if (before.key.round != part.key.round || before.key.lane != part.key.lane || before.end_blob != part.start_blob) continue;
        if (before.state == market::PartState::void_ || before.state == market::PartState::retracted) continue;
        missing_ = Missing{{market::ChunkTargetKind::checkpoint, before.id.hash, 0}, before.end_blob, before.end_bytes};
    }
}

void Judge::miss_opening(const base::JobId& job, std::uint32_t round) {
    if (round == 0) return;
    const auto merge = node_.merge(job, round - 1);
    if (merge) missing_ = Missing{{market::ChunkTargetKind::merge, job.hash, round - 1}, merge->blob, merge->bytes};
}

void Judge::miss_payload(const market::RoundMember& member) {
    const auto part = node_.part(member.part);
    if (part) missing_ = Missing{{market::ChunkTargetKind::payload, part->id.hash, 0}, part->payload_blob, part->payload_bytes};
}

tl::expected<market::Verdict, std::string> Judge::verdict(const market::Audit& audit) {
    missing_.reset();
    switch (audit.kind) {
        case market::AuditKind::segment:
        case market::AuditKind::vote_segment: return judge_segment(audit);
        case market::AuditKind::merge:
        case market::AuditKind::vote_merge: return judge_merge(audit);
    }
    return tl::unexpected(std::string("unknown kind of audit"));
}

tl::expected<std::reference_wrapper<runtime::Job>, std::string> Judge::open(const base::JobId& id) {
    const auto spec = node_.job_spec(id);
    if (!spec) return tl::unexpected(said(spec.error()));
    const auto job = node_.job(id);
    if (!job) return tl::unexpected(said(job.error()));
    auto opened = cache_.open(id, *spec);
    if (!opened) return opened;
    const base::Hash& found = opened->get().program_root();
    if (found == job->program_root) return opened;
    // The rules computed it from the same spec: this build is wrong, and no verdict of its is worth a lock.
    agent::log(agent::LogLevel::error, "build.wrong", "this build makes another program of the spec than the chain's rules: stops",
               {{"job", id.hex()}, {"here", found.hex()}, {"chain", job->program_root.hex()}});
    agent::request_stop_as_unfit();
    return tl::unexpected(std::string("this build makes another program of the spec"));
}

/// The state of the checkpoint that the worker delivered. One that is there and is something else is trained again from the part's start.
tl::expected<commit::State, std::string> Judge::delivered_start(const market::Audit& audit, const market::Part& part,
                                                                const market::DeliveredSegment& delivered, runtime::Job& job,
                                                                const games::JobStates::Opening& opening) {
    const runtime::SegmentPlace place{audit.round, audit.lane, part.first_segment + audit.segment, opening.round.opening_root};
    const std::filesystem::path file = cache_.folder_of(audit.job) / "start";
    std::error_code error;
    std::filesystem::remove(file, error);
    if (auto got = node_.get_blob(delivered.start_blob, file); !got) {
        miss_start(part, delivered);
        return tl::unexpected(said(got.error()));
    }
    auto loaded = commit::load_state(file, job.program(), runtime::segment_start_descriptor(job, place, opening.previous_root),
                                     delivered.leaf.start_root);
    std::filesystem::remove(file, error);
    if (loaded) return std::move(*loaded);
    if (loaded.error() == commit::FileError::missing || loaded.error() == commit::FileError::unreadable) {
        return tl::unexpected(std::string(commit::message_of(loaded.error())));
    }
    // The blob is what the store's receipt says it is, and it is not the state that the leaf starts with.
    return trained_start(audit, part, delivered.leaf.start_root, job);
}

tl::expected<commit::State, std::string> Judge::trained_start(const market::Audit& audit, const market::Part& part, const base::Hash& root,
                                                              runtime::Job& job) {
    const auto now = std::chrono::steady_clock::now();
    const auto again = train_again_.find(audit.id);
    if (again != train_again_.end() && now < again->second) return tl::unexpected(std::string(kNoStart));
    games::JobStates states(node_, cache_, audit.job, job);
    auto state = states.segment_start(part, audit.segment, root, until_stop);
    if (state || agent::stop_requested()) return state;
    std::erase_if(train_again_, [now](const auto& entry) { return entry.second + kTrainAgain < now; });
    train_again_[audit.id] = now + kTrainAgain;
    return tl::unexpected(std::string(kNoStart) + ": " + state.error());
}

Judge::Outcome Judge::judge_segment(const market::Audit& audit) {
    const auto part = node_.part(audit.part);
    if (!part) return tl::unexpected(said(part.error()));
    const auto delivered = std::find_if(part->delivered.begin(), part->delivered.end(),
                                        [&](const market::DeliveredSegment& d) { return d.segment == audit.segment; });
    if (delivered == part->delivered.end()) return tl::unexpected(std::string("the segment is not delivered"));
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    games::JobStates states(node_, cache_, audit.job, job);
    const auto opening = states.opening(audit.round);
    if (!opening) return tl::unexpected(opening.error());

    const runtime::SegmentPlace place{audit.round, audit.lane, part->first_segment + audit.segment, opening->round.opening_root,
                                      delivered->leaf.start_root};
    auto round_start = states.opening_state(audit.round, *opening);
    if (!round_start) {
        miss_opening(audit.job, audit.round);
        return tl::unexpected(round_start.error());
    }
    const bool first = place.segment == 0;
    if (first && delivered->leaf.start_root != place.round_start_root) return no_start(delivered->leaf.start_root);
    auto state = first ? tl::expected<commit::State, std::string>(round_start->clone())
                       : delivered_start(audit, *part, *delivered, job, *opening);
    if (!state && state.error().starts_with(kNoStart)) return no_start(delivered->leaf.start_root, state.error());
    if (!state) return tl::unexpected(state.error());
    const runtime::SegmentResult found = producer_.produce(job, *state, &*round_start, place, until_stop, 0, {});
    if (found.stopped) return tl::unexpected(std::string(kInterrupted));
    return compare(audit, delivered->leaf, found);
}

Judge::Outcome Judge::no_start(const base::Hash& start_root, std::string why) {
    const auto chain = node_.chain();
    if (!chain) return tl::unexpected(said(chain.error()));
    if (chain->parameters.judgement == market::Judgement::vote) return invalid(no_start_root(start_root));
    return tl::unexpected("no verdict: " + why);
}

tl::expected<base::Hash, std::string> Judge::merged_root(const base::JobId& id, std::uint32_t round) {
    auto opened = open(id);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    games::JobStates states(node_, cache_, id, job);
    const auto opening = states.opening(round);
    if (!opening) return tl::unexpected(opening.error());
    auto state = states.opening_state(round, *opening);
    if (!state) {
        miss_opening(id, round);
        return tl::unexpected(state.error());
    }
    std::vector<commit::Payload> payloads;
    for (const market::RoundMember& member : opening->round.members) {
        auto payload = states.payload(member);
        if (!payload) {
            miss_payload(member);
            return tl::unexpected(payload.error());
        }
        payloads.push_back(std::move(*payload));
    }
    if (payloads.empty()) return tl::unexpected(std::string("the round has no members"));
    std::vector<const commit::Payload*> members;
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
    return runtime::run_merge(job, *state, members, round, opening->round.opening_root);
}

Judge::Outcome Judge::judge_merge(const market::Audit& audit) {
    const auto merge = node_.merge(audit.job, audit.round);
    if (!merge) return tl::unexpected(said(merge.error()));
    const auto found = merged_root(audit.job, audit.round);
    if (!found) return tl::unexpected(found.error());
    if (*found == merge->root) return market::Verdict{};
    return invalid(*found);
}

tl::expected<std::optional<Finding>, std::string> Judge::check_merge(const base::JobId& id, std::uint32_t round) {
    missing_.reset();
    const auto merge = node_.merge(id, round);
    if (!merge) return tl::unexpected(said(merge.error()));
    const auto found = merged_root(id, round);
    if (!found) return tl::unexpected(found.error());
    if (*found == merge->root) return std::nullopt;
    return Finding{{market::DisputeTarget::merge, merge->commitment, 0, id, round}, *found};
}

tl::expected<std::optional<Finding>, std::string> Judge::check_segment(const market::PartPassed& passed, std::uint32_t segment,
                                                                       const runtime::Progress& go_on) {
    missing_.reset();
    const auto part = node_.part(passed.part);
    if (!part) return tl::unexpected(said(part.error()));
    auto opened = open(passed.key.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    games::JobStates states(node_, cache_, passed.key.job, job);
    const auto opening = states.opening(passed.key.round);
    if (!opening) return tl::unexpected(opening.error());

    std::uint32_t at = segment;
    const bool shown = std::any_of(part->delivered.begin(), part->delivered.end(),
                                   [&](const market::DeliveredSegment& d) { return d.segment == segment; });
    tl::expected<commit::State, std::string> state = tl::unexpected(std::string());
    if (shown) state = states.segment_start(*part, at, passed.leaves.at(at).start_root, go_on);
    if (!state) {
        at = 0;
        state = states.segment_start(*part, at, passed.leaves.front().start_root, go_on);
    }
    if (!state) return tl::unexpected(state.error());
    std::optional<commit::State> round_start;
    const std::uint32_t last = job.spec().round_steps / job.spec().segment_steps - 1;
    for (; at <= segment; ++at) {
        runtime::SegmentPlace place{passed.key.round, passed.key.lane, passed.first_segment + at, opening->round.opening_root,
                                    passed.leaves.at(at).start_root};
        if (place.segment == last) {
            auto loaded = states.opening_state(passed.key.round, *opening);
            if (!loaded) return tl::unexpected(loaded.error());
            round_start = std::move(*loaded);
        }
        const runtime::SegmentResult found = producer_.produce(job, *state, round_start ? &*round_start : nullptr, place, go_on, 0, {});
        if (found.stopped) return tl::unexpected(std::string(kInterrupted));
        const base::Hash& field = passed.leaves.at(at).end_field;
        if (field == found.end_root || field == market::plant_field(found.end_root)) continue;
        return Finding{{market::DisputeTarget::segment, passed.part, at, {}, 0}, found.end_root};
    }
    return std::nullopt;
}

}  // namespace assay::validator
