#include <gtest/gtest.h>

#include <algorithm>

#include "market/tables.h"
#include "market_fixture.h"

/// Ways to win without work, to make honest parties lose, or to leave something behind: none of
/// them may pay.
namespace assay::sim {
namespace {

using market::Refusal;

Refusal answer(World& world, const Person& person, const market::Message& message) {
    world.send(person, message);
    world.block();
    return world.last_refusal();
}

/// Blocks without transactions until `ms` of live time are over.
void wait(World& world, std::uint64_t ms) {
    const std::uint64_t until = world.live().value + ms;
    for (int i = 0; i < 100'000 && world.live().value < until; ++i) world.block();
}

std::size_t entries_in(const World& world, market::Table table) {
    std::size_t count = 0;
    const base::Bytes prefix = market::table_prefix(table);
    base::Bytes from = prefix;
    while (auto entry = world.state().seek(from, prefix)) {
        ++count;
        from = std::move(entry->first);
        from.push_back(0);
    }
    return count;
}

std::size_t paid_for(const World& world, std::string_view reason) {
    return static_cast<std::size_t>(std::count_if(
        world.events().begin(), world.events().end(), [&](const market::Event& event) {
            return event.kind == "paid" &&
                   std::any_of(event.attributes.begin(), event.attributes.end(),
                               [&](const auto& attribute) {
                                   return attribute.first == "reason" && attribute.second == reason;
                               });
        }));
}

TEST(EpochContribute, AKeyThatMayHaveBeenChosenByItsOutcomeDoesNotCount) {
    Market market(options_with(41));
    World& world = market.world;
    std::optional<std::pair<const Person*, market::EpochContribute>> held;
    for (int i = 0; i < 500 && !held; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        for (const auto& [person, message] : world.take_queue()) {
            const auto* contribution = std::get_if<market::EpochContribute>(&message);
            if (contribution != nullptr && !held) {
                held = std::pair{person, *contribution};
            } else {
                world.send(*person, message);
            }
        }
        world.block();
    }
    ASSERT_TRUE(held);
    const Person& cheat = *held->first;
    const market::Epoch epoch = *market::find_epoch(world.state(), held->second.epoch);
    const auto ground = base::SecretKey::from_seed(numbered(41, "ground").bytes);
    market::KeysSet keys;
    keys.cold = keys.hot = cheat.key.public_key();
    keys.vrf = ground.public_key();
    ASSERT_EQ(answer(world, cheat, keys), Refusal::none);
    market::EpochContribute message = held->second;
    message.proof = base::vrf_prove(
        ground, market::contribution_alpha(world.chain_id(), epoch.number, epoch.commitments_root));
    EXPECT_EQ(answer(world, cheat, message), Refusal::vrf_key_missing);
}

TEST(Epochs, LeaveTheStateOneRetentionPeriodAfterTheirDraw) {
    Market market(options_with(42));
    ASSERT_TRUE(market.finish());
    EXPECT_GT(entries_in(market.world, market::Table::epoch), 0U);
    EXPECT_GT(entries_in(market.world, market::Table::epoch_commitment), 0U);
    wait(market.world, market::demo_parameters().retention_ms + 60'000);
    EXPECT_EQ(entries_in(market.world, market::Table::epoch), 0U);
    EXPECT_EQ(entries_in(market.world, market::Table::epoch_commitment), 0U);
    for (const auto table :
         {market::Table::job, market::Table::lane, market::Table::round, market::Table::merge,
          market::Table::history, market::Table::lease, market::Table::party, market::Table::part,
          market::Table::claim, market::Table::audit, market::Table::audit_of_claim,
          market::Table::epoch_member, market::Table::dispute, market::Table::pool,
          market::Table::evidence, market::Table::timer}) {
        EXPECT_EQ(entries_in(market.world, table), 0U) << static_cast<int>(table);
    }
}

/// What honest lanes built on a wrong merge is void, but it was work: half of the lock pays for it.
/// And nothing of it stays behind.
TEST(WrongMerge, HonestLanesArePaidFromTheLockAndEveryLeaseIsSettled) {
    std::size_t compensated = 0;
    for (std::uint64_t seed = 50; seed < 53; ++seed) {
        WorldOptions options = options_with(seed);
        options.rounds = 4;
        Market market(options, {WorkerKind::wrong_merge});
        ASSERT_TRUE(market.finish()) << seed;
        market.expect_completed();
        compensated += paid_for(market.world, "compensation");
        wait(market.world, market::demo_parameters().retention_ms + 700'000);
        EXPECT_EQ(entries_in(market.world, market::Table::lease), 0U) << seed;
        EXPECT_EQ(entries_in(market.world, market::Table::merge), 0U) << seed;
        for (const auto table : {market::Table::claim, market::Table::audit, market::Table::dispute,
                                 market::Table::pool, market::Table::pool_member})
            EXPECT_EQ(entries_in(market.world, table), 0U) << seed;
    }
    EXPECT_GT(compensated, 0U);
}

/// One of three validators is always silent: the cheat is found all the same, and nobody waits for
/// ever.
TEST(ThreeValidators, ACheatGainsNothingFromAMissingAuditor) {
    for (std::uint64_t seed = 60; seed < 64; ++seed) {
        WorldOptions options = options_with(seed);
        options.rate_ppm = 990'000;
        Market market(options, {WorkerKind::fakes_everything},
                      {ValidatorKind::honest, ValidatorKind::honest, ValidatorKind::never_seals});
        const base::AccountId cheat = market.world.workers[0].id;
        ASSERT_TRUE(market.finish()) << seed;
        market.expect_completed();
        EXPECT_EQ(market.world.count_events("slashed"), 1U) << seed;
        for (const market::Event& event : market.world.events()) {
            if (event.kind != "paid") continue;
            EXPECT_NE(event.attributes.front().second, cheat.hex()) << seed;
        }
        EXPECT_EQ(market.record().final_root, market.honest_root()) << seed;
    }
}

/// Validators that miss everything on purpose, under many names: they pay the redraws, and never
/// multiply them.
TEST(SplitMissers, PayTheRedrawsAndDoNotMultiplyThem) {
    WorldOptions options = options_with(65);
    options.validators = 12;
    options.rate_ppm = 990'000;
    std::vector<ValidatorKind> kinds(4, ValidatorKind::never_seals);
    Market market(options, {}, kinds);
    const market::Job before = market.record();
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    // Merges, segments and the initial state: ten claims, each drawn again a few times.
    EXPECT_LT(market.world.count_events("claim_redrawn"), 100U);
    EXPECT_LT(market.record().spent.auditors, before.hold.audits);
    EXPECT_EQ(market.world.count_events("lane_waits"), 0U);
}

/// A submitter whose deadline is too short for the audits of what it has already got pays for it
/// all the same.
TEST(RoundDeadline, WaitsForWhatIsCommitted) {
    std::size_t extended = 0;
    for (std::uint64_t seed = 71; seed < 83; ++seed) {
        WorldOptions options = options_with(seed);
        options.rounds = options.lanes = 1;
        options.validators = 5;
        options.rate_ppm = 900'000;
        options.round_deadline_s = 10;
        Market market(
            options, {},
            {ValidatorKind::honest, ValidatorKind::never_seals, ValidatorKind::never_seals});
        ASSERT_TRUE(market.finish());
        extended += market.world.count_events("round_extended");
        market.expect_completed();
    }
    EXPECT_GT(extended, 0U);
}

/// A committed part's checkpoint is public: cancelling before its audits are over must not make it
/// free, nor pay what nobody has judged.
TEST(JobCancel, AtTheRightMomentDoesNotGetWorkForNothing) {
    for (const WorkerKind kind : {WorkerKind::honest, WorkerKind::fakes_everything}) {
        WorldOptions options = options_with(70);
        options.rate_ppm = 1'000'000;
        Market market(options, {kind});
        for (int i = 0; i < 500 && market.world.count_events("part_committed") < 2; ++i) {
            for (Worker& worker : market.workers) worker.act();
            for (Validator& validator : market.validators) validator.act();
            market.world.block();
        }
        ASSERT_EQ(market.world.count_events("part_committed"), 2U);
        ASSERT_EQ(market.world.count_events("part_passed"), 0U);
        EXPECT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
                  Refusal::none);
        EXPECT_EQ(market.record().state, market::JobState::settling);
        EXPECT_EQ(paid_for(market.world, "segments"), 0U);
        ASSERT_TRUE(market.finish());
        const bool honest = kind == WorkerKind::honest;
        EXPECT_EQ(paid_for(market.world, "segments"), honest ? 2U : 1U);
        EXPECT_EQ(market.world.count_events("slashed"), honest ? 0U : 1U);
        EXPECT_EQ(market.record().unproved_segments, 0U);
        market.expect_money_settled();
    }
}

/// Whoever is to judge it never comes back: its price is burned, neither paid nor refunded, and
/// nobody loses a lock.
TEST(Unproved, WorkThatNobodyJudgesIsNeitherPaidNorRefunded) {
    WorldOptions options = options_with(72);
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.settle_ms_max = 120'000; };
    Market market(options);
    for (int i = 0; i < 500 && market.world.count_events("part_committed") < 2; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        market.world.block();
    }
    ASSERT_EQ(market.world.count_events("part_committed"), 2U);
    ASSERT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
              Refusal::none);
    // Validators contribute and then say nothing: only the workers go on, and nobody is jailed.
    std::vector<Validator> none;
    for (int i = 0; i < 5'000 && !market::is_terminal(market.record().state); ++i) {
        for (Worker& worker : market.workers) worker.act();
        market.world.block();
    }
    ASSERT_EQ(market.record().state, market::JobState::cancelled);
    EXPECT_EQ(market.record().unproved_segments, 2U);
    EXPECT_FALSE(market.record().spent.unproved.is_zero());
    EXPECT_EQ(paid_for(market.world, "segments"), 0U);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    market.expect_money_settled();
    market.expect_history_adds_up();
}

/// Cancelled while auditors play about the initial state: their games end with the job.
TEST(JobCancel, WhileAGameAboutTheInitialStateRuns) {
    WorldOptions options = options_with(74);
    Market market(options, {}, {ValidatorKind::always_invalid, ValidatorKind::always_invalid});
    for (int i = 0; i < 500 && market.record().open_disputes == 0; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        market.world.block();
    }
    ASSERT_EQ(market.record().open_disputes, 1U);
    ASSERT_EQ(market.record().state, market::JobState::open);
    ASSERT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
              Refusal::none);
    EXPECT_EQ(market.record().state, market::JobState::cancelled);
    EXPECT_EQ(market.record().open_disputes, 0U);
    wait(market.world, 1'000'000);
    market.expect_money_settled();
}

/// A submitter that posts a state which does not follow from its program pays the audits, and
/// nobody else loses anything.
TEST(WrongInit, IsRefutedWithoutHarmToAuditors) {
    for (std::uint64_t seed = 90; seed < 96; ++seed) {
        Market market(options_with(seed));
        World& world = market.world;
        const base::Hash wrong = numbered(seed, "wrong init");
        const base::JobId job =
            world.send_job(world.spec_of(world.options), wrong, world.receipt(wrong),
                           world.receipt(numbered(seed, "data")), world.submitter);
        world.block();
        ASSERT_EQ(world.last_refusal(), Refusal::none);
        ASSERT_TRUE(run(world, market.workers, market.validators, job, kBlocksMax));
        const auto record = market::find_job(world.state(), job);
        EXPECT_EQ(record->state, market::JobState::failed);
        EXPECT_EQ(record->reason, market::CloseReason::wrong_init);
        EXPECT_TRUE(market::leases_of_job(world.state(), job, std::nullopt, 1).empty());
        EXPECT_FALSE(record->spent.auditors.is_zero());
        for (const Person& validator : world.validators)
            EXPECT_EQ(world.stake_of(validator, market::Role::validator), kStake);
        ASSERT_TRUE(market.finish());
        market.expect_completed();
    }
}

}  // namespace
}  // namespace assay::sim
