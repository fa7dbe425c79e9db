#include "parties.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::sim {

using base::Amount;
using base::Hash;

namespace {

constexpr std::size_t kMany = 100'000;
/// Commitments remembered before the ones that have left the state are forgotten.
constexpr std::size_t kRemembered = 4096;
constexpr std::uint64_t kEpochsBack = 50;

Hash nonce_for(const base::AuditId& audit) { return base::Hasher("sim.nonce").add(audit.hash).finish(); }

Hash fake_root(const Hash& start) { return base::Hasher("sim.fake").add(start).finish(); }

Amount share_of(Amount price, std::uint32_t ppm) { return *base::multiply_divide(price, ppm, kWhole, base::Rounding::up); }

class FakesEverything final : public WorkerConduct {
    SegmentWork train(const World&, const SegmentPlace& place, const Hash&) override { return {fake_root(place.start), false, 0, {}}; }
};

class SilentAfterDraw final : public WorkerConduct {
    Drawn drawn(const World&, const market::Part&) override { return Drawn::wait; }
};

class NeverCloses final : public WorkerConduct {
    bool closes(const World&, const market::Part&) override { return false; }
};

class WrongMerge final : public WorkerConduct {
    Hash merge(const World& world, const market::Job& job, const Hash&) override {
        return numbered(world.options.seed, "wrong merge", job.round);
    }
};

class FalseSteps final : public WorkerConduct {
    SegmentWork train(const World&, const SegmentPlace&, const Hash& honest_end) override { return {honest_end, false, kWhole, {}}; }
};

class NeverContributes final : public ValidatorConduct {
    bool contributes(const World&, const market::Epoch&) override { return false; }
};

class AlwaysInvalid final : public ValidatorConduct {
    Opinion judge(const World& world, const market::Audit&, const std::function<market::Verdict()>&) override {
        return {{market::VerdictKind::invalid, numbered(world.options.seed, "lie"), {}}, 0, {}};
    }
};

class AlwaysValid final : public ValidatorConduct {
    Opinion judge(const World& world, const market::Audit& audit, const std::function<market::Verdict()>& recompute) override {
        if (audit.kind == market::AuditKind::merge || audit.kind == market::AuditKind::vote_merge) return {recompute(), kWhole, {}};
        const auto job = market::find_job(world.state(), audit.job);
        const auto steps = market::opened_steps(audit.y, audit.id, job->shape.segment_steps);
        const std::vector<Hash> guesses(steps.size(), numbered(world.options.seed, "guess"));
        return {{market::VerdictKind::valid, {}, market::opened_steps_digest(steps, guesses)}, 0, {}};
    }
};

class NeverSeals final : public ValidatorConduct {
    bool seals(const World&, const market::Audit&) override { return false; }
};

class NeverReveals final : public ValidatorConduct {
    bool reveals(const World&, const market::Audit&) override { return false; }
};

void play_disputes(World& world, const Person& person, market::Side side, const std::function<Play(const market::Dispute&)>& plays) {
    if (!world.options.by_referee) return;
    for (const market::Dispute& dispute : market::disputes_of_account(world.state(), person.id, side, std::nullopt, kMany)) {
        const bool own = (side == market::Side::asserter ? dispute.asserter : dispute.challenger) == person.id;
        if (!own || dispute.turn != side || dispute.deadline.value == 0) continue;
        switch (plays(dispute)) {
            case Play::move: world.send(person, market::DisputeMove{dispute.id, GroundTruth::move()}); break;
            case Play::concede: world.send(person, market::DisputeConcede{dispute.id}); break;
            case Play::wait: break;
        }
    }
}

}  // namespace

std::unique_ptr<WorkerConduct> conduct_of(WorkerKind kind) {
    switch (kind) {
        case WorkerKind::honest: return std::make_unique<WorkerConduct>();
        case WorkerKind::fakes_everything: return std::make_unique<FakesEverything>();
        case WorkerKind::silent_after_draw: return std::make_unique<SilentAfterDraw>();
        case WorkerKind::never_closes: return std::make_unique<NeverCloses>();
        case WorkerKind::wrong_merge: return std::make_unique<WrongMerge>();
        case WorkerKind::false_steps: return std::make_unique<FalseSteps>();
    }
    return nullptr;
}

