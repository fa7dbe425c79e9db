// Writes keep the index tables in step, and reads tell what games and questions are about.

#include "store.h"

#include <gtest/gtest.h>

#include "codec_values.h"
#include "market/overlay.h"
#include "market/transactions.h"

namespace assay::market::codec {
namespace {

using base::Amount;

base::AccountId account(std::uint8_t byte) { return {all(byte)}; }

Stake stake(std::uint8_t byte, std::uint64_t grains) {
    Stake out;
    out.account = account(byte);
    out.role = Role::validator;
    out.active = Amount::of(grains);
    return out;
}

Validator validator(std::uint8_t byte, std::uint64_t weight_max = 0) {
    Validator out;
    out.account = account(byte);
    out.profile = "f32";
    out.weight_max = Amount::of(weight_max);
    return out;
}

std::vector<std::uint8_t> ranked(const StateReader& state, std::size_t limit = 10,
                                 std::optional<Rank> after = {}) {
    std::vector<std::uint8_t> out;
    for (const Rank& rank : validators_after(state, after, limit))
        out.push_back(rank.validator.hash.bytes[0]);
    return out;
}

class Validators : public testing::Test {
  protected:
    Validators() {
        for (std::uint8_t i = 1; i <= 3; ++i) {
            save(state, stake(i, 100U * i));
            save(state, validator(i));
        }
    }
    market::MemoryState state;
};

TEST_F(Validators, AreListedByWeight) {
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{3, 2, 1}));
    EXPECT_EQ(ranked(state, 2), (std::vector<std::uint8_t>{3, 2}));
    EXPECT_EQ(ranked(state, 10, Rank{300, account(3)}), (std::vector<std::uint8_t>{2, 1}));
    EXPECT_EQ(ranked(state, 10, Rank{100, account(1)}), std::vector<std::uint8_t>{});
    EXPECT_EQ(ranked(state, 10, Rank{250, account(9)}), (std::vector<std::uint8_t>{2, 1}))
        << "after a place that nobody has";
    save(state, stake(1, 1'000));
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{1, 3, 2}));
    save(state, validator(1, 250));
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{3, 1, 2}))
        << "by its own declaration it counts as 250";
    EXPECT_EQ(weight_of(validator(1, 250), stake(1, 1'000)), 250U);
    EXPECT_EQ(weight_of(validator(1, 2'000), stake(1, 1'000)), 1'000U);
}

TEST_F(Validators, AreNotListedWithoutStakeOrDeclarationOrWhenTheyAreAway) {
    save(state, stake(2, 0));
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{3, 1}));
    Validator gone = validator(3);
    gone.away = true;
    save(state, gone);
    EXPECT_EQ(ranked(state), std::vector<std::uint8_t>{1});
    save(state, validator(3));
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{3, 1}));
    erase(state, validator(3));
    EXPECT_EQ(ranked(state), std::vector<std::uint8_t>{1});
    save(state, stake(8, 5'000));
    EXPECT_EQ(ranked(state), std::vector<std::uint8_t>{1}) << "a stake without a declaration";
    Stake dead = stake(1, 100);
    dead.tombstoned = true;
    save(state, dead);
    EXPECT_EQ(ranked(state), std::vector<std::uint8_t>{});
}

TEST_F(Validators, AreMissingWithTheirWeightWhileTheyAreJailed) {
    Stake jailed = stake(3, 300);
    jailed.jailed_at = {50};
    save(state, jailed);
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{2, 1}));
    EXPECT_EQ(jailed_weight(state, {0}, 10), 300U);
    jailed.active = Amount::of(10);
    save(state, jailed);
    EXPECT_EQ(jailed_weight(state, {0}, 10), 300U)
        << "what it takes out later is missing all the same";
    Stake second = stake(2, 200);
    second.jailed_at = {60};
    save(state, second);
    EXPECT_EQ(jailed_weight(state, {50}, 10), 500U);
    EXPECT_EQ(jailed_weight(state, {51}, 10), 200U);
    EXPECT_EQ(jailed_weight(state, {61}, 10), 0U);
    EXPECT_EQ(jailed_weight(state, {50}, 1), 300U);
    jailed.jailed_at = {0};
    save(state, jailed);
    EXPECT_EQ(jailed_weight(state, {0}, 10), 200U);
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{1, 3}));
    second.jailed_at = {70};
    save(state, second);
    EXPECT_EQ(jailed_weight(state, {0}, 10), 200U) << "listed once";
    EXPECT_EQ(jailed_weight(state, {65}, 10), 200U);
}

