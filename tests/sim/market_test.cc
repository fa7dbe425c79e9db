#include <gtest/gtest.h>

#include <algorithm>

#include "market/pricing.h"
#include "market_fixture.h"

/// Whole jobs through the real rules with pretended training. An independent model (the chain of honest roots) says what must come out.
namespace assay::sim {
namespace {

using base::Amount;

TEST(HonestMarket, TwoLanesThreeRoundsComplete) {
    Market market(options_with(1));
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_EQ(market.world.count_events("fined"), 0U);
    EXPECT_EQ(market.world.count_events("round_final"), 3U);
    EXPECT_EQ(market.record().final_segments, 6U);
}

TEST(HonestMarket, ManySegmentsWithPlantsComplete) {
    WorldOptions options = options_with(2);
    options.round_steps = 50;
    options.segment_steps = 10;
    options.part_segments = 3;
    options.rate_ppm = 1'000'000;
    options.plant_ppm = 500'000;
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.record().final_segments, 30U);
    EXPECT_EQ(market.record().audited_segments + market.record().unaudited_segments, 30U);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    const auto& events = market.world.events();
    EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const market::Event& event) {
        return event.kind == "audit_revealed" && std::find(event.attributes.begin(), event.attributes.end(),
                                                           std::pair<std::string, std::string>{"verdict", "plant"}) != event.attributes.end();
    }));
}

TEST(HonestMarket, OneLaneOneRoundNeedsNoMerge) {
    WorldOptions options = options_with(3);
    options.lanes = 1;
    options.rounds = 1;
    options.round_steps = 40;
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("merge_posted"), 0U);
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

TEST(CheatingWorker, FakesInTheMiddleOfAPartAreCaughtBehindPlants) {
    WorldOptions options = options_with(6);
    options.round_steps = 50;
    options.segment_steps = 10;
    options.part_segments = 5;
    options.rate_ppm = 1'000'000;
    options.plant_ppm = 500'000;
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

TEST(CheatingWorker, WrongMergeIsReplacedAndItsPosterSlashed) {
    WorldOptions options = options_with(9);
    Market market(options, {WorkerKind::wrong_merge, WorkerKind::wrong_merge});
    ASSERT_TRUE(market.finish());
    EXPECT_GE(market.world.count_events("merge_replaced"), 1U);
    EXPECT_GE(market.world.count_events("slashed"), 1U);
    market.expect_money_settled();
    if (market.record().state == market::JobState::completed) {
        EXPECT_EQ(market.record().final_root, market.honest_root());
    }
}

/// Any mixture of dishonest workers: honest ones keep their stake to the grain, cheats that were judged lose, and money adds up. Which
/// party does what follows from the seed.
TEST(CheatingWorker, HonestOnesNeverLoseStakeInAnyMixture) {
    constexpr std::uint32_t kKinds = 5;
    for (std::uint64_t seed = 200; seed < 216; ++seed) {
        WorldOptions options = options_with(seed);
        options.workers = 6;
        options.validators = 5;
        options.rounds = 4;
        options.round_steps = 40;
        options.rate_ppm = 600'000;
        options.part_segments = 1 + static_cast<std::uint32_t>(seed % 2);
        std::vector<WorkerKind> kinds(options.workers, WorkerKind::honest);
        for (std::size_t i = 0; i < 3; ++i) {
            kinds[i] = static_cast<WorkerKind>(base::scale_u64(base::first_u64(numbered(seed, "kind", i)), kKinds));
        }
        std::vector<ValidatorKind> validators(options.validators, ValidatorKind::honest);
        validators[0] = seed % 2 == 0 ? ValidatorKind::never_seals : ValidatorKind::never_reveals;
        Market market(options, kinds, validators);
        ASSERT_TRUE(market.finish()) << "seed " << seed;
        market.expect_completed();
        market.expect_history_adds_up();
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            if (kinds[i] != WorkerKind::honest) continue;
            EXPECT_EQ(market.world.stake_of(market.world.workers[i], market::Role::worker), kStake) << "seed " << seed << " worker " << i;
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
    options.rate_ppm = 1'000'000;
    options.rounds = 2;
    Market market(options, {}, {ValidatorKind::always_invalid});
    market.finish();
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
    EXPECT_GE(market.world.count_events("vote_closed"), 1U);
    for (const Person& worker : market.world.workers) EXPECT_EQ(market.world.stake_of(worker, market::Role::worker), kStake);
}

TEST(BadValidator, AlwaysValidIsNotPaidForASegmentItDidNotRecompute) {
    WorldOptions options = options_with(12);
    options.rate_ppm = 1'000'000;
    Market market(options, {}, {ValidatorKind::always_valid});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    for (const market::Event& event : market.world.events()) {
        if (event.kind != "paid") continue;
        const std::pair<std::string, std::string> lazy{"account", market.world.validators[0].id.hex()};
        const bool is_lazy = std::find(event.attributes.begin(), event.attributes.end(), lazy) != event.attributes.end();
        if (!is_lazy) continue;
        const auto audit_id = std::find_if(event.attributes.begin(), event.attributes.end(), [](const auto& a) { return a.first == "audit"; });
        ASSERT_NE(audit_id, event.attributes.end());
        const auto audit = market::find_audit(market.world.state(), base::AuditId{*base::hash_from_hex(audit_id->second)});
        EXPECT_EQ(audit->kind, market::AuditKind::merge);
    }
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

/// Who says `valid` to a forced plant has not looked: its lock is gone, which makes not looking lose on average.
TEST(BadValidator, AlwaysValidLosesItsLockOnAPlant) {
    WorldOptions options = options_with(15);
    options.rate_ppm = 1'000'000;
    options.plant_ppm = 500'000;
    options.round_steps = 100;
    options.part_segments = 5;
    Market market(options, {}, {ValidatorKind::always_valid});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    const Amount lost = kStake - market.world.stake_of(market.world.validators[0], market::Role::validator);
    const Amount lock = *market::audit_lock(market.record().audit_price, options.plant_ppm);
    EXPECT_GE(lost, lock);
    EXPECT_EQ(lost.grains() % lock.grains(), 0U);
    EXPECT_EQ(market.world.stake_of(market.world.validators[1], market::Role::validator), kStake);
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
}

TEST(BadValidator, MissedAuditsAreDrawnAgain) {
    for (const ValidatorKind kind : {ValidatorKind::never_seals, ValidatorKind::never_reveals}) {
        WorldOptions options = options_with(13);
        options.rate_ppm = 1'000'000;
        Market market(options, {}, {kind});
        ASSERT_TRUE(market.finish());
        market.expect_completed();
        EXPECT_GE(market.world.count_events("audit_missed"), 1U);
        EXPECT_EQ(market.world.count_events("slashed"), 0U);
        EXPECT_EQ(market.record().unaudited_segments, 0U);
        EXPECT_EQ(market.record().final_root, market.honest_root());
    }
}

TEST(BadValidator, WithoutAnyHonestAuditorSegmentsAreUnaudited) {
    WorldOptions options = options_with(14);
    options.rate_ppm = 1'000'000;
    options.rounds = 1;
    Market market(options, {}, {ValidatorKind::never_seals, ValidatorKind::never_seals, ValidatorKind::never_seals});
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().unaudited_segments, 2U);
}

}  // namespace
}  // namespace assay::sim
