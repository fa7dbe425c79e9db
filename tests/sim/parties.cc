#include "parties.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "market/pricing.h"

namespace assay::sim {

using base::Amount;
using base::Hash;

namespace {

constexpr std::size_t kMany = 100'000;
/// Commitments remembered before the ones that have left the state are forgotten.
constexpr std::size_t kRemembered = 4096;
constexpr std::uint64_t kEpochsBack = 50;

Hash nonce_for(const base::AuditId& audit, const base::AccountId& validator) {
    return base::Hasher("sim.nonce").add(audit.hash).add(validator.hash).finish();
}

Hash fake_root(const Hash& start) { return base::Hasher("sim.fake").add(start).finish(); }

Amount share_of(Amount price, std::uint32_t ppm) {
    return *base::multiply_divide(price, ppm, kWhole, base::Rounding::up);
}

class FakesEverything final : public WorkerConduct {
    SegmentWork train(const World&, const SegmentPlace& place, const Hash&) override {
        return {fake_root(place.start), 0};
    }
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

class NeverAccepts final : public WorkerConduct {
    bool accepts(const World&, const market::Job&, const market::Reservation&) override {
        return false;
    }
};

class NeverContributes final : public ValidatorConduct {
    bool contributes(const World&, const market::Epoch&) override { return false; }
};

class AlwaysInvalid final : public ValidatorConduct {
    Opinion judge(const World& world, const market::Audit&,
                  const std::function<Finding()>&) override {
        return {numbered(world.options.seed, "lie"), {}, 0};
    }
};

class AlwaysValid final : public ValidatorConduct {
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>&) override {
        return guess(world, audit);
    }
};

class NeverSeals final : public ValidatorConduct {
    bool seals(const World&, const market::Audit&) override { return false; }
};

class NeverReveals final : public ValidatorConduct {
    bool reveals(const World&, const market::Audit&) override { return false; }
};

class NeverOpensCells final : public ValidatorConduct {
    bool opens_cells(const World&, const market::Audit&) override { return false; }
};

void play_disputes(World& world, const Person& person, market::Side side,
                   const std::function<Play(const market::Dispute&)>& plays) {
    if (world.options.referee != nullptr) return;
    for (const market::Dispute& dispute :
         market::disputes_of_account(world.state(), person.id, side, std::nullopt, kMany)) {
        const bool own =
            (side == market::Side::asserter ? dispute.asserter : dispute.challenger) == person.id;
        if (!own || dispute.turn != side || dispute.deadline.value == 0) continue;
        switch (plays(dispute)) {
            case Play::move:
                world.send(person, market::DisputeMove{dispute.id, GroundTruth::move()});
                break;
            case Play::concede:
                world.send(person, market::DisputeConcede{dispute.id});
                break;
            case Play::wait:
                break;
        }
    }
}

std::vector<Hash> leaf_hashes(const PartWork& work) {
    std::vector<Hash> hashes;
    for (const market::SegmentLeaf& leaf : work.leaves)
        hashes.push_back(market::segment_leaf_hash(leaf));
    return hashes;
}

}  // namespace

Opinion opinion_of(const Finding& finding) {
    if (finding.agrees) return {std::nullopt, finding.cells};
    return {finding.end, {}};
}

Opinion guess(const World& world, const market::Audit& audit) {
    Opinion opinion;
    for (std::uint32_t i = 0; i < market::kCells; ++i)
        opinion.cells.push_back(numbered(world.options.seed, audit.id.hex(), i));
    opinion.computed_ppm = 0;
    return opinion;
}

std::unique_ptr<WorkerConduct> conduct_of(WorkerKind kind) {
    switch (kind) {
        case WorkerKind::honest:
            return std::make_unique<WorkerConduct>();
        case WorkerKind::fakes_everything:
            return std::make_unique<FakesEverything>();
        case WorkerKind::silent_after_draw:
            return std::make_unique<SilentAfterDraw>();
        case WorkerKind::never_closes:
            return std::make_unique<NeverCloses>();
        case WorkerKind::wrong_merge:
            return std::make_unique<WrongMerge>();
        case WorkerKind::never_accepts:
            return std::make_unique<NeverAccepts>();
    }
    return nullptr;
}

std::unique_ptr<ValidatorConduct> conduct_of(ValidatorKind kind) {
    switch (kind) {
        case ValidatorKind::honest:
            return std::make_unique<ValidatorConduct>();
        case ValidatorKind::never_contributes:
            return std::make_unique<NeverContributes>();
        case ValidatorKind::always_invalid:
            return std::make_unique<AlwaysInvalid>();
        case ValidatorKind::always_valid:
            return std::make_unique<AlwaysValid>();
        case ValidatorKind::never_seals:
            return std::make_unique<NeverSeals>();
        case ValidatorKind::never_reveals:
            return std::make_unique<NeverReveals>();
        case ValidatorKind::never_opens_cells:
            return std::make_unique<NeverOpensCells>();
    }
    return nullptr;
}

Snapshot snapshot(const World& world) {
    Snapshot seen;
    for (market::Job& job : market::jobs(world.state(), std::nullopt, kMany)) {
        if (market::is_terminal(job.state)) continue;
        Snapshot::OpenJob open;
        open.lanes = market::lanes_of(world.state(), job.id);
        for (const market::Lane& lane : open.lanes) {
            if (auto lease = market::find_lease(world.state(), lane.lease);
                lease && lease->state == market::LeaseState::active) {
                open.leases.push_back(std::move(*lease));
            }
        }
        for (std::uint32_t round = job.final_rounds; round <= job.round && round < job.shape.rounds;
             ++round) {
            auto parts = market::parts_of_job(world.state(), job.id, round, std::nullopt, kMany);
            open.parts.insert(open.parts.end(), std::make_move_iterator(parts.begin()),
                              std::make_move_iterator(parts.end()));
        }
        open.job = std::move(job);
        seen.jobs.push_back(std::move(open));
    }
    const market::Chain chain = market::load_chain(world.state());
    for (std::uint64_t number = chain.epoch_next;
         number-- > 0 && chain.epoch_next - number < kEpochsBack;) {
        auto epoch = market::find_epoch(world.state(), number);
        if (epoch && epoch->state == market::EpochState::contributing)
            seen.contributing.push_back(std::move(*epoch));
    }
    return seen;
}

Worker::Worker(World& world, const Person& person, std::unique_ptr<WorkerConduct> conduct)
    : world_(world), person_(person), conduct_(std::move(conduct)) {}

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

void Worker::accept(const Snapshot::OpenJob& open) {
    for (const market::Lane& lane : open.lanes) {
        for (const market::Reservation& asked : lane.asked) {
            if (asked.worker != person_.id || asked.accepted ||
                !conduct_->accepts(world_, open.job, asked))
                continue;
            const auto stake = market::find_stake(world_.state(), person_.id, market::Role::worker);
            const auto offer = market::find_offer(world_.state(), asked.offer);
            if (stake->free() >= asked.lock && offer->bond >= asked.bond)
                world_.send(person_, market::LeaseAccept{lane.job, lane.lane});
        }
    }
}

PartWork Worker::train(const market::Job& job, const market::PartKey& key,
                       const market::Lane& lane) {
    PartWork work;
    const market::PartSpan span =
        market::part_span(key.part, job.shape.segments_per_round(), job.shape.part_segments);
    Hash start = lane.next_start_root;
    for (std::uint32_t i = 0; i < span.segments; ++i) {
        const std::uint32_t segment = span.first_segment + i;
        const Hash honest = trained_root(start, job.id, key.round, key.lane, segment);
        const bool closes = segment + 1 == job.shape.segments_per_round() && job.shape.has_merge();
        world_.truth().know(
            start, key.round, key.lane, segment * job.shape.segment_steps,
            closes ? market::round_end_root(honest, trained_payload(honest)) : honest);
        const SegmentWork made = conduct_->train(
            world_, {job.id, key.round, key.lane, segment, i, span.segments, start}, honest);
        computed_ += share_of(job.audit_price, made.computed_ppm);
        Hash field = made.end;
        if (closes) {
            work.payload = made.payload.value_or(trained_payload(made.end));
            field = market::round_end_root(made.end, work.payload);
        }
        const Hash salt =
            market::segment_salt(person_.key, job.id, key.round, key.lane, segment, key.attempt);
        work.leaves.push_back({salt, start, field});
        start = made.end;
    }
    work.end = start;
    return work;
}

void Worker::commit(const market::Job& job, const market::Lease& lease, const market::Lane& lane) {
    const auto round = market::find_round(world_.state(), job.id, job.round);
    if (!round || round->state != market::RoundState::open ||
        lane.committed_parts >= job.shape.parts_per_round())
        return;
    if (lane.expected == 0 || !conduct_->commits(world_, job, lease)) return;
    market::PartKey key{job.id, job.round, lease.lane, 0, lane.committed_parts, person_.id, 0};
    while (market::find_part(world_.state(), market::part_id(world_.chain_id(), key)))
        ++key.attempt;
    const base::PartId id = market::part_id(world_.chain_id(), key);
    // What has been trained is not trained again when its commitment did not get through.
    const auto known = work_.find(id);
    const bool again =
        known != work_.end() && known->second.leaves.front().start_root == lane.next_start_root;
    PartWork work = again ? known->second : train(job, key, lane);
    conduct_->finish(world_, id, work);
    const std::vector<Hash> leaves = leaf_hashes(work);
    market::PartCommit commit;
    commit.lease = lease.id;
    commit.round = key.round;
    commit.part = key.part;
    commit.attempt = key.attempt;
    commit.tree_root = market::part_root(leaves);
    commit.segments = static_cast<std::uint32_t>(leaves.size());
    commit.start_root = lane.next_start_root;
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
        case WorkerConduct::Drawn::wait:
            return;
        case WorkerConduct::Drawn::deliver:
            return deliver(part);
        case WorkerConduct::Drawn::confess:
            return world_.send(person_, market::Confess{part.id});
        case WorkerConduct::Drawn::retract:
            return world_.send(person_, market::PartRetract{part.id});
    }
}

