// Challenges by anyone with stake: seals, bonds, pools, windows, roll-back.

#include "duel.h"

namespace assay::market {
namespace {

using base::Amount;

sim::WorldOptions challenge_options(std::uint64_t seed) {
    sim::WorldOptions options = duel_options(seed);
    options.workers = 4;
    options.validators = 5;
    options.rounds = 4;
    options.rate_ppm = 100'000;
    return options;
}

/// Honest work, of which one part has passed: what the moves say decides.
struct Passed : Duel {
    explicit Passed(std::uint64_t seed, const sim::WorldOptions& options) : Duel(options) {
        (void)seed;
        ready();
    }
    explicit Passed(std::uint64_t seed) : Duel(challenge_options(seed)) { ready(); }
    void ready() {
        EXPECT_TRUE(until([&] { return first_part(PartState::passed).has_value(); }));
        part = first_part(PartState::passed).value();
        target = segment_target(part);
    }
    [[nodiscard]] const sim::Person& worker() const { return person(part.key.worker); }
    [[nodiscard]] Amount bond() const {
        const Chain chain = load_chain(world.state());
        return challenge_bond(current_parameters(world.state()), record(), DisputeTarget::segment,
                              chain.base_fee)
            .value();
    }
    Part part;
    ChallengeTarget target;
};

TEST(ChallengeSealPost, Refuses) {
    Passed duel(31);
    const sim::Person& person = duel.bystander();
    EXPECT_EQ(duel.answer(person, ChallengeSealPost{{}}), Refusal::wrong_seal);
    EXPECT_EQ(duel.seal(person, duel.target, Duel::root(1)), Refusal::none);
    EXPECT_EQ(duel.seal(person, duel.target, Duel::root(1)), Refusal::seal_known);
    const std::uint32_t most = current_parameters(duel.world.state()).disputes_per_account_max;
    for (std::uint32_t n = 2; n <= most; ++n)
        EXPECT_EQ(duel.seal(person, duel.target, Duel::root(n)), Refusal::none);
    EXPECT_EQ(duel.seal(person, duel.target, Duel::root(most + 1)), Refusal::too_many_disputes);
    EXPECT_EQ(seals_of(duel.world.state(), person.id).size(), most);
    duel.wait(current_parameters(duel.world.state()).challenge_open_ms);
    EXPECT_TRUE(seals_of(duel.world.state(), person.id).empty())
        << "what is not opened in time is gone";
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::worker), Refusal::seal_unknown);
}

TEST(ChallengeOpen, Refuses) {
    Passed duel(32);
    const sim::Person& person = duel.bystander();
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::worker), Refusal::seal_unknown);
    // Sealed and opened in one block.
    duel.world.send(person, ChallengeSealPost{challenge_digest(person.id, duel.target,
                                                               Duel::root(1), Duel::nonce())});
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::worker), Refusal::seal_too_young);
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(2), Role::worker), Refusal::seal_unknown)
        << "the seal binds the root";
    EXPECT_EQ(duel.open(duel.world.validators[0], duel.target, Duel::root(1)),
              Refusal::seal_unknown)
        << "and the account";
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::sequencer),
              Refusal::role_not_open);
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::validator),
              Refusal::stake_missing);
    const auto refused = [&](Refusal expected,
                             const std::function<void(ChallengeTarget&, base::Hash&)>& change) {
        ChallengeTarget target = duel.target;
        base::Hash claimed = Duel::root(7);
        change(target, claimed);
        const Refusal found = duel.challenge(person, target, claimed, Role::worker);
        EXPECT_EQ(found, expected) << to_word(found) << " instead of " << to_word(expected);
    };
    const SegmentLeaf leaf = opened_leaf(duel.world.state(), duel.part, 0).value();
    refused(Refusal::wrong_claim, [&](auto&, auto& claimed) { claimed = leaf.end_field; });
    refused(Refusal::wrong_claim, [](auto&, auto& claimed) { claimed = {}; });
    refused(Refusal::dispute_target_unknown, [](auto& target, auto&) { target.segment = 1; });
    refused(Refusal::dispute_target_unknown,
            [](auto& target, auto&) { target.part.hash.bytes[0] ^= 1U; });
    refused(Refusal::dispute_target_unknown, [](auto& target, auto&) { target.round = 1; });
    refused(Refusal::dispute_target_unknown, [&](auto& target, auto&) { target.job = duel.job; });
    refused(Refusal::dispute_target_unknown,
            [](auto& target, auto&) { target.kind = DisputeTarget::merge; });
    EXPECT_EQ(duel.challenge(duel.worker(), duel.target, Duel::root(8), Role::worker),
              Refusal::own_work);
    EXPECT_EQ(duel.challenge(duel.world.submitter, duel.target, Duel::root(9)),
              Refusal::stake_missing);
    EXPECT_TRUE(duel.disputes().empty());
    EXPECT_EQ(duel.open(person, duel.target, Duel::root(1), Role::worker), Refusal::none);
    EXPECT_EQ(duel.challenge(person, duel.target, Duel::root(10), Role::worker),
              Refusal::already_challenged);
}

