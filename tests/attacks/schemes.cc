#include "schemes.h"

#include <algorithm>

namespace assay::attacks {

using base::Hash;

namespace {

constexpr std::size_t kMany = 10'000;
/// Live time goes on by no more than this in a block.
constexpr std::uint64_t kTickMsMax = 4'000;
/// Room for one block before a deadline.
constexpr std::uint64_t kLastMomentMs = 2'000;

Hash invented(const World& world, const sim::SegmentPlace& place) {
    return base::Hasher("attack.invented")
        .add_u64(world.options.seed)
        .add(place.job.hash)
        .add_u32(place.round)
        .add_u32(place.lane)
        .add_u32(place.segment)
        .finish();
}

Hash nonce_of(const Person& self, const base::PartId& part) {
    return base::Hasher("attack.nonce").add(self.id.hash).add(part.hash).finish();
}

}  // namespace

std::optional<market::Question> data_question(const World& world, const base::JobId& job) {
    return market::find_question(
        world.state(), market::chunk_question_id({market::StoredKind::data, job.hash, 0}, 0));
}

void ask_for_data(Stage& stage, const Person& asker, const base::JobId& job) {
    stage.world.send(asker, market::ChunkAsk{{market::StoredKind::data, job.hash, 0}, 0});
    stage.world.block();
    EXPECT_EQ(stage.world.last_refusal(), market::Refusal::none) << stage.world.refusals_text();
}

void wait_for_last_moment(Stage& stage, const base::JobId& job, std::uint64_t ms) {
    for (int i = 0; i < 1'000; ++i) {
        const auto question = data_question(stage.world, job);
        if (!question) return;
        const std::uint64_t left = question->deadline.value - stage.world.live().value;
        if (left <= ms) return;
        stage.tick(std::min(left - ms, kTickMsMax));
    }
}

bool segment_drawn(const World& world, const base::JobId& job) {
    const auto audits = market::audits_of_job(world.state(), job, std::nullopt, kMany);
    return std::any_of(audits.begin(), audits.end(), [](const market::Audit& audit) {
        return audit.claim == market::ClaimKind::segment;
    });
}

std::uint32_t open_audits(const World& world) {
    std::uint32_t sum = 0;
    for (const Person& one : world.validators)
        sum += market::find_validator(world.state(), one.id)->open_audits;
    return sum;
}

std::size_t count_where(const World& world, std::string_view kind, std::string_view name,
                        std::string_view value) {
    const auto& events = world.events();
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const market::Event& event) {
            return event.kind == kind && attribute(event, name) == value;
        }));
}

sim::SegmentWork InventsStates::train(const World& world, const sim::SegmentPlace& place,
                                      const Hash&) {
    const Hash root = invented(world, place);
    phantoms_->insert(root);
    return {root, 0, {}};
}

bool HonestButBlind::blind(const World& world, const market::Audit& audit) const {
    if (audit.claim != market::ClaimKind::segment) return false;
    if (unreadable_ && unreadable_->count(audit.job) != 0) return true;
    const auto part = market::find_part(world.state(), audit.subject);
    const auto leaf =
        part ? market::opened_leaf(world.state(), *part, audit.segment) : std::nullopt;
    return leaf && phantoms_->count(leaf->start_root) != 0;
}

bool HonestButBlind::seals(const World& world, const market::Audit& audit) {
    return !blind(world, audit);
}

std::vector<market::Message> HonestButBlind::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    for (const market::Audit& audit :
         market::audits_of_validator(world.state(), self.id, std::nullopt, kMany)) {
        if (audit.state != market::AuditState::open || !blind(world, audit)) continue;
        if (unreadable_ && unreadable_->count(audit.job) != 0) {
            // Each asks for a chunk of its own: one question for one chunk.
            const auto seat = static_cast<std::uint64_t>(&self - world.validators.data());
            const market::StoredTarget data{market::StoredKind::data, audit.job.hash, 0};
            if (!market::find_question(world.state(), market::chunk_question_id(data, seat)))
                messages.emplace_back(market::ChunkAsk{data, seat});
            continue;
        }
        const market::StoredTarget target{market::StoredKind::start, audit.subject.hash,
                                          audit.segment};
        if (!market::find_question(world.state(), market::state_question_id(target, self.id)))
            messages.emplace_back(market::StateAsk{target});
    }
    return messages;
}

sim::SegmentWork Liar::train(const World& world, const sim::SegmentPlace& place, const Hash&) {
    return {invented(world, place), 0, {}};
}

bool GrindsSalts::commits(const World& world, const market::Job&, const market::Lease& lease) {
    rate_ppm_ = lease.rate_ppm;
    return !market::load_chain(world.state()).epoch_open;
}

