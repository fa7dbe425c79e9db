#include <gtest/gtest.h>

#include "questions.h"

/// Chunk questions driven through whole markets: who withholds a blob loses its lock and the job
/// goes on, who shows it is paid.
namespace assay::sim {
namespace {

using market::ChunkAsk;
using market::StoredKind;
using market::StoredTarget;

TEST(ChunkAsk, AnAnswerIsPaidTheBond) {
    Market market(quiet_options(60));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 2}), Refusal::none);
    const auto open =
        market::questions_owed(market.world.state(), part.key.worker, std::nullopt, 10);
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].id, market::chunk_question_id(target, 2));
    EXPECT_EQ(open[0].asker, challenger(market).id);
    EXPECT_GE(open[0].deadline.value, market.world.live().value + 29'000);
    EXPECT_EQ(
        market::questions_of_job(market.world.state(), market.job, 0, std::nullopt, 10).size(), 1U);
    EXPECT_TRUE(
        market::questions_of_job(market.world.state(), market.job, 1, std::nullopt, 10).empty());

    const Person& worker = market.world.person(part.key.worker);
    const Amount before = balance(market, worker);
    ASSERT_EQ(send(market, worker, right_answer(open[0], part.end_root)), Refusal::none);
    const Amount gained = balance(market, worker) - before;
    EXPECT_FALSE(gained.is_zero()) << "the bond is more than the fee";
    EXPECT_LT(gained, open[0].bond);
    EXPECT_FALSE(market::find_question(market.world.state(), open[0].id).has_value());
    EXPECT_FALSE(market::find_question_duty(market.world.state(), part.key.worker).has_value());
    EXPECT_FALSE(
        market::find_question_duty(market.world.state(), challenger(market).id).has_value());
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_TRUE(slashes(market).empty());
}

TEST(ChunkAsk, AnybodyMayAnswer) {
    Market market(quiet_options(61));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget target{StoredKind::payload, part.id.hash, 0};
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0));
    ASSERT_TRUE(open);
    const Person& other = market.world.submitter;
    const Amount before = balance(market, other);
    ASSERT_EQ(send(market, other, right_answer(*open, part.payload_root)), Refusal::none);
    EXPECT_GT(balance(market, other), before);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(ChunkAsk, RefusesWhatCannotBeChallenged) {
    Market market(quiet_options(62));
    const Person& person = challenger(market);
    const auto refused = [&](Refusal expected, const StoredTarget& target,
                             std::uint64_t chunk = 0) {
        const Refusal found = send(market, person, ChunkAsk{target, chunk});
        EXPECT_EQ(found, expected)
            << market::to_word(found) << " instead of " << market::to_word(expected);
    };
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget good{StoredKind::checkpoint, part.id.hash, 0};
    refused(Refusal::target_unknown, {StoredKind::checkpoint, market.job.hash, 0});
    refused(Refusal::target_unknown, {StoredKind::payload, market.job.hash, 0});
    refused(Refusal::target_unknown, {StoredKind::data, part.id.hash, 0});
    refused(Refusal::target_unknown, {StoredKind::merge, part.id.hash, 0});
    refused(Refusal::target_unknown, {StoredKind::merge, market.job.hash, 0});
    refused(Refusal::target_unknown, {StoredKind::merge, market.job.hash, 9});
    refused(Refusal::chunk_out_of_range, good, 3);
    refused(Refusal::chunk_out_of_range, good, ~std::uint64_t{0});
    refused(Refusal::chunk_out_of_range, {StoredKind::data, market.job.hash, 0}, 3);
    refused(Refusal::none, good, 2);
    refused(Refusal::question_known, good, 2);
    EXPECT_EQ(send(market, market.world.submitter, ChunkAsk{good, 2}), Refusal::question_known);
}

