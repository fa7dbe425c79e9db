// Disputes about step digests: a worker shows digests that are not those of its auditor, and either may lie. What a move means is the
// referee's; here it is opening, both outcomes, taking back, and money.

#include "duel.h"

namespace assay::market {
namespace {

using base::Amount;
using sim::ValidatorKind;
using sim::WorkerKind;

/// Everything is audited. Until a game about step digests is open; other games are won by the worker.
struct Shown : Duel {
    Shown(std::uint64_t seed, std::vector<WorkerKind> worker_kinds, std::vector<ValidatorKind> validator_kinds = {},
          Judgement judgement = Judgement::referee)
        : Duel(options(seed, judgement), std::move(worker_kinds), std::move(validator_kinds)) {}
    static sim::WorldOptions options(std::uint64_t seed, Judgement judgement) {
        sim::WorldOptions out = duel_options(seed);
        out.rate_ppm = 1'000'000;
        out.tune = [judgement](Parameters& parameters) { parameters.judgement = judgement; };
        return out;
    }
    bool until_open() {
        return until([&] { return !disputes().empty(); });
    }
    [[nodiscard]] Dispute first() const { return disputes().front(); }
    /// The rest of the job; games about digests are won by whoever the test says.
    void finish(Side winner) {
        for (int i = 0; i < 20'000 && !is_terminal(record().state); ++i) {
            for (const Dispute& dispute : disputes()) {
                if (dispute.turn == Side::asserter)
                    world.send(person(dispute.asserter), DisputeMove{dispute.id, {static_cast<std::uint8_t>(winner == Side::asserter ? 'w' : 'l')}});
            }
            step();
        }
        wait(current_parameters(world.state()).unbonding_ms + 10'000);
        expect_completed();
        expect_history_adds_up();
        EXPECT_EQ(record().final_root, honest_root());
        EXPECT_TRUE(disputes().empty());
    }
    [[nodiscard]] Amount supply() const { return total_supply(world.state()); }
};

/// A worker that trains honestly and commits false step digests.
struct Framed : Shown {
    explicit Framed(std::uint64_t seed) : Shown(seed, {WorkerKind::false_steps}) { EXPECT_TRUE(until_open()); }
};
/// An honest worker, and an auditor that says `valid` without computing.
struct Lazy : Shown {
    explicit Lazy(std::uint64_t seed) : Shown(seed, {}, {ValidatorKind::always_valid}) { EXPECT_TRUE(until_open()); }
};

TEST(StepsDispute, OpensWhenTheDigestsShownAreNotTheAuditors) {
    Framed duel(1);
    const Dispute dispute = duel.first();
    EXPECT_EQ(dispute.target, DisputeTarget::steps);
    EXPECT_EQ(to_word(dispute.target), "steps");
    const Audit audit = find_audit(duel.world.state(), dispute.audit).value();
    EXPECT_EQ(dispute.id, dispute_id(audit.id.hash));
    EXPECT_EQ(dispute.challenger, audit.auditor);
    EXPECT_EQ(audit.state, AuditState::revealed) << "its lock is the bond, and it is not paid yet";
    EXPECT_FALSE(audit.lock.is_zero());
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::judged);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->deadline.value, 0U);
    const GameSubject subject = game_subject(duel.world.state(), dispute).value();
    EXPECT_EQ(subject.stage, GameStage::steps);
    EXPECT_FALSE(subject.closes_round) << "step digests are of states alone";
    const auto steps = opened_steps(audit.y, audit.id, subject.steps);
    ASSERT_EQ(subject.shown.size(), steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        EXPECT_EQ(subject.shown[i].step, steps[i]);
        EXPECT_EQ(subject.shown[i].digest, dispute.digests[i]);
    }
    EXPECT_EQ(dispute.asserted, opened_steps_digest(steps, dispute.digests));
    EXPECT_EQ(dispute.claimed, audit.verdict->steps_digest);
    EXPECT_NE(dispute.asserted, dispute.claimed);
    EXPECT_EQ(decode<Dispute>(encode(dispute)).value(), dispute);
}

TEST(StepsDispute, AWorkerThatLosesIsConvicted) {
    Framed duel(2);
    const Dispute dispute = duel.first();
    const sim::Person& worker = duel.person(dispute.asserter);
    const Amount lock = find_lease(duel.world.state(), dispute.lease)->lock, burned = duel.burned(), supply = duel.supply();
    ASSERT_EQ(duel.move(worker, dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.stake(worker, Role::worker), sim::kStake - lock);
    EXPECT_GE(duel.burned(), burned + Amount::of(lock.grains() / 2));
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::upheld);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::void_);
    EXPECT_EQ(find_lease(duel.world.state(), dispute.lease)->end, LeaseEnd::slashed);
    EXPECT_TRUE(find_audit(duel.world.state(), dispute.audit)->paid);
    EXPECT_EQ(duel.supply(), supply);
    duel.finish(Side::challenger);
}