TEST_F(Validators, CountAsJailedWithWhatTheyDeclared) {
    save(state, validator(3, 20));
    Stake jailed = stake(3, 300);
    jailed.jailed_at = {50};
    save(state, jailed);
    EXPECT_EQ(jailed_weight(state, {0}, 10), 20U);
}

TEST_F(Validators, AWorkerInJailIsNotMissing) {
    Stake worker = stake(3, 300);
    worker.role = Role::worker;
    worker.jailed_at = {50};
    save(state, worker);
    EXPECT_EQ(jailed_weight(state, {0}, 10), 0U);
    EXPECT_EQ(ranked(state), (std::vector<std::uint8_t>{3, 2, 1}));
}

/// Everything that is saved and erased again leaves nothing.
template <class T>
void expect_no_trace(const T& value) {
    market::MemoryState state;
    save(state, value);
    save(state, value);
    EXPECT_FALSE(state.entries().empty());
    erase(state, value);
    EXPECT_TRUE(state.entries().empty());
}

Audit audit(std::uint8_t id, std::uint32_t segment) {
    Audit out;
    out.id = {all(id)};
    out.job = {all(20)};
    out.subject = {all(21)};
    out.segment = segment;
    out.auditor = account(22);
    return out;
}

TEST(Store, ErasesEveryIndexEntry) {
    expect_no_trace(audit(1, 2));
    expect_no_trace(Claim{});
    expect_no_trace(EpochMember{});
    expect_no_trace(EpochCommitment{});
    expect_no_trace(Epoch{});
    expect_no_trace(Question{});
    expect_no_trace(Pool{});
    expect_no_trace(PoolMember{});
    expect_no_trace(Dispute{});
    expect_no_trace(ChallengeSeal{});
    expect_no_trace(Part{});
    expect_no_trace(Lease{});
    expect_no_trace(Job{});
    expect_no_trace(Offer{});
    Dispute over;
    over.state = DisputeState::upheld;
    expect_no_trace(over);
}

TEST(Store, EmptyDutiesAndLoadsLeaveTheState) {
    market::MemoryState state;
    save(state, QuestionDuty{account(1), 1, 0, {}});
    save(state, GameLoad{account(1), 1, 5});
    EXPECT_EQ(find_question_duty(state, account(1))->raised, 1U);
    EXPECT_EQ(find_game_load(state, account(1))->planned_ms, 5U);
    save(state, QuestionDuty{account(1), 0, 0, {7}});
    save(state, GameLoad{account(1), 0, 0});
    EXPECT_TRUE(state.entries().empty());
}

TEST(Queries, AuditsOfAClaimAreThoseOfItsSegment) {
    market::MemoryState state;
    save(state, audit(1, 2));
    save(state, audit(2, 2));
    save(state, audit(3, 7));
    Audit other = audit(4, 2);
    other.subject = {all(30)};
    save(state, other);
    EXPECT_EQ(audits_of_claim(state, {all(21)}, 2, 10).size(), 2U);
    EXPECT_EQ(audits_of_claim(state, {all(21)}, 7, 10).size(), 1U);
    EXPECT_EQ(audits_of_claim(state, {all(21)}, std::nullopt, 10).size(), 3U);
    EXPECT_EQ(audits_of_claim(state, {all(21)}, std::nullopt, 2).size(), 2U);
    EXPECT_TRUE(audits_of_claim(state, {all(21)}, 3, 10).empty());
    EXPECT_EQ(audits_of_job(state, {all(20)}, base::AuditId{all(2)}, 10).size(), 2U);
    erase(state, audit(1, 2));
    EXPECT_EQ(audits_of_claim(state, {all(21)}, 2, 10).size(), 1U);
    EXPECT_EQ(audits_of_validator(state, account(22), {}, 10).size(), 3U);
}