sim::SegmentWork GrindsSalts::train(const World& world, const sim::SegmentPlace& place,
                                    const Hash&) {
    subject_ = {market::ClaimKind::segment, place.job, place.round, place.lane, place.segment, {}};
    return {invented(world, place), 0, {}};
}

bool GrindsSalts::drawn_for_accomplice(const World& world, const base::PartId& id,
                                       const Hash& tree) const {
    const Person& accomplice = world.validators[accomplice_];
    Hash members;
    std::uint64_t all = 0, own = 0;
    for (const base::AccountId& one : market::validators_by_stake(world.state(), kMany)) {
        const std::uint64_t weight =
            market::weight_of(*market::find_validator(world.state(), one),
                              *market::find_stake(world.state(), one, market::Role::validator));
        members = market::extend_members(members, one, weight);
        all += weight;
        if (one == accomplice.id) own = weight;
    }
    const std::vector<Hash> leaves{market::commitment_leaf(id, subject_.job, tree)};
    const std::uint64_t epoch = market::load_chain(world.state()).epoch_next;
    const base::Bytes alpha =
        market::contribution_alpha(world.chain_id(), epoch, market::epoch_root(members, 0, leaves));
    const auto beta = base::vrf_verify(accomplice.vrf.public_key(), alpha,
                                       base::vrf_prove(accomplice.vrf, alpha));
    const std::uint64_t x = market::member_exponent(market::rate_exponent(rate_ppm_), own, all);
    return market::is_drawn(market::contribution_output(*beta), subject_, market::draw_chance(x));
}

void GrindsSalts::finish(const World& world, const base::PartId& id, sim::PartWork& work) {
    ASSERT_EQ(work.leaves.size(), 1U);
    for (std::uint64_t i = 0; i < patience_; ++i) {
        work.leaves[0].salt = sim::numbered(world.options.seed, "salt", i);
        ++tries_;
        const std::vector<Hash> leaves{market::segment_leaf_hash(work.leaves[0])};
        if (drawn_for_accomplice(world, id, market::part_root(leaves))) return;
    }
}

sim::Opinion Accomplice::judge(const World& world, const market::Audit& audit,
                               const std::function<sim::Finding()>& recompute) {
    if (friends_->count(audit.worker) != 0) return sim::guess(world, audit);
    return sim::opinion_of(recompute());
}

sim::WorkerConduct::Drawn HoldsAuditors::drawn(const World& world, const market::Part& part) {
    const bool late = part.deadline.value <= world.live().value + kLastMomentMs;
    return *release_ || late ? Drawn::deliver : Drawn::wait;
}

base::Bytes signed_tree(const World& world, const Person& worker, const market::Lease& lease,
                        std::uint32_t round, std::uint32_t which) {
    const auto job = market::find_job(world.state(), lease.job);
    market::PartCommit commit;
    commit.lease = lease.id;
    commit.round = round;
    commit.tree_root = sim::numbered(world.options.seed, "two trees", which);
    commit.segments =
        market::part_span(0, job->shape.segments_per_round(), job->shape.part_segments).segments;
    commit.start_root = job->init_root;
    commit.end_root = sim::numbered(world.options.seed, "two ends", which);
    commit.end_receipt = world.receipt(commit.end_root);
    market::TransactionHeader header;
    header.chain_id = world.chain_id();
    header.account = worker.id;
    header.nonce = which;
    header.valid_until = base::Height{1};
    header.fee_limit = Amount::of(1);
    return market::build_transaction(header, commit, worker.key);
}

namespace {

/// A challenge of segment 0 of a part with the root that training gives.
market::ChallengeOpen right_challenge(const World& world, const Person& self,
                                      const market::Part& part, market::Role role) {
    const auto job = market::find_job(world.state(), part.key.job);
    market::ChallengeOpen open;
    open.target.part = part.id;
    open.claimed = sim::trained_root(part.start_root, part.key.job, part.key.round, part.key.lane,
                                     part.first_segment);
    if (part.first_segment + 1 == job->shape.segments_per_round() && job->shape.has_merge())
        open.claimed = market::round_end_root(open.claimed, sim::trained_payload(open.claimed));
    open.nonce = nonce_of(self, part.id);
    open.role = role;
    return open;
}

market::Message sealed(const Person& self, const market::ChallengeOpen& open) {
    return market::ChallengeSealPost{
        market::challenge_digest(self.id, open.target, open.claimed, open.nonce)};
}

bool in_pool(const World& world, const Person& self, const market::ChallengeOpen& open) {
    const auto pool = market::find_pool(world.state(), market::pool_id(open.target, open.claimed));
    for (std::uint32_t i = 0; pool && i < pool->members; ++i) {
        const auto member = market::find_pool_member(world.state(), pool->id, i);
        if (member && member->account == self.id) return true;
    }
    return false;
}

std::vector<market::Part> parts_of(const World& world, const Person& worker) {
    std::vector<market::Part> parts;
    for (const market::Job& job : market::jobs(world.state(), std::nullopt, kMany)) {
        if (market::is_terminal(job.state)) continue;
        for (market::Part& part :
             market::parts_of_job(world.state(), job.id, std::nullopt, std::nullopt, kMany)) {
            if (part.key.worker == worker.id) parts.push_back(std::move(part));
        }
    }
    return parts;
}

}  // namespace

