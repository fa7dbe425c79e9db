#include "model.h"

#include <gtest/gtest.h>

#include "draw_experiment.h"
#include "market/draw.h"
#include "market/pricing.h"
#include "own_draws.h"
#include "world.h"

/// The draw against the model, for a coalition that grinds, withholds and splits; docs/soundness.md
/// has the long runs.
namespace assay::sim {
namespace {

struct Point {
    std::uint32_t rate_ppm, colluding_ppm, segments;
};

class Detection : public testing::TestWithParam<Point> {};

TEST_P(Detection, IsWhatTheModelSaysWhateverTheCoalitionTries) {
    const auto [rate_ppm, colluding_ppm, segments] = GetParam();
    DrawSetting setting;
    setting.trials = 10'000;
    setting.rate_ppm = rate_ppm;
    setting.colluding_ppm = colluding_ppm;
    setting.segments = segments;
    const DrawResult result = draw_often(setting);
    const double trials = static_cast<double>(result.trials);
    const double expected = model::detection(rate_ppm / 1e6, colluding_ppm / 1e6, segments);
    EXPECT_NEAR(1 - static_cast<double>(result.escaped_all_give) / trials, expected,
                model::interval99(expected, trials));
    EXPECT_EQ(result.escaped_best, result.escaped_all_give);
}

INSTANTIATE_TEST_SUITE_P(Grid, Detection,
                         testing::Values(Point{450'000, 0, 1}, Point{450'000, 50'000, 1},
                                         Point{450'000, 333'333, 1}, Point{450'000, 500'000, 1},
                                         Point{100'000, 0, 4}, Point{100'000, 50'000, 4},
                                         Point{100'000, 333'333, 4}, Point{100'000, 500'000, 4},
                                         Point{900'000, 333'333, 1}, Point{450'000, 333'333, 3}));

TEST(Grinding, MovesTheCoalitionsOwnDrawsAlone) {
    DrawSetting setting;
    setting.trials = 2'000;
    setting.colluding_ppm = 333'333;
    setting.commitments = setting.jobs = 1;
    const DrawResult once = draw_often(setting);
    setting.commitments = 10;
    setting.jobs = 50;  // a million in all
    const DrawResult ground = draw_often(setting);
    EXPECT_GT(ground.own_audits, 3 * once.own_audits);
    const double expected = model::detection(0.45, 0.333333, 1);
    EXPECT_NEAR(1 - static_cast<double>(ground.escaped_best) / 2'000, expected,
                model::interval99(expected, 2'000));
}

/// The coalition's tries are hashed many at a time; they are the rules' own draws.
TEST(OwnDraws, AreThoseOfTheRules) {
    std::vector<base::JobId> jobs;
    for (std::uint64_t i = 0; i < 19; ++i) jobs.push_back({numbered(3, "job", i)});
    const JobBatches batches(jobs);
    ASSERT_EQ(batches.count(), 3U);
    for (const std::uint32_t segment : {0U, 1U, 255U, 256U, 0x01020304U, 0xffffffffU}) {
        const base::Hash y = numbered(3, "y", segment);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const std::uint64_t ticket =
                batches.tickets(i / kTicketLanes, y, segment)[i % kTicketLanes];
            market::DrawSubject subject;
            subject.job = jobs[i];
            subject.segment = segment;
            EXPECT_FALSE(market::is_drawn(y, subject, ticket));
            EXPECT_TRUE(market::is_drawn(y, subject, ticket + 1));
        }
    }
}

TEST(OwnDraws, ChooseWhatTheRulesChoose) {
    DrawSetting setting;
    setting.trials = 40;
    setting.commitments = 7;
    setting.jobs = 21;
    for (const Point& point : {Point{450'000, 333'333, 1}, Point{100'000, 50'000, 4},
                               Point{900'000, 500'000, 3}, Point{450'000, 0, 2}}) {
        setting.rate_ppm = point.rate_ppm;
        setting.colluding_ppm = point.colluding_ppm;
        setting.segments = point.segments;
        setting.by_the_rules = false;
        const DrawResult quick = draw_often(setting);
        setting.by_the_rules = true;
        EXPECT_EQ(quick, draw_often(setting)) << point.rate_ppm;
    }
}

TEST(Splitting, LeavesTheDetectionAsItIs) {
    DrawSetting setting;
    setting.trials = 10'000;
    setting.colluding_ppm = 500'000;
    setting.commitments = setting.jobs = 1;
    for (const std::uint32_t accounts : {1U, 2U, 6U}) {
        setting.accounts = accounts;
        setting.seed = accounts;
        const double expected = model::detection(0.45, 0.5, 1);
        EXPECT_NEAR(1 - static_cast<double>(draw_often(setting).escaped_best) / 10'000, expected,
                    model::interval99(expected, 10'000))
            << accounts;
    }
}

/// The rules' fixed point against the model's floating point, which is what the tables of
/// docs/soundness.md are made of.
TEST(Audits, AreAsManyAsTheModelSays) {
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U, 990'000U, 1'000'000U}) {
        const double expected = static_cast<double>(market::expected_audits(rate)) / 4294967296.0;
        EXPECT_NEAR(expected, model::expected_audits(rate / 1e6), 1e-6) << rate;
        EXPECT_EQ(static_cast<double>(market::audits_bound(market::expected_audits(rate) * 10)),
                  model::audits_bound(expected * 10))
            << rate;
    }
}

/// The rules' lock is never less than what makes one false segment a loss for the greatest
/// coalition that the parameters allow for.
TEST(Lock, MakesAFakeLose) {
    for (const std::uint32_t rate : {50'000U, 100'000U, 450'000U, 900'000U}) {
        market::LockTerms terms{
            base::Amount::of(1'200'000), base::Amount::of(1'000'000), rate, 100'000, 4, 1, 1, 1};
        const double lock = static_cast<double>(market::lease_lock(terms)->grains()) / 1e6;
        EXPECT_GE(lock, 1.2 * model::deterring_lock(rate / 1e6, 0.1) - 1e-5) << rate;
        EXPECT_LT(model::income_of_faking(1.2, lock, 1, model::detection(rate / 1e6, 0.1, 1)), 0)
            << rate;
    }
}

}  // namespace
}  // namespace assay::sim