TEST(Queries, ClaimsAndMembersComeInOrder) {
    market::MemoryState state;
    for (const std::uint32_t segment : {300U, 2U, 7U}) {
        Claim claim;
        claim.subject = {all(1)};
        claim.segment = segment;
        save(state, claim);
    }
    const auto claims = claims_of(state, {all(1)}, 10);
    ASSERT_EQ(claims.size(), 3U);
    EXPECT_EQ(claims[0].segment, 2U);
    EXPECT_EQ(claims[2].segment, 300U);
    EXPECT_FALSE(find_claim(state, {all(1)}, 3).has_value());
    for (const std::uint8_t i : std::vector<std::uint8_t>{3, 1, 2})
        save(state, EpochMember{5, account(i), i, {}, {}, {}});
    save(state, EpochMember{6, account(9), 9, {}, {}, {}});
    EXPECT_EQ(members_of_epoch(state, 5, {}, 10).size(), 3U);
    EXPECT_EQ(members_of_epoch(state, 5, account(1), 10).front().weight, 2U);
    EXPECT_FALSE(find_epoch_member(state, 6, account(1)).has_value());
}

Question question(std::uint8_t id, std::uint32_t round, std::uint8_t obliged, std::uint8_t asker) {
    Question out;
    out.id = all(id);
    out.job = {all(20)};
    out.round = round;
    out.obliged = account(obliged);
    out.asker = account(asker);
    return out;
}

TEST(Queries, QuestionsAreFoundByRoundAndParties) {
    market::MemoryState state;
    save(state, question(1, 0, 5, 6));
    save(state, question(2, 1, 5, 7));
    save(state, question(3, kNoRound, 8, 6));
    EXPECT_EQ(questions_of_job(state, {all(20)}, std::nullopt, {}, 10).size(), 3U);
    EXPECT_EQ(questions_of_job(state, {all(20)}, std::nullopt, {}, 10).back().id, all(3))
        << "the job's own last";
    EXPECT_EQ(questions_of_job(state, {all(20)}, 1, {}, 10).size(), 1U);
    EXPECT_EQ(questions_of_job(state, {all(20)}, std::nullopt, all(1), 10).size(), 2U);
    EXPECT_TRUE(questions_of_job(state, {all(21)}, std::nullopt, all(1), 10).empty());
    EXPECT_EQ(questions_owed(state, account(5), {}, 10).size(), 2U);
    EXPECT_EQ(questions_owed(state, account(5), all(1), 10).size(), 1U);
    EXPECT_EQ(questions_asked(state, account(6), {}, 10).size(), 2U);
    EXPECT_TRUE(questions_asked(state, account(5), {}, 10).empty());
    state.put(question_bytes_key(all(1)), base::Bytes{1, 2});
    EXPECT_EQ(find_question_bytes(state, all(1)), (base::Bytes{1, 2}));
    erase(state, question(1, 0, 5, 6));
    EXPECT_FALSE(find_question_bytes(state, all(1)).has_value());
    EXPECT_EQ(questions_asked(state, account(6), {}, 10).size(), 1U);
}

