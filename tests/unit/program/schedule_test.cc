#include <gtest/gtest.h>

#include <cmath>

#include "optimizers/adamw.h"
#include "schedule.h"
#include "specs.h"

namespace assay::program {
namespace {

TEST(Schedule, CosineIsTheCosine) {
    for (int i = 0; i <= 10'000; ++i) {
        const double x = i / 10'000.0;
        ASSERT_NEAR(cos_pi(x), std::cos(M_PI * x), 6e-16) << x;
    }
    EXPECT_EQ(cos_pi(0.0), 1.0);
    EXPECT_EQ(cos_pi(0.5), 0.0);
    EXPECT_EQ(cos_pi(1.0), -1.0);
}

TEST(Schedule, WarmsUpThenFollowsTheCosine) {
    market::Optimizer optimizer;
    optimizer.learning_rate_ppb = 2'000'000;
    optimizer.learning_rate_min_ppb = 200'000;
    optimizer.warmup_steps = 10;
    EXPECT_DOUBLE_EQ(learning_rate(optimizer, 0, 110), 2e-3 / 11);
    EXPECT_DOUBLE_EQ(learning_rate(optimizer, 9, 110), 2e-3 * 10 / 11);
    EXPECT_DOUBLE_EQ(learning_rate(optimizer, 10, 110), 2e-3);
    EXPECT_NEAR(learning_rate(optimizer, 60, 110), 1.1e-3, 1e-15);
    EXPECT_NEAR(learning_rate(optimizer, 110, 110), 2e-4, 1e-15);
    for (std::uint64_t step = 11; step < 110; ++step) {
        EXPECT_LT(learning_rate(optimizer, step, 110), learning_rate(optimizer, step - 1, 110));
    }
}

TEST(Schedule, WarmUpLongerThanTheJobNeverReachesThePeak) {
    market::Optimizer optimizer;
    optimizer.learning_rate_ppb = 2'000'000;
    optimizer.warmup_steps = 100;
    EXPECT_LT(learning_rate(optimizer, 49, 50), 1.01e-3);
}

Schedule table_of(const market::JobSpec& spec) {
    return schedule_table(spec, *rule_of(spec).value());
}

TEST(Schedule, BiasCorrectionsCountGlobalStepsWhenMomentsAreAveraged) {
    market::JobSpec spec = with_merge(tiny_gpt());
    const auto [columns, table] = table_of(spec);
    ASSERT_EQ(columns, 5U);
    ASSERT_EQ(table.size(), 12U * columns);
    for (std::size_t step = 0; step < 12; ++step) {
        const float* row = table.data() + step * columns;
        const double n = static_cast<double>(step + 1);
        EXPECT_FLOAT_EQ(row[AdamW::kBias1], static_cast<float>(1 / (1 - std::pow(0.9, n))));
        EXPECT_FLOAT_EQ(row[AdamW::kBias2], static_cast<float>(1 / (1 - std::pow(0.95, n))));
        EXPECT_EQ(row[columns - 1], static_cast<float>(step + 1));
        EXPECT_FLOAT_EQ(row[kDecay],
                        static_cast<float>(1 - static_cast<double>(row[kLearningRate]) * 0.1));
    }
}

TEST(Schedule, BiasCorrectionsRestartEachRoundWhenMomentsAreReset) {
    market::JobSpec spec = with_merge(tiny_gpt());
    spec.merge.moments = market::MomentRule::reset;
    const auto [columns, table] = table_of(spec);
    for (std::size_t step = 0; step < 12; ++step) {
        EXPECT_EQ(table[step * columns + AdamW::kBias1],
                  table[(step % 4) * columns + AdamW::kBias1]);
        EXPECT_EQ(table[step * columns + AdamW::kBias2],
                  table[(step % 4) * columns + AdamW::kBias2]);
    }
}

TEST(Schedule, ResetChangesNothingWithoutMerges) {
    market::JobSpec spec = tiny_gpt();
    const auto averaged = table_of(spec).values;
    spec.merge.moments = market::MomentRule::reset;
    EXPECT_EQ(table_of(spec).values, averaged);
}

TEST(Grid, IsTheLeastPowerOfTwo) {
    // One round of two steps: sum 127 x 2^-10 exactly, and one unit more.
    Schedule schedule{5, std::vector<float>(2 * 5)};
    schedule.values[kLearningRate] = 100.0F / 1024;
    schedule.values[5 + kLearningRate] = 27.0F / 1024;
    auto grid = grid_table(schedule, 1, 2);
    EXPECT_EQ(grid[kGrid], 0x1p-10F);
    EXPECT_EQ(grid[kGridInverse], 0x1p10F);
    schedule.values[kLearningRate] = std::nextafter(schedule.values[kLearningRate], 1.0F);
    grid = grid_table(schedule, 1, 2);
    EXPECT_EQ(grid[kGrid], 0x1p-9F);
    EXPECT_EQ(grid[kGridInverse], 0x1p9F);
}

TEST(Grid, OfARoundWithoutLearningStaysFinite) {
    const auto grid = grid_table({5, std::vector<float>(3 * 5)}, 1, 3);
    EXPECT_EQ(grid[kGrid], 0x1p-126F);
    EXPECT_EQ(grid[kGridInverse], 0x1p126F);
}

}  // namespace
}  // namespace assay::program