TEST(StepsDispute, AnAuditorThatLosesIsNotPaidAndTheSegmentIsDrawnAgain) {
    Lazy duel(3);
    const Dispute dispute = duel.first();
    EXPECT_EQ(dispute.target, DisputeTarget::steps);
    const sim::Person& auditor = duel.person(dispute.challenger);
    const Amount before = duel.stake(auditor, Role::validator), supply = duel.supply();
    const std::size_t audits = find_part(duel.world.state(), dispute.part)->audits.size();
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 'w'), Refusal::none);
    EXPECT_LT(duel.stake(auditor, Role::validator), before);
    EXPECT_EQ(duel.stake(duel.person(dispute.asserter), Role::worker), sim::kStake);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::rejected);
    EXPECT_FALSE(find_audit(duel.world.state(), dispute.audit)->paid);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->audits.size(), audits + 1);
    EXPECT_EQ(duel.supply(), supply);
    duel.finish(Side::asserter);
}

TEST(StepsDispute, NobodyIsSlashedBeforeTheGameIsOver) {
    Framed duel(4);
    const Dispute dispute = duel.first();
    EXPECT_EQ(duel.stake(duel.person(dispute.asserter), Role::worker), sim::kStake);
    EXPECT_EQ(duel.stake(duel.person(dispute.challenger), Role::validator), sim::kStake);
    for (const bool asserter : {true, false}) {
        const sim::Person& mover = duel.person(asserter ? dispute.asserter : dispute.challenger);
        ASSERT_EQ(duel.move(mover, dispute.id, 'n'), Refusal::none);
    }
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::judged);
    EXPECT_EQ(duel.stake(duel.person(dispute.asserter), Role::worker), sim::kStake);
}

TEST(StepsDispute, SilenceOfTheWorkerLoses) {
    Framed duel(5);
    const Dispute dispute = duel.first();
    duel.wait(dispute.deadline.value - duel.world.live().value + 1'000);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::upheld);
    EXPECT_LT(duel.stake(duel.person(dispute.asserter), Role::worker), sim::kStake);
}

TEST(StepsDispute, IsTakenBackByTheAuditorForOneFee) {
    Lazy duel(6);
    const Dispute dispute = duel.first();
    const sim::Person& auditor = duel.person(dispute.challenger);
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 'n'), Refusal::none);
    const Amount supply = duel.supply(), balance = duel.balance(dispute.asserter);
    const Amount spent = duel.dispute(dispute.id).asserter_spent;
    ASSERT_EQ(duel.answer(auditor, VerdictWithdraw{dispute.audit}), Refusal::none);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::withdrawn);
    EXPECT_EQ(duel.stake(auditor, Role::validator), sim::kStake);
    EXPECT_EQ(duel.balance(dispute.asserter), balance + base::minimum(spent, find_audit(duel.world.state(), dispute.audit)->price));
    EXPECT_EQ(duel.supply(), supply);
    EXPECT_EQ(duel.answer(auditor, VerdictWithdraw{dispute.audit}), Refusal::audit_state);
    duel.finish(Side::asserter);
}

TEST(StepsDispute, IsNotTakenBackAfterATracedMove) {
    Lazy duel(7);
    const Dispute dispute = duel.first();
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 't'), Refusal::none);
    EXPECT_EQ(duel.answer(duel.person(dispute.challenger), VerdictWithdraw{dispute.audit}), Refusal::judgement_open);
}

TEST(StepsDispute, ConcededByTheWorkerCostsAFeeAndThePart) {
    Framed duel(8);
    const Dispute dispute = duel.first();
    const sim::Person& worker = duel.person(dispute.asserter);
    ASSERT_EQ(duel.answer(worker, DisputeConcede{dispute.id}), Refusal::none);
    EXPECT_LT(duel.stake(worker, Role::worker), sim::kStake);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::conceded);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::void_);
    duel.finish(Side::challenger);
}

TEST(StepsDispute, IsNotOpenedWhereVotesDecide) {
    Shown duel(9, {WorkerKind::false_steps}, {}, Judgement::vote);
    EXPECT_TRUE(duel.until([&] { return is_terminal(duel.record().state); }, 20'000));
    EXPECT_TRUE(duel.disputes(false).empty());
    EXPECT_EQ(duel.world.count_events("dispute_opened"), 0U);
}

TEST(DisputeFees, OfAWinningAuditorReturnOutOfTheSlash) {
    Framed duel(10);
    const Dispute dispute = duel.first();
    const sim::Person& auditor = duel.person(dispute.challenger);
    const Amount price = find_audit(duel.world.state(), dispute.audit)->price;
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 'n'), Refusal::none);
    const Amount before = duel.balance(auditor.id), supply = duel.supply();
    EXPECT_EQ(duel.move(auditor, dispute.id, '4'), Refusal::wrong_move);
    const Amount refused = before - duel.balance(auditor.id);
    EXPECT_GT(refused, Amount{});
    ASSERT_EQ(duel.move(auditor, dispute.id, 'n'), Refusal::none);
    const Dispute now = duel.dispute(dispute.id);
    EXPECT_EQ(now.challenger_spent, before - refused - duel.balance(auditor.id)) << "of moves that were made";
    EXPECT_GT(now.asserter_spent, Amount{});
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.balance(auditor.id), before - refused + price) << "the audit, and the game for nothing";
    EXPECT_EQ(duel.supply(), supply);
}

}  // namespace
}  // namespace assay::market
