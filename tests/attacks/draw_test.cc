#include "schemes.h"

/// Attacks on who audits what: A1, A2, A6 of docs/attacks.md.
namespace assay::attacks {
namespace {

/// Nobody can start from a state that nobody has, so nobody can judge what a cheat makes up after
/// it. That must be neither pay for the cheat nor a fault of who could not judge: not where
/// everything is drawn, and not where only what comes after the invention is.
TEST(Attack, A1_InventedStates) {
    std::size_t asked = 0;
    for (const std::uint32_t rate : {1'000'000U, 450'000U}) {
        for (std::uint64_t seed = 1; seed <= 6; ++seed) {
            SCOPED_TRACE("rate " + std::to_string(rate) + " seed " + std::to_string(seed));
            WorldOptions options = options_of(seed);
            options.workers = 1;
            options.round_steps = 120;
            options.part_segments = 6;
            options.rate_ppm = rate;
            const auto phantoms = std::make_shared<Phantoms>();
            WorkerSeats workers;
            workers[0] = std::make_unique<InventsStates>(phantoms);
            ValidatorSeats validators;
            for (std::size_t i = 0; i < 3; ++i)
                validators[i] = std::make_unique<HonestButBlind>(phantoms);
            Stage stage(options, std::move(workers), std::move(validators));
            stage.offer({{0, 1000}});
            const base::JobId job = stage.post();
            const Person& cheat = stage.world.workers[0];
            const auto convicted = [&] {
                return stage.world.stake_of(cheat, market::Role::worker) < kStake;
            };
            stage.until([&] { return convicted() || market::is_terminal(stage.job(job).state); });
            ASSERT_FALSE(phantoms->empty());
            // Six segments at 45 %: one in 36 goes undrawn. None of these seeds does.
            EXPECT_TRUE(convicted());
            EXPECT_EQ(paid_to(stage.world, cheat, "segments"), Amount{}) << "the cheat was paid";
            EXPECT_NE(stage.job(job).state, market::JobState::completed)
                << "made-up work is the job's result";
            for (const Person& validator : stage.world.validators)
                expect_unharmed(stage.world, validator, market::Role::validator, kStake);
            asked += count_where(stage.world, "slashed", "reason", "no_answer");
        }
    }
    EXPECT_GT(asked, 0U) << "no cheat was convicted by its silence alone";
    figures("A1", std::to_string(asked) +
                      " of 12 cheats convicted by silence about a state, the others by a game");
}

constexpr std::uint64_t kPatience = 100'000;

struct GroundJobs {
    std::size_t convicted = 0, completed = 0, drawn = 0;
    std::uint64_t tries = 0;
};

/// Jobs of one segment each, all made up, at a rate of 100 %, with one accomplice among four
/// validators who has 5 % of the stake.
GroundJobs ground_jobs(std::size_t count, std::uint64_t patience) {
    GroundJobs sum;
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.validators = 4;
        options.rate_ppm = 1'000'000;
        options.validator_stakes[3] = 3 * kStake.grains() / 19;
        auto grinder = std::make_unique<GrindsSalts>(3, patience);
        const GrindsSalts& attacker = *grinder;
        const auto friends = std::make_shared<Friends>();
        WorkerSeats workers;
        workers[0] = std::move(grinder);
        ValidatorSeats validators;
        validators[3] = std::make_unique<Accomplice>(friends);
        Stage stage(options, std::move(workers), std::move(validators));
        const World& world = stage.world;
        friends->insert(world.workers[0].id);
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        const auto convicted = [&] {
            return world.stake_of(world.workers[0], market::Role::worker) < kStake;
        };
        stage.until([&] { return convicted() || market::is_terminal(stage.job(job).state); });
        sum.convicted += convicted() ? 1 : 0;
        sum.completed += stage.job(job).state == market::JobState::completed ? 1 : 0;
        for (const market::Audit& audit :
             market::audits_of_job(world.state(), job, std::nullopt, 100))
            sum.drawn +=
                audit.claim == market::ClaimKind::segment && audit.auditor == world.validators[3].id
                    ? 1
                    : 0;
        sum.tries += attacker.tries();
    }
    return sum;
}

/// With 5 % of stake an accomplice must not decide whether an honest validator looks at its
/// friend's segments.
TEST(Attack, A2_GroundSalts) {
    constexpr std::size_t kJobs = 15;
    const GroundJobs control = ground_jobs(kJobs, 1);
    EXPECT_EQ(control.convicted, kJobs);
    const GroundJobs jobs = ground_jobs(kJobs, kPatience);
    EXPECT_GT(jobs.drawn, control.drawn)
        << "grinding does not even choose the accomplice: the test shows nothing";
    EXPECT_EQ(jobs.convicted, kJobs);
    EXPECT_EQ(jobs.completed, 0U);
    figures("A2", std::to_string(jobs.convicted) + " of " + std::to_string(kJobs) + " convicted, " +
                      std::to_string(jobs.tries) + " salts tried; the accomplice drawn " +
                      std::to_string(jobs.drawn) + " times, without trying " +
                      std::to_string(control.drawn));
}

constexpr std::uint32_t kOwnAudits = 24;

struct FakesBesideAJob {
    std::size_t completed = 0, convicted = 0, waits = 0;
    std::uint64_t paid = 0;
};

/// Jobs of others, all made up at a rate of 100 %, while an own job of 24 segments has its audits
/// open.
FakesBesideAJob fakes_beside_own_job(std::size_t jobs, std::uint64_t backlog_ms) {
    FakesBesideAJob sum;
    for (std::uint64_t seed = 1; seed <= jobs; ++seed) {
        const auto release = std::make_shared<bool>(false);
        WorldOptions options = options_of(seed);
        options.tune = [&](market::Parameters& p) { p.backlog_ms_max = backlog_ms; };
        WorkerSeats workers;
        workers[0] = std::make_unique<HoldsAuditors>(release);
        workers[1] = std::make_unique<Liar>([](const World& world, const market::Job&) {
            return open_audits(world) >= kOwnAudits;
        });
        Stage stage(options, std::move(workers));
        World& world = stage.world;
        stage.offer({{0, 1000}});
        WorldOptions own = options;
        own.part_segments = kOwnAudits;
        own.round_steps = kOwnAudits * own.segment_steps;
        own.rate_ppm = 1'000'000;
        const base::JobId held = stage.post(own, world.workers[2]);
        EXPECT_TRUE(stage.until([&] { return world.count_events("lease_started") == 1; }));
        stage.offer({{1, 1001}});
        WorldOptions victims = own;
        victims.part_segments = 4;
        victims.round_steps = 4 * victims.segment_steps;
        const base::JobId job = stage.post(victims, world.submitter);
        const Person& cheat = world.workers[1];
        const auto convicted = [&] { return world.stake_of(cheat, market::Role::worker) < kStake; };
        stage.until([&] {
            *release =
                *release || segment_drawn(world, job) || market::is_terminal(stage.job(held).state);
            return convicted() || market::is_terminal(stage.job(job).state);
        });
        // Where its lane waits the cheat never commits, and somebody honest trains in its place.
        base::Hash honest = world.init_root;
        for (std::uint32_t segment = 0; segment < 4; ++segment)
            honest = sim::trained_root(honest, job, 0, 0, segment);
        sum.completed += stage.job(job).state == market::JobState::completed &&
                                 stage.job(job).final_root != honest
                             ? 1
                             : 0;
        sum.convicted += convicted() ? 1 : 0;
        sum.waits += world.count_events("lane_waits");
        sum.paid += paid_to(world, cheat, "segments").grains();
        for (const Person& validator : world.validators)
            expect_unharmed(world, validator, market::Role::validator, kStake);
    }
    return sum;
}

/// Somebody's own job must not make the segments of another job free of audits.
TEST(Attack, A6_OwnJobFillsTheAuditors) {
    constexpr std::size_t kJobs = 5;
    for (const std::uint64_t backlog_ms : {600'000U, 120'000U}) {
        const FakesBesideAJob fakes = fakes_beside_own_job(kJobs, backlog_ms);
        EXPECT_EQ(fakes.paid, 0U) << "the cheat was paid";
        EXPECT_EQ(fakes.completed, 0U) << "made-up work is the job's result";
        EXPECT_EQ(fakes.convicted + (fakes.waits != 0 ? kJobs - fakes.convicted : 0), kJobs)
            << "neither convicted nor waiting";
        figures("A6", std::to_string(fakes.convicted) + " of " + std::to_string(kJobs) +
                          " convicted, lanes waited " + std::to_string(fakes.waits) + " times");
    }
}

}  // namespace
}  // namespace assay::attacks