TEST(ChunkAsk, RefusesWhenThereIsNoMoneyForTheBond) {
    Market market(quiet_options(63));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const Person& person = challenger(market);
    const Amount keep = Amount::of(5'000);
    ASSERT_EQ(send(market, person,
                   market::Transfer{market.world.submitter.id, balance(market, person) - keep}),
              Refusal::none);
    EXPECT_EQ(send(market, person, ChunkAsk{{StoredKind::checkpoint, part.id.hash, 0}, 0}),
              Refusal::insufficient_balance);
    EXPECT_FALSE(market::find_question_duty(market.world.state(), person.id).has_value());
}

TEST(ChunkAsk, RefusesMoreThanOneAccountMayHaveOpen) {
    WorldOptions options = quiet_options(64);
    options.tune = [](market::Parameters& parameters) { parameters.questions_raised_max = 2; };
    Market market(options);
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{target, 1}), Refusal::none);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{target, 2}), Refusal::too_many_questions);
    // Nobody can use up what others may ask.
    EXPECT_EQ(send(market, market.world.submitter, ChunkAsk{target, 2}), Refusal::none);
}

TEST(ChunkAnswer, RefusesOtherBytesAndOtherChallenges) {
    Market market(quiet_options(65));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 1}), Refusal::none);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 1));
    ASSERT_TRUE(open);
    const market::ChunkAnswer good = right_answer(*open, part.end_root);
    const Person& worker = market.world.person(part.key.worker);
    const auto refused = [&](Refusal expected,
                             const std::function<void(market::ChunkAnswer&)>& change) {
        market::ChunkAnswer bad = good;
        change(bad);
        EXPECT_EQ(send(market, worker, bad), expected);
    };
    refused(Refusal::question_unknown, [](auto& m) { m.question.bytes[0] ^= 1U; });
    refused(Refusal::wrong_chunk, [](auto& m) { m.bytes[100] ^= 1U; });
    refused(Refusal::wrong_chunk, [](auto& m) { m.bytes.pop_back(); });
    refused(Refusal::wrong_chunk, [](auto& m) { m.proof.tree.bytes[3] ^= 1U; });
    refused(Refusal::wrong_chunk, [](auto& m) { m.proof.path[0].bytes[3] ^= 1U; });
    refused(Refusal::wrong_chunk, [](auto& m) { m.proof.path.pop_back(); });
    refused(Refusal::wrong_chunk, [&](auto& m) {
        const base::ProvedChunk other = base::prove_chunk(blob_of(part.end_root), 0);
        m.bytes = other.bytes;
        m.proof = other.proof;
    });
    refused(Refusal::wrong_chunk, [&](auto& m) {
        const base::ProvedChunk other = base::prove_chunk(blob_of(part.payload_root), 1);
        m.bytes = other.bytes;
        m.proof = other.proof;
    });
    EXPECT_EQ(send(market, worker, good), Refusal::none);
    EXPECT_EQ(send(market, worker, good), Refusal::question_unknown);
}

TEST(ChunkAsk, SilenceInAnOpenRoundIsFraud) {
    WorldOptions options = quiet_options(66);
    options.round_steps = 40;
    Market market(options);
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const Person& person = challenger(market);
    ASSERT_EQ(send(market, person, ChunkAsk{{StoredKind::checkpoint, part.id.hash, 0}, 0}),
              Refusal::none);
    const auto open =
        market::questions_owed(market.world.state(), part.key.worker, std::nullopt, 1);
    ASSERT_EQ(open.size(), 1U);
    ASSERT_TRUE(market.finish());
    EXPECT_EQ(market::find_part(market.world.state(), part.id)->state, market::PartState::void_);
    expect_convicted(market, part.key.worker);
    EXPECT_EQ(closed_as(market, "silence"), 1U);
}

TEST(ChunkAsk, TheBountyCoversTheChallengeAndNoMore) {
    Market market(quiet_options(67));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const Person& person = market.world.submitter;
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    const Amount before = balance(market, person);
    ASSERT_EQ(send(market, person, ChunkAsk{target, 0}), Refusal::none);
    const Amount bond =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0))->bond;
    const Amount fee = before - balance(market, person) - bond;
    ASSERT_TRUE(until(market, [&] { return !slashes(market).empty(); }));
    EXPECT_GE(balance(market, person), before - fee);
    EXPECT_LE(balance(market, person), before - fee + bond);
}