TEST(ChallengeOpen, NeedsAFreeBond) {
    sim::WorldOptions options = challenge_options(33);
    options.validator_stakes[4] = 1'000'000;
    Passed duel(33, options);
    EXPECT_EQ(duel.challenge(duel.world.validators[4], duel.target, Duel::root(1)),
              Refusal::insufficient_free_stake);
    EXPECT_EQ(duel.stake(duel.world.validators[4], Role::validator), Amount::of(1'000'000));
}

TEST(ChallengeOpen, OfAPartThatHasNotPassedOrIsFinalIsRefused) {
    Duel duel(challenge_options(34));
    ASSERT_TRUE(duel.until([&] { return duel.first_part(PartState::committed).has_value(); }));
    const Part part = *duel.first_part(PartState::committed);
    const sim::Person& person = duel.bystander();
    EXPECT_EQ(duel.challenge(person, duel.segment_target(part), Duel::root(1), Role::worker),
              Refusal::dispute_target_closed);
    ASSERT_TRUE(duel.until([&] { return duel.record().final_rounds > 0; }));
    EXPECT_EQ(duel.challenge(person, duel.segment_target(part), Duel::root(2), Role::worker),
              Refusal::dispute_target_closed);
}

TEST(Challenge, HoldsItsBondAndLosesIt) {
    Passed duel(35);
    const sim::Person& person = duel.bystander();
    const Amount bond = duel.bond(), supply_before = duel.stake(person, Role::worker);
    ASSERT_EQ(duel.challenge(person, duel.target, Duel::root(1), Role::worker), Refusal::none);
    const Dispute dispute = duel.disputes().front();
    EXPECT_EQ(find_pool(duel.world.state(), dispute.pool)->members, 1U);
    EXPECT_EQ(dispute.bond, bond);
    EXPECT_GE(bond, *base::multiply(duel.record().audit_price, 2))
        << "half of it pays the defender's replay";
    EXPECT_EQ(duel.stake(person, Role::worker), supply_before - bond);
    EXPECT_EQ(find_part(duel.world.state(), duel.part.id)->state, PartState::passed)
        << "work is right until it is refuted";
    const Amount balance = duel.balance(duel.worker().id);
    ASSERT_EQ(duel.move(duel.worker(), dispute.id, 'n'), Refusal::none);
    ASSERT_EQ(duel.move(person, dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::rejected);
    EXPECT_EQ(duel.stake(person, Role::worker), supply_before - bond);
    EXPECT_GT(duel.balance(duel.worker().id), balance);
    ASSERT_TRUE(duel.finish());
    duel.expect_completed();
    EXPECT_EQ(duel.record().final_root, duel.honest_root());
}

TEST(Challenge, UpheldPaysABoundedBountyAndTheBondReturns) {
    Passed duel(36);
    const sim::Person& person = duel.bystander();
    const Amount stake = duel.stake(person, Role::worker), burned = duel.burned();
    const Lease lease = find_lease(duel.world.state(), duel.part.lease).value();
    ASSERT_EQ(duel.challenge(person, duel.target, Duel::root(1), Role::worker), Refusal::none);
    const Dispute dispute = duel.disputes().front();
    const Amount balance = duel.balance(person.id);
    ASSERT_EQ(duel.move(duel.worker(), dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.stake(person, Role::worker), stake);
    const Amount bounty = duel.balance(person.id) - balance;
    EXPECT_GT(bounty, Amount{});
    EXPECT_LE(bounty, Amount::of(lease.lock.grains() / 10));
    EXPECT_LE(bounty, *base::multiply(duel.record().audit_price, 2));
    EXPECT_GE(duel.burned() - burned, Amount::of(lease.lock.grains() / 2));
    EXPECT_EQ(duel.stake(duel.worker(), Role::worker), sim::kStake - lease.lock);
    EXPECT_EQ(find_part(duel.world.state(), duel.part.id)->state, PartState::void_);
    ASSERT_TRUE(duel.finish());
    duel.expect_completed();
    duel.expect_history_adds_up();
    EXPECT_EQ(duel.record().final_root, duel.honest_root());
}

/// An accomplice's worse root that loses does not shield the segment, nor does one that is still
/// being played.
TEST(Challenge, AWorseRootShieldsNothing) {
    Passed duel(37);
    const auto& accomplice = duel.world.validators[0];
    const auto& honest = duel.bystander();
    ASSERT_EQ(duel.challenge(accomplice, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.challenge(honest, duel.target, Duel::root(2), Role::worker), Refusal::none)
        << "different roots play in parallel";
    ASSERT_EQ(duel.disputes().size(), 2U);
    const auto of = [&](const sim::Person& person) {
        for (const Dispute& dispute : duel.disputes()) {
            if (dispute.challenger == person.id) return dispute.id;
        }
        return base::DisputeId{};
    };
    const base::DisputeId mine = of(honest);
    ASSERT_EQ(duel.answer(accomplice, DisputeConcede{of(accomplice)}), Refusal::none);
    EXPECT_EQ(duel.dispute(mine).state, DisputeState::open);
    ASSERT_EQ(duel.challenge(duel.world.validators[1], duel.target, Duel::root(3)), Refusal::none)
        << "also after a lost one";
    ASSERT_EQ(duel.move(duel.worker(), mine, 'l'), Refusal::none);
    EXPECT_EQ(duel.dispute(mine).state, DisputeState::upheld);
    EXPECT_TRUE(duel.disputes().empty()) << "what the third was about is void";
    EXPECT_EQ(duel.stake(duel.world.validators[1], Role::validator), sim::kStake)
        << "and its bond is back";
}

/// The right root in the hands of an accomplice who loses on purpose: who comes with the same root
/// plays next, from the start.
TEST(Challenge, ThePoolGoesOnWhenItsPlayerLoses) {
    Passed duel(38);
    const auto &accomplice = duel.world.validators[0], &early = duel.world.validators[1],
               &late = duel.world.validators[2];
    ASSERT_EQ(duel.seal(accomplice, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.seal(early, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.open(accomplice, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.open(early, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.challenge(late, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.disputes().size(), 1U) << "one game";
    const base::DisputeId id = duel.disputes().front().id;
    EXPECT_EQ(duel.challenge(early, duel.target, Duel::root(4)), Refusal::already_challenged);
    EXPECT_EQ(duel.move(early, id, 'n'), Refusal::dispute_not_yours) << "only the player moves";
    ASSERT_EQ(duel.move(duel.worker(), id, 't'), Refusal::none);
    const base::Hash pool = duel.dispute(id).pool;
    ASSERT_TRUE(duel.until([&] { return duel.dispute(id).state == DisputeState::rejected; }))
        << "the first fell silent";
    // The next two play at once, each from the start.
    EXPECT_EQ(duel.disputes().size(), 2U);
    const base::DisputeId second = dispute_id(pool, 1), third = dispute_id(pool, 2);
    const Dispute next = duel.dispute(second);
    EXPECT_EQ(next.challenger, early.id);
    EXPECT_EQ(duel.dispute(third).challenger, late.id);
    EXPECT_EQ(next.turn, Side::asserter);
    EXPECT_FALSE(next.traced) << "from the start";
    EXPECT_LT(duel.stake(accomplice, Role::validator), sim::kStake);
    ASSERT_EQ(duel.move(duel.worker(), second, 'l'), Refusal::none);
    EXPECT_EQ(duel.dispute(second).state, DisputeState::upheld);
    EXPECT_EQ(duel.dispute(third).state, DisputeState::dropped);
    EXPECT_EQ(duel.stake(early, Role::validator), sim::kStake);
    EXPECT_EQ(duel.stake(late, Role::validator), sim::kStake);
    std::vector<std::string> takers;
    for (const Event& event : duel.world.events()) {
        if (event.kind == "paid" && event.attributes[2].second == "bounty")
            takers.push_back(event.attributes[0].second);
    }
    EXPECT_EQ(takers, std::vector<std::string>{early.id.hex()})
        << "neither who lost nor who saw the root first";
}

/// Nobody is kept out by who came before, and accomplices with the right root who lose on purpose
/// only double who plays next.
TEST(Challenge, PoolsAreOpenAndPlayInDoublingBatches) {
    sim::WorldOptions options = challenge_options(39);
    options.validators = 9;
    Passed duel(39, options);
    const auto& v = duel.world.validators;
    for (std::size_t i = 0; i < 8; ++i)
        ASSERT_EQ(duel.challenge(v[i], duel.target, Duel::root(1)), Refusal::none) << i;
    std::size_t playing = 1;
    for (int batch = 0; batch < 4; ++batch) {
        const auto open = duel.disputes();
        ASSERT_EQ(open.size(), playing) << batch;
        for (const Dispute& dispute : open)
            ASSERT_EQ(duel.answer(duel.person(dispute.challenger), DisputeConcede{dispute.id}),
                      Refusal::none);
        playing = batch == 2 ? 1 : 2 * playing;
    }
    EXPECT_TRUE(duel.disputes().empty());
    // Later ones with the same root are no worse off.
    ASSERT_EQ(duel.challenge(v[8], duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.disputes().size(), 1U);
    ASSERT_EQ(duel.move(duel.worker(), duel.disputes().front().id, 'l'), Refusal::none);
    EXPECT_EQ(find_part(duel.world.state(), duel.part.id)->state, PartState::void_);
    ASSERT_TRUE(duel.finish());
    duel.expect_completed();
}

/// A pool whose player loses after the window goes on: whoever joined in time plays, and the round
/// waits.
TEST(Challenge, APoolGoesOnAfterTheWindow) {
    Passed duel(46);
    const auto &accomplice = duel.world.validators[0], &honest = duel.world.validators[1];
    ASSERT_EQ(duel.challenge(accomplice, duel.target, Duel::root(1)), Refusal::none);
    ASSERT_EQ(duel.challenge(honest, duel.target, Duel::root(1)), Refusal::none);
    const base::DisputeId id = duel.disputes().front().id;
    ASSERT_EQ(duel.move(duel.worker(), id, 'n'), Refusal::none);
    const auto window = [&] {
        return find_round(duel.world.state(), duel.job, duel.part.key.round)->window_ends;
    };
    ASSERT_TRUE(duel.until([&] { return window().value != 0; }));
    duel.wait(window().value - duel.world.live().value + 1'000);
    ASSERT_EQ(duel.dispute(id).state, DisputeState::open);
    ASSERT_EQ(duel.answer(accomplice, DisputeConcede{id}), Refusal::none);
    ASSERT_EQ(duel.disputes().size(), 1U);
    EXPECT_EQ(duel.disputes().front().challenger, honest.id);
    EXPECT_EQ(duel.record().final_rounds, 0U);
    const Amount stake = duel.stake(honest, Role::validator), bond = duel.disputes().front().bond;
    ASSERT_EQ(duel.move(duel.worker(), duel.disputes().front().id, 'l'), Refusal::none);
    EXPECT_EQ(find_part(duel.world.state(), duel.part.id)->state, PartState::void_);
    EXPECT_EQ(duel.stake(honest, Role::validator), stake + bond);
}

/// A game holds its round, but lets nobody in any more: a serial challenger ends with the window.
TEST(Challenge, HoldsTheRoundAndEndsWithTheWindow) {
    Passed duel(40);
    ASSERT_EQ(duel.challenge(duel.bystander(), duel.target, Duel::root(1), Role::worker),
              Refusal::none);
    const base::DisputeId id = duel.disputes().front().id;
    const auto window = [&] {
        return find_round(duel.world.state(), duel.job, duel.part.key.round)->window_ends;
    };
    ASSERT_TRUE(duel.until([&] { return window().value != 0; }));
    const base::TimeMs ends = window();
    duel.wait(ends.value - duel.world.live().value + 1'000);
    ASSERT_EQ(duel.dispute(id).state, DisputeState::open);
    EXPECT_EQ(duel.record().final_rounds, 0U) << "the game holds the round";
    EXPECT_EQ(window(), ends) << "and does not move the window";
    EXPECT_EQ(duel.challenge(duel.world.validators[0], duel.target, Duel::root(2)),
              Refusal::dispute_target_closed);
    EXPECT_EQ(duel.challenge(duel.world.validators[0], duel.target, Duel::root(1)),
              Refusal::dispute_target_closed);
    ASSERT_EQ(duel.move(duel.worker(), id, 'w'), Refusal::none);
    duel.wait(100);
    EXPECT_EQ(duel.record().final_rounds, 1U) << "final as soon as it is over";
    ASSERT_TRUE(duel.finish());
    duel.expect_completed();
}

/// An upheld challenge in a merged round takes back what was built on it; honest lanes are paid
/// from the loser's lock, not by the submitter.
TEST(Challenge, UpheldInAMergedRoundRollsBack) {
    std::size_t lost_work = 0;
    for (std::uint64_t seed = 41; seed < 45; ++seed) {
        Passed duel(seed);
        ASSERT_EQ(duel.challenge(duel.bystander(), duel.target, Duel::root(1), Role::worker),
                  Refusal::none);
        const base::DisputeId id = duel.disputes().front().id;
        ASSERT_TRUE(duel.until([&] { return duel.record().round >= 2; }));
        const Amount submitter = duel.balance(duel.world.submitter.id);
        ASSERT_EQ(duel.move(duel.worker(), id, 'l'), Refusal::none);
        EXPECT_EQ(duel.record().round, duel.part.key.round);
        EXPECT_EQ(duel.world.count_events("round_reopened"), 1U);
        EXPECT_FALSE(find_round(duel.world.state(), duel.job, duel.part.key.round + 1));
        EXPECT_GE(duel.balance(duel.world.submitter.id), submitter);
        for (const Event& event : duel.world.events()) {
            if (event.kind == "paid" && event.attributes[2].second == "compensation") ++lost_work;
        }
        ASSERT_TRUE(duel.finish()) << seed;
        duel.expect_completed();
        duel.expect_history_adds_up();
        EXPECT_EQ(duel.record().final_root, duel.honest_root());
    }
    EXPECT_GT(lost_work, 0U);
}

TEST(Challenge, OfAMergeIsPlayedLikeThatOfASegment) {
    Duel duel(challenge_options(50));
    ASSERT_TRUE(duel.until([&] { return duel.record().round == 1; }));
    const MergeRecord merge = find_merge(duel.world.state(), duel.job, 0).value();
    const ChallengeTarget target{DisputeTarget::merge, merge.commitment, 0, duel.job, 0};
    const sim::Person& person = duel.bystander();
    ChallengeTarget other = target;
    other.segment = 1;
    EXPECT_EQ(duel.challenge(person, other, Duel::root(1), Role::worker),
              Refusal::dispute_target_unknown);
    other = target;
    other.round = 1;
    EXPECT_EQ(duel.challenge(person, other, Duel::root(1), Role::worker),
              Refusal::dispute_target_unknown);
    EXPECT_EQ(duel.challenge(person, target, merge.root, Role::worker), Refusal::wrong_claim);
    EXPECT_EQ(duel.challenge(duel.person(merge.poster), target, Duel::root(1), Role::worker),
              Refusal::own_work);
    ASSERT_EQ(duel.challenge(person, target, Duel::root(2), Role::worker), Refusal::none);
    const Dispute dispute = duel.disputes().front();
    EXPECT_EQ(dispute.asserter, merge.poster);
    ASSERT_EQ(duel.move(duel.person(merge.poster), dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.record().round, 0U);
    EXPECT_EQ(find_merge(duel.world.state(), duel.job, 0)->attempt, 1U);
    ASSERT_TRUE(duel.finish());
    duel.expect_completed();
    duel.expect_history_adds_up();
    EXPECT_EQ(duel.record().final_root, duel.honest_root());
}

TEST(Challenge, IsPlayedOnWhenTheSubmitterCancels) {
    Passed duel(51);
    const sim::Person& person = duel.bystander();
    ASSERT_EQ(duel.challenge(person, duel.target, Duel::root(1), Role::worker), Refusal::none);
    const base::DisputeId id = duel.disputes().front().id;
    ASSERT_EQ(duel.answer(duel.world.submitter, JobCancel{duel.job}), Refusal::none);
    ASSERT_EQ(duel.dispute(id).state, DisputeState::open);
    ASSERT_EQ(duel.move(duel.worker(), id, 'l'), Refusal::none);
    EXPECT_EQ(duel.stake(person, Role::worker), sim::kStake);
    ASSERT_TRUE(duel.finish());
    EXPECT_EQ(duel.record().state, JobState::cancelled);
    duel.expect_money_settled();
}

}  // namespace
}  // namespace assay::market
