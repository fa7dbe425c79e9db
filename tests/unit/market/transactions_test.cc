// Bytes of what parties send: one message, one encoding.

#include "market/transactions.h"

#include <gtest/gtest.h>

#include <set>

#include "base/hash.h"
#include "codec_values.h"

namespace assay::market::codec {
namespace {

using base::Amount;

TransactionHeader header() {
    TransactionHeader out;
    out.chain_id = all(0x08);
    out.account = account_id(out.chain_id, key_of(7).public_key());
    out.nonce = 5;
    out.valid_until = {100};
    out.fee_limit = Amount::of(1000);
    return out;
}

base::Bytes sent(const Message& message) { return build_transaction(header(), message, key_of(7)); }

Refusal refusal_of(const Message& message) {
    const auto back = decode_transaction(sent(message));
    return back ? Refusal::none : back.error();
}

Receipt receipt(std::uint8_t byte) { return {{all(byte)}, byte, {byte}, {}}; }

base::VrfProof proof() { return base::vrf_prove(key_of(9), all(1).view()); }

std::vector<Message> party_messages() {
    const base::PublicKey key = key_of(7).public_key();
    return {KeysSet{key, key, {}},
            KeysSet{key, key, key},
            Transfer{},
            StakeBond{Role::worker, Amount::of(1)},
            StakeUnbond{Role::validator, {}},
            ValidatorDeclare{"f32", 1, Amount::of(2), true},
            ValidatorDeclare{"f32", 1, {}, false},
            ValidatorReturn{},
            OfferPost{Amount::of(1), 2, "f32", 3, 4, 5, Amount::of(6)},
            OfferWithdraw{},
            JobPost{{1, 2}, all(3), receipt(4), receipt(5), Amount::of(6)},
            JobFund{{all(1)}, Amount::of(2)},
            JobCancel{},
            JobPause{},
            JobResume{},
            LeaseAccept{{all(1)}, 2},
            LeaseLeave{}};
}

std::vector<Message> proof_messages() {
    PartCommit commit;
    commit.end_receipt = receipt(1);
    PartCommit with_payload = commit;
    with_payload.payload_root = all(2);
    with_payload.payload_receipt = receipt(3);
    return {commit,
            with_payload,
            PartRetract{},
            EpochContribute{3, all(1), 4, all(2), proof()},
            SegmentDeliver{{all(1)}, 2, {all(3), all(4), all(5)}, {all(6)}, receipt(7)},
            VerdictSeal{},
            VerdictReveal{{all(1)}, {VerdictKind::invalid, all(2), {}}, all(3), std::nullopt},
            VerdictReveal{{all(1)}, {VerdictKind::valid, {}, all(2)}, all(3), proof()},
            CellsOpen{{all(1)}, all(2), std::vector(kCells, all(3))},
            PartClose{{all(1)}, {{all(2), all(3), all(4)}, {all(5), all(6), all(7)}}},
            MergePost{{}, 1, all(1), receipt(2)},
            EquivocationReport{{1, 2}, {3}},
            Confess{}};
}

std::vector<Message> question_and_game_messages() {
    return {
        ChunkAsk{{StoredKind::merge, all(1), 7}, 9},
        ChunkAnswer{all(1), {1, 2, 3}, {all(2), {all(3), all(4)}}},
        StateAsk{{StoredKind::start, all(1), 7}},
        StateAnswer{all(1), base::Bytes(kAnswerBytesMax, 7)},
        StateNext{all(1), 2},
        StateShow{all(1), 2, base::Bytes(base::kBlobChunkBytes, 7), {all(2), {all(3)}}},
        ChallengeSealPost{all(1)},
        ChallengeOpen{{DisputeTarget::segment, {all(1)}, 2, {}, 0}, all(2), all(3), Role::worker},
        ChallengeOpen{
            {DisputeTarget::merge, {all(1)}, 0, {all(4)}, 5}, all(2), all(3), Role::validator},
        ChallengeOpen{
            {DisputeTarget::init, {all(1)}, 0, {all(4)}, 0}, all(2), all(3), Role::validator},
        DisputeMove{{all(1)}, base::Bytes(kMoveBytesMax, 7)},
        DisputeConcede{{all(1)}}};
}

TEST(Transactions, EveryMessageSurvivesTheWire) {
    std::set<std::size_t> seen;
    std::set<std::string_view> words;
    for (const auto& messages :
         {party_messages(), proof_messages(), question_and_game_messages()}) {
        for (const Message& message : messages) {
            const base::Bytes raw = sent(message);
            const auto back = decode_transaction(raw);
            ASSERT_TRUE(back.has_value()) << message_word(message) << ": " << to_word(back.error());
            EXPECT_TRUE(back->message == message) << message_word(message);
            EXPECT_EQ(back->header, header());
            EXPECT_EQ(back->id.hash, base::sha256(raw));
            EXPECT_GT(message_weight(message, raw.size()), 0U);
            seen.insert(message.index());
            words.insert(message_word(message));
        }
    }
    EXPECT_EQ(seen.size(), std::variant_size_v<Message>);
    EXPECT_EQ(words.size(), std::variant_size_v<Message>);
}

/// The words stand in a list of their own beside the variant: none is shifted.
TEST(Transactions, WordsAreThoseOfTheirMessages) {
    EXPECT_EQ(message_word(KeysSet{}), "keys_set");
    EXPECT_EQ(message_word(ValidatorReturn{}), "validator_return");
    EXPECT_EQ(message_word(JobFund{}), "job_fund");
    EXPECT_EQ(message_word(LeaseAccept{}), "lease_accept");
    EXPECT_EQ(message_word(CellsOpen{}), "cells_open");
    EXPECT_EQ(message_word(Confess{}), "confess");
    EXPECT_EQ(message_word(StateShow{}), "state_show");
    EXPECT_EQ(message_word(ChallengeSealPost{}), "challenge_seal");
    EXPECT_EQ(message_word(DisputeConcede{}), "dispute_concede");
}

TEST(Transactions, RefuseEveryCutAndEveryTail) {
    const base::Bytes raw = sent(EpochContribute{3, all(1), 4, all(2), proof()});
    for (std::size_t size = 0; size < raw.size(); ++size)
        EXPECT_FALSE(decode_transaction(base::ByteView(raw).first(size)).has_value()) << size;
    base::Bytes longer = raw;
    longer.push_back(0);
    EXPECT_FALSE(decode_transaction(longer).has_value());
    EXPECT_EQ(decode_transaction(base::Bytes(kTransactionBytesMax + 1, 0)).error(),
              Refusal::oversize);
}

/// A changed byte is refused or says something else, and is then the one encoding of that.
TEST(Transactions, NoByteIsIgnored) {
    for (const Message& message :
         {Message{ValidatorDeclare{"f32", 1, Amount::of(2), true}}, Message{StateNext{all(1), 2}},
          Message{ValidatorReturn{}}, Message{StateAsk{{StoredKind::start, all(1), 7}}}}) {
        base::Bytes raw = sent(message);
        const auto before = decode_transaction(raw);
        ASSERT_TRUE(before.has_value());
        for (std::size_t i = 0; i < raw.size(); ++i) {
            raw[i] ^= 1U;
            const auto after = decode_transaction(raw);
            if (after) {
                const bool differs = after->signature != before->signature ||
                                     !(after->message == message) ||
                                     !(after->header == before->header);
                EXPECT_TRUE(differs) << message_word(message) << " " << i;
            }
            raw[i] ^= 1U;
        }
    }
}

TEST(Transactions, BytesAreNeitherEmptyNorTooLong) {
    for (const std::size_t size : {std::size_t{0}, kMoveBytesMax + 1})
        EXPECT_EQ(refusal_of(DisputeMove{{all(1)}, base::Bytes(size, 7)}), Refusal::malformed);
    for (const std::size_t size : {std::size_t{0}, kAnswerBytesMax + 1})
        EXPECT_EQ(refusal_of(StateAnswer{all(1), base::Bytes(size, 7)}), Refusal::malformed);
    for (const std::size_t size : {std::size_t{0}, base::kBlobChunkBytes + 1})
        EXPECT_EQ(refusal_of(StateShow{all(1), 2, base::Bytes(size, 7), {}}), Refusal::malformed);
    for (const std::size_t size : {std::size_t{0}, base::kBlobChunkBytes + 1})
        EXPECT_EQ(refusal_of(ChunkAnswer{all(1), base::Bytes(size, 7), {}}), Refusal::malformed);
}

TEST(Transactions, CellsAreExactlyEight) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{kCells - 1}, std::size_t{kCells + 1}})
        EXPECT_EQ(refusal_of(CellsOpen{{all(1)}, all(2), std::vector(size, all(3))}),
                  Refusal::malformed)
            << size;
}

