// Bytes of everything that is stored: one value, one encoding.

#include "market/objects.h"
#include "context.h"

#include <gtest/gtest.h>

#include <set>

#include "base/chunk_tree.h"
#include "codec_values.h"
#include "market/refusal.h"
#include "market/tables.h"

namespace assay::market::codec {
namespace {

using base::Amount;

Account example_account() {
    const base::PublicKey key = key_of(7).public_key();
    return {{all(0x11)},
            Amount::of(1'000'000),
            KeyRecord{key, key, key_of(107).public_key(), {3}, {400}}};
}

Part example_part() {
    Part part;
    part.id = {all(1)};
    part.key = {{all(2)}, 3, 4, 0, 5, {all(6)}, 7};
    part.state = PartState::unproved;
    part.delivered.push_back({1, {all(1), all(2), all(3)}, {all(5)}, 9});
    part.closing = {all(8)};
    part.draws = 1;
    part.expected = 12;
    return part;
}

Audit example_audit() {
    Audit audit;
    audit.id = {all(1)};
    audit.kind = AuditKind::control;
    audit.claim = ClaimKind::merge;
    audit.controls = {all(2)};
    audit.flops = 3;
    audit.fund = Amount::of(10);
    audit.state = AuditState::disputed;
    audit.verdict = Verdict{VerdictKind::valid, {}, all(4)};
    audit.spot = spot_of(5);
    audit.salt = all(6);
    audit.cells = {all(7), all(8)};
    audit.controls_open = 9;
    return audit;
}

Dispute example_dispute() {
    Dispute dispute;
    dispute.target = DisputeTarget::cell;
    dispute.defended = {all(1)};
    dispute.pool = all(2);
    dispute.role = Role::worker;
    dispute.bond = Amount::of(3);
    dispute.cell = 7;
    dispute.turn = Side::challenger;
    dispute.planned_ms = 4;
    dispute.asserter_spent = Amount::of(5);
    dispute.challenger_spent = Amount::of(6);
    return dispute;
}

TEST(Objects, PartiesEncodeStrictly) {
    expect_strict(example_account());
    expect_strict(Account{{all(1)}, Amount::of(5), std::nullopt});
    expect_strict(
        Stake{{all(1)}, Role::validator, Amount::of(5), 5, Amount::of(2), {9}, {8}, true, 1, 2});
    expect_strict(Unbonding{{all(1)}, Role::worker, 7, Amount::of(5), {9}});
    expect_strict(Validator{{all(1)}, "f32", 5, Amount::of(6), true, 1, 8, {7}});
    expect_strict(WorkRecord{{all(1)}, Amount::of(5), Amount::of(6), {7}});
    Offer offer;
    offer.ignored = 3;
    offer.asleep_until = {4};
    expect_strict(offer);
}

TEST(Objects, JobsEncodeStrictly) {
    Job job;
    job.hold.drawn = Amount::of(4);
    job.spent.unproved = Amount::of(5);
    job.state = JobState::settling;
    job.end_state = JobState::cancelled;
    job.reason = CloseReason::wrong_init;
    job.init_passed = true;
    job.open_questions = 3;
    job.window_ends = {4};
    job.payload_bytes = 5;
    job.transaction = {all(9)};
    expect_strict(job);
    Lane lane;
    lane.wait = LaneWait::audit_backlog;
    lane.asked = {{{all(1)},
                   {all(2)},
                   Amount::of(3),
                   Amount::of(4),
                   Amount::of(5),
                   Amount::of(6),
                   7,
                   8,
                   true},
                  {}};
    lane.excluded = {{all(1)}, {all(2)}};
    expect_strict(lane);
    Lease lease;
    lease.end = LeaseEnd::waited;
    expect_strict(lease);
    expect_strict(Receipt{{all(1)}, 2, {3}, {}});
    Round round;
    round.members.push_back({1, {all(1)}, {all(2)}, {all(3)}, all(4), all(5), {all(6)}, {all(7)}});
    round.open_questions = 2;
    expect_strict(round);
    MergeRecord merge;
    merge.state = MergeState::refuted;
    merge.barred = {{all(1)}};
    merge.transaction = {all(2)};
    expect_strict(merge);
}

TEST(Objects, ProofEncodesStrictly) {
    expect_strict(example_part());
    Claim claim;
    claim.kind = ClaimKind::init;
    claim.valid = 2;
    claim.fund = Amount::of(3);
    claim.over = true;
    expect_strict(claim);
    Epoch epoch;
    epoch.state = EpochState::drawing;
    epoch.void_ = true;
    epoch.draw_member = {all(3)};
    expect_strict(epoch);
    expect_strict(EpochMember{5, {all(1)}, 5, all(2), {all(3)}, {all(4)}});
    expect_strict(EpochMember{5, {all(1)}, 5, std::nullopt, {}, {}});
    expect_strict(EpochCommitment{
        1, {all(2)}, CommitmentKind::job, {all(3)}, {all(4)}, 5, {all(6)}, 7, all(8)});
    expect_strict(example_audit());
}

TEST(Objects, QuestionsAndGamesEncodeStrictly) {
    Question question;
    question.kind = QuestionKind::state;
    question.target = {StoredKind::start, all(1), 2};
    question.answered = true;
    question.answerer = {all(3)};
    expect_strict(question);
    expect_strict(QuestionDuty{{all(1)}, 2, 3, {4}});
    Pool pool;
    pool.target = {DisputeTarget::merge, {all(1)}, 0, {all(2)}, 3};
    expect_strict(pool);
    expect_strict(PoolMember{all(1), 2, {all(3)}, Role::worker, Amount::of(4), {5}});
    expect_strict(example_dispute());
    expect_strict(GameLoad{{all(1)}, 2, 3});
    expect_strict(ChallengeSeal{{all(1)}, 2, all(3), {4}, {5}});
    Chain chain;
    chain.epoch_open = 4;
    chain.backlog_flops = 5;
    expect_strict(chain);
}

/// Any byte of the encoding counts: what decodes from a changed one is another value, and encodes
/// to those bytes.
TEST(Objects, NoByteIsIgnored) {
    const auto check = [](const auto& value) {
        base::Bytes bytes = encode(value);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] ^= 1U;
            const auto other = decode<std::decay_t<decltype(value)>>(bytes);
            if (other) {
                EXPECT_FALSE(*other == value) << i;
                EXPECT_EQ(encode(*other), bytes) << i;
            }
            bytes[i] ^= 1U;
        }
    };
    check(example_audit());
    check(example_part());
    check(example_dispute());
    check(example_account());
}

