#pragma once

#include <gtest/gtest.h>

#include "season.h"

/// What holds at the end of every season.
namespace assay::sim {

/// Nobody honest is fined, jailed or slashed, and whoever computed is paid more than it cost.
inline void expect_honest_are_paid(const SeasonResult& result) {
    EXPECT_TRUE(result.harmed.empty())
        << result.harmed.size() << ", first: " << result.harmed.front();
    for (const PartyResult& worker : result.workers) {
        if (worker.adversary || worker.bystander || worker.cost.is_zero()) continue;
        EXPECT_GT(worker.net(), 0) << worker.name;
    }
    for (const PartyResult& validator : result.validators) {
        if (validator.adversary || validator.cost.is_zero()) continue;
        // A volunteer bets its computing on bounties. What it must not lose is money: a bond, or
        // stake.
        if (validator.volunteer) {
            EXPECT_GT(validator.end, validator.begin) << validator.name;
        } else {
            EXPECT_GT(validator.net(), 0) << validator.name;
        }
    }
}

}  // namespace assay::sim
