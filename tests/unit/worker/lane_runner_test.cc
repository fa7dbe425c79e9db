#include "lane_runner.h"

#include <gtest/gtest.h>

namespace assay::worker {
namespace {

base::LeaseId lease_number(std::uint8_t number) {
    base::LeaseId id;
    id.hash.bytes[0] = number;
    return id;
}

/// A round of a running job that waits for its merge, and a lease of it that has ended.
struct Refuted {
    Refuted() {
        job.state = market::JobState::running;
        job.round = round.round = 1;
        round.state = market::RoundState::closed;
        round.members = {{}, {}};
        round.members[1].lease = lease.id = lease_number(2);
        lease.state = market::LeaseState::ended;
    }
    [[nodiscard]] bool owed() const { return owes_merge(job, round, lease); }
    market::Job job;
    market::Round round;
    market::Lease lease;
};

TEST(OwesMerge, ALeaseThatHasEndedOwesItWhileItsRoundWaits) { EXPECT_TRUE(Refuted().owed()); }

TEST(OwesMerge, NobodyElseDoes) {
    Refuted other;
    other.lease.id = lease_number(3);
    EXPECT_FALSE(other.owed()) << "no member";
    Refuted settled;
    settled.lease.state = market::LeaseState::settled;
    EXPECT_FALSE(settled.owed());
    Refuted active;
    active.lease.state = market::LeaseState::active;
    EXPECT_FALSE(active.owed()) << "it is worked anyway";
    Refuted merged;
    merged.round.state = market::RoundState::merged;
    EXPECT_FALSE(merged.owed());
    Refuted settling;
    settling.job.state = market::JobState::settling;
    EXPECT_FALSE(settling.owed()) << "a job that settles takes no merge";
    Refuted earlier;
    earlier.job.round = 2;
    EXPECT_FALSE(earlier.owed());
}

}  // namespace
}  // namespace assay::worker
