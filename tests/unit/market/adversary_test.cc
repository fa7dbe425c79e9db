#include <gtest/gtest.h>

#include <algorithm>

#include "chain.h"
#include "market/tables.h"

/// What an outside auditor found (wt-adv-findings.md): each test states what must hold, and fails while it does not.
namespace assay::market {
namespace {

using base::Amount;

struct Market : TestChain {
    explicit Market(const OfferPost& first, const std::function<void(Genesis&)>& change = {}) : TestChain(change) {
        EXPECT_EQ(send(workers[0], first), Refusal::none);
        job_id = start().id;
        EXPECT_EQ(job().state, JobState::running);
    }
    [[nodiscard]] Job job() const { return TestChain::job(job_id); }
    base::JobId job_id;
};

/// Nothing that a worker declares may change what a pause costs: 5 % of what a machine of the class could have trained at most.
TEST(Adversary, F1_APauseIsPaidByTheWorkersOwnWord) {
    OfferPost offer = TestChain().offer();
    offer.segment_ms = 1;
    offer.flops_per_second = std::uint64_t{1} << 62U;
    Market chain(offer);
    ASSERT_EQ(chain.send(chain.submitter, JobPause{chain.job_id}), Refusal::none);
    const Amount before = chain.balance(chain.submitter);
    chain.wait(600'000);
    ASSERT_EQ(chain.send(chain.submitter, JobResume{chain.job_id}), Refusal::none);
    const Amount lost = before - chain.balance(chain.submitter);
    // A segment of this job takes a machine of the class a second: ten minutes are 600 segments of 1,000,000 in two lanes, 5 % of it is 60 million.
    std::cout << "[ figures  ] F1: a pause of ten minutes cost the submitter " << lost.decimal() << " of " << before.decimal() << " grains; the whole job holds "
              << chain.job().held.decimal() << std::endl;
    EXPECT_LE(lost, Amount::of(70'000'000));
}

}  // namespace
}  // namespace assay::market
