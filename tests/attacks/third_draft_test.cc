#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "market/rules.h"
#include "schemes.h"

/// What an outside adversary found: each test states what must hold, and failed before it was
/// answered.
namespace assay::attacks {
namespace {

constexpr std::uint64_t kAlmost = 1'000;
constexpr std::uint32_t kTurns = 40;  ///< twenty minutes of grace after grace

/// Takes lanes and trains nothing.
class Squats final : public sim::WorkerConduct {
  public:
    bool commits(const World&, const market::Job&, const market::Lease&) override { return false; }
};

/// Lets time pass until `due` is nearly there, asks for a chunk of the job's data that is there,
/// lets `due` pass, and shows the chunk itself: the bond comes back.
void ask_over(Stage& stage, const Person& asker, const base::JobId& job, std::uint64_t due,
              std::uint64_t chunk) {
    World& world = stage.world;
    while (world.live().value + kAlmost < due) {
        stage.tick(std::min<std::uint64_t>(due - kAlmost - world.live().value, 4'000));
        for (sim::Validator& validator : stage.validators) validator.act();
    }
    const market::StoredTarget data{market::StoredKind::data, job.hash, 0};
    world.send(asker, market::ChunkAsk{data, chunk});
    world.block();
    ASSERT_TRUE(market::find_question(world.state(), market::chunk_question_id(data, chunk)))
        << world.refusals_text();
    while (world.live().value <= due) stage.tick(kAlmost);
    if (const auto question =
            market::find_question(world.state(), market::chunk_question_id(data, chunk)))
        world.send(asker, *world.answer_to(*question));
    world.block();
}

/// A lane goes on without a worker that does nothing, whatever is asked meanwhile.
TEST(Attack, F2_ChunkQuestionsHoldALane) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    WorkerSeats seats;
    seats[0] = std::make_unique<Squats>();
    Stage stage(options, std::move(seats));
    stage.offer({{0, 1000}});
    World& world = stage.world;
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.until([&] { return world.count_events("lease_started") == 1; }));
    stage.offer({{1, 2000}});
    const Person& squatter = world.workers[0];
    const Amount before = world.wealth_of(squatter);
    std::uint32_t held = 0;
    for (; held < kTurns; ++held) {
        const auto lane = market::find_lane(world.state(), job, 0);
        const auto lease = market::find_lease(world.state(), lane->lease);
        if (!lease || lease->worker != squatter.id || market::is_terminal(stage.job(job).state))
            break;
        ask_over(stage, squatter, job, lease->deadline.value, held % 2);
        if (HasFatalFailure()) return;
    }
    const market::Job now = stage.job(job);
    figures("F2", "a lane held for " + std::to_string(held) + " deadlines, for " +
                      (before - world.wealth_of(squatter)).decimal() +
                      " grains in fees; then the job is " +
                      std::string(market::to_word(now.state)) + " (" +
                      std::string(market::to_word(now.reason)) + ")");
    EXPECT_LE(held, 10U) << "its worker has eight extensions";
    EXPECT_EQ(now.state, market::JobState::running) << "the lane goes to another worker";
}

/// The merge goes to the next member when the one whose turn it is is silent, whatever is asked
/// meanwhile.
TEST(Attack, F2_ChunkQuestionsHoldAMerge) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    options.lanes = 2;
    options.rounds = 2;
    Stage stage(options);
    stage.offer({{0, 1000}, {1, 2000}});
    World& world = stage.world;
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.until([&] { return world.count_events("round_closed") == 1; }));
    const auto round = market::find_round(world.state(), job, 0);
    const Person& silent = world.person(round->members.at(0).worker);
    const Amount before = world.wealth_of(silent);
    std::uint32_t held = 0;
    for (; held < kTurns; ++held) {
        const auto merge = market::find_merge(world.state(), job, 0);
        if (!merge || merge->state != market::MergeState::waiting || merge->turn != 0) break;
        ask_over(stage, silent, job, merge->deadline.value, held % 2);
        if (HasFatalFailure()) return;
    }
    figures("F2", "a merge held for " + std::to_string(held) + " turns, for " +
                      (before - world.wealth_of(silent)).decimal() + " grains in fees");
    EXPECT_LT(held, kTurns) << "a job that never ends";
}

/// Posts wrong merges, gives each up when it is found, and trains and is paid as if nothing had
/// been.
class PostsAndConcedes final : public sim::WorkerConduct {
  public:
    base::Hash merge(const World& world, const market::Job& job, const base::Hash&) override {
        return sim::numbered(world.options.seed, "wrong merge", job.round);
    }
    sim::Play plays(const World&, const market::Dispute& dispute) override {
        return dispute.target == market::DisputeTarget::merge ? sim::Play::concede
                                                              : sim::Play::move;
    }
};

