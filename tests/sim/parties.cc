#include "parties.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::sim {

using base::Amount;
using base::Hash;

namespace {

Hash nonce_for(const base::AuditId& audit) { return base::Hasher("sim.nonce").add(audit.hash).finish(); }

bool open_job(const market::Job& job) { return !market::is_terminal(job.state); }

constexpr std::size_t kMany = 100'000;

}  // namespace

Worker::Worker(World& world, std::size_t index, WorkerKind kind) : world_(world), person_(world.workers[index]), kind_(kind) {}

void Worker::offer(std::uint64_t price_per_gflop) {
    market::OfferPost post;
    post.price_per_gflop = Amount::of(price_per_gflop);
    post.segment_ms = 10'000;
    post.profile = "f32";
    post.memory_bytes = 1'000'000;
    post.flops_per_second = 1'000'000'000;
    post.slots = 1;
    post.bond = Amount::of(1'000'000'000);
    world_.send(person_, post);
}

Worker::Work Worker::train(const market::Job& job, const market::PartKey& key, const market::Lane& lane) const {
    Work work;
    const market::PartSpan span = market::part_span(key.part, job.shape.segments_per_round(), job.shape.part_segments);
    const base::Bytes alpha = market::plant_alpha(world_.chain_id(), job.id, key.lane, key.round, key.part, lane.plant_seed);
    work.proof = base::vrf_prove(person_.vrf, alpha);
    const auto beta = base::vrf_verify(person_.vrf.public_key(), alpha, work.proof);
    Hash start = lane.next_start_root;
    for (std::uint32_t i = 0; i < span.segments; ++i) {
        const std::uint32_t segment = span.first_segment + i;
        const bool fake = kind_ == WorkerKind::fakes_everything;
        const Hash end = fake ? base::Hasher("sim.fake").add(start).finish() : trained_root(start, job.id, key.round, key.lane, segment);
        std::vector<Hash> digests;
        for (std::uint32_t step = 0; step < job.shape.segment_steps; ++step) digests.push_back(trained_digest(fake ? end : start, step));
        Hash field = end;
        if (segment + 1 == job.shape.segments_per_round() && job.shape.has_merge()) field = market::round_end_root(end, trained_payload(end));
        if (market::plant_forced(*beta, i, span.segments, world_.options.plant_ppm)) {
            field = market::plant_field(end);
            work.plants.push_back({i, end});
        }
        const Hash salt = market::segment_salt(person_.key, job.id, key.round, key.lane, segment, key.attempt);
        work.leaves.push_back({salt, start, field, market::steps_root(digests)});
        work.digests.push_back(std::move(digests));
        start = end;
    }
    return work;
}

void Worker::commit(const market::Job& job, const market::Lease& lease) {
    const auto lane = market::find_lane(world_.state(), job.id, lease.lane);
    const auto round = market::find_round(world_.state(), job.id, job.round);
    if (!lane || !round || round->state != market::RoundState::open || lane->committed_parts >= job.shape.parts_per_round()) return;
    if (lane->plant_seed.is_zero()) return;
    market::PartKey key{job.id, job.round, lease.lane, 0, lane->committed_parts, person_.id, 0};
    while (market::find_part(world_.state(), market::part_id(world_.chain_id(), key))) ++key.attempt;
    const Work work = train(job, key, *lane);
    std::vector<Hash> leaves;
    for (const market::SegmentLeaf& leaf : work.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
    market::PartCommit commit;
    commit.lease = lease.id;
    commit.round = key.round;
    commit.part = key.part;
    commit.attempt = key.attempt;
    commit.tree_root = market::part_root(leaves);
    commit.segments = static_cast<std::uint32_t>(leaves.size());
    commit.start_root = lane->next_start_root;
    const market::SegmentLeaf& last = work.leaves.back();
    const std::uint32_t segment = market::part_span(key.part, job.shape.segments_per_round(), job.shape.part_segments).first_segment + commit.segments - 1;
    const bool fake = kind_ == WorkerKind::fakes_everything;
    commit.end_root = fake ? base::Hasher("sim.fake").add(last.start_root).finish()
                           : trained_root(last.start_root, job.id, key.round, key.lane, segment);
    commit.end_receipt = world_.receipt(commit.end_root);
    if (segment + 1 == job.shape.segments_per_round() && job.shape.has_merge()) {
        commit.payload_root = trained_payload(commit.end_root);
        commit.payload_receipt = world_.receipt(commit.payload_root);
    }
    work_[market::part_id(world_.chain_id(), key)] = work;
    world_.send(person_, commit);
}

void Worker::deliver(const market::Part& part) {
    if (kind_ == WorkerKind::silent_after_draw) return;
    const Work& work = work_.at(part.id);
    std::vector<Hash> leaves;
    for (const market::SegmentLeaf& leaf : work.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
    for (const base::AuditId& id : part.audits) {
        const auto audit = market::find_audit(world_.state(), id);
        if (audit->state != market::AuditState::drawn) continue;
        market::SegmentDeliver message;
        message.part = part.id;
        message.segment = audit->segment;
        message.leaf = work.leaves[audit->segment];
        message.path = base::merkle_prove(base::MerkleFamily::blake2b, leaves, audit->segment).path;
        message.start_receipt = world_.receipt(message.leaf.start_root);
        if (audit->segment == 0 && message.start_receipt.blob != part.start_blob) ADD_FAILURE() << "start blob is another one";
        world_.send(person_, message);
    }
}

void Worker::close(const market::Job& job, const market::Part& part) {
    if (kind_ == WorkerKind::never_closes) return;
    const Work& work = work_.at(part.id);
    market::PartClose message;
    message.part = part.id;
    message.leaves = work.leaves;
    message.proof = work.proof;
    message.plants = work.plants;
    for (const base::AuditId& id : part.audits) {
        const auto audit = market::find_audit(world_.state(), id);
        if (audit->state != market::AuditState::revealed) continue;
        market::StepOpening opening;
        opening.segment = audit->segment;
        for (const std::uint32_t step : market::opened_steps(audit->y, audit->id, job.shape.segment_steps)) {
            opening.digests.push_back(work.digests[audit->segment][step]);
            opening.paths.push_back(base::merkle_prove(base::MerkleFamily::blake2b, work.digests[audit->segment], step).path);
        }
        message.openings.push_back(std::move(opening));
    }
    world_.send(person_, message);
}

void Worker::merge(const market::Job& job) {
    const auto record = market::find_merge(world_.state(), job.id, job.round);
    if (!record) return;
    const bool again = record->state == market::MergeState::replaced && record->blob.is_zero();
    if (record->state != market::MergeState::waiting && !again) return;
    const auto round = market::find_round(world_.state(), job.id, job.round);
    if (round->members.at(record->turn).worker != person_.id) return;
    std::vector<Hash> payloads;
    for (const market::RoundMember& member : round->members) payloads.push_back(member.payload_root);
    market::MergePost message;
    message.job = job.id;
    message.round = job.round;
    message.merge_root = merged_root(round->opening_root, payloads);
    if (kind_ == WorkerKind::wrong_merge && !again) message.merge_root = numbered(world_.options.seed, "wrong merge", job.round);
    message.receipt = world_.receipt(message.merge_root);
    world_.send(person_, message);
}

void Worker::act() {
    for (const market::Job& job : market::jobs(world_.state(), std::nullopt, kMany)) {
        if (!open_job(job)) continue;
        for (const market::Part& part : market::parts_of_job(world_.state(), job.id, std::nullopt, std::nullopt, kMany)) {
            if (part.key.worker != person_.id) continue;
            if (part.state == market::PartState::drawn) deliver(part);
            if (part.state == market::PartState::revealed) close(job, part);
        }
        if (job.state != market::JobState::running) continue;
        for (const market::Lease& lease : market::leases_of_job(world_.state(), job.id, std::nullopt, kMany)) {
            if (lease.worker == person_.id && lease.state == market::LeaseState::active) commit(job, lease);
        }
        merge(job);
    }
}

Validator::Validator(World& world, std::size_t index, ValidatorKind kind)
    : world_(world), person_(world.validators[index]), kind_(kind) {}

void Validator::contribute() {
    if (kind_ == ValidatorKind::never_contributes) return;
    const market::Chain chain = market::load_chain(world_.state());
    for (std::uint64_t number = chain.epoch_next; number-- > 0 && chain.epoch_next - number < 50;) {
        const auto epoch = market::find_epoch(world_.state(), number);
        if (!epoch || epoch->state != market::EpochState::contributing) continue;
        const bool mine = std::any_of(epoch->members.begin(), epoch->members.end(),
                                      [&](const market::EpochMember& m) { return m.validator == person_.id && !m.y; });
        if (!mine) continue;
        const base::Bytes alpha = market::contribution_alpha(world_.chain_id(), number, epoch->commitments_root);
        world_.send(person_, market::EpochContribute{number, base::vrf_prove(person_.vrf, alpha)});
    }
}

market::Verdict Validator::judge_merge(const market::Audit& audit) const {
    const auto round = market::find_round(world_.state(), audit.job, audit.round);
    const auto record = market::find_merge(world_.state(), audit.job, audit.round);
    std::vector<Hash> payloads;
    for (const market::RoundMember& member : round->members) payloads.push_back(member.payload_root);
    const Hash found = merged_root(round->opening_root, payloads);
    if (found == record->root) return {market::VerdictKind::valid, {}, {}};
    return {market::VerdictKind::invalid, found, {}};
}

market::Verdict Validator::judge(const market::Audit& audit) const {
    const bool merge = audit.kind == market::AuditKind::merge || audit.kind == market::AuditKind::vote_merge;
    if (kind_ == ValidatorKind::always_invalid) return {market::VerdictKind::invalid, numbered(world_.options.seed, "lie"), {}};
    if (merge) return judge_merge(audit);
    const auto part = market::find_part(world_.state(), audit.part);
    const auto job = market::find_job(world_.state(), audit.job);
    const auto delivered = std::find_if(part->delivered.begin(), part->delivered.end(),
                                        [&](const market::DeliveredSegment& d) { return d.segment == audit.segment; });
    const market::SegmentLeaf& leaf = delivered->leaf;
    const std::uint32_t segment = part->first_segment + audit.segment;
    Hash end = trained_root(leaf.start_root, job->id, audit.round, audit.lane, segment);
    if (segment + 1 == job->shape.segments_per_round() && job->shape.has_merge()) end = market::round_end_root(end, trained_payload(end));
    const auto steps = market::opened_steps(audit.y, audit.id, job->shape.segment_steps);
    std::vector<Hash> digests;
    for (const std::uint32_t step : steps) digests.push_back(trained_digest(leaf.start_root, step));
    if (kind_ == ValidatorKind::always_valid) digests.assign(steps.size(), numbered(world_.options.seed, "guess"));
    const Hash digest = market::opened_steps_digest(steps, digests);
    if (leaf.end_field == end || kind_ == ValidatorKind::always_valid) return {market::VerdictKind::valid, {}, digest};
    if (leaf.end_field == market::plant_field(end)) return {market::VerdictKind::plant, {}, digest};
    return {market::VerdictKind::invalid, end, {}};
}

void Validator::act() {
    contribute();
    for (const market::Audit& audit : market::audits_of_validator(world_.state(), person_.id, std::nullopt, kMany)) {
        if (audit.state == market::AuditState::open && kind_ != ValidatorKind::never_seals) {
            const market::Verdict verdict = judge(audit);
            verdicts_[audit.id] = verdict;
            world_.send(person_, market::VerdictSeal{audit.id, market::verdict_seal(audit.id, person_.id, verdict, nonce_for(audit.id))});
        }
        const bool due = audit.state == market::AuditState::sealed && audit.deadline.value != 0;
        if (due && kind_ != ValidatorKind::never_reveals) {
            world_.send(person_, market::VerdictReveal{audit.id, verdicts_.at(audit.id), nonce_for(audit.id)});
        }
    }
}

bool run(World& world, std::vector<Worker>& workers, std::vector<Validator>& validators, const base::JobId& job, std::uint64_t blocks_max) {
    for (std::uint64_t i = 0; i < blocks_max; ++i) {
        const auto now = market::find_job(world.state(), job);
        if (!now || market::is_terminal(now->state)) return true;
        for (Worker& worker : workers) worker.act();
        for (Validator& validator : validators) validator.act();
        world.block();
        if (testing::Test::HasFatalFailure()) return false;
    }
    return false;
}

}  // namespace assay::sim