void Worker::deliver(const market::Part& part) {
    const PartWork& work = work_.at(part.id);
    const std::vector<Hash> leaves = leaf_hashes(work);
    for (const market::Claim& claim : market::claims_of(world_.state(), part.id, kMany)) {
        const bool delivered = std::any_of(
            part.delivered.begin(), part.delivered.end(),
            [&](const market::DeliveredSegment& d) { return d.segment == claim.segment; });
        if (claim.open == 0 || delivered) continue;
        market::SegmentDeliver message;
        message.part = part.id;
        message.segment = claim.segment;
        message.leaf = work.leaves[claim.segment];
        message.path = base::merkle_prove(base::MerkleFamily::blake2b, leaves, claim.segment).path;
        message.start_receipt = world_.receipt(message.leaf.start_root);
        if (claim.segment == 0 && message.start_receipt.blob != part.start_blob)
            ADD_FAILURE() << "start blob is another one";
        world_.send(person_, message);
    }
}

void Worker::close(const market::Part& part) {
    if (conduct_->closes(world_, part))
        world_.send(person_, market::PartClose{part.id, work_.at(part.id).leaves});
}

void Worker::merge(const market::Job& job) {
    const auto record = market::find_merge(world_.state(), job.id, job.round);
    if (!record || record->state != market::MergeState::waiting) return;
    const auto round = market::find_round(world_.state(), job.id, job.round);
    if (round->members.at(record->turn).worker != person_.id || !conduct_->merges(world_, *record))
        return;
    std::vector<Hash> payloads;
    for (const market::RoundMember& member : round->members)
        payloads.push_back(member.payload_root);
    market::MergePost message;
    message.job = job.id;
    message.round = job.round;
    computed_ += job.merge_audit_price;
    message.merge_root = conduct_->merge(world_, job, merged_root(round->opening_root, payloads));
    message.receipt = world_.receipt(message.merge_root);
    world_.send(person_, message);
}