/// Whoever works has its whole lock at stake: a lease of which a part was taken ends.
TEST(Attack, F3_ConcededMergesEatTheLockOfALeaseThatGoesOn) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    options.lanes = 2;
    options.rounds = 12;
    WorkerSeats seats;
    seats[0] = std::make_unique<PostsAndConcedes>();
    Stage stage(options, std::move(seats));
    stage.offer({{0, 1000}, {1, 1000}});
    World& world = stage.world;
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.until([&] { return world.count_events("lease_started") == 2; }));
    const auto lease_of = [&] {
        return market::leases_of_worker(world.state(), world.workers[0].id, std::nullopt, 1).at(0);
    };
    const Amount lock = lease_of().lock;
    Amount least = lock;
    std::size_t wrong = 0;
    stage.until([&] {
        const market::Lease lease = lease_of();
        if (lease.state == market::LeaseState::active && lease.lock < least) {
            least = lease.lock;
            ++wrong;
        }
        return market::is_terminal(stage.job(job).state);
    });
    figures("F3",
            "lock " + lock.decimal() + ", least lock of the active lease " + least.decimal() +
                ", " + std::to_string(count_where(world, "merge_audited", "outcome", "refuted")) +
                " wrong merges, paid " + paid_to(world, world.workers[0], "segments").decimal() +
                ", slashed " + std::to_string(wrong) + " times, job " +
                std::string(market::to_word(stage.job(job).state)));
    EXPECT_EQ(least, lock) << "it trains on with less than its lock";
}