TEST(Queries, DisputesAreListedByPartyAndTargetWhileTheyAreOpen) {
    market::MemoryState state;
    Dispute dispute;
    dispute.id = {all(1)};
    dispute.job = {all(20)};
    dispute.part = {all(21)};
    dispute.segment = 3;
    dispute.asserter = account(5);
    dispute.challenger = account(6);
    save(state, dispute);
    EXPECT_EQ(disputes_of_account(state, account(5), Side::asserter, {}, 10).size(), 1U);
    EXPECT_EQ(disputes_of_account(state, account(6), Side::challenger, {}, 10).size(), 1U);
    EXPECT_TRUE(disputes_of_account(state, account(5), Side::challenger, {}, 10).empty());
    EXPECT_EQ(disputes_of_target(state, {all(21)}, 3, 10).size(), 1U);
    EXPECT_TRUE(disputes_of_target(state, {all(21)}, 2, 10).empty());
    EXPECT_EQ(disputes_of_target(state, {all(21)}, std::nullopt, 10).size(), 1U);
    EXPECT_EQ(disputes_of_job(state, {all(20)}, true, {}, 10).size(), 1U);
    dispute.state = DisputeState::rejected;
    save(state, dispute);
    EXPECT_TRUE(disputes_of_account(state, account(5), Side::asserter, {}, 10).empty());
    EXPECT_TRUE(disputes_of_account(state, account(6), Side::challenger, {}, 10).empty());
    EXPECT_TRUE(disputes_of_target(state, {all(21)}, 3, 10).empty());
    EXPECT_TRUE(disputes_of_job(state, {all(20)}, true, {}, 10).empty());
    EXPECT_EQ(disputes_of_job(state, {all(20)}, false, {}, 10).size(), 1U);
}

TEST(Queries, PoolsAreFoundByTheirTarget) {
    market::MemoryState state;
    for (std::uint8_t i = 1; i <= 3; ++i) {
        Pool pool;
        pool.id = all(i);
        pool.target.part = {all(9)};
        pool.target.segment = i == 3 ? 1 : 0;
        save(state, pool);
        save(state, PoolMember{all(i), i, account(i), Role::worker, Amount::of(i), {}});
    }
    EXPECT_EQ(pools_of_target(state, {all(9)}, 0, 10).size(), 2U);
    EXPECT_EQ(pools_of_target(state, {all(9)}, std::nullopt, 10).size(), 3U);
    EXPECT_EQ(find_pool_member(state, all(2), 2)->bond, Amount::of(2));
    EXPECT_FALSE(find_pool_member(state, all(2), 1).has_value());
}

/// A job of two lanes with four segments of five steps a round, in its second round, whose lane 1
/// has one part of two segments.
class Subjects : public testing::Test {
  protected:
    Subjects() {
        job.id = {all(20)};
        job.program_root = all(0x30);
        job.init_root = all(0x31);
        job.shape.lanes = 2;
        job.shape.rounds = 3;
        job.shape.round_steps = 20;
        job.shape.segment_steps = 5;
        job.shape.part_segments = 2;
        job.audit_price = Amount::of(10);
        job.merge_audit_price = Amount::of(3);
        job.init_audit_price = Amount::of(7);
        save(state, job);
        state.put(spec_key(job.id), base::Bytes{1, 2, 3});
        save(state, round_of(0, 0x31));
        save(state, round_of(1, 0x32));
        merge.job = job.id;
        merge.round = 1;
        merge.state = MergeState::posted;
        merge.root = all(0x34);
        merge.commitment = {all(0x35)};
        save(state, merge);
        part.id = {all(0x40)};
        part.key = {job.id, 1, 1, 0, 1, account(5), 0};
        part.first_segment = 2;
        part.segments = 2;
        part.tree_root = all(0x41);
        part.end_root = all(0x42);
        part.payload_root = all(0x43);
        part.state = PartState::auditing;
        part.delivered = {{0, {all(1), all(0x44), all(3)}, {}, 0},
                          {1, {all(1), all(0x45), all(3)}, {}, 0}};
        save(state, part);
    }

