#include "duties.h"

#include <gtest/gtest.h>

namespace assay::validator {
namespace {

/// Jailed at 1,000 for 60 s; the last block was made at wall time 500,000 and live time 59,000.
struct Jailed {
    Jailed() {
        stake.jailed_at = base::TimeMs{1'000};
        chain.parameters.jail_ms = 60'000;
        chain.parameters.live_step_ms_max = 5'000;
        chain.live_time = base::TimeMs{59'000};
        chain.block_time = base::TimeMs{500'000};
    }
    market::Stake stake;
    client::ChainInfo chain;
};

TEST(JailIsOver, WhenTheNextBlockIsLateEnough) {
    const Jailed jailed;
    EXPECT_FALSE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{500'000}));
    EXPECT_FALSE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{501'999}));
    EXPECT_TRUE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{502'000}));
}

TEST(JailIsOver, LiveTimeDoesNotJump) {
    Jailed jailed;
    jailed.chain.live_time = base::TimeMs{55'000};
    EXPECT_FALSE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{10'000'000}));
    jailed.chain.live_time = base::TimeMs{56'000};
    EXPECT_TRUE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{10'000'000}));
}

TEST(JailIsOver, NotForWhoIsNotJailedOrWhoseClockIsBehind) {
    Jailed jailed;
    EXPECT_FALSE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{0}));
    jailed.chain.live_time = base::TimeMs{61'000};
    EXPECT_TRUE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{0}));
    jailed.stake.jailed_at = {};
    EXPECT_FALSE(jail_is_over(jailed.stake, jailed.chain, base::TimeMs{10'000'000}));
}

}  // namespace
}  // namespace assay::validator
