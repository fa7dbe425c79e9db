#include "other_strategies.h"

#include <algorithm>

namespace assay::sim {

using base::Hash;

namespace {

/// A record for which a lease of these seasons is audited less, and the jobs that buy it.
constexpr std::uint64_t kRecordEnough = 40'000'000;
constexpr int kWashJobs = 16;

}  // namespace

Opinion Lazy::judge(const World& world, const market::Audit& audit,
                    const std::function<Finding()>&) {
    return guess(world, audit);
}

Opinion FalseAccuser::judge(const World& world, const market::Audit&,
                            const std::function<Finding()>&) {
    return {numbered(world.options.seed, "accusation"), {}, 0};
}

Opinion ColludingValidator::judge(const World& world, const market::Audit& audit,
                                  const std::function<Finding()>& recompute) {
    const bool ours =
        audit.claim == market::ClaimKind::segment && coalition_->parts.count(audit.subject) != 0;
    return ours ? guess(world, audit) : opinion_of(recompute());
}

namespace {

Hash challenge_nonce(const Person& self, const base::PartId& part) {
    return base::Hasher("sim.challenge").add(self.id.hash).add(part.hash).finish();
}

market::ChallengeOpen challenge_of(const Person& self, const base::PartId& part,
                                   std::uint32_t segment, const Hash& claimed) {
    market::ChallengeOpen open;
    open.target.part = part;
    open.target.segment = segment;
    open.claimed = claimed;
    open.nonce = challenge_nonce(self, part);
    return open;
}

market::Message seal_of(const Person& self, const market::ChallengeOpen& open) {
    return market::ChallengeSealPost{
        market::challenge_digest(self.id, open.target, open.claimed, open.nonce)};
}

/// Parts that have passed and are not paid yet.
std::vector<market::Part> passed_parts(const World& world) {
    std::vector<market::Part> passed;
    for (const market::Job& job : market::jobs(world.state(), std::nullopt, 1000)) {
        if (market::is_terminal(job.state)) continue;
        for (market::Part& part :
             market::parts_of_job(world.state(), job.id, std::nullopt, std::nullopt, 1000)) {
            if (part.state == market::PartState::passed) passed.push_back(std::move(part));
        }
    }
    return passed;
}

}  // namespace

std::vector<market::Message> SerialChallenger::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    for (const market::ChallengeOpen& open : sealed_) messages.emplace_back(open);
    sealed_.clear();
    for (const market::Part& part : passed_parts(world)) {
        if (!wants(world, part) || !seen_.insert(part.id).second) continue;
        sealed_.push_back(challenge_of(self, part.id, 0, claim(world, part)));
        messages.push_back(seal_of(self, sealed_.back()));
    }
    return messages;
}

bool LateAccuser::wants(const World& world, const market::Part& part) const {
    const auto round = market::find_round(world.state(), part.key.job, part.key.round);
    return round && round->window_ends.value != 0 && is_last_moment(world, round->window_ends);
}

Hash AccusesInCompany::claim(const World& world, const market::Part& part) const {
    return base::Hasher("sim.company")
        .add(numbered(world.options.seed, "challenge", seat_))
        .add(part.id.hash)
        .finish();
}

namespace {

/// Another auditor's seal of the same work that is still hidden.
std::optional<Hash> seal_to_copy(const World& world, const market::Audit& audit) {
    for (const market::Audit& other :
         market::audits_of_claim(world.state(), audit.subject, audit.segment, 1000)) {
        if (other.id != audit.id && !other.seal.is_zero()) return other.seal;
    }
    return std::nullopt;
}

/// What the part of an audit starts from, as somebody committed to it.
market::StoredTarget start_of(const World& world, const market::Audit& audit) {
    if (audit.segment > 0) return {market::StoredKind::start, audit.subject.hash, audit.segment};
    const auto part = market::find_part(world.state(), audit.subject);
    for (const market::Part& before :
         market::parts_of_lane(world.state(), audit.job, audit.round, audit.lane)) {
        if (before.key.part + 1 == part->key.part && before.end_root == part->start_root)
            return {market::StoredKind::checkpoint, before.id.hash, 0};
    }
    if (audit.round > 0) return {market::StoredKind::merge, audit.job.hash, audit.round - 1};
    return {market::StoredKind::init, audit.job.hash, 0};
}

}  // namespace

bool CopiesSeals::seals(const World& world, const market::Audit& audit) {
    return seal_to_copy(world, audit) || is_last_moment(world, audit.deadline);
}

Opinion CopiesSeals::judge(const World& world, const market::Audit& audit,
                           const std::function<Finding()>&) {
    Opinion opinion = guess(world, audit);
    opinion.seal = seal_to_copy(world, audit);
    return opinion;
}

std::vector<market::Message> ClaimsNonDelivery::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    std::set<base::JobId> asked;
    for (const market::Audit& audit :
         market::audits_of_validator(world.state(), self.id, std::nullopt, 1000)) {
        if (audit.state != market::AuditState::open || audit.claim != market::ClaimKind::segment ||
            !asked.insert(audit.job).second)
            continue;
        const market::StateAsk ask{start_of(world, audit)};
        if (!market::find_question(world.state(), market::state_question_id(ask.target, self.id)))
            messages.emplace_back(ask);
    }
    return messages;
}

