#include "market/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

/// The draw against floating point, which the rules never use: every validator draws for itself.
namespace assay::market {
namespace {

constexpr double kTwo32 = 4294967296.0;
constexpr double kTwo64 = kTwo32 * kTwo32;

double value(std::uint64_t fixed) { return static_cast<double>(fixed) / kTwo32; }

TEST(NegativeLog2, IsTheLogarithm) {
    for (const std::uint64_t word : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{1} << 40U,
                                     std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
        EXPECT_NEAR(value(negative_log2(word)), 64 - std::log2(static_cast<double>(word)), 1e-8)
            << word;
    }
    EXPECT_EQ(negative_log2(0), negative_log2(1));
    EXPECT_GE(negative_log2(~std::uint64_t{0}), 1U);
}

TEST(PowerOfHalf, IsNeverMoreThanTheTruth) {
    for (const double x : {0.001, 0.1, 0.5, 1.0, 2.5, 20.0, 40.0}) {
        const auto fixed = static_cast<std::uint64_t>(x * kTwo32);
        const double found = static_cast<double>(power_of_half(fixed)) / kTwo64;
        const double truth = std::exp2(-value(fixed));
        EXPECT_NEAR(found, truth, truth * 1e-9 + 1e-18) << x;
        EXPECT_LE(found, truth * (1 + 1e-15)) << x;
    }
    EXPECT_EQ(power_of_half(std::uint64_t{64} << 32U), 0U);
}

TEST(RateExponent, GoesFromNothingToAll) {
    EXPECT_EQ(rate_exponent(0), 0U);
    EXPECT_EQ(rate_exponent(1'000'000), kAllExponent);
    EXPECT_EQ(rate_exponent(2'000'000), kAllExponent);
    EXPECT_NEAR(value(rate_exponent(500'000)), 1.0, 1e-8);
    EXPECT_NEAR(value(rate_exponent(990'000)), -std::log2(0.01), 1e-8);
    std::uint64_t before = 0;
    for (std::uint32_t rate = 1; rate <= 1'000'000; rate += 9'973) {
        EXPECT_GT(rate_exponent(rate), before) << rate;
        before = rate_exponent(rate);
    }
}

/// Splitting a stake changes nobody's chance to be found, and the product over all members is 1 -
/// q.
TEST(DrawChance, OfAllMembersTogetherIsTheRate) {
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U, 990'000U}) {
        for (const std::vector<std::uint64_t>& weights :
             {std::vector<std::uint64_t>{7}, {1, 1, 1}, {5, 3, 90, 2}, {1, 1'000'000'000'000}}) {
            std::uint64_t all = 0;
            for (const std::uint64_t weight : weights) all += weight;
            double escape = 1;
            for (const std::uint64_t weight : weights)
                escape *= 1 - static_cast<double>(
                                  draw_chance(member_exponent(rate_exponent(rate), weight, all))) /
                                  kTwo64;
            EXPECT_NEAR(escape, 1 - rate / 1e6, 1e-6) << rate;
        }
    }
    EXPECT_EQ(draw_chance(0), 0U);
}

TEST(ExpectedAudits, IsTheNaturalLogarithm) {
    EXPECT_NEAR(value(expected_audits(100'000)), 0.10536, 1e-4);
    EXPECT_NEAR(value(expected_audits(450'000)), 0.59784, 1e-4);
    EXPECT_NEAR(value(expected_audits(990'000)), 4.60517, 1e-4);
    EXPECT_NEAR(value(expected_audits(1'000'000)), 13.86294, 1e-4);
}

TEST(AuditsBound, IsTheMeanAndSixDeviationsAndThree) {
    EXPECT_EQ(audits_bound(0), 3U);
    for (const double n : {0.1, 1.0, 4.6, 100.0, 12'345.0}) {
        const auto fixed = static_cast<std::uint64_t>(n * kTwo32);
        EXPECT_EQ(audits_bound(fixed), static_cast<std::uint64_t>(std::ceil(
                                           value(fixed) + 6 * std::sqrt(value(fixed)) + 3 - 1e-9)))
            << n;
    }
}

/// What a validator earns a segment is price x t, however it splits its stake.
TEST(AuditPay, TimesTheChanceIsTheSameForEveryWeight) {
    const auto price = base::Amount::of(1'000'000'000);
    for (const std::uint32_t rate : {100'000U, 990'000U, 1'000'000U}) {
        for (const std::uint64_t weight : {1U, 10U, 333U, 1'000U}) {
            const std::uint64_t exponent = member_exponent(rate_exponent(rate), weight, 1'000);
            const double chance = static_cast<double>(draw_chance(exponent)) / kTwo64;
            const double earned =
                static_cast<double>(audit_pay(price, exponent)->grains()) * chance;
            const double due =
                1e9 * value(expected_audits(rate)) * static_cast<double>(weight) / 1'000;
            EXPECT_NEAR(earned / due, 1.0, 1e-4) << rate << " " << weight;
            EXPECT_GE(*audit_pay(price, exponent), price);
        }
    }
}

TEST(IsDrawn, HappensAsOftenAsItsChance) {
    const std::uint64_t chance = draw_chance(rate_exponent(300'000));
    std::uint32_t drawn = 0;
    constexpr std::uint32_t kTries = 20'000;
    for (std::uint32_t i = 0; i < kTries; ++i) {
        DrawSubject subject;
        subject.segment = i;
        if (is_drawn(base::Hasher("y").add_u32(i % 7).finish(), subject, chance)) ++drawn;
    }
    EXPECT_NEAR(drawn / static_cast<double>(kTries), 0.3, 0.01);
}

TEST(IsDrawn, DependsOnEveryFieldOfItsSubject) {
    const base::Hash y = base::Hasher("y").finish();
    const auto differs = [&](const std::function<void(DrawSubject&)>& change) {
        for (std::uint32_t i = 0; i < 64; ++i) {
            DrawSubject subject;
            subject.segment = i;
            const bool before = is_drawn(y, subject, std::uint64_t{1} << 63U);
            change(subject);
            if (is_drawn(y, subject, std::uint64_t{1} << 63U) != before) return true;
        }
        return false;
    };
    EXPECT_TRUE(differs([](auto& s) { s.kind = ClaimKind::merge; }));
    EXPECT_TRUE(differs([](auto& s) { s.job.hash.bytes[0] = 1; }));
    EXPECT_TRUE(differs([](auto& s) { s.round = 1; }));
    EXPECT_TRUE(differs([](auto& s) { s.lane = 1; }));
    EXPECT_TRUE(differs([](auto& s) { s.segment += 1'000; }));
    EXPECT_TRUE(differs([](auto& s) { s.control.hash.bytes[0] = 1; }));
    EXPECT_FALSE(differs([](auto&) {}));
}

TEST(Seals, BindEverythingTheySeal) {
    const base::Hash one = base::Hasher("1").finish(), two = base::Hasher("2").finish();
    const Verdict verdict{VerdictKind::valid, {}, one};
    const base::Hash seal = verdict_seal({one}, {two}, verdict, two);
    EXPECT_NE(seal, verdict_seal({two}, {two}, verdict, two));
    EXPECT_NE(seal, verdict_seal({one}, {one}, verdict, two)) << "nobody can send another's seal";
    EXPECT_NE(seal, verdict_seal({one}, {two}, verdict, one));
    EXPECT_NE(seal, verdict_seal({one}, {two}, {VerdictKind::invalid, {}, one}, two));
    EXPECT_NE(seal, verdict_seal({one}, {two}, {VerdictKind::valid, one, {}}, two));
    const std::vector<base::Hash> cells{one, two}, swapped{two, one};
    EXPECT_NE(cells_digest(one, cells), cells_digest(two, cells));
    EXPECT_NE(cells_digest(one, cells), cells_digest(one, swapped));
}

}  // namespace
}  // namespace assay::market