TEST(Transactions, PathsAreAtMostSixtyFourHashes) {
    const std::vector<base::Hash> path(65, all(1));
    EXPECT_EQ(refusal_of(StateShow{all(1), 2, {7}, {all(2), path}}), Refusal::malformed);
    EXPECT_EQ(refusal_of(ChunkAnswer{all(1), {7}, {all(2), path}}), Refusal::malformed);
    EXPECT_EQ(refusal_of(SegmentDeliver{{all(1)}, 2, {}, path, receipt(7)}), Refusal::malformed);
}

TEST(Transactions, OnlyMergesAndStartsAreNumbered) {
    for (const StoredKind kind :
         {StoredKind::checkpoint, StoredKind::payload, StoredKind::init, StoredKind::data}) {
        EXPECT_EQ(refusal_of(ChunkAsk{{kind, all(1), 1}, 0}), Refusal::malformed);
        EXPECT_EQ(refusal_of(StateAsk{{kind, all(1), 1}}), Refusal::malformed);
        EXPECT_EQ(refusal_of(ChunkAsk{{kind, all(1), 0}, 0}), Refusal::none);
    }
}

TEST(Transactions, EnumsOutsideTheirListAreMalformed) {
    EXPECT_EQ(refusal_of(StakeBond{static_cast<Role>(0), {}}), Refusal::malformed);
    EXPECT_EQ(refusal_of(StakeBond{static_cast<Role>(4), {}}), Refusal::malformed);
    EXPECT_EQ(refusal_of(ChunkAsk{{static_cast<StoredKind>(7), all(1), 0}, 0}), Refusal::malformed);
    EXPECT_EQ(
        refusal_of(VerdictReveal{{}, {static_cast<VerdictKind>(3), all(1), {}}, {}, std::nullopt}),
        Refusal::malformed)
        << "no verdict";
    EXPECT_EQ(refusal_of(ChallengeOpen{
                  {DisputeTarget::cell, {all(1)}, 0, {}, 0}, all(2), all(3), Role::worker}),
              Refusal::malformed)
        << "cells are between auditors";
}

