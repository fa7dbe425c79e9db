// Games that auditors open, and what every game has in common: moves, clocks, concessions, endings.

#include "duel.h"

namespace assay::market {
namespace {

using base::Amount;
using sim::ValidatorKind;
using sim::WorkerKind;

/// Everything is audited, and one validator finds fault with all of it.
struct Accused : Duel {
    explicit Accused(std::uint64_t seed)
        : Duel(options(seed), {}, {ValidatorKind::always_invalid}) {
        EXPECT_TRUE(until([&] { return about_segment().has_value(); }));
    }
    /// The first game about a segment; merges that are accused before win.
    std::optional<Dispute> about_segment() {
        for (const Dispute& dispute : disputes()) {
            if (dispute.target == DisputeTarget::segment) return dispute;
            world.send(person(dispute.asserter), DisputeMove{dispute.id, {'w'}});
        }
        return std::nullopt;
    }
    static sim::WorldOptions options(std::uint64_t seed) {
        sim::WorldOptions out = duel_options(seed);
        out.rate_ppm = 1'000'000;
        return out;
    }
    [[nodiscard]] Dispute first() const {
        const auto open = disputes();
        return *std::find_if(open.begin(), open.end(),
                             [](const Dispute& d) { return d.target == DisputeTarget::segment; });
    }
    [[nodiscard]] const sim::Person& asserter() const { return person(first().asserter); }
    [[nodiscard]] const sim::Person& challenger() const { return person(first().challenger); }
    /// The rest of the job without the accuser; whoever it still accuses wins.
    void finish_without_accuser() {
        for (int i = 0; i < 20'000 && !is_terminal(record().state); ++i) {
            for (const Dispute& dispute : disputes())
                world.send(person(dispute.asserter), DisputeMove{dispute.id, {'w'}});
            for (sim::Worker& worker : workers) worker.act();
            for (std::size_t v = 1; v < validators.size(); ++v) validators[v].act();
            world.block();
        }
        // What a concession leaves of a lock is held as long as unbonding takes.
        wait(current_parameters(world.state()).unbonding_ms + 10'000);
        expect_completed();
        expect_history_adds_up();
        EXPECT_EQ(record().final_root, honest_root());
        EXPECT_TRUE(disputes().empty());
    }
};

TEST(AuditDispute, AnInvalidOpensAGame) {
    Accused duel(1);
    const Dispute dispute = duel.first();
    EXPECT_EQ(dispute.target, DisputeTarget::segment);
    EXPECT_EQ(dispute.turn, Side::asserter);
    EXPECT_EQ(dispute.id, dispute_id(dispute.audit.hash));
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::auditing);
    const Parameters parameters = current_parameters(duel.world.state());
    EXPECT_GE(dispute.deadline.value, dispute.turn_since.value + parameters.grace_ms +
                                          parameters.dispute_clock_ms + 4 * dispute.planned_ms);
    const GameSubject subject = game_subject(duel.world.state(), dispute).value();
    EXPECT_EQ(subject.stage, GameStage::segment);
    EXPECT_EQ(subject.asserted, dispute.asserted);
    EXPECT_EQ(subject.first_step, 0U);
    EXPECT_EQ(subject.steps, 20U);
    EXPECT_TRUE(subject.closes_round);
    const auto opening = [&](std::uint32_t round) {
        return find_round(duel.world.state(), duel.job, round)->opening_root;
    };
    EXPECT_EQ(subject.start_root, opening(dispute.round)) << "one segment a round";
    EXPECT_EQ(subject.round_start_root, opening(dispute.round));
    EXPECT_EQ(subject.previous_round_root,
              dispute.round == 0 ? base::Hash{} : opening(dispute.round - 1));
    EXPECT_EQ(
        disputes_of_account(duel.world.state(), dispute.asserter, Side::asserter, std::nullopt, 9)
            .front(),
        dispute);
    EXPECT_EQ(disputes_of_account(duel.world.state(), dispute.challenger, Side::challenger,
                                  std::nullopt, 9)
                  .front(),
              dispute);
    duel.finish_without_accuser();
}

TEST(AuditDispute, MovesAreRefusedWithTheReasonOfTheReferee) {
    Accused duel(2);
    const base::DisputeId id = duel.first().id;
    const sim::Person& asserter = duel.asserter();
    const base::TimeMs deadline = duel.first().deadline;
    const std::pair<char, Refusal> expected[] = {
        {'1', Refusal::malformed_move}, {'2', Refusal::dispute_over},
        {'3', Refusal::not_your_turn},  {'4', Refusal::wrong_move},
        {'5', Refusal::wrong_count},    {'6', Refusal::wrong_hash},
        {'7', Refusal::wrong_place},    {'8', Refusal::wrong_record},
        {'9', Refusal::wrong_openings}, {'?', Refusal::malformed_move}};
    for (const auto& [what, refusal] : expected)
        EXPECT_EQ(duel.move(asserter, id, what), refusal) << what;
    EXPECT_EQ(duel.move(duel.challenger(), id, 'n'), Refusal::not_your_turn);
    EXPECT_EQ(duel.move(duel.world.submitter, id, 'n'), Refusal::dispute_not_yours);
    EXPECT_EQ(duel.move(asserter, {sim::numbered(1, "none")}, 'n'), Refusal::dispute_unknown);
    EXPECT_EQ(duel.answer(duel.world.submitter, DisputeConcede{id}), Refusal::dispute_not_yours);
    EXPECT_EQ(duel.answer(asserter, DisputeConcede{{sim::numbered(1, "none")}}),
              Refusal::dispute_unknown);
    EXPECT_EQ(duel.dispute(id).deadline, deadline) << "a refused move stops no clock";
    EXPECT_EQ(duel.dispute(id).moves, 0U);
    const sim::Person& challenger = duel.challenger();
    EXPECT_EQ(duel.move(asserter, id, 'n'), Refusal::none);
    EXPECT_EQ(duel.move(asserter, id, 'n'), Refusal::not_your_turn);
    EXPECT_EQ(duel.move(challenger, id, 'l'), Refusal::none);
    EXPECT_EQ(duel.move(challenger, id, 'n'), Refusal::dispute_over);
    EXPECT_EQ(duel.answer(challenger, DisputeConcede{id}), Refusal::dispute_over);
    EXPECT_EQ(duel.answer(asserter, DisputeConcede{id}), Refusal::dispute_over);
    duel.finish_without_accuser();
}

TEST(AuditDispute, AnAuditorThatIsRightConvictsTheWorker) {
    Accused duel(3);
    const Dispute dispute = duel.first();
    const sim::Person& asserter = duel.asserter();
    const Amount lock = find_lease(duel.world.state(), dispute.lease)->lock;
    const Amount before = duel.stake(asserter, Role::worker), burned = duel.burned();
    const Amount auditor = duel.stake(duel.challenger(), Role::validator);
    ASSERT_EQ(duel.move(asserter, dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(duel.stake(asserter, Role::worker), before - lock);
    EXPECT_GE(duel.burned(), burned + Amount::of(lock.grains() / 2)) << "at least half is burned";
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::upheld);
    EXPECT_FALSE(find_game(duel.world.state(), dispute.id));
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::void_);
    EXPECT_EQ(find_lease(duel.world.state(), dispute.lease)->end, LeaseEnd::slashed);
    EXPECT_EQ(duel.stake(duel.person(dispute.challenger), Role::validator), auditor);
    EXPECT_TRUE(find_audit(duel.world.state(), dispute.audit)->paid) << "its price, and no jackpot";
    for (const Event& event : duel.world.events()) {
        EXPECT_FALSE(event.kind == "paid" && event.attributes[2].second == "bounty");
    }
}

TEST(AuditDispute, AnAuditorThatIsWrongPaysAndTheSegmentIsDrawnAgain) {
    Accused duel(4);
    const Dispute dispute = duel.first();
    const sim::Person& asserter = duel.asserter();
    const sim::Person& auditor = duel.challenger();
    const Amount lock = find_audit(duel.world.state(), dispute.audit)->lock;
    const Amount before = duel.stake(auditor, Role::validator), balance = duel.balance(asserter.id),
                 burned = duel.burned();
    ASSERT_EQ(duel.move(asserter, dispute.id, 'w'), Refusal::none);
    const Amount lost = before - duel.stake(auditor, Role::validator);
    EXPECT_GT(lost, Amount{});
    EXPECT_LE(lost, lock);
    const Amount fee = duel.dispute(dispute.id).asserter_spent;
    EXPECT_GT(fee, Amount{});
    const Claim claim = find_claim(duel.world.state(), dispute.part, dispute.segment).value();
    // The redraw is paid besides.
    const Amount bond = lost - claim.fund;
    ASSERT_GT(bond, fee);
    const Amount half = Amount::of((bond - fee).grains() / 2);
    EXPECT_EQ(duel.balance(asserter.id), balance + half) << "its move cost it nothing";
    EXPECT_EQ(duel.burned(), burned + bond - half)
        << "the fee when it moved, and the other half of what the fee left";
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::rejected);
    EXPECT_FALSE(find_audit(duel.world.state(), dispute.audit)->paid);
    EXPECT_EQ(find_audit(duel.world.state(), dispute.audit)->state, AuditState::missed);
    EXPECT_TRUE(duel.until([&] {
        return find_claim(duel.world.state(), dispute.part, dispute.segment)->redraws == 1;
    })) << "drawn again";
    duel.finish_without_accuser();
}

TEST(AuditDispute, SilenceLosesForWhoeverHasToMove) {
    for (const bool asserter_silent : {true, false}) {
        Accused duel(5);
        const Dispute dispute = duel.first();
        if (!asserter_silent) {
            ASSERT_EQ(duel.move(duel.asserter(), dispute.id, 'n'), Refusal::none);
        }
        const std::uint64_t left =
            duel.dispute(dispute.id).deadline.value - duel.world.live().value;
        duel.wait(left - 6'000);
        EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::open)
            << "not before its clock is used up";
        duel.wait(7'000);
        EXPECT_EQ(duel.dispute(dispute.id).state,
                  asserter_silent ? DisputeState::upheld : DisputeState::rejected);
    }
}

TEST(AuditDispute, OnlyTheClockOfTheSideToMoveRuns) {
    Accused duel(6);
    const Dispute before = duel.first();
    duel.wait(20'000);
    ASSERT_EQ(duel.move(duel.asserter(), before.id, 'n'), Refusal::none);
    const Dispute after = duel.dispute(before.id);
    const std::uint64_t elapsed = after.turn_since.value - before.turn_since.value;
    EXPECT_GE(elapsed, 20'000U);
    EXPECT_EQ(after.asserter_ms, before.asserter_ms - elapsed);
    EXPECT_EQ(after.challenger_ms, before.challenger_ms);
    // A process that was killed and is back within grace has lost nothing but that time.
    EXPECT_GT(after.challenger_ms, current_parameters(duel.world.state()).grace_ms);
    duel.wait(current_parameters(duel.world.state()).grace_ms - 1'000);
    EXPECT_EQ(duel.move(duel.challenger(), before.id, 'n'), Refusal::none);
}

TEST(AuditDispute, TheLastMoveOfAGameWins) {
    Accused duel(7);
    const Dispute dispute = duel.first();
    for (int i = 0; i < Countdown::kMoves; ++i) {
        const sim::Person& mover = duel.person(i % 2 == 0 ? dispute.asserter : dispute.challenger);
        ASSERT_EQ(duel.move(mover, dispute.id, 'n'), Refusal::none) << i;
    }
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::upheld);
    EXPECT_EQ(duel.dispute(dispute.id).moves, Countdown::kMoves);
}

TEST(Concession, OfTheWorkerBeforeATracedMoveCostsAFeeAndThePart) {
    Accused duel(10);
    const Dispute dispute = duel.first();
    const sim::Person& asserter = duel.asserter();
    const Lease lease = find_lease(duel.world.state(), dispute.lease).value();
    ASSERT_EQ(duel.answer(asserter, DisputeConcede{dispute.id}), Refusal::none);
    const Amount lost = sim::kStake - duel.stake(asserter, Role::worker);
    EXPECT_GT(lost, current_parameters(duel.world.state()).concede_fee);
    EXPECT_LE(lost, lease.lock);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::conceded);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::void_);
    EXPECT_EQ(find_lease(duel.world.state(), dispute.lease)->end, LeaseEnd::conceded);
    EXPECT_EQ(duel.answer(asserter, Confess{dispute.part}), Refusal::confess_too_late)
        << "one exit is enough";
    duel.finish_without_accuser();
}

TEST(Concession, OfTheWorkerAfterATracedMoveCostsTheLock) {
    Accused duel(11);
    const Dispute dispute = duel.first();
    const sim::Person& asserter = duel.asserter();
    const Lease lease = find_lease(duel.world.state(), dispute.lease).value();
    ASSERT_EQ(duel.move(asserter, dispute.id, 't'), Refusal::none);
    ASSERT_EQ(duel.answer(asserter, DisputeConcede{dispute.id}), Refusal::none);
    EXPECT_EQ(duel.stake(asserter, Role::worker), sim::kStake - lease.lock);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::upheld);
}

TEST(Concession, OfTheAuditorBeforeATracedMoveIsCapped) {
    for (const char how : {'n', 't'}) {
        Accused duel(12);
        const Dispute dispute = duel.first();
        const sim::Person& auditor = duel.challenger();
        ASSERT_EQ(duel.move(duel.asserter(), dispute.id, how), Refusal::none);
        const Amount before = duel.stake(auditor, Role::validator);
        ASSERT_EQ(duel.answer(auditor, DisputeConcede{dispute.id}), Refusal::none);
        // The redraw is paid besides.
        const Amount lost = before - duel.stake(auditor, Role::validator) -
                            find_claim(duel.world.state(), dispute.part, dispute.segment)->fund;
        const Amount fee = current_parameters(duel.world.state()).concede_fee;
        EXPECT_TRUE(how == 'n' ? lost == fee : lost > fee) << how << " " << lost.decimal();
        EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::rejected);
    }
}

