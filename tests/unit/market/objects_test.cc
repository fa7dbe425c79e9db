// Bytes of everything that is stored or signed: one value, one encoding.

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "chain.h"
#include "market/tables.h"

namespace assay::market {
namespace {

using base::Amount;

/// Encodes, decodes, encodes again; every shorter and every longer text is refused.
template <class T>
void expect_strict(const T& value) {
    const base::Bytes bytes = encode(value);
    const auto again = decode<T>(bytes);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, value);
    EXPECT_EQ(encode(*again), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode<T>(base::ByteView(bytes).first(size)).has_value()) << size;
    base::Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode<T>(longer).has_value());
}

Account example_account() {
    Account account;
    account.id = {filled(0x11)};
    account.balance = Amount::of(1'000'000);
    const Party party = make_party(7);
    account.keys = KeyRecord{
        party.key.public_key(), party.key.public_key(), party.vrf.public_key(), {3}, {400}};
    return account;
}

Part example_part() {
    Part part;
    part.id = {filled(1)};
    part.key = {{filled(2)}, 3, 4, 0, 5, {filled(6)}, 7};
    part.state = PartState::drawn;
    part.delivered.push_back({1, {filled(1), filled(2), filled(3), filled(4)}, {filled(5)}});
    part.audits.push_back({filled(9)});
    part.unaudited = {0, 2};
    return part;
}

TEST(Objects, EncodeStrictly) {
    expect_strict(example_account());
    expect_strict(Account{{filled(1)}, Amount::of(5), std::nullopt});
    expect_strict(
        Stake{{filled(1)}, Role::validator, Amount::of(5), 5, Amount::of(2), {9}, true, 1, 2, 3});
    expect_strict(Unbonding{{filled(1)}, Role::worker, 7, Amount::of(5), {9}});
    expect_strict(Validator{{filled(1)}, "f32", 5, 6, 1, {7}});
    expect_strict(example_part());
    Lane lane;
    lane.excluded = {{filled(1)}, {filled(2)}};
    expect_strict(lane);
    Epoch epoch;
    epoch.members = {{{filled(1)}, 5, filled(2)}, {{filled(3)}, 6, std::nullopt}};
    expect_strict(epoch);
    Audit audit;
    audit.verdict = Verdict{VerdictKind::invalid, filled(1), {}};
    expect_strict(audit);
    Round round;
    round.members.push_back(
        {1, {filled(1)}, {filled(2)}, {filled(3)}, filled(4), filled(5), {filled(6)}, {filled(7)}});
    expect_strict(round);
    expect_strict(MergeRecord{});
    expect_strict(Vote{});
    expect_strict(Chain{});
    expect_strict(Offer{});
    expect_strict(Lease{});
    expect_strict(Job{});
    expect_strict(EpochCommitment{});
    Dispute dispute;
    dispute.pool = {{{filled(1)}, Role::worker, Amount::of(5), true, false},
                    {{filled(2)}, Role::validator, Amount::of(6), false, true}};
    dispute.turn = Side::challenger;
    dispute.target = DisputeTarget::steps;
    dispute.digests = {filled(3), filled(4)};
    dispute.asserter_spent = Amount::of(7);
    dispute.challenger_spent = Amount::of(8);
    expect_strict(dispute);
    expect_strict(ChallengeSeal{{filled(1)}, 2, filled(3), {4}, {5}});
    MergeRecord merge;
    merge.barred = {{filled(1)}};
    expect_strict(merge);
}

TEST(Objects, RefuseEnumsOutsideTheirList) {
    base::Bytes bytes = encode(Stake{});
    bytes[32] = 0;
    EXPECT_FALSE(decode<Stake>(bytes).has_value());
    bytes[32] = 4;
    EXPECT_FALSE(decode<Stake>(bytes).has_value());
}

