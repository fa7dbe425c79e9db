#include "market/pricing.h"

#include <gtest/gtest.h>

namespace assay::market {
namespace {

using base::Amount;

LockTerms demo_terms() {
    LockTerms terms;
    terms.price = Amount::of(1000);
    terms.protocol_cost = Amount::of(900);
    terms.rate_ppm = 450'000;
    terms.collusion_max_ppm = 200'000;
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

TEST(EffectiveRate, RoundsDownAndNeverExceedsOne) {
    EXPECT_EQ(effective_rate_ppm(450'000, 200'000), 360'000U);
    EXPECT_EQ(effective_rate_ppm(1, 1), 0U);
    EXPECT_EQ(effective_rate_ppm(2'000'000, 0), 1'000'000U);
    EXPECT_EQ(effective_rate_ppm(1'000'000, 2'000'000), 0U);
}

TEST(LeaseLock, IsTheGreatestOfItsThreeTerms) {
    LockTerms terms = demo_terms();
    EXPECT_EQ(lease_lock(terms), Amount::of(8000));  // W S G p
    terms.rate_ppm = 100'000;                        // 2 p (1 - 0.08) / 0.08 = 23 p
    EXPECT_EQ(lease_lock(terms), Amount::of(23'000));
    terms = demo_terms();
    terms.unfinal_rounds = 0;
    terms.rate_ppm = 1'000'000;
    terms.collusion_max_ppm = 0;
    terms.part_segments = 10;
    EXPECT_EQ(lease_lock(terms), Amount::of(19'000));  // part pay and audit fees
}

TEST(LeaseLock, RoundsUp) {
    LockTerms terms = demo_terms();
    terms.price = terms.protocol_cost = Amount::of(1);
    terms.unfinal_rounds = 0;
    terms.rate_ppm = 300'000;
    terms.collusion_max_ppm = 0;
    EXPECT_EQ(lease_lock(terms), Amount::of(5));  // 2 * 0.7 / 0.3 = 4.67
}

TEST(LeaseLock, TakesTheProtocolCostWhenTheOfferIsCheaper) {
    LockTerms terms = demo_terms();
    terms.price = Amount::of(1);
    EXPECT_EQ(lease_lock(terms), Amount::of(7200));
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
    }
}

TEST(LeaseBond, IsHalfAPartRoundedUp) {
    LockTerms terms = demo_terms();
    EXPECT_EQ(lease_bond(terms), Amount::of(500));
    terms.price = Amount::of(1);
    terms.protocol_cost = Amount::of(1);
    EXPECT_EQ(lease_bond(terms), Amount::of(1));
}

TEST(AuditLock, GrowsAsPlantsBecomeRare) {
    EXPECT_EQ(audit_lock(Amount::of(900), 100'000), Amount::of(18'000));
    EXPECT_EQ(audit_lock(Amount::of(1), 300'000), Amount::of(7));
    EXPECT_EQ(audit_lock(Amount::of(900), 0), Amount::of(1800));
    EXPECT_EQ(audit_lock(Amount::of(Amount::kMax), 1), std::nullopt);
}

TEST(JobHold, AddsItsParts) {
    HoldTerms terms;
    terms.segments = 50;
    terms.price_ceiling = Amount::of(1000);
    terms.audit_price = Amount::of(900);
    terms.merge_audit_price = Amount::of(10);
    terms.fees = Amount::of(7);
    terms.rate_ppm = 450'000;
    terms.lanes = 2;
    terms.rounds = 25;
    const auto hold = job_hold(terms);
    ASSERT_TRUE(hold);
    EXPECT_EQ(hold->segment_pay, Amount::of(50'000));
    EXPECT_EQ(hold->audits, Amount::of(20'250 + 3600 + 250));
    EXPECT_EQ(hold->total, hold->segment_pay + hold->audits + hold->fees);
}

TEST(JobHold, RefusesWhatDoesNotFit) {
    HoldTerms terms;
    terms.segments = ~std::uint64_t{0};
    terms.price_ceiling = Amount::of(2);
    EXPECT_EQ(job_hold(terms), std::nullopt);
    terms.segments = 2;
    terms.price_ceiling = Amount::of(Amount::kMax / 2);
    terms.audit_price = Amount::of(Amount::kMax / 2);
    terms.rate_ppm = 1'000'000;
    EXPECT_EQ(job_hold(terms), std::nullopt);
}

TEST(CheatNumbers, ShippedParametersMakeCheatingLose) {
    const auto numbers = cheat_numbers(demo_terms(), 25);
    ASSERT_TRUE(numbers);
    EXPECT_TRUE(numbers->deterred);
    EXPECT_FALSE(numbers->one_step_deterred);
    EXPECT_EQ(numbers->lock, Amount::of(8000));
}

/// The figure of the demo: faking everything at rate 0.45 with no collusion survives 25 rounds with 0.55^25 = 3.2e-7.
TEST(CheatNumbers, EscapeProbabilityOfTheDemo) {
    LockTerms terms = demo_terms();
    terms.collusion_max_ppm = 0;
    const auto numbers = cheat_numbers(terms, 25);
    ASSERT_TRUE(numbers);
    EXPECT_GE(numbers->survive_job_ppb, 323U);
    EXPECT_LE(numbers->survive_job_ppb, 340U);
}

TEST(CheatNumbers, RateOneLeavesNothing) {
    LockTerms terms = demo_terms();
    terms.rate_ppm = 1'000'000;
    terms.collusion_max_ppm = 0;
    const auto numbers = cheat_numbers(terms, 1);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(numbers->survive_job_ppb, 0U);
    EXPECT_TRUE(numbers->one_step_deterred);
}

}  // namespace
}  // namespace assay::market