TEST(ChunkAsk, AnAuditorWithoutItsStartCheckpointCanAskForIt) {
    WorldOptions options = quiet_options(80);
    options.lanes = options.rounds = 1;
    options.round_steps = 40;
    options.part_segments = 2;
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto delivered = [&] {
        const auto parts =
            market::parts_of_job(market.world.state(), market.job, 0, std::nullopt, 10);
        return !parts.empty() && parts[0].delivered.size() == 2 ? std::optional(parts[0])
                                                                : std::nullopt;
    };
    ASSERT_TRUE(until(market, [&] { return delivered().has_value(); }));
    const market::Part part = *delivered();
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{{StoredKind::start, part.id.hash, 2}, 0}),
              Refusal::target_unknown);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{{StoredKind::start, part.id.hash, 0}, 0}),
              Refusal::target_unknown);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{{StoredKind::start, part.id.hash, 1}, 3}),
              Refusal::chunk_out_of_range);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{{StoredKind::payload, part.id.hash, 0}, 0}),
              Refusal::target_unknown);
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{{StoredKind::start, part.id.hash, 1}, 0}),
              Refusal::none);
    ASSERT_TRUE(market.finish());
    expect_convicted(market, part.key.worker);
}

/// The payload was there when the round closed and is gone when somebody needs it.
void expect_reopened(std::uint64_t seed, StoredKind kind, market::RoundState when) {
    WorldOptions options = quiet_options(seed);
    options.workers = 4;
    Market market(options);
    const auto round_is = [&](market::RoundState state) {
        const auto round = market::find_round(market.world.state(), market.job, 0);
        return round && round->state == state;
    };
    ASSERT_TRUE(until(market, [&] { return round_is(when); }));
    const auto members = market::find_round(market.world.state(), market.job, 0)->members;
    ASSERT_EQ(members.size(), 2U);
    StoredTarget target{kind, members[1].part.hash, 0};
    base::AccountId blamed = members[1].worker;
    if (kind == StoredKind::merge) {
        target.subject = market.job.hash;
        blamed = market::find_merge(market.world.state(), market.job, 0)->poster;
    }
    // What is in flight is not sent while the clock of the challenge begins.
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    ASSERT_TRUE(until(market, [&] { return closed_as(market, "silence") > 0; }));
    EXPECT_EQ(market.record().round, 0U);
    // A merged state is merged again by the next member; a part is trained again.
    const bool merge = kind == StoredKind::merge;
    EXPECT_EQ(market::find_round(market.world.state(), market.job, 0)->state,
              merge ? market::RoundState::closed : market::RoundState::open);
    EXPECT_EQ(market.world.count_events("round_reopened"), merge ? 0U : 1U);
    ASSERT_TRUE(market.finish());
    expect_convicted(market, blamed);
}

TEST(ChunkAsk, APayloadMissingBeforeTheMergeOpensTheRoundAgain) {
    expect_reopened(68, StoredKind::payload, market::RoundState::closed);
}
TEST(ChunkAsk, APayloadMissingAfterTheMergeOpensTheRoundAgain) {
    expect_reopened(69, StoredKind::payload, market::RoundState::merged);
}
TEST(ChunkAsk, ACheckpointMissingAfterTheMergeOpensTheRoundAgain) {
    expect_reopened(70, StoredKind::checkpoint, market::RoundState::merged);
}
TEST(ChunkAsk, AMergedStateMissingIsMergedAgain) {
    expect_reopened(71, StoredKind::merge, market::RoundState::merged);
}

TEST(ChunkAsk, NobodyIsBlamedWhileABlobIsAskedFor) {
    WorldOptions options = quiet_options(81);
    Market market(options);
    const auto round = [&] { return market::find_round(market.world.state(), market.job, 0); };
    ASSERT_TRUE(
        until(market, [&] { return round() && round()->state == market::RoundState::closed; }));
    const market::RoundMember member = round()->members[1];
    const StoredTarget target{StoredKind::payload, member.part.hash, 0};
    // The members cannot merge without the payload: the turns of all of them would be over before
    // the challenge is.
    for (int i = 0; i < 200 && market::find_merge(market.world.state(), market.job, 0)->turn == 0;
         ++i)
        market.world.block();
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0));
    ASSERT_TRUE(open);
    while (market.world.live().value + 1'000 < open->deadline.value) {
        ASSERT_FALSE(market::is_terminal(market.record().state));
        market.world.block();
        if (!market::find_question(market.world.state(), open->id)) break;
    }
    EXPECT_FALSE(market::is_terminal(market.record().state))
        << market::to_word(market.record().reason);
    ASSERT_TRUE(market.finish());
    EXPECT_EQ(market.record().state, market::JobState::completed);
}

