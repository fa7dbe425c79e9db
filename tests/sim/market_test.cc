#include <gtest/gtest.h>

#include <algorithm>

#include "market/pricing.h"
#include "market_fixture.h"

/// Whole jobs through the real rules with pretended training. An independent model (the chain of
/// honest roots) says what must come out.
namespace assay::sim {
namespace {

using base::Amount;

TEST(HonestMarket, OneLaneOneRoundNeedsNoMerge) {
    WorldOptions options = options_with(3);
    options.lanes = 1;
    options.rounds = 1;
    options.round_steps = 40;
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("merge_posted"), 0U);
}

TEST(HonestMarket, TwoLanesThreeRoundsComplete) {
    Market market(options_with(1));
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_EQ(market.world.count_events("fined"), 0U);
    EXPECT_EQ(market.world.count_events("jailed"), 0U);
    EXPECT_EQ(market.world.count_events("audit_missed"), 0U);
    EXPECT_EQ(market.world.count_events("round_final"), 3U);
    EXPECT_EQ(market.record().final_segments, 6U);
}

TEST(HonestMarket, ManySegmentsInOnePartComplete) {
    WorldOptions options = options_with(2);
    options.round_steps = 50;
    options.segment_steps = 10;
    options.part_segments = 3;
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.record().final_segments, 30U);
    EXPECT_EQ(market.record().audited_segments, 30U);
    EXPECT_EQ(market.record().unproved_segments, 0U);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_EQ(market.world.count_events("dispute_opened"), 0U);
    EXPECT_GT(market.world.count_events("audit_cells_opened"), 0U);
}

TEST(HonestMarket, ManySeedsComplete) {
    for (std::uint64_t seed = 100; seed < 110; ++seed) {
        WorldOptions options = options_with(seed);
        options.lanes = 1 + static_cast<std::uint32_t>(seed % 3);
        options.rounds = 1 + static_cast<std::uint32_t>(seed % 4);
        options.round_steps = 40;
        options.part_segments = 1 + static_cast<std::uint32_t>(seed % 2);
        Market market(options);
        ASSERT_TRUE(market.finish()) << "seed " << seed;
        market.expect_completed();
        EXPECT_EQ(market.record().final_root, market.honest_root()) << "seed " << seed;
        EXPECT_EQ(market.world.count_events("slashed"), 0U) << "seed " << seed;
        EXPECT_EQ(market.world.count_events("fined"), 0U) << "seed " << seed;
    }
}