    Round round_of(std::uint32_t number, std::uint8_t root) const {
        Round round;
        round.job = job.id;
        round.round = number;
        round.opening_root = all(root);
        round.members = {{0, {}, {}, {}, {}, all(0x50), {}, {}},
                         {1, {}, {}, {}, {}, all(0x51), {}, {}}};
        return round;
    }
    Dispute dispute(DisputeTarget target, std::uint32_t segment) const {
        Dispute out;
        out.target = target;
        out.job = job.id;
        out.round = 1;
        out.lane = 1;
        out.part = target == DisputeTarget::merge ? merge.commitment : part.id;
        out.segment = segment;
        out.asserted = all(0x60);
        return out;
    }
    market::MemoryState state;
    Job job;
    MergeRecord merge;
    Part part;
};

TEST_F(Subjects, OfASegment) {
    const auto subject = game_subject(state, dispute(DisputeTarget::segment, 1));
    ASSERT_TRUE(subject);
    GameSubject expected;
    expected.spec = {1, 2, 3};
    expected.program_root = all(0x30);
    expected.stage = GameStage::segment;
    expected.round = expected.lane = 1;
    expected.first_step = 15;
    expected.steps = 5;
    expected.round_start_root = all(0x32);
    expected.previous_round_root = all(0x31);
    expected.start_root = all(0x45);
    expected.asserted = all(0x60);
    expected.closes_round = true;
    EXPECT_EQ(*subject, expected);
    EXPECT_FALSE(game_subject(state, dispute(DisputeTarget::segment, 0))->closes_round);
    EXPECT_FALSE(game_subject(state, dispute(DisputeTarget::segment, 2))) << "its leaf is not open";
}

TEST_F(Subjects, OfAMerge) {
    const auto subject = game_subject(state, dispute(DisputeTarget::merge, 0));
    ASSERT_TRUE(subject);
    EXPECT_EQ(subject->stage, GameStage::merge);
    EXPECT_EQ(subject->start_root, all(0x32));
    EXPECT_EQ(subject->round_start_root, all(0x32));
    EXPECT_EQ(subject->previous_round_root, all(0x31));
    EXPECT_EQ(subject->payload_roots, (std::vector{all(0x50), all(0x51)}));
    EXPECT_EQ(subject->steps, 0U);
    Dispute other = dispute(DisputeTarget::merge, 0);
    other.part = {all(0x36)};
    EXPECT_FALSE(game_subject(state, other)) << "another attempt";
    merge.state = MergeState::refuted;
    save(state, merge);
    EXPECT_FALSE(game_subject(state, dispute(DisputeTarget::merge, 0)));
}

TEST_F(Subjects, OfAnInitialState) {
    Dispute init = dispute(DisputeTarget::init, 0);
    init.part = init_commitment_id(job.id);
    init.round = init.lane = 0;
    init.asserted = job.init_root;
    const auto subject = game_subject(state, init);
    ASSERT_TRUE(subject);
    GameSubject expected;
    expected.spec = {1, 2, 3};
    expected.program_root = all(0x30);
    expected.stage = GameStage::init;
    expected.asserted = all(0x31);
    EXPECT_EQ(*subject, expected);
}

TEST_F(Subjects, OfACell) {
    Audit defended = audit(0x70, 1);
    defended.spot = spot_of(9);
    save(state, defended);
    Dispute cell = dispute(DisputeTarget::cell, 1);
    cell.defended = defended.id;
    cell.cell = 6;
    auto subject = game_subject(state, cell);
    ASSERT_TRUE(subject);
    GameSubject expected = *game_subject(state, dispute(DisputeTarget::segment, 1));
    expected.stage = GameStage::cell;
    expected.about = GameStage::segment;
    expected.spot = spot_of(9);
    expected.cell = 6;
    EXPECT_EQ(*subject, expected);
    defended.claim = ClaimKind::init;
    save(state, defended);
    subject = game_subject(state, cell);
    ASSERT_TRUE(subject);
    EXPECT_EQ(subject->about, GameStage::init);
    EXPECT_EQ(subject->steps, 0U);
    defended.claim = ClaimKind::merge;
    save(state, defended);
    cell.part = merge.commitment;
    subject = game_subject(state, cell);
    ASSERT_TRUE(subject);
    EXPECT_EQ(subject->about, GameStage::merge);
    EXPECT_EQ(subject->payload_roots.size(), 2U);
    cell.defended = {all(0x71)};
    EXPECT_FALSE(game_subject(state, cell));
}

