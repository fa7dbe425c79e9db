#include "market/pricing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "market/genesis.h"

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
            EXPECT_GT(record_rate_ppm(terms, *needed - Amount::of(1)), rate) << value << " " << rate;
        }
        EXPECT_EQ(record_needed(terms, 450'000), Amount{});
        EXPECT_FALSE(record_needed(terms, 0).has_value());
    }
    EXPECT_FALSE(record_needed(record_terms(Amount::kMax), 1).has_value());
}

TEST(RecordEarned, IsBoundedByWorkAndByFees) {
    const auto earned = [](std::uint64_t cost, std::uint64_t audited, std::uint64_t fee, std::uint64_t segments) {
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

/// One owner is submitter, worker and auditor, so that pay and audit fees stay with it and only the protocol fee is gone. Until a cheat is
/// found for the first time it fakes (1 - q') / q' segments on average, and then its record is gone too. What it can fake more with a record
/// than without is worth less than the fees which that record took, whatever is done with the lock.
TEST(RecordWash, CostsMoreThanTheLowerRateCanGain) {
    const Parameters p = demo_parameters();
    for (const std::uint64_t value : {1'000ULL, 1'000'000ULL, 60'000'000'000ULL}) {
        const RecordTerms terms = record_terms(value);
        const double without = 1e6 / effective_rate_ppm(p.rate_new_ppm, p.collusion_max_ppm);
        double most = 0;
        for (std::uint64_t record = value; record < 4'000 * value; record += value) {
            const std::uint32_t rate = record_rate_ppm(terms, Amount::of(record));
            const double fakes = 1e6 / effective_rate_ppm(rate, p.collusion_max_ppm) - without;
            const double gain = fakes * static_cast<double>(value);
            const double fees = static_cast<double>(record) / p.record_fee_factor;
            most = std::max(most, gain / fees);
        }
        EXPECT_LT(most, 0.6) << value;
        EXPECT_GT(most, 0.5) << "the margin is that of the page docs/audits.md";
    }
    // The demo in numbers: the floor of 10 % for a segment of one million grains takes a record of 1 556 million grains, 15.6 million in fees;
    // 8.6 more fakes are worth 8.6 million.
    const auto needed = record_needed(record_terms(1'000'000), 100'000);
    ASSERT_TRUE(needed.has_value());
    EXPECT_EQ(needed->grains() / 1'000'000, 1'555U);
}

}  // namespace
}  // namespace assay::market