TEST(ChunkAsk, TheFinalStateMissingOpensTheOnlyRoundAgain) {
    WorldOptions options = quiet_options(72);
    options.lanes = options.rounds = 1;
    options.round_steps = 60;
    Market market(options);
    ASSERT_TRUE(
        until(market, [&] { return market.record().state == market::JobState::verifying; }));
    const auto members = market::find_round(market.world.state(), market.job, 0)->members;
    ASSERT_EQ(send(market, challenger(market),
                   ChunkAsk{{StoredKind::checkpoint, members[0].part.hash, 0}, 1}),
              Refusal::none);
    ASSERT_TRUE(market.finish());
    expect_convicted(market, members[0].worker);
}

TEST(ChunkAsk, EverySeedComesToItsEnd) {
    for (std::uint64_t seed = 200; seed < 215; ++seed) {
        SCOPED_TRACE(seed);
        WorldOptions options = quiet_options(seed);
        options.workers = 5;
        options.lanes = 1 + static_cast<std::uint32_t>(seed % 3);
        options.rounds = 2 + static_cast<std::uint32_t>(seed % 2);
        options.round_steps = 40 + 20 * static_cast<std::uint32_t>(seed % 2);
        options.part_segments = 1 + static_cast<std::uint32_t>(seed / 5 % 2);
        Market market(options);
        // Withholds at some moment: whatever has just been committed or passed.
        std::uint64_t waited = 0;
        std::vector<market::Part> parts;
        ASSERT_TRUE(until(market, [&] {
            parts = market::parts_of_job(market.world.state(), market.job, std::nullopt,
                                         std::nullopt, 1000);
            return !parts.empty() && ++waited > seed % 40;
        }));
        const market::Part part = parts[seed % parts.size()];
        const auto kind = part.payload_root.is_zero() || seed % 2 == 0 ? StoredKind::checkpoint
                                                                       : StoredKind::payload;
        const Refusal refusal =
            send(market, challenger(market), ChunkAsk{{kind, part.id.hash, 0}, 1});
        ASSERT_TRUE(market.finish());
        if (refusal == Refusal::none) {
            expect_convicted(market, part.key.worker);
        } else {
            EXPECT_EQ(refusal, Refusal::target_closed);
            market.expect_completed();
        }
    }
}

/// Commits the first part of a lane and then waits.
class OnePart : public WorkerConduct {
  public:
    bool commits(const World&, const market::Job&, const market::Lease& lease) override {
        return waits_ ? lease.commits == 0 : true;
    }
    void go_on() { waits_ = false; }

  private:
    bool waits_ = true;
};