TEST(Cancel, WaitsForTheGamesOfTheJob) {
    Accused duel(13);
    const Dispute dispute = duel.first();
    ASSERT_EQ(duel.answer(duel.world.submitter, JobCancel{duel.job}), Refusal::none);
    EXPECT_EQ(duel.dispute(dispute.id).state, DisputeState::open);
    EXPECT_EQ(duel.record().state, JobState::settling);
    ASSERT_EQ(duel.move(duel.asserter(), dispute.id, 'l'), Refusal::none);
    EXPECT_EQ(find_part(duel.world.state(), dispute.part)->state, PartState::void_);
    for (int i = 0; i < 20'000 && !is_terminal(duel.record().state); ++i) {
        for (const Dispute& other : duel.disputes())
            duel.world.send(duel.person(other.asserter), DisputeMove{other.id, {'w'}});
        for (sim::Worker& worker : duel.workers) worker.act();
        for (sim::Validator& validator : duel.validators) validator.act();
        duel.world.block();
    }
    EXPECT_EQ(duel.record().state, JobState::cancelled);
    duel.expect_money_settled();
}

/// A wrong merge: nobody has proved another root, so the next member posts, and its merge is
/// audited in turn.
struct WrongMerge : Duel {
    explicit WrongMerge(std::uint64_t seed,
                        std::vector<WorkerKind> kinds = {WorkerKind::wrong_merge})
        : Duel(duel_options(seed), std::move(kinds)) {
        EXPECT_TRUE(until([&] { return !disputes().empty(); }));
    }
};

