#include <algorithm>
#include <cmath>

#include "schemes.h"

/// What broke the second draft of the second edition: C1 to C8 of docs/attacks.md.
namespace assay::attacks {
namespace {

constexpr std::size_t kMany = 10'000;

/// Auditor and audit of everything that a job's run draws, when one of its validators declares this
/// speed.
std::set<std::pair<std::string, std::string>> draws_with_speed(std::uint64_t flops_per_second) {
    Stage stage(options_of(4));
    World& world = stage.world;
    world.send(world.validators[0], market::ValidatorDeclare{"f32", flops_per_second, {}, false});
    world.block();
    EXPECT_EQ(world.last_refusal(), market::Refusal::none);
    stage.offer({{0, 1000}});
    EXPECT_TRUE(stage.finish(stage.post()));
    std::set<std::pair<std::string, std::string>> drawn;
    for (const market::Event& event : world.events()) {
        if (event.kind == "audit_drawn")
            drawn.emplace(attribute(event, "validator"), attribute(event, "audit"));
    }
    return drawn;
}

TEST(Attack, C1_DeclaredSpeedChangesNobodysDraw) {
    const auto usual = draws_with_speed(1'000'000'000'000);
    EXPECT_FALSE(usual.empty());
    EXPECT_EQ(draws_with_speed(1'000'000'000'000'000'000), usual);
    EXPECT_EQ(draws_with_speed(1), usual);
}

/// Chance that a fake segment passes one draw, in which these weights of `all` contribute.
double escape(std::uint32_t rate_ppm, const std::vector<std::uint64_t>& weights,
              std::uint64_t all) {
    double chance = 1;
    for (const std::uint64_t weight : weights) {
        const std::uint64_t x =
            market::member_exponent(market::rate_exponent(rate_ppm), weight, all);
        chance *= 1 - std::ldexp(static_cast<double>(market::draw_chance(x)), -64);
    }
    return chance;
}

/// A void epoch's contributions draw all the same: whoever makes it void after it has seen them
/// only adds draws. And what it withholds with raises nothing: with all weight below, the honest
/// chance is what it was.
TEST(Attack, C2_VoidEpochsDoNotForgetTheirDraws) {
    const std::vector<std::uint64_t> honest{100, 233};
    const double once = escape(450'000, honest, 999);
    EXPECT_LE(std::pow(once, 2), once);
    EXPECT_LE(escape(450'000, honest, 666), once) << "withholding lowers the others' chances";
    // The same with the rules: weight that is more than half never contributes, and the cheat is
    // found by the first draw all the same.
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.validators = 4;
        options.rate_ppm = 1'000'000;
        options.validator_stakes[0] = options.validator_stakes[1] = 1'100'000'000'000;
        // They contribute as long as the initial state is looked at, and stay away from what their
        // friend has committed.
        class Withholds final : public sim::ValidatorConduct {
            bool contributes(const World& world, const market::Epoch&) override {
                return world.count_events("part_committed") == 0;
            }
        };
        ValidatorSeats validators;
        validators[0] = std::make_unique<Withholds>();
        validators[1] = std::make_unique<Withholds>();
        WorkerSeats workers;
        workers[0] = std::make_unique<Liar>();
        Stage stage(options, std::move(workers), std::move(validators));
        const World& world = stage.world;
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        const auto convicted = [&] {
            return world.stake_of(world.workers[0], market::Role::worker) < kStake;
        };
        EXPECT_TRUE(
            stage.until([&] { return convicted() || market::is_terminal(stage.job(job).state); }));
        EXPECT_TRUE(convicted());
        EXPECT_GT(count_where(world, "epoch_drawn", "void", "1"), 0U)
            << "no epoch was void: the test shows nothing";
    }
}

/// Weight that is knocked out stays below the line: nobody's share of the draw grows by it.
TEST(Attack, C3_KnockedOutWeightStaysInTheDenominator) {
    WorldOptions options = options_of(1);
    options.validators = 5;
    options.rounds = 3;
    options.lanes = 2;
    class GoneForGood final : public sim::ValidatorConduct {
        bool contributes(const World&, const market::Epoch&) override { return false; }
        bool returns(const World&) override { return false; }
    };
    ValidatorSeats validators;
    validators[0] = std::make_unique<GoneForGood>();
    validators[1] = std::make_unique<GoneForGood>();
    Stage stage(options, {}, std::move(validators));
    const World& world = stage.world;
    stage.offer({{0, 1000}, {1, 1001}});
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.finish(job));
    std::size_t without = 0;
    const std::uint64_t all =
        5 * kStake.grains() - 2 * market::demo_parameters().absence_fine.grains();
    for (std::uint64_t number = 0; number < market::load_chain(world.state()).epoch_next;
         ++number) {
        const auto epoch = market::find_epoch(world.state(), number);
        if (!epoch || epoch->state != market::EpochState::done) continue;
        EXPECT_GE(epoch->all_weight(), all) << "epoch " << number;
        without += epoch->members == 3 ? 1 : 0;
    }
    EXPECT_GT(without, 0U);
}

/// A worker with a right root lets a false accusation win. Auditors that called its work valid told
/// the truth, and lose nothing.
TEST(Attack, C4_FalseMovesWithARightRoot) {
    std::size_t lost_games = 0;
    for (const sim::Play play : {sim::Play::wait, sim::Play::concede}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            WorldOptions options = options_of(seed);
            options.workers = 1;
            options.validators = 5;
            options.rate_ppm = 1'000'000;
            class Loses final : public sim::WorkerConduct {
              public:
                explicit Loses(sim::Play how) : how_(how) {}
                sim::Play plays(const World&, const market::Dispute&) override { return how_; }

              private:
                sim::Play how_;
            };
            class AccusesSegments final : public sim::ValidatorConduct {
                sim::Opinion judge(const World& world, const market::Audit& audit,
                                   const std::function<sim::Finding()>& recompute) override {
                    if (audit.claim != market::ClaimKind::segment)
                        return sim::opinion_of(recompute());
                    return {sim::numbered(world.options.seed, "accusation"), {}, 0, {}};
                }
            };
            WorkerSeats workers;
            workers[0] = std::make_unique<Loses>(play);
            ValidatorSeats validators;
            validators[0] = std::make_unique<AccusesSegments>();
            Stage stage(options, std::move(workers), std::move(validators));
            const World& world = stage.world;
            stage.offer({{0, 1000}});
            const base::JobId job = stage.post();
            stage.until([&] { return market::is_terminal(stage.job(job).state); }, 300);
            lost_games += count_where(world, "dispute_closed", "outcome", "upheld") +
                          count_where(world, "dispute_closed", "outcome", "conceded");
            for (std::size_t i = 1; i < 5; ++i)
                expect_unharmed(world, world.validators[i], market::Role::validator, kStake);
        }
    }
    EXPECT_GT(lost_games, 0U);
}

/// Accomplices ask and accuse without end while the job settles as fast as the rules allow: the
/// lock of the fake does not return.
TEST(Attack, C5_ShamGamesPadTheClock) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 2;
        options.validators = 5;
        options.rate_ppm = 1'000'000;
        options.tune = [](market::Parameters& p) { p.settle_ms_max = 60'000; };
        // Asks for its friend's part again and again.
        class Asks final : public sim::WorkerConduct {
            bool accepts(const World&, const market::Job&, const market::Reservation&) override {
                return false;
            }
            std::vector<market::Message> extra(const World& world) override {
                std::vector<market::Message> messages;
                if (world.time().value < next_) return messages;
                next_ = world.time().value + 2'000;
                for (const market::Job& job : market::jobs(world.state(), std::nullopt, kMany)) {
                    for (const market::Part& part : market::parts_of_job(
                             world.state(), job.id, std::nullopt, std::nullopt, kMany)) {
                        for (std::uint64_t chunk = 0; chunk < 2; ++chunk)
                            messages.emplace_back(market::ChunkAsk{
                                {market::StoredKind::checkpoint, part.id.hash, 0}, chunk});
                        messages.emplace_back(
                            market::StateAsk{{market::StoredKind::checkpoint, part.id.hash, 0}});
                    }
                }
                return messages;
            }
            std::uint64_t next_ = 0;
        };
        ValidatorSeats validators;
        validators[0] = sim::conduct_of(sim::ValidatorKind::always_invalid);
        WorkerSeats workers;
        workers[0] = std::make_unique<Liar>(Liar::When{}, sim::Play::wait);
        workers[1] = std::make_unique<Asks>();
        Stage stage(options, std::move(workers), std::move(validators));
        World& world = stage.world;
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.until([&] { return world.count_events("part_committed") != 0; }));
        world.send(world.submitter, market::JobCancel{job});
        const Person& cheat = world.workers[0];
        stage.until([&] {
            return world.stake_of(cheat, market::Role::worker) < kStake ||
                   market::is_terminal(stage.job(job).state);
        });
        EXPECT_GT(world.count_events("question_opened"), 0U);
        EXPECT_LT(world.stake_of(cheat, market::Role::worker), kStake) << "its lock returned";
        EXPECT_EQ(paid_to(world, cheat, "segments"), Amount{});
        for (std::size_t i = 1; i < 5; ++i)
            expect_unharmed(world, world.validators[i], market::Role::validator, kStake);
    }
}