std::vector<market::Message> Watches::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    for (const market::ChallengeOpen& open : sealed_) messages.emplace_back(open);
    sealed_.clear();
    for (const market::Part& part : passed_parts(world)) {
        // One conviction voids all that the worker has in a job: one look at each job is enough.
        if (part.key.worker != world.workers[suspect_].id || !seen_.insert(part.key.job).second)
            continue;
        const auto job = market::find_job(world.state(), part.key.job);
        for (std::uint32_t i = 0; i < part.segments; ++i) {
            const auto leaf = market::opened_leaf(world.state(), part, i);
            if (!leaf) continue;
            cost_ += job->audit_price;
            const Hash end = honest_field(*job, part, i, leaf->start_root);
            if (leaf->end_field == end) continue;
            sealed_.push_back(challenge_of(self, part.id, i, end));
            messages.push_back(seal_of(self, sealed_.back()));
            break;
        }
    }
    return messages;
}

std::vector<market::Message> CopiesChallenges::extra(const World& world) {
    const Person& self = world.workers[seat_];
    std::vector<market::Message> messages;
    for (const market::ChallengeOpen& open : sealed_) messages.emplace_back(open);
    sealed_.clear();
    for (const market::Job& job : market::jobs(world.state(), std::nullopt, 1000)) {
        for (const market::Dispute& dispute :
             market::disputes_of_job(world.state(), job.id, true, std::nullopt, 1000)) {
            if (dispute.target != market::DisputeTarget::segment ||
                !seen_.insert(dispute.id).second)
                continue;
            sealed_.push_back(challenge_of(self, dispute.part, dispute.segment, dispute.claimed));
            sealed_.back().role = market::Role::worker;
            messages.push_back(seal_of(self, sealed_.back()));
        }
    }
    return messages;
}

std::vector<market::Message> ClaimsMissingChunks::extra(const World& world, const Person&) {
    std::vector<market::Message> messages;
    for (const market::Job& job : market::jobs(world.state(), std::nullopt, 1000)) {
        if (market::is_terminal(job.state)) continue;
        for (const market::Part& part :
             market::parts_of_job(world.state(), job.id, std::nullopt, std::nullopt, 1000)) {
            if (!seen_.insert(part.id).second) continue;
            messages.emplace_back(
                market::ChunkAsk{{market::StoredKind::checkpoint, part.id.hash, 0}, 0});
        }
    }
    return messages;
}

SegmentWork WashesItsRecord::train(const World& world, const SegmentPlace& place,
                                   const Hash& honest_end) {
    const auto job = market::find_job(world.state(), place.job);
    // What its own jobs say they cost is not what they cost.
    if (job->submitter == world.workers[0].id) return {honest_end, 0};
    const auto record = market::find_record(world.state(), world.workers[0].id);
    if (!record || record->amount.grains() < kRecordEnough) return {honest_end, kWhole};
    return Liar::train(world, place, honest_end);
}

Cast record_washing() {
    Cast cast;
    auto coalition = std::make_shared<Coalition>();
    cast.workers[0] = std::make_unique<WashesItsRecord>(coalition);
    cast.validators[0] = std::make_unique<ColludingValidator>(coalition);
    auto posted = std::make_shared<int>(0);
    cast.plot = [posted](World& world, const Snapshot&) {
        // All of them at the start, before there is much else.
        while (*posted < kWashJobs) {
            world.send_job(world.options, world.workers[0]);
            ++*posted;
        }
    };
    return cast;
}

std::vector<market::Message> CancelsBeforeCommits::act(const World&, const Snapshot& seen) {
    std::vector<market::Message> messages;
    for (const Snapshot::OpenJob& open : seen.jobs) {
        const bool training = open.job.state == market::JobState::running &&
                              open.leases.size() == open.job.shape.lanes;
        // It stands before the commitments of the same block: the submitter is as fast as it likes.
        if (training && open.parts.empty()) messages.emplace_back(market::JobCancel{open.job.id});
    }
    return messages;
}

WorldOptions ImpossibleDeadlines::shape(const WorldOptions& usual) {
    WorldOptions shape = usual;
    shape.round_deadline_s = 1;
    return shape;
}

base::Bytes signed_commit(const World& world, const Person& worker, const market::Lease& lease,
                          const market::Job& job, std::uint32_t which) {
    const auto lane = market::find_lane(world.state(), job.id, lease.lane);
    market::PartCommit commit;
    commit.lease = lease.id;
    commit.round = job.round;
    commit.part = lane->committed_parts;
    commit.tree_root = numbered(world.options.seed, "two trees", which);
    commit.segments =
        market::part_span(commit.part, job.shape.segments_per_round(), job.shape.part_segments)
            .segments;
    commit.start_root = lane->next_start_root;
    commit.end_root = numbered(world.options.seed, "two ends", which);
    commit.end_receipt = world.receipt(commit.end_root);
    market::TransactionHeader header;
    header.chain_id = world.chain_id();
    header.account = worker.id;
    header.nonce = which;
    header.valid_until = base::Height{1};
    header.fee_limit = base::Amount::of(1);
    return market::build_transaction(header, commit, worker.key);
}

Cast slashes_itself() {
    Cast cast;
    cast.workers[0] = std::make_unique<Squats>();
    cast.accomplices_validators = {0};
    auto done = std::make_shared<std::set<base::LeaseId>>();
    cast.plot = [done](World& world, const Snapshot& seen) {
        const Person& worker = world.workers[0];
        for (const Snapshot::OpenJob& open : seen.jobs) {
            for (const market::Lease& lease : open.leases) {
                if (lease.worker != worker.id || !done->insert(lease.id).second) continue;
                market::EquivocationReport report{signed_commit(world, worker, lease, open.job, 0),
                                                  signed_commit(world, worker, lease, open.job, 1)};
                world.send(world.validators[0], report);
            }
        }
    };
    return cast;
}

}  // namespace assay::sim