std::unique_ptr<ValidatorConduct> conduct_of(ValidatorKind kind) {
    switch (kind) {
        case ValidatorKind::honest: return std::make_unique<ValidatorConduct>();
        case ValidatorKind::never_contributes: return std::make_unique<NeverContributes>();
        case ValidatorKind::always_invalid: return std::make_unique<AlwaysInvalid>();
        case ValidatorKind::always_valid: return std::make_unique<AlwaysValid>();
        case ValidatorKind::never_seals: return std::make_unique<NeverSeals>();
        case ValidatorKind::never_reveals: return std::make_unique<NeverReveals>();
    }
    return nullptr;
}

Snapshot snapshot(const World& world) {
    Snapshot seen;
    for (market::Job& job : market::jobs(world.state(), std::nullopt, kMany)) {
        if (market::is_terminal(job.state)) continue;
        Snapshot::OpenJob open;
        for (const market::Lane& lane : market::lanes_of(world.state(), job.id)) {
            if (auto lease = market::find_lease(world.state(), lane.lease); lease && lease->state == market::LeaseState::active) {
                open.leases.push_back(std::move(*lease));
            }
        }
        for (std::uint32_t round = job.final_rounds; round <= job.round && round < job.shape.rounds; ++round) {
            auto parts = market::parts_of_job(world.state(), job.id, round, std::nullopt, kMany);
            open.parts.insert(open.parts.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
        }
        open.job = std::move(job);
        seen.jobs.push_back(std::move(open));
    }
    const market::Chain chain = market::load_chain(world.state());
    for (std::uint64_t number = chain.epoch_next; number-- > 0 && chain.epoch_next - number < kEpochsBack;) {
        auto epoch = market::find_epoch(world.state(), number);
        if (epoch && epoch->state == market::EpochState::contributing) seen.contributing.push_back(std::move(*epoch));
    }
    return seen;
}

Worker::Worker(World& world, std::size_t index, std::unique_ptr<WorkerConduct> conduct)
    : world_(world), person_(world.workers[index]), conduct_(std::move(conduct)) {}

void Worker::offer(std::uint64_t price_per_gflop, std::uint32_t slots, std::uint64_t bond) {
    market::OfferPost post;
    post.price_per_gflop = Amount::of(price_per_gflop);
    post.segment_ms = 10'000;
    post.profile = "f32";
    post.memory_bytes = 1'000'000;
    post.flops_per_second = 1'000'000'000;
    post.slots = slots;
    post.bond = Amount::of(bond);
    world_.send(person_, post);
}

PartWork Worker::train(const market::Job& job, const market::PartKey& key, const market::Lane& lane) {
    PartWork work;
    const market::PartSpan span = market::part_span(key.part, job.shape.segments_per_round(), job.shape.part_segments);
    const base::Bytes alpha = market::plant_alpha(world_.chain_id(), job.id, key.lane, key.round, key.part, lane.plant_seed);
    work.proof = base::vrf_prove(person_.vrf, alpha);
    // The last segment of a part is never a plant: with a single one the output is not needed.
    const auto beta = span.segments > 1 ? base::vrf_verify(person_.vrf.public_key(), alpha, work.proof) : base::VrfOutput{};
    Hash start = lane.next_start_root;
    for (std::uint32_t i = 0; i < span.segments; ++i) {
        const std::uint32_t segment = span.first_segment + i;
        const Hash honest = trained_root(start, job.id, key.round, key.lane, segment);
        const bool closes = segment + 1 == job.shape.segments_per_round() && job.shape.has_merge();
        world_.truth().know(start, key.round, key.lane, segment * job.shape.segment_steps, closes ? market::round_end_root(honest, trained_payload(honest)) : honest);
        const SegmentWork made = conduct_->train(world_, {job.id, key.round, key.lane, segment, i, span.segments, start}, honest);
        computed_ += share_of(job.audit_price, made.computed_ppm);
        std::vector<Hash> digests;
        for (std::uint32_t step = 0; step < job.shape.segment_steps; ++step) {
            digests.push_back(trained_digest(made.true_steps ? start : fake_root(start), step));
        }
        Hash field = made.end;
        if (closes) {
            work.payload = made.payload.value_or(trained_payload(made.end));
            field = market::round_end_root(made.end, work.payload);
        }
        if (market::plant_forced(*beta, i, span.segments, world_.options.plant_ppm)) {
            field = market::plant_field(made.end);
            work.plants.push_back({i, made.end});
        }
        if (made.plant) {
            if (!work.plants.empty() && work.plants.back().segment == i) work.plants.pop_back();
            field = *made.plant ? market::plant_field(made.end) : made.end;
            if (*made.plant) work.plants.push_back({i, made.end});
        }
        const Hash salt = market::segment_salt(person_.key, job.id, key.round, key.lane, segment, key.attempt);
        work.leaves.push_back({salt, start, field, market::steps_root(digests)});
        work.digests.push_back(std::move(digests));
        start = made.end;
    }
    work.end = start;
    return work;
}

void Worker::commit(const market::Job& job, const market::Lease& lease) {
    const auto lane = market::find_lane(world_.state(), job.id, lease.lane);
    const auto round = market::find_round(world_.state(), job.id, job.round);
    if (!lane || !round || round->state != market::RoundState::open || lane->committed_parts >= job.shape.parts_per_round()) return;
    if (lane->plant_seed.is_zero() || !conduct_->commits(world_, job, lease)) return;
    market::PartKey key{job.id, job.round, lease.lane, 0, lane->committed_parts, person_.id, 0};
    while (market::find_part(world_.state(), market::part_id(world_.chain_id(), key))) ++key.attempt;
    const base::PartId id = market::part_id(world_.chain_id(), key);
    // What has been trained is not trained again when its commitment did not get through.
    const auto known = work_.find(id);
    const bool again = known != work_.end() && known->second.leaves.front().start_root == lane->next_start_root;
    const PartWork work = again ? known->second : train(job, key, *lane);
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
    commit.end_root = work.end;
    commit.end_receipt = world_.receipt(commit.end_root);
    if (key.part + 1 == job.shape.parts_per_round() && job.shape.has_merge()) {
        commit.payload_root = work.payload;
        commit.payload_receipt = world_.receipt(commit.payload_root);
    }
    conduct_->committed(id, work);
    work_[id] = work;
    world_.send(person_, commit);
}

void Worker::answer_draw(const market::Part& part) {
    switch (conduct_->drawn(world_, part)) {
        case WorkerConduct::Drawn::wait: return;
        case WorkerConduct::Drawn::deliver: return deliver(part);
        case WorkerConduct::Drawn::confess: return world_.send(person_, market::Confess{part.id});
        case WorkerConduct::Drawn::retract: return world_.send(person_, market::PartRetract{part.id});
    }
}

void Worker::deliver(const market::Part& part) {
    const PartWork& work = work_.at(part.id);
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
    if (!conduct_->closes(world_, part)) return;
    const PartWork& work = work_.at(part.id);
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
    computed_ += job.merge_audit_price;
    if (!again) message.merge_root = conduct_->merge(world_, job, message.merge_root);
    message.receipt = world_.receipt(message.merge_root);
    world_.send(person_, message);
}

void Worker::ask_for_data(const base::JobId& job) {
    const market::ChunkTarget target{market::ChunkTargetKind::data, job.hash, 0};
    if (!market::find_chunk(world_.state(), market::chunk_challenge_id(target, 0))) world_.send(person_, market::ChunkChallengePost{target, 0});
}

void Worker::forget() {
    for (auto it = work_.begin(); it != work_.end();) it = market::find_part(world_.state(), it->first) ? std::next(it) : work_.erase(it);
}

void Worker::act(const Snapshot& seen) {
    for (const Snapshot::OpenJob& open : seen.jobs) {
        for (const market::Part& part : open.parts) {
            if (part.key.worker != person_.id) continue;
            if (part.state == market::PartState::drawn) answer_draw(part);
            if (part.state == market::PartState::revealed) close(open.job, part);
        }
        if (open.job.state != market::JobState::running) continue;
        for (const market::Lease& lease : open.leases) {
            if (lease.worker != person_.id) continue;
            if (world_.missing.count(open.job.id) != 0) {
                ask_for_data(open.job.id);
            } else {
                commit(open.job, lease);
            }
        }
        merge(open.job);
    }
    play_disputes(world_, person_, market::Side::asserter, [&](const market::Dispute& dispute) { return conduct_->plays(world_, dispute); });
    for (const market::Message& message : conduct_->extra(world_)) world_.send(person_, message);
    if (work_.size() > kRemembered) forget();
}

Validator::Validator(World& world, std::size_t index, std::unique_ptr<ValidatorConduct> conduct)
    : world_(world), person_(world.validators[index]), conduct_(std::move(conduct)) {}

void Validator::contribute(const Snapshot& seen) {
    for (const market::Epoch& epoch : seen.contributing) {
        const bool mine = std::any_of(epoch.members.begin(), epoch.members.end(),
                                      [&](const market::EpochMember& m) { return m.validator == person_.id && !m.y; });
        if (!mine || !conduct_->contributes(world_, epoch)) continue;
        const base::Bytes alpha = market::contribution_alpha(world_.chain_id(), epoch.number, epoch.commitments_root);
        world_.send(person_, market::EpochContribute{epoch.number, base::vrf_prove(person_.vrf, alpha)});
    }
}

market::Verdict Validator::recompute_merge(const market::Audit& audit) const {
    const auto round = market::find_round(world_.state(), audit.job, audit.round);
    const auto record = market::find_merge(world_.state(), audit.job, audit.round);
    std::vector<Hash> payloads;
    for (const market::RoundMember& member : round->members) payloads.push_back(member.payload_root);
    const Hash found = merged_root(round->opening_root, payloads);
    if (found == record->root) return {market::VerdictKind::valid, {}, {}};
    return {market::VerdictKind::invalid, found, {}};
}

market::Verdict Validator::recompute(const market::Audit& audit) const {
    if (audit.kind == market::AuditKind::merge || audit.kind == market::AuditKind::vote_merge) return recompute_merge(audit);
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
    const Hash digest = market::opened_steps_digest(steps, digests);
    if (leaf.end_field == end) return {market::VerdictKind::valid, {}, digest};
    if (leaf.end_field == market::plant_field(end)) return {market::VerdictKind::plant, {}, digest};
    return {market::VerdictKind::invalid, end, {}};
}

void Validator::seal(const market::Audit& audit) {
    const auto known = verdicts_.find(audit.id);
    if (known != verdicts_.end()) {
        world_.send(person_, market::VerdictSeal{audit.id, market::verdict_seal(audit.id, person_.id, known->second, nonce_for(audit.id))});
        return;
    }
    const Opinion opinion = conduct_->judge(world_, audit, [&] { return recompute(audit); });
    computed_ += share_of(audit.price, opinion.computed_ppm);
    verdicts_[audit.id] = opinion.verdict;
    const Hash own = market::verdict_seal(audit.id, person_.id, opinion.verdict, nonce_for(audit.id));
    world_.send(person_, market::VerdictSeal{audit.id, opinion.seal.value_or(own)});
}

void Validator::act(const Snapshot& seen) {
    contribute(seen);
    play_disputes(world_, person_, market::Side::challenger, [&](const market::Dispute& dispute) { return conduct_->plays(world_, dispute); });
    for (const market::Message& message : conduct_->extra(world_, person_)) world_.send(person_, message);
    computed_ += conduct_->extra_cost();
    answer_audits();
}

void Validator::answer_audits() {
    const auto& calls = world_.calls();
    for (; calls_seen_ < calls.size(); ++calls_seen_) {
        if (calls[calls_seen_].first == person_.id) due_.insert(calls[calls_seen_].second);
    }
    for (auto it = due_.begin(); it != due_.end();) {
        const auto audit = market::find_audit(world_.state(), *it);
        const bool open = audit && audit->state == market::AuditState::open;
        const bool sealed = audit && audit->state == market::AuditState::sealed && audit->deadline.value != 0;
        it = open || sealed ? std::next(it) : due_.erase(it);
        if (open && conduct_->seals(world_, *audit)) seal(*audit);
        if (sealed && conduct_->reveals(world_, *audit))
            world_.send(person_, market::VerdictReveal{audit->id, verdicts_.at(audit->id), nonce_for(audit->id)});
    }
}

bool run(World& world, std::vector<Worker>& workers, std::vector<Validator>& validators, const base::JobId& job, std::uint64_t blocks_max) {
    for (std::uint64_t i = 0; i < blocks_max; ++i) {
        const auto now = market::find_job(world.state(), job);
        if (!now || market::is_terminal(now->state)) return true;
        const Snapshot seen = snapshot(world);
        for (Worker& worker : workers) worker.act(seen);
        for (Validator& validator : validators) validator.act(seen);
        world.block();
        if (testing::Test::HasFatalFailure()) return false;
    }
    return false;
}

}  // namespace assay::sim
