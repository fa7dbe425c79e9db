#include <gtest/gtest.h>

#include "chain.h"

namespace assay::market {
namespace {

using base::Amount;

TEST(ApplyStakeBond, BondsFreeMoney) {
    TestChain chain;
    EXPECT_EQ(chain.send(chain.stranger, StakeBond{Role::worker, Amount::of(100)}), Refusal::none);
    EXPECT_EQ(chain.stake(chain.stranger, Role::worker).active, Amount::of(100));
    EXPECT_EQ(chain.stake(chain.stranger, Role::worker).shares, 100U);
}

TEST(ApplyStakeBond, Refuses) {
    TestChain chain(
        [](Genesis& genesis) { genesis.parameters.validator_stake_min = Amount::of(1000); });
    const auto refused = [&](Role role, std::uint64_t amount) {
        return chain.send(chain.stranger, StakeBond{role, Amount::of(amount)});
    };
    EXPECT_EQ(refused(Role::worker, 0), Refusal::amount_zero);
    EXPECT_EQ(refused(Role::sequencer, 5), Refusal::role_not_open);
    EXPECT_EQ(refused(Role::validator, 999), Refusal::below_minimum_stake);
    EXPECT_EQ(refused(Role::worker, Amount::kMax), Refusal::insufficient_balance);
}

TEST(ApplyStakeUnbond, ReturnsAfterTheUnbondingTimeAndNotBefore) {
    TestChain chain;
    const Party& worker = chain.workers[0];
    ASSERT_EQ(chain.send(worker, StakeUnbond{Role::worker, Amount::of(500)}), Refusal::none);
    const Amount before = chain.balance(worker);
    ASSERT_EQ(unbondings_of(chain.state, worker.id, Role::worker).size(), 1U);
    chain.wait(chain.genesis.parameters.unbonding_ms - 1);
    EXPECT_EQ(chain.balance(worker), before);
    chain.pass(1);
    EXPECT_EQ(chain.balance(worker), before + Amount::of(500));
    EXPECT_TRUE(unbondings_of(chain.state, worker.id, Role::worker).empty());
}

TEST(ApplyStakeUnbond, Refuses) {
    TestChain chain([](Genesis& genesis) { genesis.parameters.unbondings_max = 2; });
    const Party& worker = chain.workers[0];
    const auto refused = [&](std::uint64_t amount) {
        return chain.send(worker, StakeUnbond{Role::worker, Amount::of(amount)});
    };
    EXPECT_EQ(chain.send(chain.stranger, StakeUnbond{Role::worker, Amount::of(1)}),
              Refusal::stake_missing);
    EXPECT_EQ(refused(0), Refusal::amount_zero);
    EXPECT_EQ(refused(Amount::kMax), Refusal::insufficient_free_stake);
    EXPECT_EQ(refused(1), Refusal::none);
    EXPECT_EQ(refused(1), Refusal::none);
    EXPECT_EQ(refused(1), Refusal::too_many_unbondings);
}

TEST(ApplyStakeUnbond, RefusesStakeThatBacksALease) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    const Job job = chain.start();
    const Amount lock = chain.lease_of(job.id, 0).lock + chain.lease_of(job.id, 1).lock;
    const Stake stake = chain.stake(chain.workers[0], Role::worker);
    EXPECT_EQ(stake.locked, lock);
    EXPECT_EQ(chain.send(chain.workers[0], StakeUnbond{Role::worker, stake.active}),
              Refusal::insufficient_free_stake);
    EXPECT_EQ(chain.send(chain.workers[0], StakeUnbond{Role::worker, stake.free()}), Refusal::none);
}

TEST(ApplyValidatorDeclare, Refuses) {
    TestChain chain;
    const auto refused = [&](const Party& who, const ValidatorDeclare& message) {
        return chain.send(who, message);
    };
    EXPECT_EQ(refused(chain.stranger, {"f32", 1000, {}, false}), Refusal::stake_missing);
    EXPECT_EQ(refused(chain.stranger, {"f32", 1000, {}, true}), Refusal::stake_missing);
    EXPECT_EQ(refused(chain.validators[0], {"f64", 1000, {}, false}), Refusal::profile_unknown);
    EXPECT_EQ(refused(chain.validators[0], {"f32", 0, {}, false}), Refusal::speed_out_of_range);
    EXPECT_EQ(refused(chain.validators[0], {"", 1000, {}, false}), Refusal::malformed);
}

TEST(ApplyValidatorDeclare, EntersAndLeavesTheIndexOfStakes) {
    TestChain chain;
    EXPECT_EQ(validators_by_stake(chain.state, 64).size(), 3U);
    ASSERT_EQ(chain.send(chain.stranger, StakeBond{Role::validator, Amount::of(1'000'000)}),
              Refusal::none);
    EXPECT_EQ(validators_by_stake(chain.state, 64).size(), 3U) << "not declared yet";
    ASSERT_EQ(chain.send(chain.stranger, ValidatorDeclare{"f32", 1000, {}, false}), Refusal::none);
    EXPECT_EQ(validators_by_stake(chain.state, 64).back(), chain.stranger.id)
        << "the least stake is last";
    ASSERT_EQ(chain.send(chain.stranger, StakeUnbond{Role::validator, Amount::of(1'000'000)}),
              Refusal::none);
    EXPECT_EQ(validators_by_stake(chain.state, 64).size(), 3U) << "no stake, no place";
    ASSERT_EQ(chain.send(chain.validators[1], ValidatorDeclare{"f32", 1000, {}, true}),
              Refusal::none);
    EXPECT_EQ(validators_by_stake(chain.state, 64).size(), 2U);
}

}  // namespace
}  // namespace assay::market