TEST(History, EntriesEncodeStrictlyAndChain) {
    PartPassed passed;
    passed.leaves.push_back({filled(1), filled(2), filled(3), filled(4)});
    passed.audits.push_back({0, {filled(1)}, {filled(2)}, VerdictKind::plant, {}});
    const std::vector<JobHistoryEntry> entries = {passed,        PartVoided{},   RoundClosed{},
                                                  RoundMerged{}, MergeAudited{}, RoundFinal{},
                                                  Slashed{},     JobClosed{}};
    base::Hash history;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        expect_strict(entries[i]);
        const base::Bytes bytes = encode(entries[i]);
        EXPECT_EQ(bytes[0], i) << "the tag is the place in the list";
        const base::Hash next = extend_history(history, bytes);
        EXPECT_NE(next, history);
        history = next;
    }
    EXPECT_FALSE(decode<JobHistoryEntry>(base::Bytes{8}).has_value());
    EXPECT_FALSE(decode<JobHistoryEntry>(base::Bytes{}).has_value());
}

TEST(Timers, KeysSortByDueTime) {
    const Timer early{{5}, TimerKind::window, filled(9), 9};
    const Timer late{{256}, TimerKind::match, filled(1), 0};
    EXPECT_LT(timer_key(early), timer_key(late));
    EXPECT_EQ(timer_from_key(timer_key(early)), early);
    base::Bytes key = timer_key(late);
    key[9] = 0;
    EXPECT_FALSE(timer_from_key(key).has_value());
    key.pop_back();
    EXPECT_FALSE(timer_from_key(key).has_value());
}

TEST(GenesisCodec, RefusesWhatBreaksARule) {
    TestChain chain;
    const base::Bytes bytes = encode_genesis(chain.genesis);
    ASSERT_TRUE(decode_genesis(bytes).has_value());
    EXPECT_EQ(*decode_genesis(bytes), chain.genesis);
    for (const std::size_t size : {0UL, 5UL, bytes.size() / 2, bytes.size() - 1})
        EXPECT_FALSE(decode_genesis(base::ByteView(bytes).first(size)));
    const auto refused = [&](const std::function<void(Genesis&)>& spoil) {
        Genesis genesis = chain.genesis;
        spoil(genesis);
        return check_genesis(genesis).has_value();
    };
    EXPECT_TRUE(refused([](auto& g) { g.chain_name = ""; }));
    EXPECT_TRUE(refused([](auto& g) { g.chain_name = "two words"; }));
    EXPECT_TRUE(refused([](auto& g) { g.app_version = 2; }));
    EXPECT_TRUE(refused([](auto& g) { g.operator_key = {}; }));
    EXPECT_TRUE(refused([](auto& g) { std::swap(g.accounts[0], g.accounts[1]); }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts.push_back(g.accounts.back()); }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].cold.bytes.fill(0x99); }));
    EXPECT_TRUE(refused([](auto& g) { g.insurance = Amount::of(Amount::kMax); }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.unbonding_ms = 300'000; }))
        << "the inequality of unbonding";
    EXPECT_FALSE(refused([](auto& g) { g.parameters.judgement = Judgement::referee; }));
    EXPECT_TRUE(refused([](auto& g) {
        g.parameters.judgement = Judgement::referee;
        g.parameters.dispute_replay_ms_max = 60'000;
    })) << "the inequality of unbonding counts both clocks of a game";
    EXPECT_TRUE(refused([](auto& g) { g.parameters.challenge_bond_factor = 1; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.challenge_pool_max = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.disputes_per_target_max = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.challenge_open_ms = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.committee_max = 65; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.collusion_max_ppm = 1'000'000; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.grace_ms = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.record_half_life_ms = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.record_value_factor = 111; }))
        << "a washed record would be worth more than the fees it took";
    EXPECT_FALSE(refused([](auto& g) { g.parameters.record_value_factor = 112; }));
    EXPECT_FALSE(refused([](auto&) {}));
}

/// Lines `name hex` of the golden blocks in a page.
std::string golden(const std::string& page, const std::string& name) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + page);
    std::string line;
    while (std::getline(file, line)) {
        if (line.rfind(name + " ", 0) == 0) return line.substr(name.size() + 1);
    }
    return "missing: " + name;
}

TEST(Golden, StatePageShowsWhatTheCodeWrites) {
    EXPECT_EQ(golden("market_state.md", "account"), base::to_hex(encode(example_account())));
    EXPECT_EQ(golden("market_state.md", "account_key"), base::to_hex(account_key({filled(0x11)})));
    EXPECT_EQ(golden("market_state.md", "timer_key"),
              base::to_hex(timer_key({{1000}, TimerKind::window, filled(0x22), 3})));
    EXPECT_EQ(golden("market_state.md", "history_entry"),
              base::to_hex(encode(JobHistoryEntry{RoundFinal{1, filled(0x33), 4, 3, 1}})));
    EXPECT_EQ(
        golden("market_state.md", "history"),
        extend_history({}, encode(JobHistoryEntry{RoundFinal{1, filled(0x33), 4, 3, 1}})).hex());
    EXPECT_EQ(golden("market_state.md", "parameters_id"), parameters_id(demo_parameters()).hex());
}

