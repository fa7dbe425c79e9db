#include "judge.h"

#include <algorithm>

#include "agent/stop.h"
#include "commit/checkpoint.h"
#include "games/job_states.h"

namespace assay::validator {

namespace {

constexpr std::size_t kJobsOpenMax = 4;

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
        case market::AuditKind::vote_roots: return judge_roots(audit);
    }
    return tl::unexpected(std::string("unknown kind of audit"));
}

tl::expected<std::reference_wrapper<runtime::Job>, std::string> Judge::open(const base::JobId& id) {
    const auto spec = node_.job_spec(id);
    if (!spec) return tl::unexpected(said(spec.error()));
    return cache_.open(id, *spec);
}

tl::expected<Judge::Opening, std::string> Judge::opening_of(const base::JobId& job, std::uint32_t round) {
    Opening opening;
    auto record = node_.round(job, round);
    if (!record) return tl::unexpected(said(record.error()));
    opening.round = std::move(*record);
    if (round > 0) {
        const auto previous = node_.round(job, round - 1);
        if (!previous) return tl::unexpected(said(previous.error()));
        opening.previous_opening = previous->opening_root;
    }
    return opening;
}

tl::expected<commit::State, std::string> Judge::opening_state(const base::JobId& id, runtime::Job& job, std::uint32_t round,
                                                              const Opening& opening) {
    const auto round_of = [&](std::uint32_t number) -> tl::expected<market::Round, std::string> {
        auto record = node_.round(id, number);
        if (!record) return tl::unexpected(said(record.error()));
        return std::move(*record);
    };
    return cache_.opening_state(id, job, round, opening.round.opening_blob, opening.previous_opening, opening.round.opening_root, round_of);
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
    const auto opening = opening_of(audit.job, audit.round);
    if (!opening) return tl::unexpected(opening.error());

    const runtime::SegmentPlace place{audit.round, audit.lane, part->first_segment + audit.segment, opening->round.opening_root,
                                      delivered->leaf.start_root};
    auto round_start = opening_state(audit.job, job, audit.round, *opening);
    if (!round_start) {
        miss_opening(audit.job, audit.round);
        return tl::unexpected(round_start.error());
    }
    commit::State state;
    if (place.segment == 0) {
        if (delivered->leaf.start_root != place.round_start_root) return invalid(no_start_root(delivered->leaf.start_root));
        state = round_start->clone();
    } else {
        const std::filesystem::path file = cache_.folder_of(audit.job) / "start";
        std::error_code error;
        std::filesystem::remove(file, error);
        if (auto got = node_.get_blob(delivered->start_blob, file); !got) {
            miss_start(*part, *delivered);
            return tl::unexpected(said(got.error()));
        }
        auto loaded = commit::load_state(file, job.program(),
                                         runtime::segment_start_descriptor(job, place, opening->previous_opening),
                                         delivered->leaf.start_root);
        std::filesystem::remove(file, error);
        if (!loaded && (loaded.error() == commit::FileError::missing || loaded.error() == commit::FileError::unreadable)) {
            return tl::unexpected(std::string(commit::message_of(loaded.error())));
        }
        // The blob is what the store's receipt says it is, and it is not the state that the leaf starts with.
        if (!loaded) return invalid(no_start_root(delivered->leaf.start_root));
        state = std::move(*loaded);
    }
    const auto go_on = [](const runtime::StepReport&) { return !agent::stop_requested(); };
    const runtime::SegmentResult found = producer_.produce(job, state, &*round_start, place, go_on, 0, {});
    if (found.stopped) return tl::unexpected(std::string(kInterrupted));
    return compare(audit, delivered->leaf, found);
}

Judge::Outcome Judge::judge_merge(const market::Audit& audit) {
    const auto merge = node_.merge(audit.job, audit.round);
    if (!merge) return tl::unexpected(said(merge.error()));
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    runtime::Job& job = opened->get();
    const auto opening = opening_of(audit.job, audit.round);
    if (!opening) return tl::unexpected(opening.error());
    auto state = opening_state(audit.job, job, audit.round, *opening);
    if (!state) {
        miss_opening(audit.job, audit.round);
        return tl::unexpected(state.error());
    }
    std::vector<commit::Payload> payloads;
    for (const market::RoundMember& member : opening->round.members) {
        auto payload = cache_.fetch_payload(audit.job, job, member.payload_blob, member.payload_root);
        if (!payload) {
            miss_payload(member);
            return tl::unexpected(payload.error());
        }
        payloads.push_back(std::move(*payload));
    }
    if (payloads.empty()) return tl::unexpected(std::string("the round has no members"));
    std::vector<const commit::Payload*> members;
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
    const base::Hash found = runtime::run_merge(job, *state, members, audit.round, opening->round.opening_root);
    if (found == merge->root) return market::Verdict{};
    return invalid(found);
}

Judge::Outcome Judge::judge_roots(const market::Audit& audit) {
    const auto job = node_.job(audit.job);
    if (!job) return tl::unexpected(said(job.error()));
    auto opened = open(audit.job);
    if (!opened) return tl::unexpected(opened.error());
    const base::Hash found = market::roots_claim(opened->get().program_root(), opened->get().initial_root());
    if (found == market::roots_claim(job->program_root, job->init_root)) return market::Verdict{};
    return invalid(found);
}

}  // namespace assay::validator
