// Whatever anybody sends, in whatever order and at whatever time: nothing is made or lost, a
// refusal changes nothing, nothing aborts.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "chain.h"

namespace assay::market {
namespace {

using base::Amount;

/// Reads choices until they run out, then only zeros: shrinking a failure shortens the story.
class Choices {
  public:
    explicit Choices(const std::vector<std::uint32_t>& words) : words_(words) {}
    std::uint32_t below(std::uint32_t n) {
        const std::uint32_t word = next_ < words_.size() ? words_[next_++] : 0;
        return word % n;
    }
    [[nodiscard]] bool over() const { return next_ >= words_.size(); }
    Amount amount() {
        const std::uint64_t scale[] = {
            0, 1, 1'000, 1'000'000, 1'000'000'000, 1'000'000'000'000, Amount::kMax};
        return Amount::of(scale[below(7)]);
    }

  private:
    const std::vector<std::uint32_t>& words_;
    std::size_t next_ = 0;
};

/// An element's id, or one of nothing.
template <class IdType, class List>
IdType some_id(Choices& choose, const List& list) {
    const std::uint32_t n = choose.below(static_cast<std::uint32_t>(list.size()) + 1);
    return n < list.size() ? list[n].id : IdType{filled(0xee)};
}

base::JobId some_job(Choices& choose, const TestChain& chain) {
    return some_id<base::JobId>(choose, jobs(chain.state, std::nullopt, 8));
}

base::LeaseId some_lease(Choices& choose, const TestChain& chain) {
    const auto all = jobs(chain.state, std::nullopt, 8);
    if (all.empty()) return {filled(0xee)};
    return some_id<base::LeaseId>(
        choose,
        leases_of_job(chain.state, all[choose.below(static_cast<std::uint32_t>(all.size()))].id,
                      std::nullopt, 16));
}

base::PartId some_part(Choices& choose, const TestChain& chain) {
    const auto all = jobs(chain.state, std::nullopt, 8);
    if (all.empty()) return {filled(0xee)};
    return some_id<base::PartId>(
        choose,
        parts_of_job(chain.state, all[choose.below(static_cast<std::uint32_t>(all.size()))].id,
                     std::nullopt, std::nullopt, 16));
}

Role some_role(Choices& choose) { return static_cast<Role>(1 + choose.below(3)); }

/// A commitment that would be right for the lease, if it is time for one.
Message commit_for(Choices& choose, const TestChain& chain) {
    PartCommit message;
    message.lease = some_lease(choose, chain);
    message.segments = 1;
    message.tree_root = filled(0x31);
    message.end_root = base::Hasher("end").add_u32(choose.below(100)).finish();
    if (const auto lease = find_lease(chain.state, message.lease)) {
        const Lane lane = find_lane(chain.state, lease->job, lease->lane).value();
        message.round = chain.job(lease->job).round;
        message.part = lane.committed_parts;
        message.start_root = lane.next_start_root;
    }
    message.end_receipt = chain.receipt({message.end_root});
    message.payload_root = filled(0x33);
    message.payload_receipt = chain.receipt({filled(0x34)});
    return message;
}

Message some_message(Choices& choose, const TestChain& chain, const Party& other) {
    switch (choose.below(18)) {
        case 0:
            return Transfer{other.id, choose.amount()};
        case 1:
            return StakeBond{some_role(choose), choose.amount()};
        case 2:
            return StakeUnbond{some_role(choose), choose.amount()};
        case 3:
            return ValidatorDeclare{"f32", choose.below(2) * 1'000'000ULL, choose.amount(),
                                    choose.below(4) == 0};
        case 4:
        case 5: {
            OfferPost offer = chain.offer();
            offer.slots = choose.below(4);
            offer.price_per_gflop = Amount::of(50'000 + choose.below(200'000));
            return offer;
        }
        case 6: {
            const auto offers = offers_by_price(chain.state, 16);
            return OfferWithdraw{some_id<base::OfferId>(choose, offers)};
        }
        case 7:
        case 8: {
            JobSpec spec = chain.spec();
            spec.lanes = 1 + choose.below(3);
            spec.rounds = 1 + choose.below(3);
            spec.min_lanes = 1;
            return chain.job_post(spec);
        }
        case 9:
            return JobCancel{some_job(choose, chain)};
        case 10:
            return JobPause{some_job(choose, chain)};
        case 11:
            return JobResume{some_job(choose, chain)};
        case 12:
            return LeaseAccept{some_job(choose, chain), choose.below(3)};
        case 13:
            return LeaseLeave{some_lease(choose, chain)};
        case 14:
        case 15:
            return commit_for(choose, chain);
        case 16:
            return PartRetract{some_part(choose, chain)};
        default:
            return Confess{some_part(choose, chain)};
    }
}

/// Time passes: mostly a little, sometimes far.
std::uint64_t some_time(Choices& choose) {
    const std::uint64_t times[] = {1, 10, 10, 10, 600, 5'000, 40'000, 700'000};
    return times[choose.below(8)];
}

void tell_story(const std::vector<std::uint32_t>& words) {
    Choices choose(words);
    TestChain chain([](Genesis& genesis) { genesis.parameters.retention_ms = 60'000; });
    std::vector<const Party*> parties = {&chain.submitter, &chain.stranger};
    for (const Party& worker : chain.workers) parties.push_back(&worker);
    for (const Party& validator : chain.validators) parties.push_back(&validator);
    const auto party = [&]() -> const Party& {
        return *parties[choose.below(static_cast<std::uint32_t>(parties.size()))];
    };
    const Amount supply = genesis_supply(chain.genesis);
    while (!choose.over()) {
        const Party& sender = party();
        chain.send(sender, some_message(choose, chain, party()));
        chain.wait(some_time(choose));
        RC_ASSERT(total_supply(chain.state) == supply);
    }
    RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(AnyOrderOfOperations, ConservesSupplyAndNeverAborts) {
    const bool held = rc::check("supply is conserved", [] {
        tell_story(*rc::gen::container<std::vector<std::uint32_t>>(
            240, rc::gen::arbitrary<std::uint32_t>()));
    });
    EXPECT_TRUE(held);
}

/// The same with a market that is busy from the start, so that leases, rounds and epochs are under
/// way.
TEST(AnyOrderOfOperations, ConservesSupplyWithLeasesUnderWay) {
    const bool held = rc::check("supply is conserved", [] {
        const auto words = *rc::gen::container<std::vector<std::uint32_t>>(
            160, rc::gen::arbitrary<std::uint32_t>());
        Choices choose(words);
        TestChain chain;
        for (const Party& worker : chain.workers)
            RC_ASSERT(chain.send(worker, chain.offer()) == Refusal::none);
        const base::JobId job = chain.start().id;
        const Amount supply = genesis_supply(chain.genesis);
        while (!choose.over()) {
            for (const Party& worker : chain.workers) {
                if (choose.below(3) == 0) chain.send(worker, commit_for(choose, chain));
                if (choose.below(12) == 0) chain.send(worker, Confess{some_part(choose, chain)});
                if (choose.below(12) == 0)
                    chain.send(worker, LeaseLeave{some_lease(choose, chain)});
            }
            if (choose.below(30) == 0) chain.send(chain.submitter, JobPause{job});
            if (choose.below(20) == 0) chain.send(chain.submitter, JobResume{job});
            if (choose.below(60) == 0) chain.send(chain.submitter, JobCancel{job});
            if (choose.below(2) == 0) {
                chain.judge(some_time(choose) / 4 + 1);
            } else {
                chain.wait(some_time(choose));
            }
            chain.accept(job);
            RC_ASSERT(total_supply(chain.state) == supply);
            if (!find_job(chain.state, job)) break;
        }
        RC_ASSERT(!::testing::Test::HasFailure());
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace assay::market
