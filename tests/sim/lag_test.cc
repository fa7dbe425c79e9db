#include <gtest/gtest.h>

#include <algorithm>

#include "market_fixture.h"

/// Audit lag: merges take what is committed, audits run while the next rounds train, and what turns
/// out wrong takes the job back.
namespace assay::sim {
namespace {

using base::Amount;
using market::Refusal;

WorldOptions lag_options(std::uint64_t seed, std::uint32_t lag) {
    WorldOptions options = options_with(seed);
    options.audit_lag = lag;
    options.rounds = 6;
    options.rate_ppm = 1'000'000;
    return options;
}

/// One block with every party acting but the workers in `quiet`. Checks the bounds of a lag in the
/// state after it.
void step(Market& market, const std::vector<std::size_t>& quiet = {}) {
    const Snapshot seen = snapshot(market.world);
    for (std::size_t i = 0; i < market.workers.size(); ++i) {
        if (std::find(quiet.begin(), quiet.end(), i) == quiet.end()) market.workers[i].act(seen);
    }
    for (Validator& validator : market.validators) validator.act(seen);
    market.world.block();
    const market::Job job = market.record();
    if (market::is_terminal(job.state)) return;
    ASSERT_LE(std::min(job.round + 1, job.shape.rounds) - job.final_rounds,
              market::demo_parameters().unfinal_rounds_max);
    if (job.round >= job.shape.rounds) return;
    for (std::uint32_t number = job.final_rounds; number + job.shape.audit_lag < job.round;
         ++number) {
        const auto round = market::find_round(market.world.state(), job.id, number);
        ASSERT_TRUE(round.has_value());
        ASSERT_EQ(round->open_parts, 0U)
            << "round " << job.round << " trains while round " << number << " is audited";
    }
}

bool finish(Market& market, const std::vector<std::size_t>& quiet = {}) {
    for (std::uint64_t i = 0; i < kBlocksMax && !market::is_terminal(market.record().state); ++i) {
        step(market, quiet);
        if (testing::Test::HasFatalFailure()) return false;
    }
    return market::is_terminal(market.record().state);
}

std::uint32_t unfinal_open_parts(const Market& market) {
    const market::Job job = market.record();
    std::uint32_t open = 0;
    for (const market::Part& part : market::parts_of_job(market.world.state(), market.job,
                                                         std::nullopt, std::nullopt, 10'000)) {
        const bool waits = part.state == market::PartState::committed ||
                           part.state == market::PartState::auditing ||
                           part.state == market::PartState::closing;
        if (waits && part.key.round < job.round) ++open;
    }
    return open;
}

TEST(AuditLag, RoundsTrainWhileEarlierOnesAreAudited) {
    for (const std::uint32_t lag : {1U, 2U}) {
        Market market(lag_options(80, lag));
        std::uint32_t overlapped = 0;
        while (!market::is_terminal(market.record().state)) {
            step(market);
            ASSERT_FALSE(HasFatalFailure());
            overlapped = std::max(overlapped, unfinal_open_parts(market));
        }
        EXPECT_GE(overlapped, 2 * lag) << "both lanes of each round of the lag";
        market.expect_completed();
        market.expect_history_adds_up();
        EXPECT_EQ(market.record().final_root, market.honest_root());
        EXPECT_EQ(market.record().audited_segments, 12U);
        EXPECT_EQ(market.world.count_events("slashed"), 0U);
        EXPECT_EQ(market.world.count_events("round_reopened"), 0U);
    }
}

TEST(AuditLag, WithPartsAndManySeeds) {
    for (std::uint64_t seed = 300; seed < 306; ++seed) {
        WorldOptions options = lag_options(seed, 1 + static_cast<std::uint32_t>(seed % 3));
        options.lanes = 1 + static_cast<std::uint32_t>(seed % 3);
        options.round_steps = 80;
        options.part_segments = 1 + static_cast<std::uint32_t>(seed % 2);
        options.rate_ppm = 450'000;
        Market market(options);
        ASSERT_TRUE(finish(market)) << seed;
        market.expect_completed();
        EXPECT_EQ(market.record().final_root, market.honest_root()) << seed;
    }
}

/// A worker falls silent about round `bad` after the job has gone on: the round opens again, the
/// others' work in it stands, what came after it is done again, and the honest lane is paid for
/// what it lost.
TEST(AuditLag, AFailedAuditTakesTheJobBackToTheLastSoundRound) {
    for (const std::uint32_t lag : {1U, 2U}) {
        for (const std::uint32_t bad : {0U, 2U, 5U}) {
            Market market(lag_options(81, lag));
            const base::AccountId culprit = market.world.workers[0].id;
            bool silent = false;
            while (!market::is_terminal(market.record().state)) {
                step(market, silent ? std::vector<std::size_t>{0} : std::vector<std::size_t>{});
                ASSERT_FALSE(HasFatalFailure());
                for (const market::Part& part : market::parts_of_job(
                         market.world.state(), market.job, bad, std::nullopt, 10)) {
                    silent = silent || part.key.worker == culprit;
                }
            }
            market.expect_completed();
            market.expect_history_adds_up();
            EXPECT_EQ(market.record().final_root, market.honest_root()) << lag << " " << bad;
            EXPECT_EQ(market.world.count_events("slashed"), 1U) << lag << " " << bad;
            EXPECT_EQ(market.world.count_events("round_reopened"), 1U) << lag << " " << bad;
            EXPECT_LT(market.world.stake_of(market.world.workers[0], market::Role::worker), kStake);
            EXPECT_EQ(market.world.stake_of(market.world.workers[1], market::Role::worker), kStake);
            // No lane is paid twice out of the hold.
            std::uint64_t paid = 0;
            for (const market::Lease& lease :
                 market::leases_of_job(market.world.state(), market.job, std::nullopt, 10))
                paid += lease.paid_segments;
            EXPECT_EQ(paid, 12U);
        }
    }
}

TEST(AuditLag, ALeaseThatHasEndedAnswersForItsLastRound) {
    Market market(lag_options(82, 2));
    while (market.record().state != market::JobState::verifying) {
        step(market);
        ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_GT(unfinal_open_parts(market), 0U);
    ASSERT_TRUE(finish(market, {0}));
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("slashed"), 1U);
    EXPECT_EQ(market.world.count_events("round_reopened"), 1U);
}

/// With the round everything after it would fall, and what others are accused of there, for half of
/// one lock.
TEST(AuditLag, ARoundThatHasClosedTakesNoConfession) {
    Market market(lag_options(83, 1));
    const Person& person = market.world.workers[0];
    bool tried = false;
    while (!market::is_terminal(market.record().state)) {
        const market::Job job = market.record();
        for (const market::Part& part : market::parts_of_job(market.world.state(), market.job,
                                                             std::nullopt, std::nullopt, 100)) {
            const bool waits = part.state == market::PartState::committed ||
                               part.state == market::PartState::auditing;
            if (tried || part.key.worker != person.id || !waits ||
                part.key.round + 1 != job.round || part.key.round < 1)
                continue;
            market.world.send(person, market::Confess{part.id});
            market.world.block();
            tried = true;
            EXPECT_EQ(market.world.last_refusal(), Refusal::confess_too_late);
            break;
        }
        step(market);
        ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_TRUE(tried);
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("round_reopened"), 0U);
}

TEST(AuditLag, ARoundThatHasClosedTakesNoRetraction) {
    Market market(lag_options(84, 1));
    std::optional<market::Part> last;
    for (int i = 0; i < 1000 && !last; ++i) {
        step(market);
        const auto round = market::find_round(market.world.state(), market.job, 0);
        if (!round || round->state == market::RoundState::open) continue;
        for (const market::Part& part :
             market::parts_of_job(market.world.state(), market.job, 0, std::nullopt, 10)) {
            if (part.state == market::PartState::committed) last = part;
        }
    }
    ASSERT_TRUE(last.has_value());
    market.world.send(market.world.person(last->key.worker), market::PartRetract{last->id});
    market.world.block();
    EXPECT_EQ(market.world.last_refusal(), Refusal::round_not_open);
    ASSERT_TRUE(finish(market));
    market.expect_completed();
}

TEST(AuditLag, CancellingJudgesAndPaysWhatIsCommitted) {
    Market market(lag_options(85, 2));
    for (int i = 0; i < 1000 && market.record().round < 2; ++i) step(market);
    ASSERT_GT(unfinal_open_parts(market), 0U);
    market.world.send(market.world.submitter, market::JobCancel{market.job});
    market.world.block();
    EXPECT_EQ(market.record().state, market::JobState::settling);
    ASSERT_TRUE(finish(market));
    EXPECT_EQ(market.record().state, market::JobState::cancelled);
    EXPECT_GE(market.record().final_segments, 4U);
    EXPECT_EQ(market.record().unproved_segments, 0U);
    market.expect_money_settled();
}

}  // namespace
}  // namespace assay::sim