TEST(MergeDispute, TheNextMemberPostsAgainUnderAFurtherAttempt) {
    WrongMerge duel(20);
    const Dispute dispute = duel.disputes().front();
    ASSERT_EQ(dispute.target, DisputeTarget::merge);
    const MergeRecord wrong = find_merge(duel.world.state(), duel.job, dispute.round).value();
    EXPECT_EQ(dispute.asserted, wrong.root);
    const GameSubject subject = game_subject(duel.world.state(), dispute).value();
    EXPECT_EQ(subject.stage, GameStage::merge);
    EXPECT_EQ(subject.payload_roots.size(), 2U);
    const sim::Person& poster = duel.person(dispute.asserter);
    ASSERT_EQ(duel.move(poster, dispute.id, 'l'), Refusal::none);
    EXPECT_LT(duel.stake(poster, Role::worker), sim::kStake);
    const MergeRecord next = find_merge(duel.world.state(), duel.job, dispute.round).value();
    EXPECT_EQ(next.attempt, wrong.attempt + 1);
    EXPECT_EQ(next.state, MergeState::waiting);
    EXPECT_EQ(next.barred, std::vector<base::AccountId>{poster.id});
    EXPECT_NE(find_round(duel.world.state(), duel.job, dispute.round)->members[next.turn].worker,
              poster.id);
    MergePost again{duel.job, dispute.round, wrong.root, duel.world.receipt(wrong.root)};
    EXPECT_EQ(duel.answer(poster, again), Refusal::not_your_turn);
    EXPECT_TRUE(duel.until([&] { return is_terminal(duel.record().state); }));
    duel.expect_completed();
    duel.expect_history_adds_up();
    EXPECT_EQ(duel.record().final_root, duel.honest_root());
}