TEST(Objects, RefuseEnumsOutsideTheirList) {
    const auto refuses = [](const auto& value, std::size_t at, std::uint8_t byte) {
        base::Bytes bytes = encode(value);
        bytes[at] = byte;
        return !decode<std::decay_t<decltype(value)>>(bytes).has_value();
    };
    EXPECT_TRUE(refuses(Stake{}, 32, 0));
    EXPECT_TRUE(refuses(Stake{}, 32, 4));
    EXPECT_TRUE(refuses(Audit{}, 32, 3)) << "kind";
    EXPECT_TRUE(refuses(Audit{}, 33, 4)) << "claim";
    EXPECT_TRUE(refuses(Dispute{}, 32, 5)) << "target";
    EXPECT_TRUE(refuses(Dispute{}, 33, 6)) << "state";
    EXPECT_TRUE(refuses(Question{}, 32, 3)) << "kind";
    EXPECT_TRUE(refuses(Question{}, 33, 7)) << "kind of the target";
    EXPECT_TRUE(refuses(EpochCommitment{}, 40, 7));
    EXPECT_TRUE(refuses(Epoch{}, 8, 6));
    EXPECT_TRUE(refuses(Claim{}, 36, 0));
    EXPECT_TRUE(refuses(Account{}, 40, 2)) << "an optional is absent or there";
}

TEST(Objects, RefuseAmountsAboveTheGreatest) {
    base::Bytes bytes = encode(Account{{all(1)}, Amount::of(Amount::kMax), std::nullopt});
    EXPECT_TRUE(decode<Account>(bytes).has_value());
    bytes[39] = 0x80;
    EXPECT_FALSE(decode<Account>(bytes).has_value());
}

TEST(Objects, RefuseListsThatAreTooLong) {
    Lane lane;
    const base::Bytes empty = encode(lane);
    lane.excluded.resize((1U << 16U) + 1);
    EXPECT_FALSE(decode<Lane>(encode(lane)).has_value());
    lane.excluded.resize(1U << 16U);
    EXPECT_TRUE(decode<Lane>(encode(lane)).has_value());
    EXPECT_EQ(encode(lane).size(), empty.size() + (32U << 16U));
}