/// One honest machine at the class's reference speed: replays one audit after the other, and is
/// done when it is done. Block time goes on where nothing happens, recorded live time does not.
class OneMachine final : public sim::ValidatorConduct {
  public:
    bool seals(const World& world, const market::Audit& audit) override {
        const std::uint64_t now = world.time().value;
        const auto known = done_.find(audit.id);
        if (known != done_.end()) return now >= known->second;
        busy_until_ = std::max(now, busy_until_) +
                      audit.flops / (market::demo_parameters().reference_flops / 1'000);
        done_[audit.id] = busy_until_;
        return false;
    }

  private:
    std::map<base::AuditId, std::uint64_t> done_;
    std::uint64_t busy_until_ = 0;
};

/// A flood of own jobs, all audited at 100 %, on machines that replay one audit after the other at
/// the speed of their class: nobody misses.
TEST(Attack, C6_FloodOfOwnJobs) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    options.part_segments = 8;
    options.round_steps = 8 * 20;
    options.rate_ppm = 1'000'000;
    options.books_every = 10;
    options.tune = [](market::Parameters& p) { p.backlog_ms_max = 240'000; };
    ValidatorSeats validators;
    for (std::size_t i = 0; i < 3; ++i) validators[i] = std::make_unique<OneMachine>();
    Stage stage(options, {}, std::move(validators));
    World& world = stage.world;
    for (const Person& validator : world.validators)
        world.send(validator, market::ValidatorDeclare{"f32", 10'000'000'000, {}, false});
    stage.offer({{0, 1000}}, 12);
    std::vector<base::JobId> jobs;
    for (int i = 0; i < 12; ++i) jobs.push_back(stage.post(options, world.workers[1]));
    std::uint32_t most = 0;
    const auto ended = [&](const base::JobId& job) {
        return market::is_terminal(stage.job(job).state);
    };
    EXPECT_TRUE(stage.until([&] {
        most = std::max(most, open_audits(world));
        return std::all_of(jobs.begin(), jobs.end(), ended);
    }));
    EXPECT_EQ(world.count_events("audit_missed"), 0U);
    EXPECT_GT(world.count_events("lane_waits"), 0U) << "no flood: the test shows nothing";
    for (const Person& validator : world.validators)
        expect_unharmed(world, validator, market::Role::validator, kStake);
    for (const base::JobId& job : jobs)
        EXPECT_EQ(stage.job(job).state, market::JobState::completed);
    figures("C6", std::to_string(most) + " audits open at once, " +
                      std::to_string(world.count_events("lane_waits")) + " waits, no miss");
}

/// Offers that never accept cost a lane a few askings, each of twice as many, and then they sleep.
TEST(Attack, C7_OffersThatNeverAccept) {
    constexpr std::size_t kSquatters = 14;
    WorldOptions options = options_of(1);
    options.workers = kSquatters + 1;
    WorkerSeats workers;
    for (std::size_t i = 0; i < kSquatters; ++i)
        workers[i] = sim::conduct_of(sim::WorkerKind::never_accepts);
    Stage stage(options, std::move(workers));
    const World& world = stage.world;
    std::map<std::size_t, std::uint64_t> prices;
    for (std::size_t i = 0; i < kSquatters; ++i) prices[i] = 1;
    prices[kSquatters] = 1000;
    stage.offer(prices);
    std::uint64_t passed = 0;
    for (int i = 0; i < 2; ++i) {
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.until([&] { return stage.job(job).init_passed; }));
        const std::uint64_t since = world.live().value;
        ASSERT_TRUE(stage.until([&] { return stage.job(job).active_leases == 1; }));
        passed = world.live().value - since;
        // One, two, four and eight are asked, and sixteen once the first of them are awake again.
        EXPECT_LE(passed, 5 * market::demo_parameters().accept_ms + 1'000);
        ASSERT_TRUE(stage.finish(job));
        EXPECT_EQ(stage.job(job).state, market::JobState::completed);
    }
    figures("C7", "the second job waited " + std::to_string(passed) + " ms for its worker");
}

/// Cells are public only when every control has sealed its own.
TEST(Attack, C8_ControllersSealBeforeCellsArePublic) {
    std::size_t opened = 0, refused = 0;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        WorldOptions options = options_of(seed);
        options.validators = 4;
        options.rate_ppm = 900'000;
        options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
        Stage stage(options);
        World& world = stage.world;
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        std::set<base::AuditId> tried;
        stage.until([&] {
            const auto audits = market::audits_of_job(world.state(), job, std::nullopt, kMany);
            for (const market::Audit& control : audits) {
                if (control.kind != market::AuditKind::control) continue;
                const auto audit = market::find_audit(world.state(), control.controls);
                if (!audit->cells.empty()) {
                    ++opened;
                    EXPECT_FALSE(control.seal.is_zero())
                        << "cells are public before a control has sealed";
                    continue;
                }
                // An auditor that would show its cells to a friend first is told to wait.
                if (!control.seal.is_zero() || control.state != market::AuditState::open ||
                    !tried.insert(control.id).second)
                    continue;
                std::vector<base::Hash> cells(market::kCells);
                world.send(world.person(audit->auditor),
                           market::CellsOpen{audit->id, sim::numbered(seed, "salt"), cells});
                world.block();
                EXPECT_NE(world.last_refusal(), market::Refusal::none);
                ++refused;
            }
            return market::is_terminal(stage.job(job).state);
        });
        EXPECT_EQ(stage.job(job).state, market::JobState::completed);
    }
    EXPECT_GT(opened, 0U);
    EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace assay::attacks