TEST(ChunkAsk, ALaneGoesBackWhenItsPredecessorWithholds) {
    WorldOptions options = quiet_options(73);
    options.lanes = options.rounds = 1;
    options.round_steps = 60;
    Market market(options);
    market.workers.clear();
    std::vector<OnePart*> conducts;
    for (std::size_t i = 0; i < options.workers; ++i) {
        auto conduct = std::make_unique<OnePart>();
        conducts.push_back(conduct.get());
        market.workers.emplace_back(market.world, i, std::move(conduct));
    }
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::passed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::passed, 0).front();
    const auto lane = [&] { return *market::find_lane(market.world.state(), market.job, 0); };
    ASSERT_EQ(send(market, market.world.person(part.key.worker), market::LeaseLeave{lane().lease}),
              Refusal::none);
    for (int i = 0; i < 100 && lane().lease.is_zero(); ++i) {
        for (const market::Reservation& asked : lane().asked)
            market.world.send(market.world.person(asked.worker),
                              market::LeaseAccept{market.job, 0});
        market.world.block();
    }
    const base::LeaseId successor = lane().lease;
    ASSERT_FALSE(successor.is_zero());
    EXPECT_EQ(lane().next_start_blob, part.end_blob);
    // The successor finds nothing under that address, so it does not commit.
    const Person& person =
        market.world.person(market::find_lease(market.world.state(), successor)->worker);
    ASSERT_EQ(send(market, person, ChunkAsk{{StoredKind::checkpoint, part.id.hash, 0}, 0}),
              Refusal::none);
    for (int i = 0; i < 100 && closed_as(market, "silence") == 0; ++i) market.world.block();
    EXPECT_EQ(lane().passed_parts, 0U);
    EXPECT_EQ(lane().next_start_root, market.world.init_root);
    EXPECT_EQ(lane().lease, successor) << "it keeps the lane and starts elsewhere";
    EXPECT_EQ(market::find_lease(market.world.state(), successor)->state,
              market::LeaseState::active);
    for (OnePart* conduct : conducts) conduct->go_on();
    ASSERT_TRUE(market.finish());
    expect_convicted(market, part.key.worker);
}

TEST(ChunkAsk, MissingDataEndsTheJobAtTheSubmittersCost) {
    for (const auto kind : {StoredKind::data, StoredKind::init}) {
        Market market(quiet_options(74));
        ASSERT_TRUE(until(market, [&] { return market.record().active_leases == 2; }));
        const auto leases =
            market::leases_of_job(market.world.state(), market.job, std::nullopt, 10);
        ASSERT_EQ(send(market, market.world.person(leases[0].worker),
                       ChunkAsk{{kind, market.job.hash, 0}, 0}),
                  Refusal::none);
        for (int i = 0; i < 2'000 && !market::is_terminal(market.record().state); ++i)
            market.world.block();
        EXPECT_EQ(market.record().state, market::JobState::failed);
        EXPECT_EQ(market.record().reason, market::CloseReason::data_missing);
        EXPECT_TRUE(slashes(market).empty());
        market.expect_money_settled();
        market.expect_history_adds_up();
        EXPECT_EQ(send(market, challenger(market), ChunkAsk{{kind, market.job.hash, 0}, 0}),
                  Refusal::target_closed);
    }
}

TEST(ChunkAsk, DataThatIsShownChangesNothing) {
    WorldOptions options = quiet_options(75);
    Market market(options);
    ASSERT_TRUE(until(market, [&] { return market.record().active_leases == 2; }));
    const StoredTarget target{StoredKind::data, market.job.hash, 0};
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0));
    ASSERT_EQ(
        send(market, market.world.submitter, right_answer(*open, numbered(options.seed, "data"))),
        Refusal::none);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(ChunkAsk, ARoundIsNotFinalWhileOneIsOpenAndTakesNoneAfterItsWindow) {
    WorldOptions options = quiet_options(76);
    options.lanes = options.rounds = 1;
    Market market(options);
    ASSERT_TRUE(
        until(market, [&] { return market.record().state == market::JobState::verifying; }));
    const auto round = [&] { return *market::find_round(market.world.state(), market.job, 0); };
    const market::RoundMember member = round().members[0];
    const StoredTarget target{StoredKind::checkpoint, member.part.hash, 0};
    for (int i = 0; i < 100 && market.world.live().value + 10'000 < round().window_ends.value;
         ++i) {
        market.world.outage(1'000);
        send(market, challenger(market),
             market::Transfer{market.world.submitter.id, Amount::of(1)});
    }
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 1}), Refusal::none);
    ASSERT_NE(round().window_ends.value, 0U);
    for (int i = 0; i < 100 && market.world.live() <= round().window_ends; ++i) {
        market.world.outage(1'000);
        send(market, challenger(market),
             market::Transfer{market.world.submitter.id, Amount::of(1)});
    }
    EXPECT_EQ(market.record().state, market::JobState::verifying);
    EXPECT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::target_closed);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 1));
    ASSERT_TRUE(open);
    ASSERT_EQ(
        send(market, market.world.person(member.worker), right_answer(*open, member.end_root)),
        Refusal::none);
    for (int i = 0; i < 3; ++i) market.world.block();
    EXPECT_EQ(market.record().state, market::JobState::completed);
    market.expect_money_settled();
}