TEST(History, EntriesEncodeStrictlyAndChain) {
    PartPassed passed;
    passed.leaves.push_back({all(1), all(2), all(3)});
    passed.audits.push_back({0, {all(1)}, {all(2)}, VerdictKind::invalid, all(3)});
    MergeAudited merge;
    merge.outcome = MergeState::refuted;
    merge.audits = passed.audits;
    const std::vector<JobHistoryEntry> entries = {
        passed,     PartVoided{{}, {}, true},           RoundClosed{}, RoundMerged{},
        merge,      InitAudited{all(1), passed.audits}, RoundFinal{},  Slashed{},
        JobClosed{}};
    base::Hash history;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        expect_strict(entries[i]);
        const base::Bytes bytes = encode(entries[i]);
        EXPECT_EQ(bytes[0], i) << "the tag is the place in the list";
        const base::Hash next = extend_history(history, bytes);
        EXPECT_NE(next, history);
        history = next;
    }
    EXPECT_FALSE(decode<JobHistoryEntry>(base::Bytes{9}).has_value());
    EXPECT_FALSE(decode<JobHistoryEntry>(base::Bytes{}).has_value());
}

TEST(Timers, KeysSortByDueTime) {
    const Timer early{{5}, TimerKind::window, all(9), 9};
    const Timer late{{256}, TimerKind::match, all(1), 0};
    EXPECT_LT(key_of(early), key_of(late));
    EXPECT_EQ(timer_from_key(key_of(early)), early);
    const Timer last{{5}, TimerKind::advance, all(9), 9};
    EXPECT_EQ(timer_from_key(key_of(last)), last);
    base::Bytes key = key_of(late);
    for (const std::uint8_t kind : {std::uint8_t{0}, std::uint8_t{21}}) {
        key[9] = kind;
        EXPECT_FALSE(timer_from_key(key).has_value()) << int{kind};
    }
    key = key_of(late);
    key.pop_back();
    EXPECT_FALSE(timer_from_key(key).has_value());
    key = key_of(late);
    key[0] = static_cast<std::uint8_t>(Table::account);
    EXPECT_FALSE(timer_from_key(key).has_value());
}

TEST(Ids, CoverEveryField) {
    const ChallengeTarget target{DisputeTarget::segment, {all(1)}, 2, {}, 0};
    ChallengeTarget other = target;
    other.segment = 3;
    const StoredTarget stored{StoredKind::start, all(1), 2};
    const StoredTarget next{StoredKind::start, all(1), 3};
    const std::set<base::Hash> ids{pool_id(target, all(4)),
                                   pool_id(other, all(4)),
                                   pool_id(target, all(5)),
                                   dispute_id(all(4)).hash,
                                   dispute_id(all(4), 1).hash,
                                   dispute_id(all(5)).hash,
                                   chunk_question_id(stored, 1),
                                   chunk_question_id(stored, 2),
                                   chunk_question_id(next, 1),
                                   state_question_id(stored, {all(4)}),
                                   state_question_id(stored, {all(5)}),
                                   state_question_id(next, {all(4)}),
                                   challenge_digest({all(6)}, target, all(4), all(5)),
                                   challenge_digest({all(6)}, other, all(4), all(5)),
                                   challenge_digest({all(7)}, target, all(4), all(5)),
                                   challenge_digest({all(6)}, target, all(5), all(5)),
                                   challenge_digest({all(6)}, target, all(4), all(6))};
    EXPECT_EQ(ids.size(), 17U);
}

TEST(Golden, StatePageShowsWhatTheCodeWrites) {
    EXPECT_EQ(golden("market_state.md", "account"), base::to_hex(encode(example_account())));
    EXPECT_EQ(golden("market_state.md", "account_key"), base::to_hex(account_key({all(0x11)})));
    EXPECT_EQ(golden("market_state.md", "timer_key"),
              base::to_hex(timer_key({1000}, TimerKind::window, all(0x22), 3)));
    const base::Bytes entry = encode(JobHistoryEntry{RoundFinal{1, all(0x33), 4, 3}});
    EXPECT_EQ(golden("market_state.md", "history_entry"), base::to_hex(entry));
    EXPECT_EQ(golden("market_state.md", "history"), extend_history({}, entry).hex());
    EXPECT_EQ(golden("market_state.md", "parameters_id"), parameters_id(demo_parameters()).hex());
}