TEST(CheatingWorker, FakingEverythingIsCaughtAtOnceAtRateOne) {
    WorldOptions options = options_with(4);
    options.rate_ppm = 1'000'000;
    Market market(options, {WorkerKind::fakes_everything});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_LT(market.world.stake_of(market.world.workers[0], market::Role::worker), kStake);
    EXPECT_EQ(market.world.stake_of(market.world.workers[1], market::Role::worker), kStake);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(CheatingWorker, FakingEverythingIsCaughtInTimeAtTheDemoRate) {
    WorldOptions options = options_with(5);
    options.rounds = 25;
    Market market(options, {WorkerKind::fakes_everything});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_LT(market.world.stake_of(market.world.workers[0], market::Role::worker), kStake);
}

TEST(CheatingWorker, FakesInTheMiddleOfAPartAreCaught) {
    WorldOptions options = options_with(6);
    options.round_steps = 50;
    options.segment_steps = 10;
    options.part_segments = 5;
    options.rate_ppm = 1'000'000;
    Market market(options, {WorkerKind::fakes_everything});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(CheatingWorker, SilenceAfterTheDrawIsFraud) {
    WorldOptions options = options_with(7);
    options.rate_ppm = 1'000'000;
    Market market(options, {WorkerKind::silent_after_draw});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_LT(market.world.stake_of(market.world.workers[0], market::Role::worker), kStake);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(CheatingWorker, NotClosingIsFraud) {
    Market market(options_with(8), {WorkerKind::never_closes});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(CheatingWorker, WrongMergeIsRefutedAndItsPosterSlashed) {
    WorldOptions options = options_with(9);
    options.workers = 6;
    options.lanes = 3;
    Market market(options, {WorkerKind::wrong_merge, WorkerKind::wrong_merge});
    ASSERT_TRUE(market.finish());
    const auto& events = market.world.events();
    EXPECT_GE(std::count_if(events.begin(), events.end(),
                            [](const market::Event& event) {
                                return event.kind == "merge_audited" &&
                                       std::find(event.attributes.begin(), event.attributes.end(),
                                                 std::pair<std::string, std::string>{"outcome",
                                                                                     "refuted"}) !=
                                           event.attributes.end();
                            }),
              1);
    EXPECT_GE(market.world.count_events("slashed"), 1U);
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

/// Who is asked for a lane and does not answer keeps nobody: others are asked, more at a time.
TEST(CheatingWorker, NeverAcceptingDelaysNobodyForLong) {
    WorldOptions options = options_with(16);
    options.workers = 6;
    Market market(
        options, {WorkerKind::never_accepts, WorkerKind::never_accepts, WorkerKind::never_accepts});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(market::leases_of_worker(market.world.state(), market.world.workers[i].id,
                                             std::nullopt, 1)
                        .empty());
        EXPECT_EQ(market.world.stake_of(market.world.workers[i], market::Role::worker), kStake);
    }
}

/// Any mixture of dishonest workers: honest ones keep their stake to the grain, cheats that were
/// judged lose, and money adds up. Which party does what follows from the seed.
TEST(CheatingWorker, HonestOnesNeverLoseStakeInAnyMixture) {
    constexpr std::uint32_t kKinds = 6;
    constexpr std::uint64_t kValidatorKinds = 6;
    for (std::uint64_t seed = 200; seed < 224; ++seed) {
        WorldOptions options = options_with(seed);
        options.workers = 6;
        options.validators = 5;
        options.rounds = 4;
        options.round_steps = 40;
        options.rate_ppm = 600'000;
        options.part_segments = 1 + static_cast<std::uint32_t>(seed % 2);
        options.tune = [seed](market::Parameters& p) {
            p.control_ppm = seed % 3 == 0 ? 500'000 : 250'000;
        };
        std::vector<WorkerKind> kinds(options.workers, WorkerKind::honest);
        for (std::size_t i = 0; i < 3; ++i) {
            kinds[i] = static_cast<WorkerKind>(
                base::scale_u64(base::first_u64(numbered(seed, "kind", i)), kKinds));
        }
        std::vector<ValidatorKind> validators(options.validators, ValidatorKind::honest);
        validators[0] = static_cast<ValidatorKind>(1 + seed % kValidatorKinds);
        Market market(options, kinds, validators);
        ASSERT_TRUE(market.finish()) << "seed " << seed;
        market.expect_completed();
        market.expect_history_adds_up();
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            if (kinds[i] != WorkerKind::honest) continue;
            EXPECT_EQ(market.world.stake_of(market.world.workers[i], market::Role::worker), kStake)
                << "seed " << seed << " worker " << i;
        }
        for (std::size_t i = 1; i < validators.size(); ++i) {
            EXPECT_GE(market.world.stake_of(market.world.validators[i], market::Role::validator),
                      kStake)
                << "seed " << seed << " validator " << i;
        }
    }
}

TEST(BadValidator, NeverContributingIsJailedAndNothingElseSuffers) {
    Market market(options_with(10), {}, {ValidatorKind::never_contributes});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_GE(market.world.count_events("jailed"), 1U);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_LT(market.world.stake_of(market.world.validators[0], market::Role::validator), kStake);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(BadValidator, FalseInvalidNeverSlashesAnHonestWorker) {
    WorldOptions options = options_with(11);
    options.workers = 8;
    options.validators = 5;
    options.rate_ppm = 900'000;
    options.rounds = 2;
    Market market(options, {}, {ValidatorKind::always_invalid});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_GE(market.world.count_events("dispute_closed"), 1U);
    for (const Person& worker : market.world.workers)
        EXPECT_EQ(market.world.stake_of(worker, market::Role::worker), kStake);
    EXPECT_LT(market.world.stake_of(market.world.validators[0], market::Role::validator), kStake);
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

/// A `valid` without computing is worth nothing once somebody looks at its cells.
TEST(BadValidator, AlwaysValidLosesItsLockWhenItIsControlled) {
    WorldOptions options = options_with(12);
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
    Market market(options, {}, {ValidatorKind::always_valid});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_GE(market.world.count_events("dispute_opened"), 1U);
    const Amount lost =
        kStake - market.world.stake_of(market.world.validators[0], market::Role::validator);
    EXPECT_GE(lost, *market::audit_lock(market.record().merge_audit_price, 500'000));
    EXPECT_EQ(market.world.stake_of(market.world.validators[1], market::Role::validator), kStake);
    EXPECT_EQ(market.world.stake_of(market.world.validators[2], market::Role::validator), kStake);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
}

/// Who does not open its cells has none.
TEST(BadValidator, NeverOpeningCellsLosesTheLock) {
    WorldOptions options = options_with(17);
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
    Market market(options, {}, {ValidatorKind::never_opens_cells});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_GE(market.world.count_events("audit_missed"), 1U);
    EXPECT_LT(market.world.stake_of(market.world.validators[0], market::Role::validator), kStake);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
}

TEST(BadValidator, MissedAuditsAreDrawnAgain) {
    for (const ValidatorKind kind : {ValidatorKind::never_seals, ValidatorKind::never_reveals}) {
        WorldOptions options = options_with(13);
        options.validators = 5;
        options.rate_ppm = 900'000;
        Market market(options, {}, {kind});
        ASSERT_TRUE(market.finish());
        market.expect_completed();
        EXPECT_GE(market.world.count_events("audit_missed"), 1U);
        EXPECT_GE(market.world.count_events("claim_redrawn"), 1U);
        EXPECT_EQ(market.world.count_events("slashed"), 0U);
        EXPECT_EQ(market.record().unproved_segments, 0U);
        EXPECT_EQ(market.record().final_root, market.honest_root());
    }
}

/// Nobody judges, so nothing is ever trained, and the submitter gets its money back.
TEST(BadValidator, WithoutAnyHonestAuditorNoJobBegins) {
    WorldOptions options = options_with(14);
    options.rate_ppm = 1'000'000;
    options.rounds = 1;
    options.tune = [](market::Parameters& p) { p.open_ms_max = 600'000; };
    Market market(
        options, {},
        {ValidatorKind::never_seals, ValidatorKind::never_seals, ValidatorKind::never_seals});
    ASSERT_TRUE(market.finish());
    EXPECT_EQ(market.record().state, market::JobState::expired);
    EXPECT_EQ(market.world.count_events("lease_started"), 0U);
    market.expect_money_settled();
}

}  // namespace
}  // namespace assay::sim