/// Trains honestly, and tries salts until an accomplice is drawn to audit it.
class GrindsForPay final : public sim::WorkerConduct {
  public:
    GrindsForPay(std::size_t accomplice, std::uint64_t patience)
        : accomplice_(accomplice), patience_(patience) {}
    bool commits(const World& world, const market::Job&, const market::Lease& lease) override {
        rate_ppm_ = lease.rate_ppm;
        return !market::load_chain(world.state()).epoch_open;
    }
    sim::SegmentWork train(const World&, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override {
        subject_ = {
            market::ClaimKind::segment, place.job, place.round, place.lane, place.segment, {}};
        return {honest_end, sim::kWhole, {}};
    }
    void finish(const World& world, const base::PartId& id, sim::PartWork& work) override {
        for (std::uint64_t i = 0; i < patience_; ++i) {
            work.leaves[0].salt = sim::numbered(world.options.seed, "salt", i);
            ++tries;
            const std::vector<base::Hash> leaves{market::segment_leaf_hash(work.leaves[0])};
            if (drawn(world, id, market::part_root(leaves))) return;
        }
    }
    std::uint64_t tries = 0;

  private:
    [[nodiscard]] bool drawn(const World& world, const base::PartId& id,
                             const base::Hash& tree) const {
        const Person& accomplice = world.validators[accomplice_];
        base::Hash members;
        std::uint64_t all = 0, own = 0;
        for (const base::AccountId& one : market::validators_by_stake(world.state(), 100)) {
            const std::uint64_t weight =
                market::weight_of(*market::find_validator(world.state(), one),
                                  *market::find_stake(world.state(), one, market::Role::validator));
            members = market::extend_members(members, one, weight);
            all += weight;
            if (one == accomplice.id) own = weight;
        }
        const std::vector<base::Hash> leaves{market::commitment_leaf(id, subject_.job, tree)};
        const std::uint64_t epoch = market::load_chain(world.state()).epoch_next;
        const base::Bytes alpha = market::contribution_alpha(
            world.chain_id(), epoch, market::epoch_root(members, 0, leaves));
        const auto beta = base::vrf_verify(accomplice.vrf.public_key(), alpha,
                                           base::vrf_prove(accomplice.vrf, alpha));
        const std::uint64_t x = market::member_exponent(market::rate_exponent(rate_ppm_), own, all);
        return market::is_drawn(market::contribution_output(*beta), subject_,
                                market::draw_chance(x));
    }
    std::size_t accomplice_;
    std::uint64_t patience_;
    market::DrawSubject subject_;
    std::uint32_t rate_ppm_ = 0;
};

/// What a worker tries in private decides little of what an honest submitter pays its friend.
TEST(Attack, F7_AFriendIsPaidForAtMostOneAuditOfEachSegment) {
    const auto run = [](std::uint64_t patience, Amount& auditors) {
        WorldOptions options = options_of(3);
        options.workers = 1;
        options.lanes = 1;
        options.round_steps = 40 * 20;
        options.validator_stakes[2] =
            40'000'000'000;  // 2 % of the stake: 40,000 segments' worth, far above one audit's lock
        WorkerSeats seats;
        if (patience > 0) seats[0] = std::make_unique<GrindsForPay>(2, patience);
        Stage stage(options, std::move(seats));
        stage.offer({{0, 100'000}});
        const base::JobId job = stage.post();
        EXPECT_TRUE(stage.until([&] { return market::is_terminal(stage.job(job).state); }));
        auditors = stage.job(job).spent.auditors;
        figures("F7", "patience " + std::to_string(patience) + ": job " +
                          std::string(market::to_word(stage.job(job).state)) + ", worker paid " +
                          paid_to(stage.world, stage.world.workers[0], "segments").decimal() +
                          ", auditors " + auditors.decimal() +
                          ", of it the accomplice with 2 % of the weight " +
                          paid_to(stage.world, stage.world.validators[2], "audit").decimal() +
                          ", refunded " + stage.job(job).spent.refunded.decimal() + ", held " +
                          stage.job(job).held.decimal() + ", lanes waited " +
                          std::to_string(stage.world.count_events("lane_waits")));
        return paid_to(stage.world, stage.world.validators[2], "audit");
    };
    Amount fair, ground;
    const Amount before = run(0, fair);
    const Amount after = run(5'000, ground);
    // Open: a worker may choose the salt with which its friend draws its segments. Nobody honest is
    // drawn less for it, so no fake gets through; the submitter pays at most one more audit a
    // segment, and never more than it holds.
    constexpr std::uint64_t kSegments = 40, kPrice = 1'000'000;
    EXPECT_LE(after, before + Amount::of(kSegments * kPrice * 3 / 2));
    EXPECT_LE(ground, fair + Amount::of(kSegments * kPrice * 3 / 2));
}

/// What one transaction makes every node do does not grow with the product of parts and questions.
TEST(Attack, F8_AConvictionReadsAllQuestionsForEveryPart) {
    constexpr std::uint32_t kLanes = 8, kPartsPerLane = 64, kAskers = 64, kEach = 60;
    WorldOptions options = options_of(1);
    options.lanes = kLanes;
    options.rounds = 2;
    options.round_steps = kPartsPerLane * 20;
    options.workers = kAskers + 1;
    options.worker_stakes[0] = 1'000'000'000'000'000;
    options.supply_every = 1'000;
    options.blob_bytes = 64;
    options.books_every = 0;
    options.tune = [](market::Parameters& p) { p.unfinal_rounds_max = 2; };
    options.round_deadline_s = 86'400;
    Stage stage(options);
    World& world = stage.world;
    stage.offer({{0, 1000}}, kLanes);
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.until([&] { return world.count_events("lease_started") == kLanes; }));
    for (std::uint32_t i = 0;
         i < 2 * kPartsPerLane && world.count_events("part_committed") < kLanes * kPartsPerLane;
         ++i) {
        stage.workers[0].act();
        world.block();
    }
    const auto leases =
        market::leases_of_worker(world.state(), world.workers[0].id, std::nullopt, 1);
    const market::EquivocationReport report{
        signed_tree(world, world.workers[0], leases.front(), 0, 0),
        signed_tree(world, world.workers[0], leases.front(), 0, 1)};
    const auto measure = [&](std::string_view when) {
        const World::Moment moment = world.moment();
        CountingState state(moment.state);
        const base::Bytes raw = world.build(world.workers[1], report);
        const market::BlockContext block{base::Height{moment.height.value + 1},
                                         base::TimeMs{moment.time.value + 1}, moment.log_size,
                                         moment.log_root, &world.truth()};
        std::vector<market::Event> events;
        const auto begun = std::chrono::steady_clock::now();
        const market::TransactionResult result = market::apply(state, block, raw, events);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - begun)
                              .count();
        EXPECT_EQ(result.code, market::Refusal::none);
        figures("F8", std::string(when) + ": " + std::to_string(state.reads()) + " reads, " +
                          std::to_string(took) + " ms at a weight of " +
                          std::to_string(market::message_weight(report, raw.size())));
        return state.reads();
    };
    const std::uint64_t before = measure("no question open");
    world.block();
    const auto parts = market::parts_of_job(world.state(), job, 0, std::nullopt, 1'000);
    ASSERT_EQ(parts.size(), kLanes * kPartsPerLane);
    for (std::uint32_t asker = 0; asker < kAskers; ++asker) {
        for (std::uint32_t i = 0; i < kEach; ++i)
            world.send(world.workers[asker + 1],
                       market::StateAsk{{market::StoredKind::checkpoint,
                                         parts[(asker * kEach + i) % parts.size()].id.hash, 0}});
    }
    world.block();
    figures("F8", std::to_string(world.count_events("question_opened")) + " questions open");
    const std::uint64_t after = measure("with them");
    EXPECT_LE(after, 10 * before);
}

/// Who owes the merge and is silent pays for it, and the job goes on with somebody else.
TEST(Attack, F13_ASilentMergerEndsAJobForNothing) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    options.lanes = 1;
    options.rounds = 5;
    Stage stage(options);
    stage.offer({{0, 100'000}, {1, 100'000}});
    World& world = stage.world;
    const Amount before = world.wealth_of(world.workers[0]);
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.until([&] { return world.count_events("round_closed") == 2; }));
    const market::Round round =
        market::find_round(world.state(), job, stage.job(job).round).value();
    const std::size_t seat = round.members.at(0).worker == world.workers[0].id ? 0 : 1;
    const Amount stake = world.stake_of(world.workers[seat], market::Role::worker);
    // It stops right after its part has passed; everybody else goes on.
    for (int i = 0; i < 2'000 && !market::is_terminal(stage.job(job).state); ++i) {
        const sim::Snapshot seen = sim::snapshot(world);
        stage.workers[1 - seat].act(seen);
        for (sim::Validator& validator : stage.validators) validator.act(seen);
        world.block();
    }
    const market::Job now = stage.job(job);
    figures("F13",
            "job " + std::string(market::to_word(now.state)) + " (" +
                std::string(market::to_word(now.reason)) + ") with " +
                std::to_string(now.final_rounds) + " of 5 rounds final; its worker was paid " +
                paid_to(world, world.workers[seat], "segments").decimal() + ", its stake " +
                std::string(world.stake_of(world.workers[seat], market::Role::worker) == stake
                                ? "whole"
                                : "smaller") +
                ", gained " + (world.wealth_of(world.workers[seat]) - before).decimal());
    EXPECT_EQ(now.state, market::JobState::completed) << "another worker was there";
}

/// Who takes a lane and gives it back without work pays for the time in which nobody else could
/// have it.
TEST(Attack, F20_LanesAreHeldForNothingByWhoLeavesInTime) {
    WorldOptions options = options_of(1);
    options.workers = 3;
    options.round_deadline_s = 3'600;
    WorkerSeats seats;
    seats[0] = std::make_unique<Squats>();
    seats[1] = std::make_unique<Squats>();
    Stage stage(options, std::move(seats));
    World& world = stage.world;
    for (std::size_t seat = 0; seat < 2; ++seat) {
        market::OfferPost offer;
        offer.price_per_gflop = Amount::of(1'000 + seat);
        offer.segment_ms = 3'599'000;  // what the submitter waits for a round, and no more
        offer.profile = "f32";
        offer.memory_bytes = std::uint64_t{1} << 40U;
        offer.flops_per_second = 1'000'000'000'000;
        offer.slots = 1;
        offer.bond = Amount::of(1'000'000'000);
        world.send(world.workers[seat], offer);
        world.block();
        ASSERT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
    }
    stage.offer({{2, 100'000}});  // honest, and dearer
    const Amount before = wealth(world, {&world.workers[0], &world.workers[1]});
    const base::JobId job = stage.post();
    std::size_t left = 0;
    for (int i = 0; i < 20'000 && !market::is_terminal(stage.job(job).state); ++i) {
        const auto lane = market::find_lane(world.state(), job, 0);
        const auto lease = market::find_lease(world.state(), lane->lease);
        const bool squats =
            lease && lease->worker != world.workers[2].id && lease->deadline.value != 0;
        if (squats && lease->deadline.value <= world.live().value + 10'000) {
            world.send(world.person(lease->worker), market::LeaseLeave{lease->id});
            ++left;
        } else if (squats) {
            stage.tick(4'000);
            continue;
        }
        stage.step();
    }
    const market::Job now = stage.job(job);
    // Every tick gives the first of them a grain.
    const Amount after = wealth(world, {&world.workers[0], &world.workers[1]});
    const Amount lost = before > after ? before - after : Amount{};
    figures("F20", "job " + std::string(market::to_word(now.state)) + " (" +
                       std::string(market::to_word(now.reason)) + ") after " +
                       std::to_string(world.live().value / 1000) + " s, lanes given back " +
                       std::to_string(left) + " times, for " + lost.decimal() +
                       " grains and the fees");
    EXPECT_TRUE(world.live().value < 600'000 || lost >= Amount::of(500'000))
        << "the bond of a part is what a lane costs that is not worked";
}

}  // namespace
}  // namespace assay::attacks