TEST(ChunkAsk, BlamesNobodyForAPartThatIsTakenBack) {
    Market market(quiet_options(77));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const Person& person = challenger(market);
    const Amount before = balance(market, person);
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    ASSERT_EQ(send(market, person, ChunkAsk{target, 0}), Refusal::none);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0));
    ASSERT_EQ(send(market, market.world.person(part.key.worker), market::PartRetract{part.id}),
              Refusal::none);
    EXPECT_EQ(send(market, person, ChunkAsk{target, 1}), Refusal::target_closed);
    ASSERT_TRUE(market.finish());
    EXPECT_EQ(closed_as(market, "dropped"), 1U);
    EXPECT_TRUE(slashes(market).empty());
    EXPECT_GT(balance(market, person) + open->bond, before)
        << "the bond came back; auditing earned the fees and more";
    market.expect_completed();
}

TEST(ChunkAsk, WaitsInAPause) {
    Market market(quiet_options(78));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const StoredTarget target{StoredKind::checkpoint, part.id.hash, 0};
    ASSERT_EQ(send(market, challenger(market), ChunkAsk{target, 0}), Refusal::none);
    ASSERT_EQ(send(market, market.world.submitter, market::JobPause{market.job}), Refusal::none);
    const base::TimeMs paused = market.world.live();
    for (int i = 0; i < 100 && market.world.live().value < paused.value + 100'000; ++i)
        step(market);
    const auto open =
        market::find_question(market.world.state(), market::chunk_question_id(target, 0));
    ASSERT_TRUE(open);
    ASSERT_EQ(send(market, market.world.submitter, market::JobResume{market.job}), Refusal::none);
    ASSERT_EQ(
        send(market, market.world.person(part.key.worker), right_answer(*open, part.end_root)),
        Refusal::none);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_TRUE(slashes(market).empty());
}

TEST(ChunkAsk, AFloodGivesItsVictimTimeAndPaysIt) {
    Market market(quiet_options(79));
    ASSERT_TRUE(
        until(market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
    const market::Part part = parts_in(market, market::PartState::committed, 0).front();
    const Person& victim = market.world.person(part.key.worker);
    std::vector<const Person*> crowd = {&market.world.submitter};
    for (const Person& validator : market.world.validators) crowd.push_back(&validator);
    Amount crowd_before, crowd_after;
    for (const Person* person : crowd) crowd_before += balance(market, *person);
    const Amount before = balance(market, victim);
    std::vector<market::Question> open;
    std::size_t next = 0;
    for (const auto kind : {StoredKind::checkpoint, StoredKind::payload}) {
        for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
            const StoredTarget target{kind, part.id.hash, 0};
            ASSERT_EQ(send(market, *crowd[next++ % crowd.size()], ChunkAsk{target, chunk}),
                      Refusal::none);
            open.push_back(*market::find_question(market.world.state(),
                                                  market::chunk_question_id(target, chunk)));
        }
    }
    // Each one after the first adds its time.
    for (std::size_t i = 1; i < open.size(); ++i)
        EXPECT_GE(open[i].deadline.value, open[i - 1].deadline.value + 500) << i;
    EXPECT_GE(open.back().deadline.value, open.front().opened_at.value + 30'000 + 5 * 500);
    for (const market::Question& challenge : open) {
        const base::Hash& what =
            challenge.target.kind == StoredKind::checkpoint ? part.end_root : part.payload_root;
        ASSERT_EQ(send(market, victim, right_answer(challenge, what)), Refusal::none);
    }
    for (const Person* person : crowd) crowd_after += balance(market, *person);
    EXPECT_GT(balance(market, victim), before) << "the victim earns";
    EXPECT_GT(crowd_before - crowd_after, balance(market, victim) - before)
        << "the crowd pays that and its own fees";
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

}  // namespace
}  // namespace assay::sim
