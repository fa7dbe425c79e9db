#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "market/rules.h"
#include "schemes.h"

/// What an outside adversary found: each test states what must hold, and failed before it was
/// answered.
namespace assay::attacks {
namespace {

/// What three accounts of one owner share: the cheat is accused, and its friends take the job back
/// to before its work.
struct Ring {
    base::JobId job;
    base::AccountId cheat, poster;
    std::set<std::uint32_t> used;  ///< rounds in which the way out was taken
    std::size_t fakes = 0;
};

/// Fakes its segment while a way out is left; waits in its games.
class FakesWithAWayOut final : public sim::WorkerConduct {
  public:
    explicit FakesWithAWayOut(std::shared_ptr<Ring> ring) : ring_(std::move(ring)) {}
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override {
        if (place.round == 0 || ring_->used.contains(place.round))
            return {honest_end, sim::kWhole, {}};
        ++ring_->fakes;
        return {sim::numbered(world.options.seed, "ring fake", place.round), 0, {}};
    }
    sim::Play plays(const World&, const market::Dispute&) override { return sim::Play::wait; }

  private:
    std::shared_ptr<Ring> ring_;
};

/// Posts right merges and concedes them.
class ConcedesRightMerges final : public sim::WorkerConduct {
  public:
    sim::Play plays(const World&, const market::Dispute& dispute) override {
        return dispute.target == market::DisputeTarget::merge ? sim::Play::concede
                                                              : sim::Play::move;
    }
};

/// Seals a false challenge of every merge that its friend posts, and opens it when the cheat of the
/// round after it is accused.
class ChallengesOnCall final : public sim::WorkerConduct {
  public:
    ChallengesOnCall(std::shared_ptr<Ring> ring, std::size_t seat)
        : ring_(std::move(ring)), seat_(seat) {}
    bool accepts(const World&, const market::Job&, const market::Reservation&) override {
        return false;
    }
    std::vector<market::Message> extra(const World& world) override {
        std::vector<market::Message> out;
        if (ring_->job.is_zero()) return out;
        const base::AccountId self = world.workers[seat_].id;
        const market::Job job = market::find_job(world.state(), ring_->job).value();
        const base::Hash claimed = sim::numbered(world.options.seed, "false merge");
        for (std::uint32_t round = job.final_rounds; round <= job.round && round < job.shape.rounds;
             ++round) {
            const auto merge = market::find_merge(world.state(), job.id, round);
            if (!merge || merge->state != market::MergeState::posted ||
                merge->poster != ring_->poster || merge->commitment.is_zero())
                continue;
            const market::ChallengeTarget target{market::DisputeTarget::merge, merge->commitment, 0,
                                                 job.id, round};
            if (sealed_.insert(merge->commitment).second) {
                out.emplace_back(market::ChallengeSealPost{
                    market::challenge_digest(self, target, claimed, nonce())});
                continue;
            }
        }
        for (const market::Dispute& dispute : market::disputes_of_account(
                 world.state(), ring_->cheat, market::Side::asserter, std::nullopt, 10)) {
            if (dispute.target != market::DisputeTarget::segment ||
                dispute.state != market::DisputeState::open || dispute.round == 0)
                continue;
            const auto merge = market::find_merge(world.state(), job.id, dispute.round - 1);
            if (!merge || !sealed_.contains(merge->commitment) ||
                !opened_.insert(merge->commitment).second)
                continue;
            ring_->used.insert(dispute.round);
            out.emplace_back(market::ChallengeOpen{
                {market::DisputeTarget::merge, merge->commitment, 0, job.id, dispute.round - 1},
                claimed,
                nonce(),
                market::Role::worker});
        }
        return out;
    }