TEST_F(Subjects, AreGoneWithVoidWorkAndJobs) {
    for (const PartState gone : {PartState::void_, PartState::retracted, PartState::unproved}) {
        part.state = gone;
        save(state, part);
        EXPECT_FALSE(game_subject(state, dispute(DisputeTarget::segment, 1)));
        EXPECT_FALSE(question_subject(state, {StoredKind::checkpoint, part.id.hash, 0}));
        EXPECT_FALSE(question_subject(state, {StoredKind::start, part.id.hash, 1}));
    }
    part.state = PartState::auditing;
    save(state, part);
    erase(state, job);
    EXPECT_FALSE(game_subject(state, dispute(DisputeTarget::segment, 1)));
    EXPECT_FALSE(question_subject(state, {StoredKind::init, job.id.hash, 0}));
    EXPECT_FALSE(question_subject(state, {StoredKind::checkpoint, part.id.hash, 0}));
}

QuestionSubject state_question(std::uint32_t round, std::uint32_t lane, std::uint32_t step,
                               std::uint8_t start, std::uint8_t root) {
    QuestionSubject out;
    out.spec = {1, 2, 3};
    out.program_root = all(0x30);
    out.round = round;
    out.lane = lane;
    out.step = step;
    out.round_start_root = all(start);
    out.root = all(root);
    return out;
}

TEST_F(Subjects, OfQuestionsAreTheirDescriptors) {
    const auto of = [&](StoredKind kind, const base::Hash& subject, std::uint32_t number) {
        return question_subject(state, {kind, subject, number}).value();
    };
    EXPECT_EQ(of(StoredKind::checkpoint, part.id.hash, 0), state_question(1, 1, 20, 0x32, 0x42));
    EXPECT_EQ(of(StoredKind::start, part.id.hash, 0), state_question(1, 1, 10, 0x32, 0x44));
    EXPECT_EQ(of(StoredKind::start, part.id.hash, 1), state_question(1, 1, 15, 0x32, 0x45));
    EXPECT_EQ(of(StoredKind::init, job.id.hash, 0), state_question(0, 0xffffffff, 0, 0, 0x31));
    EXPECT_EQ(of(StoredKind::merge, job.id.hash, 1), state_question(2, 0xffffffff, 0, 0x32, 0x34));
    QuestionSubject payload = state_question(0, 0, 0, 0, 0x43);
    payload.tree = QuestionTree::payload;
    EXPECT_EQ(of(StoredKind::payload, part.id.hash, 0), payload);
}

/// A round's first segment starts from the state that opened the round, which belongs to all lanes.
TEST_F(Subjects, TheFirstStartOfARoundIsTheStateThatOpenedIt) {
    part.first_segment = 0;
    save(state, part);
    EXPECT_EQ(question_subject(state, {StoredKind::start, part.id.hash, 0}).value(),
              state_question(1, 0xffffffff, 0, 0x31, 0x44));
    EXPECT_EQ(question_subject(state, {StoredKind::start, part.id.hash, 1}).value(),
              state_question(1, 1, 5, 0x32, 0x45));
}

TEST_F(Subjects, OfWhatIsNotThereAreNothing) {
    EXPECT_FALSE(question_subject(state, {StoredKind::data, job.id.hash, 0}));
    EXPECT_FALSE(question_subject(state, {StoredKind::merge, job.id.hash, 0}))
        << "nobody posted it";
    EXPECT_FALSE(question_subject(state, {StoredKind::start, part.id.hash, 2})) << "not delivered";
    EXPECT_FALSE(question_subject(state, {StoredKind::checkpoint, all(0x99), 0}));
    EXPECT_FALSE(question_subject(state, {StoredKind::init, all(0x99), 0}));
    part.payload_root = {};
    save(state, part);
    EXPECT_FALSE(question_subject(state, {StoredKind::payload, part.id.hash, 0}));
    merge.state = MergeState::waiting;
    save(state, merge);
    EXPECT_FALSE(question_subject(state, {StoredKind::merge, job.id.hash, 1}));
}