TEST(Golden, ChunkPageShowsWhatTheCodeWrites) {
    base::Bytes bytes(66'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
    const base::ProvedChunk proved = base::prove_chunk(bytes, 1);
    EXPECT_EQ(golden("chunks.md", "challenge"), chunk_challenge_id({ChunkTargetKind::checkpoint, filled(0x11), 0}, 1).hex());
    EXPECT_EQ(golden("chunks.md", "blob"), base::blob_root(bytes).hex());
    EXPECT_EQ(golden("chunks.md", "chunk_size"), std::to_string(proved.bytes.size()));
    EXPECT_EQ(golden("chunks.md", "tree"), proved.proof.tree.hex());
    ASSERT_EQ(proved.proof.path.size(), 1U);
    EXPECT_EQ(golden("chunks.md", "path"), proved.proof.path[0].hex());
}

TEST(Golden, TransactionPageShowsWhatTheCodeWrites) {
    const Party party = make_party(7);
    TransactionHeader header;
    header.chain_id = filled(0x08);
    header.account = account_id(header.chain_id, party.key.public_key());
    header.nonce = 5;
    header.valid_until = {100};
    header.fee_limit = Amount::of(1000);
    const base::Bytes raw =
        build_transaction(header, Transfer{{filled(0x44)}, Amount::of(7)}, party.key);
    EXPECT_EQ(golden("transaction.md", "transfer"), base::to_hex(raw));
    EXPECT_EQ(golden("transaction.md", "transfer_id"), transaction_id(raw).hex());
    EXPECT_EQ(golden("transaction.md", "account"), header.account.hex());
}

TEST(Transactions, EveryMessageSurvivesTheWire) {
    const Party party = make_party(7);
    TestChain chain;
    PartCommit commit;
    commit.end_receipt = chain.receipt({filled(1)});
    PartCommit with_payload = commit;
    with_payload.payload_root = filled(2);
    with_payload.payload_receipt = chain.receipt({filled(3)});
    PartClose close;
    close.leaves = {{filled(1), filled(2), filled(3), filled(4)}};
    close.proof = base::vrf_prove(party.vrf, filled(1).view());
    close.plants = {{0, filled(5)}};
    close.openings = {{0, {filled(6)}, {{filled(7), filled(8)}}}};
    SegmentDeliver deliver;
    deliver.start_receipt = chain.receipt({filled(1)});
    deliver.path = {filled(2)};
    const base::PublicKey key = party.key.public_key();
    const std::vector<Message> messages = {
        KeysSet{key, key, {}},
        Transfer{},
        StakeBond{Role::worker, Amount::of(1)},
        StakeUnbond{Role::validator, {}},
        ValidatorDeclare{"f32", 1, 2},
        chain.offer(),
        OfferWithdraw{},
        chain.job_post(),
        JobCancel{},
        JobPause{},
        JobResume{},
        LeaseLeave{},
        commit,
        with_payload,
        PartRetract{},
        EpochContribute{3, close.proof},
        deliver,
        VerdictSeal{},
        VerdictReveal{{}, {VerdictKind::invalid, filled(1), {}}, filled(2)},
        VerdictWithdraw{},
        close,
        MergePost{{}, 1, filled(1), chain.receipt({filled(1)})},
        EquivocationReport{{1, 2}, {3}},
        Confess{},
        ChunkChallengePost{{ChunkTargetKind::merge, filled(1), 7}, 9},
        ChunkAnswer{filled(1), {1, 2, 3}, {filled(2), {filled(3), filled(4)}}},
        ChallengeSealPost{filled(1)},
        ChallengeOpen{{DisputeTarget::segment, {filled(1)}, 2, {}, 0}, filled(2), filled(3), Role::worker},
        ChallengeOpen{{DisputeTarget::merge, {filled(1)}, 0, {filled(4)}, 5}, filled(2), filled(3), Role::validator},
        DisputeMove{{filled(1)}, base::Bytes(kMoveBytesMax, 7)},
        DisputeConcede{{filled(1)}}};
    std::set<std::size_t> seen;
    for (const Message& message : messages) {
        const base::Bytes raw = build_transaction(chain.header(party), message, party.key);
        const auto back = decode_transaction(raw);
        ASSERT_TRUE(back.has_value()) << message_word(message) << ": " << to_word(back.error());
        EXPECT_TRUE(back->message == message) << message_word(message);
        EXPECT_GT(message_weight(message, raw.size()), 0U);
        seen.insert(message.index());
    }
    EXPECT_EQ(seen.size(), std::variant_size_v<Message>);
}

TEST(Transactions, AMoveIsNeitherEmptyNorTooLong) {
    const Party party = make_party(7);
    TestChain chain;
    for (const std::size_t size : {std::size_t{0}, kMoveBytesMax + 1}) {
        const DisputeMove move{{filled(1)}, base::Bytes(size, 7)};
        const auto back = decode_transaction(build_transaction(chain.header(party), move, party.key));
        ASSERT_FALSE(back.has_value()) << size;
        EXPECT_EQ(back.error(), Refusal::malformed);
    }
}

/// A judgement may cost 10 ms; its weight follows from the bytes alone, and any move fits a block.
TEST(Transactions, AMoveWithOpeningsWeighsTenMilliseconds) {
    const DisputeMove move;
    EXPECT_GE(message_weight(move, 4'000), 10'000U);
    EXPECT_LT(message_weight(move, 300), 2'000U);
    EXPECT_LT(message_weight(move, kMoveBytesMax + 1'024), 20'000U);
}

/// What building the program of a posted spec may take stands in the weight, so that a block's weight bounds its time.
TEST(Transactions, AJobPostWeighsWhatItsProgramTakes) {
    const TestChain chain;
    const auto weight = [](const JobPost& post) { return message_weight(post, 1'024); };
    const std::uint64_t least = weight({});
    JobSpec spec = chain.spec();
    std::get<GptModel>(spec.model).layers = 7;
    std::get<GptModel>(spec.model).heads = 2;
    std::get<GptModel>(spec.model).width = 8;
    spec.rounds = 3;
    spec.round_steps = spec.segment_steps = 1'001;
    EXPECT_EQ(facts_weight(spec), 1'000U + 376 + 7 * (1'300 + 4));
    EXPECT_EQ(weight(chain.job_post(spec)), least + facts_weight(spec));
    JobPost broken = chain.job_post(spec);
    broken.spec.push_back(0);
    EXPECT_EQ(weight(broken), least) << "refused before anything is built";
    JobSpec table = spec;
    MlpModel mlp;
    mlp.hidden = {5, 5, 5};
    table.model = mlp;
    EXPECT_EQ(facts_weight(table), 1'000U + 376 + 3 * 200);
    EXPECT_LE(least + kFactsWeightMax + 40 * (kTransactionBytesMax / 1'024), demo_parameters().block_weight_max)
        << "every post fits a block";
}

std::string whole_file(const std::string& path) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Refusals, EveryWordIsExplained) {
    const std::string page = whole_file("docs/formats/refusals.md");
    for (std::uint32_t i = 0; i < 256; ++i) {
        const auto refusal = refusal_from_number(static_cast<std::uint8_t>(i));
        if (!refusal) continue;
        EXPECT_NE(page.find("`" + std::string(to_word(*refusal)) + "`"), std::string::npos)
            << to_word(*refusal);
    }
}

TEST(Events, EveryKindIsExplained) {
    const std::string source = whole_file("contracts/market/src/context.h");
    const std::string page = whole_file("docs/formats/events.md");
    std::size_t at = source.find("ASSAY_MARKET_EVENTS(X)");
    ASSERT_NE(at, std::string::npos);
    const std::size_t end = source.find("#define ASSAY_MARKET_EVENT_NAME");
    std::size_t words = 0;
    for (at = source.find(" X(", at); at < end; at = source.find(" X(", at + 1), ++words) {
        const std::string word = source.substr(at + 3, source.find(')', at) - at - 3);
        EXPECT_NE(page.find("`" + word + "`"), std::string::npos) << word;
    }
    EXPECT_GT(words, 40U);
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

}  // namespace
}  // namespace assay::market
