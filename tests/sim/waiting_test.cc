#include <gtest/gtest.h>

#include "questions.h"

/// Auditors that never come back: what waits for them is given up in the end, and what others have
/// locked comes back.
namespace assay::sim {
namespace {

/// Workers go on, validators don't.
bool ends_without_validators(Market& market) {
    for (std::uint64_t i = 0; i < kBlocksMax; ++i) {
        if (market::is_terminal(market.record().state)) return true;
        const Snapshot seen = snapshot(market.world);
        for (Worker& worker : market.workers) worker.act(seen);
        market.world.block();
    }
    return false;
}

void expect_locks_are_free(const Market& market) {
    EXPECT_EQ(market.record().hold.total(), Amount{});
    for (const Person& worker : market.world.workers) {
        const auto stake =
            market::find_stake(market.world.state(), worker.id, market::Role::worker);
        EXPECT_EQ(stake->active, kStake) << worker.name;
        EXPECT_EQ(stake->locked, Amount{}) << worker.name;
    }
}

TEST(AuditorsLeaveForGood, AJobThatIsTrainedEnds) {
    for (const std::uint32_t lag : {0U, 1U}) {
        WorldOptions options = options_with(71);
        options.rounds = 2;
        options.audit_lag = lag;
        Market market(options);
        ASSERT_TRUE(
            until(market, [&] { return market.record().state == market::JobState::verifying; }));
        ASSERT_TRUE(ends_without_validators(market)) << lag;
        EXPECT_EQ(market.record().reason, market::CloseReason::no_auditors);
        expect_locks_are_free(market);
    }
}

/// The submitter is gone as well: nobody cancels.
TEST(AuditorsLeaveForGood, AJobThatTrainsEndsWithoutItsSubmitter) {
    WorldOptions options = options_with(72);
    options.rounds = 3;
    options.rate_ppm = 1'000'000;
    Market market(options);
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::auditing, 0).empty(); }));
    ASSERT_TRUE(ends_without_validators(market));
    EXPECT_EQ(market.record().reason, market::CloseReason::no_auditors);
    EXPECT_GT(market.record().unproved_segments, 0U);
    expect_locks_are_free(market);
}

TEST(AuditorsLeaveForGood, AVerdictThatWaitsForItsControlIsNoWork) {
    WorldOptions options = options_with(73);
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto waits = [&] {
        for (const market::Audit& audit :
             market::audits_of_job(market.world.state(), market.job, std::nullopt, 1000)) {
            if (audit.claim == market::ClaimKind::segment &&
                audit.state == market::AuditState::revealed && audit.controls_open > 0)
                return true;
        }
        return false;
    };
    ASSERT_TRUE(until(market, waits));
    ASSERT_EQ(send(market, market.world.submitter, market::JobCancel{market.job}), Refusal::none);
    ASSERT_TRUE(ends_without_validators(market));
    EXPECT_EQ(market.record().state, market::JobState::cancelled);
    EXPECT_GT(market.record().unproved_segments, 0U);
    expect_locks_are_free(market);
}

}  // namespace
}  // namespace assay::sim
