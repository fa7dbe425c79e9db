#include "market/pricing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "market/genesis.h"

namespace assay::market {
namespace {

using base::Amount;

constexpr std::uint64_t kCertain = ~std::uint64_t{0};

LockTerms demo_terms() {
    LockTerms terms;
    terms.price = Amount::of(1000);
    terms.protocol_cost = Amount::of(900);
    terms.rate_ppm = 450'000;
    terms.collusion_max_ppm = 100'000;
    terms.unfinal_rounds = 4;
    terms.lanes = 2;
    terms.round_segments = 1;
    terms.part_segments = 1;
    return terms;
}

TEST(ProtocolCost, RoundsUpAndIsNeverFree) {
    EXPECT_EQ(protocol_cost(Amount::of(3), 1'000'000'000), Amount::of(3));
    EXPECT_EQ(protocol_cost(Amount::of(3), 1'000'000'001), Amount::of(4));
    EXPECT_EQ(protocol_cost(Amount::of(0), 5), Amount::of(1));
    EXPECT_EQ(protocol_cost(Amount::of(Amount::kMax), ~std::uint64_t{0}), std::nullopt);
}

/// A seal weighs 110, a reveal 510, an opening of cells 310.
TEST(AuditPrice, CoversTheFeesOfASmallAudit) {
    const Amount price = Amount::of(100'000), fee = Amount::of(3);
    EXPECT_EQ(audit_price(price, fee, 1), Amount::of(2 * 3 * 930));
    EXPECT_EQ(audit_price(price, fee, 55'800'000), Amount::of(5'580));
    EXPECT_EQ(audit_price(price, fee, 55'800'001), Amount::of(5'581));
    EXPECT_EQ(audit_price(price, Amount{}, 1), Amount::of(1));
    EXPECT_EQ(audit_price(price, Amount::of(Amount::kMax / 1'000), 1), std::nullopt);
    EXPECT_EQ(audit_price(Amount::of(Amount::kMax), fee, ~std::uint64_t{0}), std::nullopt);
}

/// Golden values of this file: the formulas of docs/formats/money.md written again in Python over
/// big integers.
TEST(EscapeChance, HasGoldenValues) {
    EXPECT_EQ(escape_chance(450'000, 0), 0x8ccccccc9325cd4fU);
    EXPECT_EQ(escape_chance(450'000, 100'000), 0x9579688314bfde80U);
    EXPECT_EQ(escape_chance(450'000, 200'000), 0x9eaed23fcc7d6542U);
    EXPECT_EQ(escape_chance(100'000, 100'000), 0xe8d7207cbe0d41a0U);
    EXPECT_EQ(escape_chance(990'000, 100'000), 0x040eacf44ada1f66U);
    EXPECT_EQ(escape_chance(1'000'000, 0), 0x0000100000000041U);
    EXPECT_EQ(escape_chance(1'000'000, 100'000), 0x0000400000000041U);
    EXPECT_EQ(escape_chance(1, 0), 0xffffef3891ae92daU);
    EXPECT_EQ(escape_chance(500'000, 0), 0x8000000000000041U)
        << "a half is given 65 units more than it needs";
}

TEST(EscapeChance, IsCertainWithoutADrawByAnybodyElse) {
    EXPECT_EQ(escape_chance(0, 0), kCertain);
    EXPECT_EQ(escape_chance(450'000, 1'000'000), kCertain);
    EXPECT_EQ(escape_chance(450'000, 2'000'000), kCertain);
    EXPECT_EQ(escape_chance(1, 999'999), kCertain);
}

/// Never less than what all others together, in whatever pieces, let through: they draw at least
/// with 1 - (1 - q)^(1 - r).
TEST(EscapeChance, IsNeverBelowTheDrawOfTheOthers) {
    for (const std::uint32_t rate :
         {1U, 10'000U, 100'000U, 333'333U, 450'000U, 990'000U, 1'000'000U}) {
        for (const std::uint32_t share : {0U, 50'000U, 100'000U, 333'333U, 500'000U, 900'000U}) {
            const std::uint64_t chance =
                draw_chance(member_exponent(rate_exponent(rate), 1'000'000 - share, 1'000'000));
            EXPECT_GT(escape_chance(rate, share), kCertain - chance) << rate << " " << share;
        }
    }
}

TEST(Deterrence, IsTwicePriceTimesTheOddsRoundedUp) {
    const auto lock = [](std::uint64_t price, std::uint32_t rate, std::uint32_t share) {
        LockTerms terms;
        terms.price = terms.protocol_cost = Amount::of(price);
        terms.rate_ppm = rate;
        terms.collusion_max_ppm = share;
        return deterrence(terms);
    };
    EXPECT_EQ(lock(1'000, 450'000, 100'000), Amount::of(2'807));
    EXPECT_EQ(lock(1'000, 100'000, 100'000), Amount::of(20'108));
    EXPECT_EQ(lock(1, 300'000, 0), Amount::of(5)) << "2 x 0.7 / 0.3 = 4.67";
    EXPECT_EQ(lock(1'000'000'000'000, 990'000, 100'000), Amount::of(32'208'331'503));
    EXPECT_EQ(lock(1'000, 1, 0), Amount::of(1'999'782'127));
    EXPECT_EQ(lock(1, 1'000'000, 0), Amount::of(1));
    EXPECT_EQ(lock(Amount::kMax, 450'000, 100'000), std::nullopt);
    EXPECT_EQ(lock(Amount::kMax, 1, 0), std::nullopt);
    EXPECT_EQ(lock(1, 0, 0), std::nullopt);
    EXPECT_EQ(lock(1, 450'000, 1'000'000), std::nullopt);
}

TEST(LeaseLock, IsTheGreatestOfItsThreeTerms) {
    LockTerms terms = demo_terms();
    EXPECT_EQ(lease_lock(terms), Amount::of(16'000));  // 2 W S G p
    terms.rate_ppm = 100'000;
    EXPECT_EQ(lease_lock(terms), Amount::of(20'108));  // 2 p E / (1 - E)
    terms = demo_terms();
    terms.unfinal_rounds = 0;
    terms.part_segments = 10;
    EXPECT_EQ(lease_lock(terms),
              Amount::of(10'000 + 24 * 900));  // part pay and the bound of its audits
}

TEST(LeaseLock, TakesTheProtocolCostWhenTheOfferIsCheaper) {
    LockTerms terms = demo_terms();
    terms.price = Amount::of(1);
    EXPECT_EQ(lease_lock(terms), Amount::of(14'400));
}

TEST(LeaseLock, HasNoValueWithoutAuditsOrWhenItOverflows) {
    LockTerms terms = demo_terms();
    terms.rate_ppm = 0;
    EXPECT_EQ(lease_lock(terms), std::nullopt);
    terms = demo_terms();
    terms.collusion_max_ppm = 1'000'000;
    EXPECT_EQ(lease_lock(terms), std::nullopt);
    for (const std::uint32_t count : {0x7fffffffU, 0xffffffffU}) {
        terms = demo_terms();
        terms.price = Amount::of(Amount::kMax);
        terms.lanes = count;
        EXPECT_EQ(lease_lock(terms), std::nullopt);
        terms = demo_terms();
        terms.unfinal_rounds = terms.lanes = terms.round_segments = count;
        EXPECT_EQ(lease_lock(terms), std::nullopt);
        terms = demo_terms();
        terms.rate_ppm = 1'000'000;
        terms.part_segments = count;
        terms.protocol_cost = Amount::of(Amount::kMax / 2);
        EXPECT_EQ(lease_lock(terms), std::nullopt);
    }
}

TEST(LeaseBond, IsHalfAPartRoundedUp) {
    LockTerms terms = demo_terms();
    EXPECT_EQ(lease_bond(terms), Amount::of(500));
    terms.price = Amount::of(1);
    terms.protocol_cost = Amount::of(1);
    EXPECT_EQ(lease_bond(terms), Amount::of(1));
}

TEST(AuditLock, GrowsAsControlsBecomeRare) {
    EXPECT_EQ(audit_lock(Amount::of(900), 62'500), Amount::of(28'800));
    EXPECT_EQ(audit_lock(Amount::of(900), 100'000), Amount::of(18'000));
    EXPECT_EQ(audit_lock(Amount::of(1), 300'000), Amount::of(7));
    EXPECT_EQ(audit_lock(Amount::of(900), 0), std::nullopt)
        << "no lock is enough where nothing is controlled";
    EXPECT_EQ(audit_lock(Amount::of(Amount::kMax), 1), std::nullopt);
}

TEST(ExpectedWithControls, CountsTheControlsOfEveryAudit) {
    EXPECT_EQ(expected_with_controls(450'000, 62'500), 2'733'405'305U);
    EXPECT_EQ(expected_with_controls(990'000, 62'500), 21'055'566'315U);
    EXPECT_EQ(expected_with_controls(1'000'000, 62'500), 63'383'570'362U);
    EXPECT_EQ(expected_with_controls(450'000, 0), expected_audits(450'000));
    EXPECT_EQ(expected_with_controls(0, 62'500), 0U);
}

TEST(AuditPool, IsTheBoundAtTheHighestPay) {
    EXPECT_EQ(audit_pool(0, Amount::of(7), Amount::of(7)), Amount::of(21));
    EXPECT_EQ(audit_pool(std::uint64_t{100} << 32U, Amount::of(7), Amount::of(7)),
              Amount::of(163 * 7));
    EXPECT_EQ(audit_pool(std::uint64_t{100} << 32U, Amount::of(Amount::kMax / 100),
                         Amount::of(Amount::kMax / 100)),
              std::nullopt);
}

HoldTerms hold_terms() {
    HoldTerms terms;
    terms.segments = 50;
    terms.rounds = 25;
    terms.price_ceiling = Amount::of(1000);
    terms.fees = Amount::of(7);
    terms.audit_price = Amount::of(400);
    terms.merge_price = Amount::of(100);
    terms.init_price = Amount::of(200);
    terms.highest_pay = Amount::of(1200);
    terms.rate_ppm = 450'000;
    terms.rate_sure_ppm = 990'000;
    terms.control_ppm = 62'500;
    return terms;
}

TEST(JobHold, AddsItsParts) {
    const auto hold = job_hold(hold_terms());
    ASSERT_TRUE(hold);
    EXPECT_EQ(hold->segment_pay, Amount::of(50'000));
    EXPECT_EQ(hold->expected,
              278'795'337'877U);  // 64.9 at the greatest price: 50 segments, 25 merges at a quarter
                                  // of it, the initial state at half
    EXPECT_EQ(hold->audits, Amount::of((52 + 10) * 1200));
    EXPECT_EQ(hold->fees, Amount::of(7));
    EXPECT_EQ(hold->total, hold->segment_pay + hold->audits + hold->fees);
}

TEST(JobHold, RefusesWhatDoesNotFit) {
    HoldTerms terms = hold_terms();
    terms.segments = ~std::uint64_t{0};
    terms.price_ceiling = Amount::of(0);
    EXPECT_EQ(job_hold(terms), std::nullopt);
    terms = hold_terms();
    terms.price_ceiling = Amount::of(Amount::kMax / 49);
    EXPECT_EQ(job_hold(terms), std::nullopt);
    terms = hold_terms();
    terms.highest_pay = Amount::of(Amount::kMax / 4);
    EXPECT_EQ(job_hold(terms), std::nullopt);
    terms = hold_terms();
    terms.fees = Amount::of(Amount::kMax);
    EXPECT_EQ(job_hold(terms), std::nullopt);
}

TEST(CheatNumbers, ShippedParametersMakeCheatingLose) {
    const auto numbers = cheat_numbers(demo_terms(), 25, 100'000);
    ASSERT_TRUE(numbers);
    EXPECT_TRUE(numbers->deterred);
    EXPECT_EQ(numbers->lock, Amount::of(16'000));
    EXPECT_EQ(numbers->share_ppm, 100'000U);
    EXPECT_EQ(numbers->caught_ppm, 416'116U);
    EXPECT_EQ(numbers->survive_job_ppb, 1'440U);
    EXPECT_EQ(numbers->saved_per_segment, Amount::of(1000));
    EXPECT_EQ(numbers->expected_loss_per_segment, Amount::of(7073));  // 0.416116 x 17,000
}

/// The figure of the demo: faking everything at rate 0.45 without a share survives 25 rounds with
/// 0.55^25 = 3.229e-7, rounded up.
TEST(CheatNumbers, EscapeProbabilityOfTheDemo) {
    const auto numbers = cheat_numbers(demo_terms(), 25, 0);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(numbers->caught_ppm, 450'000U);
    EXPECT_EQ(numbers->survive_job_ppb, 323U);
}

TEST(CheatNumbers, AllOfTheWeightIsNeverCaught) {
    const auto numbers = cheat_numbers(demo_terms(), 25, 1'000'000);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(numbers->caught_ppm, 0U);
    EXPECT_EQ(numbers->survive_job_ppb, 1'000'000'000U);
    EXPECT_EQ(numbers->expected_loss_per_segment, Amount{});
    EXPECT_FALSE(numbers->deterred);
}

TEST(CheatNumbers, RateOneLeavesOneInAMillion) {
    LockTerms terms = demo_terms();
    terms.rate_ppm = 1'000'000;
    const auto numbers = cheat_numbers(terms, 1, 0);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(numbers->survive_job_ppb, 954U);  // 2^-20
    EXPECT_EQ(numbers->caught_ppm, 999'999U);
}

TEST(CheatNumbers, HaveNoValueWithoutALock) {
    LockTerms terms = demo_terms();
    terms.rate_ppm = 0;
    EXPECT_FALSE(cheat_numbers(terms, 1, 0).has_value());
}

RecordTerms record_terms(std::uint64_t segment_value) {
    const Parameters p = demo_parameters();
    return {Amount::of(segment_value), p.rate_new_ppm, p.record_value_factor};
}

TEST(RecordRate, FallsAsTheRecordGrowsAndNeverRises) {
    const RecordTerms terms = record_terms(1'000'000);
    EXPECT_EQ(record_rate_ppm(terms, {}), 450'000U);
    EXPECT_EQ(record_rate_ppm(terms, Amount::of(1)), 450'000U);
    // R rate_new = Q p halves the rate.
    EXPECT_EQ(record_rate_ppm(terms, Amount::of(444'444'445)), 225'000U);
    EXPECT_EQ(record_rate_ppm(terms, Amount::of(Amount::kMax)), 1U);
    std::uint32_t before = 450'000;
    for (std::uint64_t record = 1; record < Amount::kMax / 3; record *= 3) {
        const std::uint32_t rate = record_rate_ppm(terms, Amount::of(record));
        EXPECT_LE(rate, before);
        EXPECT_GT(rate, 0U);
        before = rate;
    }
    EXPECT_EQ(record_rate_ppm({Amount::of(5), 0, 200}, Amount::of(7)), 0U);
}

TEST(RecordNeeded, IsTheLeastThatIsEnough) {
    for (const std::uint64_t value : {1ULL, 999ULL, 1'000'000ULL, 123'456'789'012ULL}) {
        const RecordTerms terms = record_terms(value);
        for (const std::uint32_t rate : {449'999U, 300'000U, 225'000U, 100'000U, 7U}) {
            const auto needed = record_needed(terms, rate);
            ASSERT_TRUE(needed.has_value());
            EXPECT_LE(record_rate_ppm(terms, *needed), rate) << value << " " << rate;
            EXPECT_GT(record_rate_ppm(terms, *needed - Amount::of(1)), rate)
                << value << " " << rate;
        }
        EXPECT_EQ(record_needed(terms, 450'000), Amount{});
        EXPECT_FALSE(record_needed(terms, 0).has_value());
    }
    EXPECT_FALSE(record_needed(record_terms(Amount::kMax), 1).has_value());
}

TEST(RecordEarned, IsBoundedByWorkAndByFees) {
    const auto earned = [](std::uint64_t cost, std::uint64_t audited, std::uint64_t fee,
                           std::uint64_t segments) {
        return record_earned(Amount::of(cost), audited, Amount::of(fee), segments, 100).grains();
    };
    EXPECT_EQ(earned(1000, 2, 100, 4), 2000U) << "the work";
    EXPECT_EQ(earned(1000, 2, 30, 4), 1500U) << "a hundred times the fees of what was audited";
    EXPECT_EQ(earned(1000, 0, 30, 4), 0U);
    EXPECT_EQ(earned(1000, 2, 0, 4), 0U);
    EXPECT_EQ(earned(1000, 1, 1, 300), 0U) << "rounded down";
    EXPECT_EQ(earned(1000, 1, 1, 0), 0U);
    EXPECT_EQ(earned(Amount::kMax, 1'000'000, Amount::kMax, 1), Amount::kMax);
}

/// One owner is submitter, worker and auditor, so that pay and audit fees stay with it and only the
/// protocol fee is gone. Until a cheat is found for the first time it fakes (1 - q') / q' segments
/// on average, and then its record is gone too. What it can fake more with a record than without is
/// worth less than the fees which that record took, whatever is done with the lock.
TEST(RecordWash, CostsMoreThanTheLowerRateCanGain) {
    const Parameters p = demo_parameters();
    for (const std::uint64_t value : {1'000ULL, 1'000'000ULL, 60'000'000'000ULL}) {
        const RecordTerms terms = record_terms(value);
        const auto caught = [&](std::uint32_t rate) {
            return 1.0 -
                   std::ldexp(static_cast<double>(escape_chance(rate, p.collusion_max_ppm)), -64);
        };
        const double without = 1.0 / caught(p.rate_new_ppm);
        double most = 0;
        for (std::uint64_t record = value; record < 4'000 * value; record += value) {
            const std::uint32_t rate = record_rate_ppm(terms, Amount::of(record));
            const double fakes = 1.0 / caught(rate) - without;
            const double gain = fakes * static_cast<double>(value);
            const double fees = static_cast<double>(record) / p.record_fee_factor;
            most = std::max(most, gain / fees);
        }
        EXPECT_LT(most, 0.6) << value;
        EXPECT_GT(most, 0.5) << "the margin is that of the page docs/audits.md";
    }
    // The demo in numbers: the floor of 10 % for a segment of one million grains takes a record of
    // 1 556 million grains, 15.6 million in fees; 8.6 more fakes are worth 8.6 million.
    const auto needed = record_needed(record_terms(1'000'000), 100'000);
    ASSERT_TRUE(needed.has_value());
    EXPECT_EQ(needed->grains() / 1'000'000, 1'555U);
}

}  // namespace
}  // namespace assay::market