void Worker::answer_questions() {
    for (const market::Question& question :
         market::questions_owed(world_.state(), person_.id, std::nullopt, kMany)) {
        if (question.obliged != person_.id || question.answered ||
            !conduct_->answers(world_, question))
            continue;
        if (const auto answer = world_.answer_to(question)) world_.send(person_, *answer);
    }
}

void Worker::ask_for_data(const base::JobId& job) {
    const market::StoredTarget target{market::StoredKind::data, job.hash, 0};
    if (!market::find_question(world_.state(), market::chunk_question_id(target, 0)))
        world_.send(person_, market::ChunkAsk{target, 0});
}

void Worker::forget() {
    for (auto it = work_.begin(); it != work_.end();)
        it = market::find_part(world_.state(), it->first) ? std::next(it) : work_.erase(it);
}

void Worker::act(const Snapshot& seen) {
    for (const Snapshot::OpenJob& open : seen.jobs) {
        accept(open);
        for (const market::Part& part : open.parts) {
            if (part.key.worker != person_.id) continue;
            if (part.state == market::PartState::auditing && part.deadline.value != 0)
                answer_draw(part);
            if (part.state == market::PartState::closing) close(part);
        }
        if (open.job.state != market::JobState::running) continue;
        for (const market::Lease& lease : open.leases) {
            if (lease.worker != person_.id) continue;
            if (world_.missing.count(open.job.id) != 0) {
                ask_for_data(open.job.id);
            } else {
                commit(open.job, lease, open.lanes.at(lease.lane));
            }
        }
        merge(open.job);
    }
    answer_questions();
    play_disputes(world_, person_, market::Side::asserter,
                  [&](const market::Dispute& dispute) { return conduct_->plays(world_, dispute); });
    for (const market::Message& message : conduct_->extra(world_)) world_.send(person_, message);
    if (work_.size() > kRemembered) forget();
}

