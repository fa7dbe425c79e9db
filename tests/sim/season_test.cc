#include <gtest/gtest.h>

#include <algorithm>

#include "adversaries.h"
#include "model.h"
#include "other_strategies.h"
#include "season_checks.h"

/// Every adversary of the library plays a season against honest parties under the real rules, and
/// the same season once more in their own honest company: it must end with less than it began, and
/// with less than honesty would have brought. Nobody honest is harmed, all are paid.
namespace assay::sim {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::uint32_t kJobs = 12;

SeasonOptions season() {
    SeasonOptions options = usual_season(kSeed);
    options.jobs = kJobs;
    return options;
}

class AdversarySeason : public testing::TestWithParam<std::string> {};

TEST_P(AdversarySeason, LosesAgainstHonesty) {
    const Adversary& one = adversary(GetParam());
    std::int64_t brought = 0, honesty_brings = 0;
    for (std::uint64_t seed = kSeed; seed < kSeed + one.seasons; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const SeasonResult cheated = play(one, seed, kJobs, false);
        const SeasonResult honest = play(one, seed, kJobs, true);
        ASSERT_TRUE(cheated.finished);
        ASSERT_TRUE(honest.finished);
        EXPECT_EQ(honest.completed, kJobs);
        EXPECT_EQ(honest.poisoned, 0U);
        expect_honest_are_paid(honest);
        expect_honest_are_paid(cheated);
        brought += cheated.adversary_net();
        honesty_brings += honest.adversary_net();
    }
    RecordProperty("net", std::to_string(brought));
    EXPECT_TRUE(one.loses(brought, honesty_brings)) << brought << " instead of " << honesty_brings;
}

/// The node makes no block for two hours, again and again: live time stands still, so nobody is
/// late.
TEST(Operator, TwoHoursOfOutageHurtNobody) {
    Cast cast;
    std::size_t blocks = 0;
    cast.plot = [&](World& world, const Snapshot&) {
        if (++blocks % 37 == 0) world.outage(2 * 3'600'000);
    };
    const SeasonResult result = Season(season(), std::move(cast)).run();
    ASSERT_TRUE(result.finished);
    EXPECT_GT(blocks, 100U);
    EXPECT_EQ(result.completed, kJobs);
    expect_honest_are_paid(result);
}

/// The node leaves out everything of one worker and one validator in two blocks of four, which is
/// less than `grace` at a time.
TEST(Operator, CensoringForLessThanGraceHurtsNobody) {
    Cast cast;
    std::size_t blocks = 0, left_out = 0;
    cast.plot = [&](World& world, const Snapshot&) {
        if (++blocks % 4 < 2) return;
        for (const auto& [person, message] : world.take_queue()) {
            const bool censored =
                person->id == world.workers[0].id || person->id == world.validators[0].id;
            left_out += censored ? 1 : 0;
            if (!censored) world.send(*person, message);
        }
    };
    const SeasonResult result = Season(season(), std::move(cast)).run();
    ASSERT_TRUE(result.finished);
    EXPECT_GT(left_out, 50U);
    EXPECT_EQ(result.completed, kJobs);
    expect_honest_are_paid(result);
}

/// Half of the validators, and more than half, are never seen again: the market goes on after an
/// unbonding time at the latest.
TEST(Validators, HalfLeaveForGoodAndTheMarketGoesOn) {
    for (const std::size_t leaving : {3U, 4U}) {
        SCOPED_TRACE(leaving);
        SeasonOptions options = season();
        options.world.tune = [](market::Parameters& p) {
            p.retention_ms = 1'000;
            p.open_ms_max = 6'000'000;
        };
        Cast cast;
        for (std::size_t i = 0; i < leaving; ++i)
            cast.validators[i] = std::make_unique<LeavesForGood>(60);
        const SeasonResult result = Season(std::move(options), std::move(cast)).run();
        ASSERT_TRUE(result.finished);
        EXPECT_EQ(result.completed, kJobs);
        EXPECT_GT(result.count("jailed"), 0U);
        expect_honest_are_paid(result);
    }
}

TEST(OneStake, NeverBacksTwoLeases) {
    const Adversary& one = adversary("many_leases_one_stake");
    SeasonOptions options = season();
    one.prepare(options);
    Cast cast = one.cast();
    std::size_t most = 0;
    cast.plot = [&](World& world, const Snapshot&) {
        std::size_t held = 0;
        for (const market::Lease& lease :
             market::leases_of_worker(world.state(), world.workers[0].id, std::nullopt, 1000)) {
            if (lease.state != market::LeaseState::settled) ++held;
        }
        most = std::max(most, held);
    };
    ASSERT_TRUE(Season(std::move(options), std::move(cast)).run().finished);
    EXPECT_EQ(most, 1U);
}

/// The draw with real proofs, through the rules: jobs of one false segment, a third of the stake in
/// the coalition.
TEST(Detection, ThroughTheRulesIsWhatTheModelSays) {
    for (const std::size_t colluding : {0U, 2U}) {
        SCOPED_TRACE(colluding);
        SeasonOptions options = season();
        options.world.lanes = options.world.rounds = 1;
        options.world.round_steps = options.world.segment_steps;
        options.leases = 150;
        options.at_once = 8;
        options.slots = 16;
        options.world.supply_every = options.world.books_every = 256;
        options.bond = 100'000'000'000;
        Cast cast;
        auto coalition = std::make_shared<Coalition>();
        for (std::size_t i = 0; i < options.world.workers; ++i)
            cast.workers[i] = std::make_unique<ColludingWorker>(coalition);
        for (std::size_t i = 0; i < colluding; ++i)
            cast.validators[i] = std::make_unique<ColludingValidator>(coalition);
        Season driver(std::move(options), std::move(cast));
        const SeasonResult result = driver.run();
        std::set<std::string> own;
        for (std::size_t i = 0; i < colluding; ++i)
            own.insert(driver.world().validators[i].id.hex());
        std::size_t found = 0;
        for (const auto& [part, auditors] : result.drawn_by) {
            found += std::any_of(auditors.begin(), auditors.end(),
                                 [&](const std::string& who) { return own.count(who) == 0; })
                         ? 1
                         : 0;
        }
        const double trials = static_cast<double>(result.count("part_committed"));
        const double expected = model::detection(0.45, static_cast<double>(colluding) / 6, 1);
        EXPECT_GE(trials, 150);
        EXPECT_NEAR(static_cast<double>(found) / trials, expected,
                    model::interval99(expected, trials));
        EXPECT_GE(result.count("slashed"), found);
        EXPECT_TRUE(result.harmed.empty()) << result.harmed.front();
    }
}

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const Adversary& one : adversaries()) all.push_back(one.name);
    return all;
}

INSTANTIATE_TEST_SUITE_P(Adversaries, AdversarySeason, testing::ValuesIn(names()),
                         [](const auto& given) { return given.param; });

}  // namespace
}  // namespace assay::sim
