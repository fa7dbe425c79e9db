#include "schemes.h"

/// Attacks on who pays whom: A3, A4, A13 of docs/attacks.md.
namespace assay::attacks {
namespace {

constexpr std::uint64_t kPatience = 100'000;

std::string signed_difference(Amount after, Amount before) {
    return after < before ? "-" + (before - after).decimal() : "+" + (after - before).decimal();
}

/// Submitter, worker and auditor of a job are one coalition. What it pays itself must not grow on
/// the way.
TEST(Attack, A3_OwnJobGroundToOwnAuditor) {
    for (const std::uint32_t rate : {100'000U, 1'000'000U}) {
        WorldOptions options = options_of(1);
        options.workers = 2;
        options.lanes = 1;
        options.round_steps = 20 * 20;
        options.rate_ppm = rate;
        auto grinder = std::make_unique<GrindsSalts>(2, kPatience);
        const GrindsSalts& attacker = *grinder;
        const auto friends = std::make_shared<Friends>();
        WorkerSeats workers;
        workers[0] = std::move(grinder);
        ValidatorSeats validators;
        validators[2] = std::make_unique<Accomplice>(friends);
        Stage stage(options, std::move(workers), std::move(validators));
        stage.offer({{0, 1000}});
        World& world = stage.world;
        friends->insert(world.workers[0].id);
        const std::vector<const Person*> members{&world.workers[0], &world.workers[1],
                                                 &world.validators[2]};
        const Amount before = wealth(world, members);
        const base::JobId job = stage.post(options, world.workers[1]);
        stage.until([&] { return market::is_terminal(stage.job(job).state); }, 3'000);
        const Amount after = wealth(world, members);
        EXPECT_GT(attacker.tries(), 0U);
        EXPECT_LE(after, before) << "a coalition gained by its own job";
        figures("A3", std::string(market::to_word(stage.job(job).state)) + ", coalition " +
                          signed_difference(after, before) + " grains, " +
                          std::to_string(attacker.tries()) + " salts tried at rate " +
                          std::to_string(rate));
    }
}

/// One owner has every worker of a job, its submitter and a validator, and lets one account be
/// convicted: its friends' parts are rolled back.
void convicts_itself(std::string_view name, bool friends_fake) {
    WorldOptions options = options_of(2);
    options.workers = 4;
    options.lanes = 4;
    options.rounds = 5;
    options.rate_ppm = 100'000;
    WorkerSeats seats;
    // What they fake is wrong from round to round, as far as nobody looks.
    for (std::size_t i = 1; friends_fake && i < 4; ++i)
        seats[i] = std::make_unique<Liar>(
            [](const World&, const market::Job& job) { return job.round < 3; });
    Stage stage(options, std::move(seats));
    // The offender is cheap, so its lock is small; what its friends lose by it is dear.
    stage.offer({{0, 1000}, {1, 1'000'000}, {2, 1'000'000}, {3, 1'000'000}});
    World& world = stage.world;
    const base::JobId job = stage.post();
    const auto ready = [&] {
        const std::uint32_t rounds = friends_fake ? 0 : 2;
        const auto round = market::find_round(world.state(), job, rounds);
        return round && round->state == market::RoundState::merged &&
               stage.job(job).final_rounds == 0;
    };
    ASSERT_TRUE(stage.until(ready, 2'000));
    const Person& offender = world.workers[0];
    std::vector<const Person*> owner{&world.submitter, &world.validators[0]};
    for (const Person& worker : world.workers) owner.push_back(&worker);
    const auto leases = market::leases_of_worker(world.state(), offender.id, std::nullopt, 10);
    ASSERT_EQ(leases.size(), 1U);
    const Amount stake = world.stake_of(offender, market::Role::worker);
    const Amount before = wealth(world, owner);
    world.send(world.validators[0],
               market::EquivocationReport{signed_tree(world, offender, leases.front(), 0, 0),
                                          signed_tree(world, offender, leases.front(), 0, 1)});
    world.block();
    ASSERT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
    // What a sweep pays later belongs to it. Nobody acts meanwhile.
    for (int i = 0; i < 30; ++i) stage.tick(1);
    const Amount after = wealth(world, owner);
    const Amount lost = stake - world.stake_of(offender, market::Role::worker);
    EXPECT_FALSE(lost.is_zero());
    EXPECT_LE(after, before) << "being convicted pays";
    EXPECT_LE(after + Amount::of(lost.grains() / 2), before)
        << "less than half of the lock is gone";
    EXPECT_TRUE(market::find_stake(world.state(), offender.id, market::Role::worker)->tombstoned)
        << "who signed twice goes on";
    std::map<std::string, std::uint64_t> reasons;
    for (const market::Event& event : world.events()) {
        if (event.kind == "paid")
            reasons[std::string(attribute(event, "reason"))] +=
                std::stoull(std::string(attribute(event, "amount")));
    }
    std::string paid;
    for (const auto& [reason, amount] : reasons)
        paid += " " + reason + " " + std::to_string(amount);
    figures(name, "lock " + lost.decimal() + " taken, owner of all accounts " +
                      signed_difference(after, before) + " grains; paid in all:" + paid);
}

TEST(Attack, A4_ConvictsItself) { convicts_itself("A4", false); }

/// Undetected fakes are not cashed out as compensation when another account of their owner falls.
TEST(Attack, B9_FakesCashedOutAsCompensation) { convicts_itself("B9", true); }

/// Who challenged rightly gets its bond back and loses no more than its fees when an audit of
/// another part convicts the same worker first. The rules pay a replay only to challengers of the
/// segment and root that was judged: of another part nobody knows who was right.
TEST(Attack, A13_OvertakenChallenge) {
    std::size_t dropped = 0, unpaid = 0;
    std::uint64_t cost = 0, received = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.validators = 4;
        options.round_steps = 40;
        WorkerSeats workers;
        workers[0] = std::make_unique<HurriesToItsAuditor>();
        ValidatorSeats validators;
        // Too small to be drawn.
        options.validator_stakes[3] = kStake.grains() / 10'000;
        validators[3] = std::make_unique<WatchesAndInsists>(0);
        Stage stage(options, std::move(workers), std::move(validators));
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        const Person& watcher = stage.world.validators[3];
        const Amount before = stage.world.wealth_of(watcher);
        for (int i = 0; i < 400 && stage.world.stake_of(stage.world.workers[0],
                                                        market::Role::worker) == kStake;
             ++i) {
            if (market::is_terminal(stage.job(job).state)) break;
            stage.step();
        }
        // What a sweep pays later belongs to it.
        for (int i = 0; i < 100; ++i) stage.tick(20);
        if (!overtaken(stage.world, watcher)) continue;
        ++dropped;
        // The replay that the challenge took, at the protocol's price.
        const Amount price = stage.job(job).audit_price;
        const Amount after = stage.world.wealth_of(watcher);
        EXPECT_GE(after + Amount::of(10'000), before)
            << "a right challenger lost more than its fees";
        EXPECT_EQ(stage.world.stake_of(watcher, market::Role::validator),
                  Amount::of(kStake.grains() / 10'000));
        unpaid += after < before + price ? 1 : 0;
        cost += price.grains();
        received += after > before ? (after - before).grains() : 0;
    }
    EXPECT_GT(dropped, 0U);
    figures("A13", std::to_string(unpaid) + " of " + std::to_string(dropped) +
                       " right challengers that an audit overtook were not paid: replays worth " +
                       std::to_string(cost) + " grains, received " + std::to_string(received));
}

/// An auditor that takes merges on trust must end with less than it began.
TEST(Attack, A13_LazyMergeAuditor) {
    std::uint64_t earned = 0, lost = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        WorldOptions options = options_of(seed);
        options.lanes = 2;
        options.rounds = 60;
        options.rate_ppm = 100'000;
        ValidatorSeats validators;
        validators[0] = std::make_unique<LazyAboutMerges>();
        Stage stage(options, {}, std::move(validators));
        stage.offer({{0, 1000}, {1, 1001}, {2, 1002}});
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.finish(job));
        const Person& lazy = stage.world.validators[0];
        earned += paid_to(stage.world, lazy).grains();
        lost += (kStake - stage.world.stake_of(lazy, market::Role::validator)).grains();
    }
    EXPECT_GT(earned, 0U);
    EXPECT_LT(earned, lost) << "a word was paid like work";
    figures("A13", "a lazy auditor was paid " + std::to_string(earned) +
                       " grains for all its audits, and lost " + std::to_string(lost) +
                       " of stake");
}

}  // namespace
}  // namespace assay::attacks
