#include <gtest/gtest.h>

#include <algorithm>

#include "parties.h"

/// Whole jobs through the real rules with pretended training. An independent model (the chain of honest roots) says what must come out.
namespace assay::sim {
namespace {

using base::Amount;

constexpr std::uint64_t kBlocksMax = 20'000;

struct Market {
    explicit Market(const WorldOptions& options, std::vector<WorkerKind> worker_kinds = {}, std::vector<ValidatorKind> validator_kinds = {})
        : world(options) {
        worker_kinds.resize(options.workers, WorkerKind::honest);
        validator_kinds.resize(options.validators, ValidatorKind::honest);
        for (std::size_t i = 0; i < worker_kinds.size(); ++i) workers.emplace_back(world, i, worker_kinds[i]);
        for (std::size_t i = 0; i < validator_kinds.size(); ++i) validators.emplace_back(world, i, validator_kinds[i]);
        // The first workers are the cheapest, so the cheats among them are matched first.
        for (std::size_t i = 0; i < workers.size(); ++i) workers[i].offer(1000 + i);
        world.block();
        EXPECT_EQ(world.refusals_text().find_first_not_of("none "), std::string::npos) << world.refusals_text();
        job = world.post_job();
    }

    [[nodiscard]] market::Job record() const { return *market::find_job(world.state(), job); }
    bool finish() { return run(world, workers, validators, job, kBlocksMax); }

    /// What honest training gives: nothing else may be the result when every lie is found.
    [[nodiscard]] base::Hash honest_root() const {
        const WorldOptions& options = world.options;
        base::Hash opening = world.init_root;
        for (std::uint32_t round = 0; round < options.rounds; ++round) {
            std::vector<base::Hash> payloads;
            base::Hash end;
            for (std::uint32_t lane = 0; lane < options.lanes; ++lane) {
                end = opening;
                for (std::uint32_t segment = 0; segment < options.round_steps / options.segment_steps; ++segment) {
                    end = trained_root(end, job, round, lane, segment);
                }
                payloads.push_back(trained_payload(end));
            }
            opening = options.lanes == 1 && options.rounds == 1 ? end : merged_root(opening, payloads);
        }
        return opening;
    }

    void expect_money_settled() const {
        const market::Job now = record();
        const market::Spent& spent = now.spent;
        EXPECT_EQ(now.hold.total(), Amount{});
        EXPECT_EQ(now.held, spent.workers + spent.auditors + spent.protocol_fees + spent.refunded + spent.pauses);
        for (const Person& worker : world.workers) {
            const auto stake = market::find_stake(world.state(), worker.id, market::Role::worker);
            EXPECT_EQ(stake->locked, Amount{}) << worker.name;
        }
        for (const Person& validator : world.validators) {
            const auto stake = market::find_stake(world.state(), validator.id, market::Role::validator);
            EXPECT_EQ(stake->locked, Amount{}) << validator.name;
            EXPECT_EQ(market::find_validator(world.state(), validator.id)->open_audits, 0U) << validator.name;
        }
    }

    void expect_completed() const {
        const market::Job now = record();
        EXPECT_EQ(now.state, market::JobState::completed) << market::to_word(now.state) << " " << market::to_word(now.reason);
        EXPECT_EQ(now.final_rounds, world.options.rounds);
        expect_money_settled();
    }

    void expect_history_adds_up() const {
        base::Hash history = base::Hash{};
        const market::Job now = record();
        const auto entries = market::history_of(world.state(), job, 0, 100'000);
        EXPECT_EQ(entries.size(), now.history_count);
        for (const base::Bytes& entry : entries) history = market::extend_history(history, entry);
        EXPECT_EQ(history, now.history);
    }

    World world;
    std::vector<Worker> workers;
    std::vector<Validator> validators;
    base::JobId job;
};

const Amount kStake = Amount::of(1'000'000'000'000);

WorldOptions options_with(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    return options;
}

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
