#include <gtest/gtest.h>

#include <algorithm>

#include "adversaries.h"
#include "other_strategies.h"
#include "season_checks.h"

/// Seasons in which the honest use their clocks up: nobody is fined, jailed or slashed for that,
/// and jobs end.
namespace assay::sim {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::uint32_t kJobs = 12;
constexpr std::uint64_t kReplayMs = 10'000;

SeasonOptions slow_season() {
    SeasonOptions options = usual_season(kSeed);
    options.jobs = kJobs;
    return options;
}

/// Everybody who is honest does everything at the last moment, the submitter included; `with`:
/// validators that give them something to answer.
Cast late_cast(const SeasonOptions& options,
               std::map<std::size_t, std::unique_ptr<ValidatorConduct>> with) {
    Cast cast;
    cast.validators = std::move(with);
    for (std::size_t i = 0; i < options.world.workers; ++i) {
        cast.workers[i] = std::make_unique<Procrastinates>();
        cast.honest_workers.push_back(i);
    }
    for (std::size_t i = 0; i < options.world.validators; ++i) {
        if (!cast.validators.try_emplace(i, std::make_unique<LateValidator>()).second) continue;
        cast.honest_validators.push_back(i);
    }
    cast.submitter = std::make_unique<LateSubmitter>();
    cast.honest_submitter = true;
    return cast;
}

TEST(LastMoment, HonestSidesLoseNothingByIt) {
    const SeasonOptions options = slow_season();
    const SeasonResult result = Season(options, late_cast(options, {})).run();
    ASSERT_TRUE(result.finished);
    EXPECT_EQ(result.completed, kJobs);
    expect_honest_are_paid(result);
}

TEST(LastMoment, HonestSidesLoseNothingByItWhenTheyAreAccusedAndAsked) {
    const SeasonOptions options = slow_season();
    std::map<std::size_t, std::unique_ptr<ValidatorConduct>> with;
    with[0] = std::make_unique<SerialChallenger>();
    with[1] = std::make_unique<ClaimsMissingChunks>();
    with[2] = std::make_unique<FalseAccuser>();
    const SeasonResult result = Season(options, late_cast(options, std::move(with))).run();
    ASSERT_TRUE(result.finished);
    EXPECT_EQ(result.completed, kJobs);
    EXPECT_GT(result.count("dispute_opened"), 0U);
    EXPECT_GT(result.count("question_opened"), 0U);
    EXPECT_LT(result.adversary_net(), 0);
    expect_honest_are_paid(result);
}

/// One honest machine against four accusers, each with a root of its own for every part: its
/// replays queue, and no silence convicts it.
TEST(TwelveGames, OneHonestMachinePlaysThemAll) {
    SeasonOptions options = slow_season();
    options.jobs = 4;
    options.world.validators = 8;
    // All lanes are its own.
    options.prices[0] = kSeasonPrice - 1;
    options.worker_slots[0] = 32;
    Cast cast;
    // A segment of 10 GFLOP takes the reference machine a second, an offer of these seasons says
    // ten.
    cast.workers[0] = std::make_unique<OneMachine>(kReplayMs);
    cast.honest_workers = {0};
    for (std::size_t i = 0; i < 4; ++i) cast.validators[i] = std::make_unique<AccusesInCompany>(i);
    std::size_t most = 0;
    cast.plot = [&most](World& world, const Snapshot&) {
        most =
            std::max(most, market::disputes_of_account(world.state(), world.workers[0].id,
                                                       market::Side::asserter, std::nullopt, 1000)
                               .size());
    };
    const SeasonResult result = Season(std::move(options), std::move(cast)).run();
    ASSERT_TRUE(result.finished);
    EXPECT_GE(most, 12U);
    EXPECT_EQ(result.completed, 4U);
    EXPECT_LT(result.adversary_net(), 0);
    expect_honest_are_paid(result);
}

}  // namespace
}  // namespace assay::sim
