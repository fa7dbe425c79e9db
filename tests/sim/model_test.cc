#include "model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "experiments.h"

/// The rules against the model, in settings small enough for every day; docs/soundness.md has the long ones.
namespace assay::sim {
namespace {

constexpr std::uint32_t kLeases = 600;

struct Setting {
    std::uint32_t rate_ppm, segments, colluding;
};

class Detection : public testing::TestWithParam<Setting> {};

TEST_P(Detection, IsWhatTheModelSays) {
    const auto [rate_ppm, segments, colluding] = GetParam();
    DetectionSetting setting;
    setting.seed = 3;
    setting.leases = kLeases;
    setting.rate_ppm = rate_ppm;
    setting.segments = segments;
    setting.colluding = colluding;
    const DetectionResult result = detect(setting);
    const double r = static_cast<double>(colluding) / setting.validators;
    const double expected = model::detection(rate_ppm / 1e6, r, segments);
    const double measured = static_cast<double>(result.found) / static_cast<double>(result.leases);
    EXPECT_GE(result.leases, kLeases);
    EXPECT_NEAR(measured, expected, model::interval99(expected, static_cast<double>(result.leases)) + 1e-9);
    if (colluding != 0) return;
    EXPECT_EQ(result.convicted, result.found);
    const model::LeaseTerms terms{1.2, rate_ppm / 1e6, 0.1, 4, segments};
    // Beyond the model: fees of transactions, about a thousandth of a segment each.
    EXPECT_NEAR(result.income, model::income_of_faking(terms, measured), 0.03 * segments);
}

INSTANTIATE_TEST_SUITE_P(Settings, Detection, testing::Values(Setting{450'000, 1, 0}, Setting{200'000, 4, 0}, Setting{450'000, 2, 2}));

TEST(Withholding, NoSubsetHelps) {
    WithholdingSetting setting;
    setting.draws = 2000;
    setting.segments = 3;
    const WithholdingResult result = withhold(setting);
    EXPECT_EQ(result.escaped_best, result.escaped_all_give);
    const double escape = 1 - model::detection(0.45, 1.0 / 3, setting.segments);
    EXPECT_NEAR(static_cast<double>(result.escaped_best) / 2000, escape, model::interval99(escape, 2000));
}

TEST(HonestLease, PaysEvenWithFaultyHardware) {
    HonestSetting setting;
    setting.leases = kLeases;
    const HonestResult good = serve(setting);
    EXPECT_EQ(good.paid, good.leases);
    EXPECT_EQ(good.slashed, 0U);
    EXPECT_NEAR(good.income, model::income_of_training({}), 0.01);
    setting.fault_ppm = 10'000;
    const HonestResult faulty = serve(setting);
    EXPECT_GT(faulty.faulty, 0U);
    EXPECT_GT(faulty.income, 0);
}

}  // namespace
}  // namespace assay::sim