std::vector<market::Message> FillsThePool::extra(const World& world) {
    const Person& self = world.workers[seat_];
    std::vector<market::Message> messages;
    for (const market::Part& part : parts_of(world, world.workers[accomplice_])) {
        const auto open = right_challenge(world, self, part, market::Role::worker);
        if (sealed_.insert(part.id).second) {
            messages.push_back(sealed(self, open));
        } else if (part.state == market::PartState::passed && !in_pool(world, self, open)) {
            messages.emplace_back(open);
        }
    }
    for (const market::Dispute& dispute : market::disputes_of_account(
             world.state(), self.id, market::Side::challenger, std::nullopt, kMany)) {
        const bool late = dispute.deadline.value <= world.live().value + kLastMomentMs;
        if (dispute.turn == market::Side::challenger && dispute.deadline.value != 0 && late)
            messages.emplace_back(market::DisputeConcede{dispute.id});
    }
    return messages;
}

std::vector<market::Message> WatchesAndInsists::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    for (const market::Part& part : parts_of(world, world.workers[suspect_])) {
        if (part.state != market::PartState::passed) continue;
        if (world.blocks < seen_.emplace(part.id, world.blocks).first->second + late_) continue;
        const auto open = right_challenge(world, self, part, market::Role::validator);
        const auto leaf = market::opened_leaf(world.state(), part, 0);
        if (!leaf || open.claimed == leaf->end_field) continue;
        if (sealed_.insert(part.id).second) {
            messages.push_back(sealed(self, open));
        } else if (!in_pool(world, self, open)) {
            messages.emplace_back(open);
        }
    }
    return messages;
}

sim::SegmentWork HurriesToItsAuditor::train(const World& world, const sim::SegmentPlace& place,
                                            const Hash&) {
    return {invented(world, place), 0, {}};
}

bool overtaken(const World& world, const Person& challenger) {
    const auto ended = [&](market::DisputeState outcome) {
        return std::any_of(world.events().begin(), world.events().end(),
                           [&](const market::Event& event) {
                               return event.kind == "dispute_closed" &&
                                      attribute(event, "challenger") == challenger.id.hex() &&
                                      attribute(event, "outcome") == market::to_word(outcome);
                           });
    };
    return ended(market::DisputeState::dropped) && !ended(market::DisputeState::upheld);
}

sim::Opinion LazyAboutMerges::judge(const World& world, const market::Audit& audit,
                                    const std::function<sim::Finding()>& recompute) {
    if (audit.claim == market::ClaimKind::merge) return sim::guess(world, audit);
    return sim::opinion_of(recompute());
}

sim::Opinion LeaksCells::judge(const World&, const market::Audit& audit,
                               const std::function<sim::Finding()>& recompute) {
    const sim::Opinion opinion = sim::opinion_of(recompute());
    if (audit.kind == market::AuditKind::audit && !opinion.invalid)
        (*leak_)[{audit.subject, audit.segment}] = opinion.cells;
    return opinion;
}

bool CopiesCells::seals(const World& world, const market::Audit& audit) {
    const bool late = audit.deadline.value <= world.live().value + kLastMomentMs;
    return audit.kind == market::AuditKind::control || late ||
           leak_->count({audit.subject, audit.segment}) != 0;
}

sim::Opinion CopiesCells::judge(const World&, const market::Audit& audit,
                                const std::function<sim::Finding()>& recompute) {
    const auto found = leak_->find({audit.subject, audit.segment});
    if (audit.kind == market::AuditKind::control || found == leak_->end())
        return sim::opinion_of(recompute());
    ++copied;
    return {std::nullopt, found->second, 0, {}};
}

std::optional<base::Bytes> CountingState::get(base::ByteView key) const {
    ++reads_;
    auto found = state_.get(key);
    if (found) touched_.emplace(key.begin(), key.end());
    return found;
}

std::optional<std::pair<base::Bytes, base::Bytes>> CountingState::seek(
    base::ByteView from, base::ByteView prefix) const {
    ++reads_;
    auto found = state_.seek(from, prefix);
    if (found) touched_.insert(found->first);
    return found;
}

void CountingState::put(base::ByteView key, base::ByteView value) {
    ++writes_;
    touched_.emplace(key.begin(), key.end());
    state_.put(key, value);
}

void CountingState::erase(base::ByteView key) {
    ++writes_;
    touched_.emplace(key.begin(), key.end());
    state_.erase(key);
}

}  // namespace assay::attacks