TEST(Transactions, AKeyThatIsNoPointIsWeak) {
    base::PublicKey weak;
    weak.bytes[0] = 1;
    EXPECT_EQ(refusal_of(KeysSet{weak, key_of(7).public_key(), {}}), Refusal::weak_key);
}

/// A judgement may cost 10 ms; its weight follows from the bytes alone, and any move fits a block.
TEST(Transactions, AMoveWithOpeningsWeighsTenMilliseconds) {
    const DisputeMove move;
    EXPECT_GE(message_weight(move, 4'000), 10'000U);
    EXPECT_LT(message_weight(move, 300), 2'000U);
    EXPECT_LT(message_weight(move, kMoveBytesMax + 1'024), 20'000U);
}

TEST(Transactions, AnAnswerWeighsByItsBytes) {
    const StateAnswer answer;
    EXPECT_EQ(message_weight(answer, 64 * 1024) - message_weight(answer, 1024), 63U * 40U);
    EXPECT_LT(message_weight(answer, kAnswerBytesMax + 1'024), 20'000U);
}

TEST(Ids, OfAuditsCoverEveryField) {
    const base::AuditId id = audit_id({all(1)}, 2, 3, {all(4)});
    EXPECT_NE(audit_id({all(2)}, 2, 3, {all(4)}), id);
    EXPECT_NE(audit_id({all(1)}, 3, 3, {all(4)}), id);
    EXPECT_NE(audit_id({all(1)}, 2, 4, {all(4)}), id);
    EXPECT_NE(audit_id({all(1)}, 2, 3, {all(5)}), id);
}

TEST(Golden, TransactionPageShowsWhatTheCodeWrites) {
    const base::Bytes raw = sent(Transfer{{all(0x44)}, Amount::of(7)});
    EXPECT_EQ(golden("transaction.md", "transfer"), base::to_hex(raw));
    EXPECT_EQ(golden("transaction.md", "transfer_id"), base::sha256(raw).hex());
    EXPECT_EQ(golden("transaction.md", "account"), header().account.hex());
}

}  // namespace
}  // namespace assay::market::codec
