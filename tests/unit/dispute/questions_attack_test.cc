#include <gtest/gtest.h>

#include "../commit/fixtures.h"
#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "held.h"

/// What a challenge of single tiles, drawn too roughly, would have let through: garbage behind the
/// receipt of a true root (SOUNDNESS, attack B8).
namespace assay::dispute {
namespace {

using base::Bytes;
using base::Hash;
using market::QuestionTree;
using testing::Held;
using testing::leaf_of;
using testing::play_question;

const LedgerReferee kReferee;

TEST(Attack, B8_GarbageBehindATrueReceipt) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    const auto outcome = play_question(held.subject, held.blob, Bytes(held.blob.size(), 0xa5));
    EXPECT_TRUE(outcome.convicted);
    EXPECT_EQ(outcome.answers, 0U);  // by the front alone
    Bytes fronted = held.blob;
    std::fill(fronted.begin() + static_cast<std::ptrdiff_t>(held.layout.front().size()),
              fronted.end(), std::uint8_t{0});
    const auto hidden = play_question(held.subject, held.blob, fronted);
    EXPECT_TRUE(hidden.convicted);
    EXPECT_LE(hidden.answers, 2U);
}

TEST(Attack, B8_OneByteOfALeafThatStraddlesTensors) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    std::size_t straddling = 0;
    for (std::size_t i = 0; i < held.layout.tensors(); ++i) {
        const std::uint64_t at = held.layout.offset_of(i);
        if (at % base::kBlobLeafBytes == 0) continue;
        ++straddling;
        for (const std::uint64_t byte : {at - 1, at}) {
            Bytes garbage = held.blob;
            garbage[byte] ^= 1U;
            const auto outcome = play_question(held.subject, held.blob, garbage);
            EXPECT_TRUE(outcome.convicted) << held.layout.tensor(i).name;
            EXPECT_EQ(outcome.last.number, byte / base::kBlobLeafBytes);
        }
    }
    EXPECT_GT(straddling, 50U);
}

TEST(Attack, B8_AHeaderThatIsNoTile) {
    for (const QuestionTree tree : {QuestionTree::state, QuestionTree::payload}) {
        const Held held(testing::question_gpt(35), tree);
        for (std::size_t byte = 0; byte < held.layout.front().size(); ++byte) {
            Bytes garbage = held.blob;
            garbage[byte] ^= 0x80U;
            const auto outcome = play_question(held.subject, held.blob, garbage);
            ASSERT_TRUE(outcome.convicted) << byte;
            ASSERT_EQ(outcome.answers, 0U);
        }
    }
}

/// The header of a true checkpoint of another step: it says of itself that it is right.
TEST(Attack, B8_TheHeaderOfAnotherState) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    market::QuestionSubject later = held.subject;
    ++later.step;
    const auto other = TreeLayout::of(tree_terms(later));
    Bytes garbage = held.blob;
    std::copy(other->front().begin(), other->front().end(), garbage.begin());
    EXPECT_TRUE(play_question(held.subject, held.blob, garbage).convicted);
}

/// Who committed is gone or has deleted its state: anybody else with it answers the same.
TEST(Attack, B8_APosterThatIsGone) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    const Held kept(testing::question_gpt(35), QuestionTree::state);
    Bytes garbage = held.blob;
    garbage[held.blob.size() / 2] ^= 2U;
    EXPECT_TRUE(play_question(held.subject, kept.blob, garbage).convicted);
    const auto sound = play_question(held.subject, kept.blob, held.blob);
    EXPECT_FALSE(sound.convicted);
    EXPECT_FALSE(sound.silent);
    EXPECT_EQ(sound.last.move, AskerMove::sound);
}

/// A root that nobody has a state of: no bytes answer.
TEST(Attack, B8_AnInventedRoot) {
    Held held(testing::question_gpt(35), QuestionTree::state);
    held.subject.root.bytes[7] ^= 1U;
    EXPECT_TRUE(play_question(held.subject, held.blob, held.blob).silent);
}

/// A root over a NaN as it lies in the blob: readers, who hash the canonical one, never find it.
/// Its committer must not be able to answer with the very bytes of its blob.
TEST(Attack, B8_ANanThatIsNotCanonical) {
    Held held(commit::small_mlp(), QuestionTree::state);
    const std::uint64_t at = held.layout.offset_of(0);
    for (int i = 0; i < 4; ++i) held.blob[at + static_cast<std::size_t>(i)] = 0xff;
    const Cut cut = cut_to_tiles(held.layout, held.layout.root());
    Bytes answer;
    std::vector<Hash> leaves;
    for (const TreeNode& tile : cut.nodes()) {
        Bytes bytes;
        for (const BlobPiece& piece : held.layout.pieces(tile)) {
            const auto begin = held.blob.begin() + static_cast<std::ptrdiff_t>(piece.offset);
            bytes.insert(bytes.end(), begin, begin + piece.bytes);
        }
        leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, bytes));
        answer.insert(answer.end(), bytes.begin(), bytes.end());
    }
    held.subject.root = cut.join(leaves);
    const auto opened = kReferee.open_question(held.subject);
    const auto result = kReferee.answer(opened.question, answer);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), market::MoveRefusal::wrong_hash);
}

}  // namespace
}  // namespace assay::dispute
