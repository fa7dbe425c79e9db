#include <gtest/gtest.h>

#include "market/pricing.h"
#include "market_fixture.h"

/// What a worker's record is earned by, what it changes, and what takes it away.
namespace assay::sim {
namespace {

using base::Amount;

constexpr std::uint64_t kAuditPrice = 1'000'000;  // 10 GFLOP at the protocol's price
constexpr std::uint64_t kFirstPrice =
    10'000;  // of the fixture's first worker; the others ask a little more

WorldOptions record_options(std::uint64_t seed) {
    WorldOptions options = options_with(seed);
    options.rate_ppm = 0;
    options.tune = [](market::Parameters& p) { p.rate_new_ppm = 450'000; };
    return options;
}

Amount record_of(const Market& market, std::size_t worker) {
    const auto record = market::find_record(market.world.state(), market.world.workers[worker].id);
    return record ? record->amount : Amount{};
}

Amount all_records(const Market& market) {
    Amount sum;
    for (std::size_t i = 0; i < market.workers.size(); ++i) sum += record_of(market, i);
    return sum;
}

TEST(Record, GrowsByAuditedFinalWorkAtMostByItsFees) {
    WorldOptions options = record_options(1);
    options.rate_ppm = 1'000'000;
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    const market::Job job = market.record();
    ASSERT_EQ(job.audited_segments, 6U);
    ASSERT_EQ(job.audit_price, Amount::of(kAuditPrice));
    // The fixture's workers ask a hundredth of the protocol price: the fees are what counts, not
    // the work.
    EXPECT_EQ(all_records(market).grains(), 100 * job.spent.protocol_fees.grains());
    EXPECT_LT(all_records(market).grains(), job.audited_segments * kAuditPrice);
}

TEST(Record, OfAJobClosedToThePublicIsNothing) {
    WorldOptions options = record_options(2);
    options.rate_ppm = 1'000'000;
    options.public_job = false;
    Market market(options);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    ASSERT_EQ(market.record().audited_segments, 6U);
    EXPECT_TRUE(all_records(market).is_zero());
}

TEST(Record, OfACancelledJobIsOnlyWhatWasFinal) {
    WorldOptions options = record_options(4);
    options.rate_ppm = 1'000'000;
    options.rounds = 12;
    Market market(options);
    run(market.world, market.workers, market.validators, market.job, 60);
    market.world.send(market.world.submitter, market::JobCancel{market.job});
    ASSERT_TRUE(market.finish());
    ASSERT_EQ(market.record().state, market::JobState::cancelled);
    ASSERT_GT(market.record().final_segments, 0U);
    ASSERT_EQ(market.record().final_rounds, 0U) << "nothing was final yet";
    EXPECT_TRUE(all_records(market).is_zero());
}

/// Whatever the record is worth, the rate is at least the job's and the floor.
TEST(Record, NeverLowersTheRateBelowTheFloorOrTheJob) {
    for (const std::uint32_t least : {445'000U, 449'990U}) {
        WorldOptions options = record_options(10);
        options.rounds = 25;
        options.workers = 2;
        options.rate_ppm = least;
        options.tune = [](market::Parameters& p) {
            p.rate_new_ppm = 450'000;
            p.rate_floor_ppm = 445'000;
            p.protocol_price = Amount::of(10);
            p.record_fee_factor = 1'000;
            p.record_value_factor = 1'200;
        };
        Market market(options);
        ASSERT_TRUE(market.finish());
        for (int i = 0; i < 2; ++i) {
            market.job = market.world.post_job();
            ASSERT_TRUE(market.finish());
        }
        bool rests_on_record = false;
        for (const market::Job& job : market::jobs(market.world.state(), std::nullopt, 10)) {
            for (const market::Lease& lease :
                 market::leases_of_job(market.world.state(), job.id, std::nullopt, 10)) {
                EXPECT_GE(lease.rate_ppm, least);
                rests_on_record = rests_on_record || lease.rate_ppm < 450'000;
            }
        }
        EXPECT_TRUE(rests_on_record) << least;
    }
}

/// The next job's leases are audited less, by exactly the stated formula; what a lease rests on
/// backs no other until it is settled.
TEST(Record, LowersTheRateOfTheNextLeases) {
    WorldOptions options = record_options(5);
    options.rounds = 25;
    options.workers = 2;
    options.tune = [](market::Parameters& p) {
        p.rate_new_ppm = 450'000;
        p.protocol_price = Amount::of(1'000);
    };
    Market market(options);
    ASSERT_TRUE(market.finish());
    for (int i = 0; i < 5; ++i) {
        market.job = market.world.post_job();
        ASSERT_TRUE(market.finish());
        market.expect_completed();
        EXPECT_EQ(market.record().final_root, market.honest_root());
    }
    const Amount shown = record_of(market, 0);
    ASSERT_GE(shown.grains(), 50 * kFirstPrice);
    market.job = market.world.post_job();
    std::vector<market::Lease> leases;
    for (int i = 0; i < 500 && leases.size() < 2; ++i) {
        run(market.world, market.workers, market.validators, market.job, 1);
        leases = market::leases_of_job(market.world.state(), market.job, std::nullopt, 10);
    }
    ASSERT_EQ(leases.size(), 2U);
    for (const market::Lease& lease : leases) {
        const market::RecordTerms terms{lease.price, 450'000, 200};
        EXPECT_LT(lease.rate_ppm, 450'000U);
        EXPECT_GE(lease.rate_ppm, market::demo_parameters().rate_floor_ppm);
        EXPECT_EQ(lease.rate_ppm, market::record_rate_ppm(terms, lease.record_used));
        const auto record = market::find_record(market.world.state(), lease.worker);
        EXPECT_EQ(record->in_use, lease.record_used);
        EXPECT_EQ(record->in_use, record->amount);
        EXPECT_TRUE(record->free().is_zero()) << "two leases never rest on the same record";
    }
    ASSERT_TRUE(market.finish());
    EXPECT_TRUE(
        market::find_record(market.world.state(), market.world.workers[0].id)->in_use.is_zero());
    EXPECT_LT(market.record().audited_segments, market.record().final_segments);
}

TEST(Record, IsNeverEarnedAtAFactorOfZero) {
    WorldOptions options = record_options(6);
    options.rounds = 25;
    options.tune = [](market::Parameters& p) {
        p.rate_new_ppm = 450'000;
        p.record_fee_factor = 0;
    };
    Market market(options);
    ASSERT_TRUE(market.finish());
    EXPECT_TRUE(all_records(market).is_zero());
    for (const market::Lease& lease :
         market::leases_of_job(market.world.state(), market.job, std::nullopt, 10)) {
        EXPECT_EQ(lease.rate_ppm, 450'000U);
    }
}

TEST(Record, HalvesWithLiveTime) {
    constexpr std::uint64_t kHalfLife = 30'000'000;
    WorldOptions options = record_options(7);
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.record_half_life_ms = kHalfLife; };
    Market market(options);
    ASSERT_TRUE(market.finish());
    const auto before = market::find_record(market.world.state(), market.world.workers[0].id);
    ASSERT_TRUE(before.has_value());
    // Nothing happens until the job leaves the state, a day later.
    while (market.world.live().value < before->halved_at.value + 2 * kHalfLife) {
        for (Validator& validator : market.validators) validator.act();
        market.world.block();
    }
    market.job = market.world.post_job();
    ASSERT_TRUE(market.finish());
    const auto after = market::find_record(market.world.state(), market.world.workers[0].id);
    ASSERT_TRUE(after.has_value());
    std::uint64_t earned = 0;
    for (const market::Lease& lease :
         market::leases_of_job(market.world.state(), market.job, std::nullopt, 10)) {
        if (lease.worker == market.world.workers[0].id) earned += lease.paid_segments * kFirstPrice;
    }
    EXPECT_EQ(after->amount.grains(), before->amount.grains() / 4 + earned);
    EXPECT_EQ(after->halved_at.value, before->halved_at.value + 2 * kHalfLife);
}

TEST(Record, IsGoneWithAConviction) {
    for (const bool confess : {false, true}) {
        WorldOptions options = record_options(8);
        options.workers = 2;
        options.rate_ppm = 1'000'000;
        Market market(options);
        ASSERT_TRUE(market.finish());
        ASSERT_FALSE(record_of(market, 0).is_zero());
        ASSERT_FALSE(record_of(market, 1).is_zero());
        const base::AccountId convicted = market.world.workers[0].id;
        market.job = market.world.post_job();
        bool committed = false;
        for (int i = 0; i < 3'000 && market.world.count_events("slashed") == 0; ++i) {
            // Once it has committed, the first worker says nothing any more, or confesses.
            for (std::size_t w = committed ? 1 : 0; w < market.workers.size(); ++w)
                market.workers[w].act();
            for (Validator& validator : market.validators) validator.act();
            for (const market::Part& part : market::parts_of_job(market.world.state(), market.job,
                                                                 std::nullopt, std::nullopt, 10)) {
                if (committed || part.key.worker != convicted ||
                    part.state != market::PartState::committed)
                    continue;
                if (confess) market.world.send(market.world.workers[0], market::Confess{part.id});
                committed = true;
            }
            market.world.block();
        }
        ASSERT_EQ(market.world.count_events("slashed"), 1U) << confess;
        EXPECT_TRUE(record_of(market, 0).is_zero()) << confess;
        EXPECT_FALSE(record_of(market, 1).is_zero()) << confess;
    }
}

/// A submitter that pays its own workers next to nothing gets next to no record: fees count, not
/// the price that is written into a job.
TEST(Record, CannotBeWashedForLessThanItIsWorth) {
    WorldOptions options = record_options(9);
    options.rate_ppm = 1'000'000;
    options.rounds = 25;
    Market market(options);
    ASSERT_TRUE(market.finish());
    const std::uint64_t fees = market.record().spent.protocol_fees.grains();
    const std::uint64_t record = all_records(market).grains();
    EXPECT_LE(record, 100 * fees);
    // All of it on one lease: what it can fake more until it is found is worth less than the fees.
    const market::Parameters p = market::demo_parameters();
    const market::RecordTerms terms{Amount::of(kAuditPrice), p.rate_new_ppm, p.record_value_factor};
    const std::uint32_t rate = market::record_rate_ppm(terms, Amount::of(record));
    // Segments that are faked on average until one is found.
    const auto fakes = [&](std::uint32_t q) {
        const double found =
            1 - static_cast<double>(market::escape_chance(q, p.collusion_max_ppm)) /
                    18446744073709551616.0;
        return 1 / found;
    };
    const double more = fakes(rate) - fakes(p.rate_new_ppm);
    EXPECT_LT(more * static_cast<double>(kAuditPrice), static_cast<double>(fees));
}

}  // namespace
}  // namespace assay::sim