Validator::Validator(World& world, std::size_t index, std::unique_ptr<ValidatorConduct> conduct)
    : world_(world), person_(world.validators[index]), conduct_(std::move(conduct)) {}

void Validator::contribute(const Snapshot& seen) {
    for (const market::Epoch& epoch : seen.contributing) {
        const auto member = market::find_epoch_member(world_.state(), epoch.number, person_.id);
        if (!member || member->y || !epoch.member_after.is_zero() ||
            !conduct_->contributes(world_, epoch))
            continue;
        const base::Bytes alpha =
            market::contribution_alpha(world_.chain_id(), epoch.number, epoch.commitments_root);
        world_.send(person_,
                    market::EpochContribute{epoch.number, epoch.commitments_root, epoch.log_size,
                                            epoch.log_root, base::vrf_prove(person_.vrf, alpha)});
    }
}

void Validator::come_back() {
    const auto stake = market::find_stake(world_.state(), person_.id, market::Role::validator);
    if (!stake || stake->jailed_at.value == 0 || stake->tombstoned || !conduct_->returns(world_))
        return;
    const std::uint64_t jail_ms = market::current_parameters(world_.state()).jail_ms;
    if (world_.live().value >= stake->jailed_at.value + jail_ms)
        world_.send(person_, market::ValidatorReturn{});
}

Hash honest_field(const market::Job& job, const market::Part& part, std::uint32_t segment,
                  const Hash& start) {
    const std::uint32_t number = part.first_segment + segment;
    const Hash end = trained_root(start, job.id, part.key.round, part.key.lane, number);
    const bool closes = number + 1 == job.shape.segments_per_round() && job.shape.has_merge();
    return closes ? market::round_end_root(end, trained_payload(end)) : end;
}