TEST(MergeDispute, WithoutAMemberLeftTheJobFails) {
    WrongMerge duel(21,
                    {WorkerKind::wrong_merge, WorkerKind::wrong_merge, WorkerKind::wrong_merge});
    for (int i = 0; i < 4 && !is_terminal(duel.record().state); ++i) {
        ASSERT_TRUE(duel.until(
            [&] { return is_terminal(duel.record().state) || !duel.disputes().empty(); }));
        for (const Dispute& dispute : duel.disputes())
            duel.move(duel.person(dispute.asserter), dispute.id, 'l');
    }
    EXPECT_EQ(duel.record().state, JobState::failed);
    EXPECT_EQ(duel.record().reason, CloseReason::merge_unresolved);
    duel.expect_money_settled();
}

TEST(MergeDispute, AConcessionCostsAFeeAndTheTurn) {
    WrongMerge duel(22);
    const Dispute dispute = duel.disputes().front();
    const sim::Person& poster = duel.person(dispute.asserter);
    const Amount lock = find_lease(duel.world.state(), dispute.lease)->lock;
    ASSERT_EQ(duel.answer(poster, DisputeConcede{dispute.id}), Refusal::none);
    const Amount lost = sim::kStake - duel.stake(poster, Role::worker);
    EXPECT_GT(lost, Amount{});
    EXPECT_LE(lost, lock);
    EXPECT_EQ(find_merge(duel.world.state(), duel.job, dispute.round)->barred,
              std::vector<base::AccountId>{poster.id});
}

TEST(MergeDispute, AnAuditorThatIsWrongIsDrawnAgain) {
    WrongMerge duel(23);
    const Dispute dispute = duel.disputes().front();
    ASSERT_EQ(duel.move(duel.person(dispute.asserter), dispute.id, 'w'), Refusal::none);
    const MergeRecord merge = find_merge(duel.world.state(), duel.job, dispute.round).value();
    EXPECT_EQ(merge.state, MergeState::posted);
    EXPECT_EQ(find_audit(duel.world.state(), dispute.audit)->state, AuditState::missed);
}

}  // namespace
}  // namespace assay::market