TEST_F(Subjects, LeavesOfPassedPartsComeFromTheHistory) {
    PartPassed passed;
    passed.part = part.id;
    passed.leaves = {{all(1), all(2), all(3)}, {all(4), all(5), all(6)}};
    state.put(history_key(job.id, 4), encode(JobHistoryEntry{passed}));
    part.passed_entry = 4;
    for (const PartState later : {PartState::passed, PartState::settled}) {
        part.state = later;
        EXPECT_EQ(opened_leaf(state, part, 1), passed.leaves[1]);
        EXPECT_FALSE(opened_leaf(state, part, 2).has_value());
    }
    part.state = PartState::closing;
    EXPECT_EQ(opened_leaf(state, part, 1)->start_root, all(0x45));
}

TEST_F(Subjects, CommittedRoots) {
    EXPECT_EQ(committed_root(state, job.id, 1, ClaimKind::segment, part.id), all(0x41));
    EXPECT_EQ(committed_root(state, job.id, 1, ClaimKind::merge, merge.commitment), all(0x34));
    EXPECT_FALSE(committed_root(state, job.id, 1, ClaimKind::merge, part.id).has_value())
        << "another attempt";
    EXPECT_FALSE(committed_root(state, job.id, 0, ClaimKind::merge, merge.commitment).has_value());
    EXPECT_EQ(committed_root(state, job.id, 0, ClaimKind::init, init_commitment_id(job.id)),
              all(0x31));
    EXPECT_FALSE(committed_root(state, {all(0x99)}, 0, ClaimKind::init, {}).has_value());
}

TEST_F(Subjects, ChallengesBondTheReplayOfTheirTarget) {
    const Parameters p = demo_parameters();
    const auto bond = [&](DisputeTarget target) {
        return challenge_bond(p, job, target, Amount::of(2)).value().grains() -
               2 * p.dispute_game_weight;
    };
    EXPECT_EQ(bond(DisputeTarget::segment), 40U);
    EXPECT_EQ(bond(DisputeTarget::merge), 12U);
    EXPECT_EQ(bond(DisputeTarget::init), 28U);
    EXPECT_FALSE(
        challenge_bond(p, job, DisputeTarget::segment, Amount::of(Amount::kMax)).has_value());
}

TEST(GameSubject, OfACellEncodesStrictly) {
    GameSubject subject;
    subject.spec = {1, 2, 3};
    subject.stage = GameStage::cell;
    subject.about = GameStage::merge;
    subject.spot = spot_of(7);
    subject.cell = kCells - 1;
    subject.payload_roots = {all(1)};
    const base::Bytes bytes = encode(subject);
    EXPECT_EQ(decode_subject(bytes), subject);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_subject(base::ByteView(bytes).first(size)).has_value()) << size;
    base::Bytes spoilt = bytes;
    spoilt.push_back(0);
    EXPECT_FALSE(decode_subject(spoilt).has_value());
    subject.cell = kCells;
    EXPECT_FALSE(decode_subject(encode(subject)).has_value()) << "there are eight";
    subject.cell = 0;
    subject.about = GameStage::cell;
    EXPECT_FALSE(decode_subject(encode(subject)).has_value()) << "no cell of a cell";
}

TEST(GameSubject, OfAnythingElseHasNoCell) {
    GameSubject subject;
    const base::Bytes bytes = encode(subject);
    EXPECT_EQ(decode_subject(bytes), subject);
    subject.spot = spot_of(7);
    subject.cell = 3;
    EXPECT_EQ(encode(subject), bytes);
    subject.stage = static_cast<GameStage>(5);
    EXPECT_FALSE(decode_subject(encode(subject)).has_value());
}

}  // namespace
}  // namespace assay::market::codec