Finding find_truth(const World& world, const market::Audit& audit, const base::VrfOutput& spot) {
    const auto job = market::find_job(world.state(), audit.job);
    const auto root =
        market::committed_root(world.state(), audit.job, audit.round, audit.claim, audit.subject)
            .value();
    switch (audit.claim) {
        case market::ClaimKind::init: {
            const CellPlace place{market::GameStage::init, 0, 0, 0, {}};
            return {world.init_root, root == world.init_root, true_cells(place, spot)};
        }
        case market::ClaimKind::merge: {
            const auto round = market::find_round(world.state(), audit.job, audit.round);
            std::vector<Hash> payloads;
            for (const market::RoundMember& member : round->members)
                payloads.push_back(member.payload_root);
            const Hash found = merged_root(round->opening_root, payloads);
            const CellPlace place{market::GameStage::merge, audit.round, 0, 0, round->opening_root};
            return {found, found == root, true_cells(place, spot)};
        }
        case market::ClaimKind::segment:
            break;
    }
    const auto part = market::find_part(world.state(), audit.subject);
    const market::SegmentLeaf leaf =
        market::opened_leaf(world.state(), *part, audit.segment).value();
    const std::uint32_t segment = part->first_segment + audit.segment;
    const Hash end = honest_field(*job, *part, audit.segment, leaf.start_root);
    const CellPlace place{market::GameStage::segment, audit.round, audit.lane,
                          segment * job->shape.segment_steps, leaf.start_root};
    return {end, leaf.end_field == end, true_cells(place, spot)};
}

const Validator::Sealed& Validator::judged(const market::Audit& audit) {
    if (const auto known = sealed_.find(audit.id); known != sealed_.end()) return known->second;
    const bool control = audit.kind == market::AuditKind::control;
    const auto root =
        market::committed_root(world_.state(), audit.job, audit.round, audit.claim, audit.subject)
            .value();
    Sealed made;
    base::VrfOutput spot{};
    if (control) {
        spot = market::find_audit(world_.state(), audit.controls)->spot;
    } else {
        made.proof = base::vrf_prove(person_.vrf, market::spot_alpha(audit.id, root));
        spot = base::vrf_verify(person_.vrf.public_key(), market::spot_alpha(audit.id, root),
                                *made.proof)
                   .value();
    }
    const Opinion opinion =
        conduct_->judge(world_, audit, [&] { return find_truth(world_, audit, spot); });
    const Amount cost = market::protocol_cost(
                            market::current_parameters(world_.state()).protocol_price, audit.flops)
                            .value();
    computed_ += share_of(cost, opinion.computed_ppm);
    made.nonce = nonce_for(audit.id, person_.id);
    made.cells = opinion.cells;
    if (opinion.invalid) {
        made.verdict = {market::VerdictKind::invalid, *opinion.invalid, {}};
        made.proof.reset();
    } else {
        made.verdict = {
            market::VerdictKind::valid, {}, market::cells_digest(made.nonce, opinion.cells)};
    }
    made.seal =
        opinion.seal.value_or(market::verdict_seal(audit.id, person_.id, made.verdict, made.nonce));
    return sealed_[audit.id] = made;
}

bool Validator::answer(const market::Audit& audit) {
    const bool control = audit.kind == market::AuditKind::control;
    if (audit.state == market::AuditState::open) {
        if (conduct_->seals(world_, audit))
            world_.send(person_, market::VerdictSeal{audit.id, judged(audit).seal});
        return false;
    }
    if (audit.deadline.value == 0) return true;
    const bool sealed = audit.state == market::AuditState::sealed;
    if (!sealed && (control || audit.state != market::AuditState::revealed)) return true;
    const Sealed& own = judged(audit);
    const bool invalid = own.verdict.kind == market::VerdictKind::invalid;
    if (sealed && (!control || invalid)) {
        if (conduct_->reveals(world_, audit))
            world_.send(person_,
                        market::VerdictReveal{audit.id, own.verdict, own.nonce, own.proof});
    } else if (conduct_->opens_cells(world_, audit)) {
        world_.send(person_, market::CellsOpen{audit.id, own.nonce, own.cells});
    }
    return false;
}

void Validator::act(const Snapshot& seen) {
    contribute(seen);
    come_back();
    // Between auditors it may have to defend what it found.
    for (const market::Side side : {market::Side::challenger, market::Side::asserter})
        play_disputes(world_, person_, side, [&](const market::Dispute& dispute) {
            return conduct_->plays(world_, dispute);
        });
    for (const market::Message& message : conduct_->extra(world_, person_))
        world_.send(person_, message);
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
        it = !audit || answer(*audit) ? due_.erase(it) : std::next(it);
    }
}

bool run(World& world, std::vector<Worker>& workers, std::vector<Validator>& validators,
         const base::JobId& job, std::uint64_t blocks_max) {
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