TEST(Golden, ChunkPageShowsWhatTheCodeWrites) {
    base::Bytes bytes(66'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
    const base::ProvedChunk proved = base::prove_chunk(bytes, 1);
    const StoredTarget target{StoredKind::checkpoint, all(0x11), 0};
    EXPECT_EQ(golden("chunks.md", "question"), chunk_question_id(target, 1).hex());
    EXPECT_EQ(golden("chunks.md", "state_question"), state_question_id(target, {all(0x22)}).hex());
    EXPECT_EQ(golden("chunks.md", "blob"), base::blob_root(bytes).hex());
    EXPECT_EQ(golden("chunks.md", "chunk_size"), std::to_string(proved.bytes.size()));
    EXPECT_EQ(golden("chunks.md", "tree"), proved.proof.tree.hex());
    ASSERT_EQ(proved.proof.path.size(), 1U);
    EXPECT_EQ(golden("chunks.md", "path"), proved.proof.path[0].hex());
    base::ChunkTreeHasher hasher;
    hasher.add(bytes);
    ASSERT_EQ(hasher.finish(), base::blob_root(bytes));
    ASSERT_EQ(hasher.nodes().size(), 2U);
    EXPECT_EQ(golden("chunks.md", "nodes"), hasher.nodes()[0].hex() + hasher.nodes()[1].hex());
}

TEST(Refusals, EveryWordIsExplainedInThePage) {
    const std::string page = whole_file("docs/formats/refusals.md");
    std::size_t words = 0;
    for (std::uint32_t i = 0; i < 256; ++i) {
        const auto refusal = refusal_from_number(static_cast<std::uint8_t>(i));
        if (!refusal) continue;
        const std::string word = "`" + std::string(to_word(*refusal)) + "`";
        words += 1;
        EXPECT_NE(page.find(word), std::string::npos) << word;
    }
    EXPECT_GT(words, 100U);
}

TEST(Events, EveryKindIsExplained) {
    const std::string page = whole_file("docs/formats/events.md");
    for (const std::string_view word : base::kWordsOf<EventKind>)
        EXPECT_NE(page.find("`" + std::string(word) + "`"), std::string::npos) << word;
    EXPECT_GT(base::kWordsOf<EventKind>.size(), 40U);
}

TEST(Refusals, WordsAndNumbersAreOneToOne) {
    for (std::uint32_t i = 0; i < 256; ++i) {
        const auto refusal = refusal_from_number(static_cast<std::uint8_t>(i));
        if (!refusal) continue;
        EXPECT_EQ(refusal_from_word(to_word(*refusal)), refusal);
    }
    EXPECT_FALSE(refusal_from_word("perhaps").has_value());
    EXPECT_FALSE(refusal_from_number(255).has_value());
}

/// The first and the last word of each list, so that none is shifted.
TEST(Words, AreThoseOfTheirEnumerators) {
    EXPECT_EQ(to_word(JobState::open), "open");
    EXPECT_EQ(to_word(JobState::settling), "settling");
    EXPECT_EQ(to_word(CloseReason::data_missing), "data_missing");
    EXPECT_EQ(to_word(LaneWait::none), "none");
    EXPECT_EQ(to_word(LaneWait::audit_backlog), "audit_backlog");
    EXPECT_EQ(to_word(LeaseEnd::waited), "waited");
    EXPECT_EQ(to_word(LeaseEnd::conceded), "conceded");
    EXPECT_EQ(to_word(MergeState::refuted), "refuted");
    EXPECT_EQ(to_word(PartState::void_), "void");
    EXPECT_EQ(to_word(PartState::unproved), "unproved");
    EXPECT_EQ(to_word(EpochState::done), "done");
    EXPECT_EQ(to_word(CommitmentKind::job), "job");
    EXPECT_EQ(to_word(ClaimKind::init), "init");
    EXPECT_EQ(to_word(AuditKind::control), "control");
    EXPECT_EQ(to_word(AuditState::disputed), "disputed");
    EXPECT_EQ(to_word(AuditState::settled), "settled");
    EXPECT_EQ(to_word(QuestionKind::state), "state");
    EXPECT_EQ(to_word(VerdictKind::invalid), "invalid");
    EXPECT_EQ(to_word(SlashReason::wrong_blob), "wrong_blob");
    EXPECT_EQ(to_word(DisputeTarget::cell), "cell");
    EXPECT_EQ(to_word(DisputeState::dropped), "dropped");
    EXPECT_EQ(to_word(Side::challenger), "challenger");
    for (const StoredKind kind : {StoredKind::checkpoint, StoredKind::payload, StoredKind::merge,
                                  StoredKind::init, StoredKind::data, StoredKind::start}) {
        EXPECT_EQ(from_word<StoredKind>(to_word(kind)), kind);
    }
    EXPECT_FALSE(from_word<StoredKind>("table").has_value());
}

TEST(JobState, EndsOnlyInItsTerminalStates) {
    EXPECT_FALSE(is_terminal(JobState::open));
    EXPECT_FALSE(is_terminal(JobState::settling)) << "it will end, and has not";
    EXPECT_FALSE(is_terminal(JobState::verifying));
    EXPECT_TRUE(is_terminal(JobState::completed));
    EXPECT_TRUE(is_terminal(JobState::diverged));
}

}  // namespace
}  // namespace assay::market::codec
