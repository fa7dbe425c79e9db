#include "schemes.h"

/// Attacks on judgement: A10, A11 of docs/attacks.md.
namespace assay::attacks {
namespace {

/// With 14 % of stake nobody can close an honest job, nor make it cost more than it held: there is
/// nobody whose opinion could be asked, and a game about the initial state or a segment is won by
/// who is right.
TEST(Attack, A10_SmallStakeAgainstAnHonestJob) {
    constexpr std::size_t kHonest = 6, kAccomplices = 7;
    std::size_t games = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 2;
        options.validators = kHonest + kAccomplices;
        ValidatorSeats validators;
        for (std::size_t i = 0; i < kHonest; ++i) options.validator_stakes[i] = 430'000'000'000;
        for (std::size_t i = kHonest; i < kHonest + kAccomplices; ++i) {
            options.validator_stakes[i] = 60'000'000'000;
            validators[i] = sim::conduct_of(sim::ValidatorKind::always_invalid);
        }
        Stage stage(options, {}, std::move(validators));
        stage.offer({{0, 1000}, {1, 1001}});
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.finish(job));
        EXPECT_EQ(stage.job(job).state, market::JobState::completed)
            << market::to_word(stage.job(job).reason);
        const World& world = stage.world;
        for (const Person& worker : world.workers)
            EXPECT_EQ(world.stake_of(worker, market::Role::worker), kStake);
        for (std::size_t i = 0; i < kHonest; ++i)
            expect_unharmed(world, world.validators[i], market::Role::validator,
                            Amount::of(430'000'000'000));
        games += world.count_events("dispute_closed");
    }
    EXPECT_GT(games, 0U);
    figures("A10", "10 of 10 honest jobs completed, " + std::to_string(games) +
                       " games won by who was right");
}

struct ChallengedFakes {
    std::size_t jobs = 0, final = 0, convicted = 0;
    std::uint64_t paid = 0, cost = 0;
};

/// Fakes that no auditor draws and one honest validator challenges, with so many accomplices in
/// front of it.
ChallengedFakes challenged_fakes(std::size_t accomplices) {
    ChallengedFakes sum;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        WorldOptions options = options_of(seed);
        options.workers = 5;
        options.validators = 4;
        options.rate_ppm = 100'000;
        WorkerSeats workers;
        workers[0] = std::make_unique<Liar>();
        for (std::size_t i = 1; i <= accomplices; ++i)
            workers[i] = std::make_unique<FillsThePool>(i, 0);
        ValidatorSeats validators;
        options.validator_stakes[3] = kStake.grains() / 1'000;
        validators[3] = std::make_unique<WatchesAndInsists>(0);
        Stage stage(options, std::move(workers), std::move(validators));
        World& world = stage.world;
        stage.offer({{0, 1'000'000}});
        const base::JobId job = stage.post();
        const auto lost = [&](std::size_t seat) {
            return (kStake - world.stake_of(world.workers[seat], market::Role::worker)).grains();
        };
        for (int i = 0; i < 2'000 && !market::is_terminal(stage.job(job).state); ++i) {
            if (lost(0) != 0) break;
            stage.step();
        }
        // What an auditor found by itself shows nothing about challenges.
        if (segment_drawn(world, job)) continue;
        ++sum.jobs;
        sum.final += stage.job(job).state == market::JobState::completed ? 1 : 0;
        sum.convicted += lost(0) != 0 ? 1 : 0;
        sum.paid += paid_to(world, world.workers[0], "segments").grains();
        for (std::size_t i = 1; i <= accomplices; ++i) sum.cost += lost(i);
    }
    return sum;
}

/// However many take the right root and play badly, one honest challenger is enough.
TEST(Attack, A11_FullPoolOfAccomplices) {
    const ChallengedFakes control = challenged_fakes(0);
    EXPECT_GT(control.jobs, 0U);
    EXPECT_EQ(control.convicted, control.jobs);
    const ChallengedFakes fakes = challenged_fakes(4);
    EXPECT_GT(fakes.jobs, 0U);
    EXPECT_EQ(fakes.final, 0U) << "made-up work is final though it was challenged";
    EXPECT_EQ(fakes.convicted, fakes.jobs);
    EXPECT_EQ(fakes.paid, 0U) << "cheats were paid";
    figures("A11", std::to_string(fakes.final) + " of " + std::to_string(fakes.jobs) +
                       " fakes final though an honest validator challenged each; cheats paid " +
                       std::to_string(fakes.paid) + " grains, four accomplices each lost " +
                       std::to_string(fakes.cost) + " in all; without accomplices " +
                       std::to_string(control.convicted) + " of " + std::to_string(control.jobs) +
                       " convicted");
}

}  // namespace
}  // namespace assay::attacks