  private:
    [[nodiscard]] base::Hash nonce() const {
        return base::blake2b("attack.ring", base::view_of("nonce"));
    }
    std::shared_ptr<Ring> ring_;
    std::size_t seat_;
    std::set<base::PartId> sealed_, opened_;
};

/// Nobody's friends take back the work that it is accused of.
TEST(Attack, F14_AFriendConcedesTheMergeBeforeAndTheAccusedWorkIsVoid) {
    WorldOptions options = options_of(5);
    options.workers = 3;
    options.lanes = 2;
    options.rounds = 60;
    const auto ring = std::make_shared<Ring>();
    WorkerSeats seats;
    seats[0] = std::make_unique<ConcedesRightMerges>();
    seats[1] = std::make_unique<FakesWithAWayOut>(ring);
    seats[2] = std::make_unique<ChallengesOnCall>(ring, 2);
    Stage stage(options, std::move(seats));
    stage.offer({{0, 99'000}, {1, 100'000}});
    World& world = stage.world;
    ring->poster = world.workers[0].id;
    ring->cheat = world.workers[1].id;
    const std::vector<const Person*> owner{&world.workers[0], &world.workers[1], &world.workers[2]};
    const Amount before = wealth(world, owner);
    const base::JobId job = stage.post();
    ring->job = job;
    stage.finish(job, 60'000);
    const market::Job now = stage.job(job);
    const Amount stake_left = world.stake_of(world.workers[1], market::Role::worker);
    std::size_t stood = 0;
    for (const base::Bytes& bytes : market::history_of(world.state(), job, 0, 100'000)) {
        const auto entry = market::decode<market::JobHistoryEntry>(bytes);
        const auto* part = std::get_if<market::PartPassed>(&*entry);
        if (part != nullptr && part->key.worker == ring->cheat &&
            part->end_root == sim::numbered(world.options.seed, "ring fake", part->key.round))
            ++stood;
    }
    figures("F14",
            "job " + std::string(market::to_word(now.state)) + " with " +
                std::to_string(now.final_rounds) + " of 60 rounds; " + std::to_string(ring->fakes) +
                " fakes, accused and taken back " + std::to_string(ring->used.size()) +
                ", passed " + std::to_string(stood) + ", convictions of the cheat " +
                std::to_string(count_where(world, "slashed", "worker", ring->cheat.hex())) +
                ", its stake " + stake_left.decimal() + ", the poster's stake " +
                world.stake_of(world.workers[0], market::Role::worker).decimal() + ", coalition " +
                before.decimal() + " -> " + wealth(world, owner).decimal() +
                ", paid to the cheat " + paid_to(world, world.workers[1], "segments").decimal());
    EXPECT_LE(stood, 12U) << "a fake passes with chance 0.55, and the first one that does not "
                             "costs the lock and the lane: 1.2 expected";
    EXPECT_LT(stake_left, kStake) << "accused, and nothing lost";
}

/// Invents states, and makes its own queue of questions long before anybody asks: it asks itself
/// for a chunk and shows it, again and again.
class QueuesUpQuestions final : public sim::WorkerConduct {
  public:
    QueuesUpQuestions(std::shared_ptr<Phantoms> phantoms, std::uint32_t pairs)
        : phantoms_(std::move(phantoms)), left_(pairs) {}
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override {
        if (place.index == 0 && place.round == 0 && place.segment > 0) return {honest_end, 0, {}};
        const base::Hash root = base::Hasher("attack.queue")
                                    .add_u64(world.options.seed)
                                    .add_u32(place.segment)
                                    .finish();
        phantoms_->insert(root);
        return {root, 0, {}};
    }
    /// The one that was asked last keeps the queue; it is due long after the others.
    bool answers(const World&, const market::Question& question) override {
        return question.kind == market::QuestionKind::chunk && question.chunk == 2 && left_ == 0;
    }
    std::vector<market::Message> extra(const World& world) override {
        std::vector<market::Message> out;
        const base::AccountId self = world.workers[0].id;
        for (const market::Lease& lease :
             market::leases_of_worker(world.state(), self, std::nullopt, 1)) {
            const auto parts = market::parts_of_lane(world.state(), lease.job, 0, lease.lane);
            if (parts.empty() || left_ == 0) return out;
            const market::StoredTarget target{market::StoredKind::checkpoint, parts[0].id.hash, 0};
            const auto bytes = world.stored(parts[0].end_blob);
            if (!anchored_) {
                anchored_ = true;
                out.emplace_back(market::ChunkAsk{target, 2});
            }
            for (std::uint32_t i = 0; i < 150 && left_ > 0; ++i, --left_) {
                const base::ProvedChunk proved = base::prove_chunk(*bytes, 0);
                out.emplace_back(market::ChunkAsk{target, 0});
                out.emplace_back(market::ChunkAnswer{market::chunk_question_id(target, 0),
                                                     proved.bytes, proved.proof});
            }
            if (left_ == 0) out.emplace_back(market::ChunkAsk{target, 1});
        }
        return out;
    }

  private:
    std::shared_ptr<Phantoms> phantoms_;
    std::uint32_t left_;
    bool anchored_ = false;
};

/// While an auditor waits for the answer to its question it misses nothing, however long that
/// takes.
TEST(Attack, F15_AQueueOfOwnQuestionsMakesHonestAuditorsMiss) {
    std::uint64_t fines = 0, lost = 0;
    std::size_t misses = 0, jobs = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.round_steps = 120;
        options.part_segments = 6;
        options.supply_every = 50;
        options.books_every = 0;
        const auto phantoms = std::make_shared<Phantoms>();
        WorkerSeats workers;
        workers[0] = std::make_unique<QueuesUpQuestions>(phantoms, 1'800);
        ValidatorSeats validators;
        for (std::size_t i = 0; i < 3; ++i)
            validators[i] = std::make_unique<HonestButBlind>(phantoms);
        Stage stage(options, std::move(workers), std::move(validators));
        stage.offer({{0, 1000}});
        World& world = stage.world;
        const Amount before = world.wealth_of(world.workers[0]);
        const base::JobId job = stage.post();
        stage.until(
            [&] {
                return world.stake_of(world.workers[0], market::Role::worker) < kStake ||
                       market::is_terminal(stage.job(job).state);
            },
            20'000);
        std::uint64_t here = 0;
        for (const Person& validator : world.validators) here += fined(world, validator).grains();
        figures("F15", "seed " + std::to_string(seed) + ": honest auditors fined " +
                           std::to_string(here) + " in " +
                           std::to_string(world.count_events("audit_missed")) +
                           " misses, the cheat lost " +
                           (before - world.wealth_of(world.workers[0])).decimal() + ", live " +
                           std::to_string(world.live().value / 1000) + " s, job " +
                           std::string(market::to_word(stage.job(job).state)));
        fines += here;
        lost += (before - world.wealth_of(world.workers[0])).grains();
        misses += world.count_events("audit_missed");
        ++jobs;
    }
    EXPECT_EQ(fines, 0U) << "honest auditors whose questions were open";
    EXPECT_EQ(misses, 0U);
}

/// Questions about work that is void end with it, however many others are open.
TEST(Attack, F19_AQuestionSurvivesItsRoundAndStopsTheChain) {
    constexpr std::size_t kFirstAsker = 3, kAskers = 67, kEach = 62;
    WorldOptions options = options_of(1);
    options.workers = kFirstAsker + kAskers;
    options.lanes = 2;
    options.rounds = 3;
    options.round_steps = 40 * 20;
    options.supply_every = 100;
    options.blob_bytes = 64;
    options.books_every = 0;
    WorkerSeats seats;
    seats[0] = std::make_unique<ConcedesRightMerges>();
    Stage stage(options, std::move(seats));
    stage.offer({{0, 1000}, {1, 2000}});
    World& world = stage.world;
    const base::JobId job = stage.post();
    const auto part_of_second = [&]() -> std::optional<market::Part> {
        for (const market::Part& part :
             market::parts_of_job(world.state(), job, 1, std::nullopt, 100)) {
            if (part.key.worker == world.workers[1].id &&
                part.state == market::PartState::committed)
                return part;
        }
        return std::nullopt;
    };
    ASSERT_TRUE(stage.until([&] { return part_of_second().has_value(); }, 20'000));
    const auto merge = market::find_merge(world.state(), job, 0);
    ASSERT_EQ(merge->poster, world.workers[0].id);
    const market::ChallengeTarget target{market::DisputeTarget::merge, merge->commitment, 0, job,
                                         0};
    const base::Hash claimed = base::blake2b("attack.claim", base::view_of("x")),
                     nonce = base::blake2b("attack.nonce", base::view_of("x"));
    world.send(world.workers[2], market::ChallengeSealPost{market::challenge_digest(
                                     world.workers[2].id, target, claimed, nonce)});
    world.block();
    // Many questions about the round that stands, and one about the one that will not.
    const auto parts = market::parts_of_job(world.state(), job, 0, std::nullopt, 1'000);
    std::vector<base::PartId> passed;
    for (const market::Part& part : parts) {
        if (part.state == market::PartState::passed) passed.push_back(part.id);
    }
    ASSERT_GE(passed.size(), kEach);
    for (std::size_t asker = 0; asker < kAskers; ++asker) {
        for (std::size_t i = 0; i < kEach; ++i)
            world.send(world.workers[kFirstAsker + asker],
                       market::StateAsk{{market::StoredKind::checkpoint, passed[i].hash, 0}});
    }
    const auto late = part_of_second();
    ASSERT_TRUE(late.has_value());
    const market::StoredTarget about{market::StoredKind::checkpoint, late->id.hash, 0};
    world.send(world.submitter, market::StateAsk{about});
    world.block();
    const base::Hash question = market::state_question_id(about, world.submitter.id);
    ASSERT_TRUE(market::find_question(world.state(), question)) << world.refusals_text();
    figures("F19", std::to_string(world.count_events("question_opened")) + " questions open");
    world.send(world.workers[2],
               market::ChallengeOpen{target, claimed, nonce, market::Role::worker});
    world.block();
    ASSERT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
    const auto games = market::disputes_of_account(world.state(), world.workers[0].id,
                                                   market::Side::asserter, std::nullopt, 10);
    ASSERT_EQ(games.size(), 1U);
    world.send(world.workers[0], market::DisputeConcede{games[0].id});
    world.block();
    ASSERT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
    ASSERT_EQ(market::find_part(world.state(), late->id)->state, market::PartState::void_);
    EXPECT_FALSE(market::find_question(world.state(), question))
        << "a question about a part that is void";
    if (std::getenv("ASSAY_SHOW_THE_STOP") == nullptr) return;
    // The round opens again, with no question counted; then this one ends.
    for (int i = 0; i < 20'000 && market::find_question(world.state(), question); ++i) stage.step();
    figures("F19", "went on");
}

}  // namespace
}  // namespace assay::attacks
