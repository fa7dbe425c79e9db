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

/// A party from a number of any size.
Party numbered_party(std::uint32_t number) {
    const base::Hash key = base::Hasher("adversary.key").add_u32(number).finish();
    const base::Hash vrf = base::Hasher("adversary.vrf").add_u32(number).finish();
    return {base::SecretKey::from_seed(key.view()), base::SecretKey::from_seed(vrf.view()), {}};
}

struct Crowd {
    std::vector<Party> parties;
    /// Adds so many validators to a genesis.
    void join(Genesis& genesis, std::uint32_t count, const std::function<std::uint64_t(std::uint32_t)>& stake) {
        for (std::uint32_t i = 0; i < count; ++i) {
            parties.push_back(numbered_party(i));
            GenesisAccount account;
            account.cold = account.hot = parties.back().key.public_key();
            account.vrf = parties.back().vrf.public_key();
            account.balance = Amount::of(1'000'000'000);
            account.validator_stake = Amount::of(stake(i));
            account.validator = GenesisValidator{"f32", 1'000'000'000'000};
            genesis.accounts.push_back(account);
        }
        std::sort(genesis.accounts.begin(), genesis.accounts.end(), [](const auto& a, const auto& b) { return a.cold < b.cold; });
    }
    void name(const base::Hash& chain) {
        for (Party& party : parties) party.id = account_id(chain, party.key.public_key());
    }
};

/// Whoever has the stake and is neither away nor jailed is a member, whatever one member declares while the members are listed.
TEST(Adversary, F4_OneDeclarationKeepsAllSmallerValidatorsOutOfAnEpoch) {
    constexpr std::uint32_t kCrowd = 600;
    Crowd crowd;
    TestChain chain([&](Genesis& genesis) { crowd.join(genesis, kCrowd, [](std::uint32_t i) { return 2'000'000'000'000 - i; }); });
    crowd.name(chain.id);
    chain.post();
    while (!find_epoch(chain.state, 0) || find_epoch(chain.state, 0)->state == EpochState::open) chain.pass(50);
    const auto closing = find_epoch(chain.state, 0);
    ASSERT_EQ(closing->state, EpochState::closing);
    const base::AccountId last = closing->member_after;
    const auto own = std::find_if(crowd.parties.begin(), crowd.parties.end(), [&](const Party& party) { return party.id == last; });
    ASSERT_NE(own, crowd.parties.end());
    // In the very next block the sweep goes on first; its owner needs the block in which the first 256 are listed. It knows which one that is.
    ValidatorDeclare smaller;
    smaller.profile = "f32";
    smaller.flops_per_second = 1'000'000'000'000;
    smaller.weight_max = Amount::of(1);
    // The same block as the first listing: the sweep is at the start of it, the transaction after.
    const base::Bytes raw = build_transaction(chain.header(*own), smaller, own->key);
    const BlockContext block{chain.height, chain.time, chain.height.value, {}, &chain.program};
    std::vector<Event> events;
    ASSERT_EQ(apply(chain.state, block, raw, events).code, Refusal::none);
    while (find_epoch(chain.state, 0)->state == EpochState::closing) chain.pass(1);
    const auto epoch = find_epoch(chain.state, 0);
    std::cout << "[ figures  ] F4: " << epoch->members << " of " << kCrowd + 3 << " validators are members of the epoch; nobody is fined" << std::endl;
    EXPECT_EQ(epoch->members, kCrowd + 3);
}

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
