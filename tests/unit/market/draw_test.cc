#include "market/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/hash.h"
#include "base/wide.h"

namespace assay::market {
namespace {

using base::Amount;

constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;
constexpr std::uint64_t kAll = ~std::uint64_t{0};

base::Hash numbered(std::string_view what, std::uint64_t n) {
    return base::Hasher("test").add(base::view_of(what)).add_u64(n).finish();
}

/// The chance not to be drawn as a fraction of 2^64, 2^64 - 1 standing for certain.
std::uint64_t missed(std::uint64_t exponent) { return kAll - draw_chance(exponent); }

double fraction(std::uint64_t of_all) { return std::ldexp(static_cast<double>(of_all), -64); }

TEST(NegativeLog2, IsExactAtPowersOfTwo) {
    for (std::uint32_t bit = 0; bit < 64; ++bit) {
        EXPECT_EQ(negative_log2(std::uint64_t{1} << bit), std::uint64_t{64 - bit} << 32U) << bit;
    }
    EXPECT_EQ(negative_log2(0), std::uint64_t{64} << 32U);
}

TEST(NegativeLog2, StaysAboveZeroAndNeverRises) {
    EXPECT_EQ(negative_log2(kAll), 1U);
    std::uint64_t previous = negative_log2(1);
    for (std::uint64_t word = 1; word < kAll / 3; word = word * 3 + 1) {
        const std::uint64_t l = negative_log2(word);
        EXPECT_LE(l, previous);
        previous = l;
    }
}

TEST(NegativeLog2, AgreesWithTheLogarithm) {
    for (std::uint64_t n = 0; n < 2000; ++n) {
        const std::uint64_t word = base::first_u64(numbered("word", n));
        const long double expected = 64.0L - std::log2(static_cast<long double>(word));
        const long double found = static_cast<long double>(negative_log2(word)) / 4294967296.0L;
        EXPECT_NEAR(static_cast<double>(found - expected), 0.0, 3e-10) << word;
    }
}

TEST(NegativeLog2, HasTheStatedGoldenValues) {
    EXPECT_EQ(negative_log2(0xc000000000000000ULL), 1782572487ULL);
    EXPECT_EQ(negative_log2(0x5555555555555555ULL), 6807362106ULL);
    EXPECT_EQ(negative_log2(0x0123456789abcdefULL), 33559934675ULL);
}

/// Golden values of this file: the stated algorithm written again in Python over big integers, its
/// constants and the truth with mpmath at 400 bits. No exponent is more than one unit above -log2(1
/// - q).
TEST(RateExponent, HasGoldenValues) {
    const std::pair<std::uint32_t, std::uint64_t> golden[] = {{0, 0},
                                                              {1, 6'197},
                                                              {62'500, 399'901'847},
                                                              {100'000, 652'848'316},
                                                              {450'000, 3'704'394'159},
                                                              {500'000, kOne},
                                                              {900'000, 14'267'572'528},
                                                              {990'000, 28'535'145'055},
                                                              {999'999, 85'605'435'164},
                                                              {1'000'000, kAllExponent},
                                                              {4'000'000, kAllExponent}};
    for (const auto& [rate, exponent] : golden) EXPECT_EQ(rate_exponent(rate), exponent) << rate;
    for (std::uint32_t rate = 0; rate < 1'000'000; rate += 997)
        EXPECT_LE(rate_exponent(rate), rate_exponent(rate + 1)) << rate;
}

TEST(PowerOfHalf, HasGoldenValues) {
    const std::pair<std::uint64_t, std::uint64_t> golden[] = {{1, 0xffffffff4e8de807},
                                                              {2, 0xfffffffe9d1bd010},
                                                              {0x5a3c1234, 0xc88238e79e4b2ff6},
                                                              {kOne / 2, 0xb504f333f9de6483},
                                                              {kOne - 1, 0x8000000058b90be5},
                                                              {kOne, 0x7fffffffffffffff},
                                                              {kOne + kOne / 2, 0x5a827999fcef3241},
                                                              {0xdeadbeef, 0x8c15d39671e44af8},
                                                              {3'704'394'159, 0x8ccccccc9325cd0d},
                                                              {28'535'145'055, 0x028f5c28f4b65eaf},
                                                              {kAllExponent, 0x00000fffffffffff},
                                                              {(std::uint64_t{63} << 32U) + 5, 1},
                                                              {std::uint64_t{64} << 32U, 0},
                                                              {kAll, 0}};
    for (const auto& [exponent, fraction_of_all] : golden)
        EXPECT_EQ(power_of_half(exponent), fraction_of_all) << exponent;
}

TEST(PowerOfHalf, NeverRisesWithItsExponent) {
    std::uint64_t before = kAll;
    for (std::uint64_t n = 1; n < 5'000; ++n) {
        const std::uint64_t now = power_of_half(n * 40'000'007);
        EXPECT_LE(now, before) << n;
        before = now;
    }
}

TEST(MemberExponent, RoundsUpAndIsTheWholeForAllWeight) {
    EXPECT_EQ(member_exponent(3'704'394'159, 1, 3), 1'234'798'053U);
    EXPECT_EQ(member_exponent(3'704'394'159, 100, 1'000), 370'439'416U);
    EXPECT_EQ(member_exponent(28'535'145'055, 333, 1'000), 9'502'203'304U);
    EXPECT_EQ(member_exponent(3'704'394'159, 1, 1'000'000'000'000'000), 1U)
        << "nobody with weight is without a chance";
    EXPECT_EQ(member_exponent(kAllExponent, Amount::kMax, Amount::kMax), kAllExponent);
    EXPECT_EQ(member_exponent(kAllExponent, 1, Amount::kMax), 1U);
    EXPECT_EQ(member_exponent(0, 1, 2), 0U);
}

TEST(DrawChance, HasGoldenValuesAndIsNeverLessThanTheTruth) {
    EXPECT_EQ(draw_chance(0), 0U);
    EXPECT_EQ(draw_chance(1'234'798'053), 0x2e40f611f702d6fbU);
    EXPECT_EQ(draw_chance(370'439'416), 0x0edb2b0ce911d2dcU);
    EXPECT_EQ(draw_chance(652'848'316), 0x1999999a13668c57U);
    EXPECT_EQ(draw_chance(9'502'203'304), 0xc8c30199168dc0b2U);
    EXPECT_EQ(draw_chance(kOne), 0x8000000000000000U);
    EXPECT_EQ(draw_chance(kAllExponent), 0xfffff00000000000U) << "all is 1 - 2^-20";
    EXPECT_EQ(draw_chance(1), 0xb17217f8U);
    for (const std::uint32_t rate : {1U, 62'500U, 100'000U, 450'000U, 900'000U, 990'000U}) {
        EXPECT_GE(fraction(draw_chance(rate_exponent(rate))), rate / 1e6 - 1e-15) << rate;
        EXPECT_LT(fraction(draw_chance(rate_exponent(rate))), rate / 1e6 + 3e-10) << rate;
    }
}

/// Splitting a stake never lowers the chance that one of its parts is drawn, but for the 66 units
/// of 2^-64 by which power_of_half may be low.
TEST(DrawChance, IsNotLoweredBySplittingAStake) {
    constexpr std::uint64_t kSlack = 66;
    for (std::uint64_t n = 0; n < 300; ++n) {
        const auto pick = [n](std::string_view what) { return base::first_u64(numbered(what, n)); };
        const std::uint64_t exponent =
            rate_exponent(static_cast<std::uint32_t>(pick("rate") % 1'000'000 + 1));
        const std::uint64_t all = pick("all") % Amount::kMax + 1'000;
        const std::uint64_t whole = pick("whole") % all + 1;
        const std::uint64_t parts = std::min<std::uint64_t>(pick("parts") % 40 + 2, whole);
        base::Uint128 product = static_cast<base::Uint128>(1) << 64U;
        std::uint64_t left = whole;
        for (std::uint64_t i = 0; i < parts; ++i) {
            const std::uint64_t rest = parts - 1 - i;
            const std::uint64_t part =
                rest == 0 ? left : std::max<std::uint64_t>(1, (left - rest) / 2);
            left -= part;
            product = (product * missed(member_exponent(exponent, part, all))) >> 64U;
        }
        EXPECT_LE(static_cast<std::uint64_t>(product),
                  missed(member_exponent(exponent, whole, all)) + kSlack)
            << n;
    }
}

/// What a stake earns per segment is its share of n x price, in one piece or in many.
TEST(AuditPay, IsWorthTheSameHoweverAStakeIsSplit) {
    constexpr std::uint64_t kPrice = 1'000'000'000'000;
    const auto income = [](std::uint32_t rate, std::uint64_t weight, std::uint64_t all) {
        const std::uint64_t exponent = member_exponent(rate_exponent(rate), weight, all);
        return fraction(draw_chance(exponent)) *
               static_cast<double>(audit_pay(Amount::of(kPrice), exponent).value().grains());
    };
    for (const std::uint32_t rate : {1'000U, 100'000U, 450'000U, 990'000U, 1'000'000U}) {
        const double n = static_cast<double>(expected_audits(rate)) / static_cast<double>(kOne);
        const double whole = income(rate, 300'000, 1'000'000);
        EXPECT_NEAR(whole / (0.3 * n * kPrice), 1.0, 1e-6) << rate;
        EXPECT_NEAR(30 * income(rate, 10'000, 1'000'000) / whole, 1.0, 1e-5) << rate;
        EXPECT_NEAR((income(rate, 299'999, 1'000'000) + income(rate, 1, 1'000'000)) / whole, 1.0,
                    1e-5)
            << rate;
    }
}

TEST(AuditPay, HasGoldenValuesAndIsNeverBelowThePrice) {
    const auto pay = [](std::uint64_t price, std::uint64_t exponent) {
        return audit_pay(Amount::of(price), exponent).value().grains();
    };
    EXPECT_EQ(pay(1'000'000, 1'234'798'053), 1'102'946U);
    EXPECT_EQ(pay(1'000'000'000'000'000, 370'439'416), 1'030'189'673'881'977U);
    EXPECT_EQ(pay(1'000'000'000'000'000, 652'848'316), 1'053'605'155'320'838U);
    EXPECT_EQ(pay(1'000'000'000'000'000, 9'502'203'304), 1'955'459'948'629'140U);
    EXPECT_EQ(pay(1'000'000'000'000'000, kOne), 1'386'294'360'738'247U);
    EXPECT_EQ(pay(1'000'000'000'000'000, 1), 1'000'000'000'000'000U);
    EXPECT_EQ(pay(1, 1), 1U);
    EXPECT_FALSE(audit_pay(Amount::of(Amount::kMax), kOne).has_value());
}

TEST(ExpectedAudits, IsMinusTheLogarithm) {
    const std::pair<std::uint32_t, std::uint64_t> golden[] = {{0, 0},
                                                              {1, 4'295},
                                                              {62'500, 277'190'837},
                                                              {100'000, 452'519'969},
                                                              {450'000, 2'567'690'366},
                                                              {900'000, 9'889'527'668},
                                                              {990'000, 19'779'055'336},
                                                              {1'000'000, 59'540'889'420}};
    for (const auto& [rate, expected] : golden) EXPECT_EQ(expected_audits(rate), expected) << rate;
}

TEST(AuditsBound, IsSixDeviationsAndThree) {
    const std::pair<std::uint64_t, std::uint64_t> golden[] = {{0, 3},
                                                              {1, 4},
                                                              {kOne / 2, 8},
                                                              {kOne, 10},
                                                              {2 * kOne, 14},
                                                              {100 * kOne, 163},
                                                              {2'567'690'366, 9},
                                                              {138'453'387'352, 70},
                                                              {1'000'000 * kOne, 1'006'003}};
    for (const auto& [expected, bound] : golden)
        EXPECT_EQ(audits_bound(expected), bound) << expected;
    EXPECT_GT(audits_bound(kAll), kAll >> 32U);
}

DrawSubject some_subject() { return {ClaimKind::segment, {numbered("job", 1)}, 2, 3, 4, {}}; }

TEST(IsDrawn, FollowsTheChance) {
    constexpr std::uint32_t kSegments = 20'000;
    const std::uint64_t chance = draw_chance(rate_exponent(450'000));
    double drawn = 0.0;
    DrawSubject subject = some_subject();
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        subject.segment = i;
        EXPECT_FALSE(is_drawn(numbered("y", 1), subject, 0));
        if (is_drawn(numbered("y", 1), subject, chance)) drawn += 1.0;
    }
    EXPECT_NEAR(drawn / kSegments, 0.45, 4 * std::sqrt(0.45 * 0.55 / kSegments));
}

/// Of 64 segments the same are drawn only for the same subject and output: each field counts.
TEST(IsDrawn, DependsOnEveryField) {
    const auto pattern = [](const base::Hash& y, DrawSubject subject) {
        std::uint64_t bits = 0;
        for (std::uint32_t i = 0; i < 64; ++i) {
            DrawSubject one = subject;
            one.segment += i;
            bits = bits << 1U | (is_drawn(y, one, kAll / 2) ? 1U : 0U);
        }
        return bits;
    };
    std::set<std::uint64_t> patterns{pattern(numbered("y", 1), some_subject()),
                                     pattern(numbered("y", 2), some_subject())};
    DrawSubject other = some_subject();
    other.kind = ClaimKind::merge;
    patterns.insert(pattern(numbered("y", 1), other));
    other = some_subject();
    other.job = {numbered("job", 2)};
    patterns.insert(pattern(numbered("y", 1), other));
    other = some_subject();
    other.round = 9;
    patterns.insert(pattern(numbered("y", 1), other));
    other = some_subject();
    other.lane = 9;
    patterns.insert(pattern(numbered("y", 1), other));
    other = some_subject();
    other.segment = 1'000;
    patterns.insert(pattern(numbered("y", 1), other));
    other = some_subject();
    other.control = {numbered("audit", 1)};
    patterns.insert(pattern(numbered("y", 1), other));
    EXPECT_EQ(patterns.size(), 8U);
}

TEST(CommitmentIds, AreAllDifferent) {
    const base::Hash chain = numbered("chain", 1);
    const base::JobId job{numbered("job", 1)};
    const base::PartId part{numbered("job", 1)};
    const base::AuditId audit{numbered("job", 1)};
    const std::set<base::Hash> ids{
        merge_commitment_id(chain, job, 1, 0).hash, merge_commitment_id(chain, job, 1, 1).hash,
        merge_commitment_id(chain, job, 2, 0).hash, init_commitment_id(job).hash,
        redraw_commitment_id(part, 1, 0).hash,      redraw_commitment_id(part, 0, 1).hash,
        redraw_commitment_id(part, 1, 1).hash,      control_commitment_id(audit, 0).hash,
        control_commitment_id(audit, 1).hash,       job_commitment_id(job).hash};
    EXPECT_EQ(ids.size(), 10U);
}

TEST(SpotAlpha, CoversAuditAndRoot) {
    const base::AuditId audit{numbered("audit", 1)};
    EXPECT_NE(spot_alpha(audit, numbered("root", 1)), spot_alpha(audit, numbered("root", 2)));
    EXPECT_NE(spot_alpha(audit, numbered("root", 1)),
              spot_alpha({numbered("audit", 2)}, numbered("root", 1)));
}

TEST(CellsDigest, CoversSaltPlaceAndNumber) {
    const base::Hash a = numbered("cell", 1);
    const base::Hash b = numbered("cell", 2);
    const base::Hash salt = numbered("salt", 1);
    const std::set<base::Hash> digests{cells_digest(salt, {}), cells_digest(salt, std::vector{a}),
                                       cells_digest(salt, std::vector{a, b}),
                                       cells_digest(salt, std::vector{b, a}),
                                       cells_digest(numbered("salt", 2), std::vector{a, b})};
    EXPECT_EQ(digests.size(), 5U);
}

TEST(VerdictSeal, CoversEveryField) {
    const base::AuditId audit{numbered("audit", 1)};
    const base::AccountId validator{numbered("validator", 1)};
    const Verdict verdict{VerdictKind::invalid, numbered("end", 1), numbered("cells", 1)};
    const base::Hash nonce = numbered("nonce", 1);
    const base::Hash seal = verdict_seal(audit, validator, verdict, nonce);
    Verdict other = verdict;
    other.kind = VerdictKind::valid;
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    other = verdict;
    other.end_root = numbered("end", 2);
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    other = verdict;
    other.cells_digest = numbered("cells", 2);
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    EXPECT_NE(verdict_seal(base::AuditId{numbered("audit", 2)}, validator, verdict, nonce), seal);
    EXPECT_NE(verdict_seal(audit, base::AccountId{numbered("validator", 2)}, verdict, nonce), seal);
    EXPECT_NE(verdict_seal(audit, validator, verdict, numbered("nonce", 2)), seal);
}

}  // namespace
}  // namespace assay::market
