#include "dispute/questions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "../commit/fixtures.h"
#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "commit/checkpoint.h"
#include "commit/mapped_file.h"
#include "held.h"

namespace assay::dispute {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;
using market::QuestionStatus;
using market::QuestionTree;
using testing::Held;
using testing::leaf_of;
using testing::play_question;

const LedgerReferee kReferee;

/// Blobs that take one, two and two answers; with all kinds of tiles.
struct Named {
    const char* name;
    market::JobSpec spec;
    QuestionTree tree;
};
std::vector<Named> small_trees() {
    return {{"mlp state", commit::small_mlp(), QuestionTree::state},
            {"gpt state", testing::question_gpt(35), QuestionTree::state},
            {"gpt payload", testing::question_gpt(35), QuestionTree::payload},
            {"wide mlp state", testing::question_mlp(67, 130), QuestionTree::state}};
}

QuestionStatus answered(const Held& held, const QuestionStatus& status) {
    return *kReferee.answer(status.question, *answer_from_blob(status.question, held.blob));
}

/// Down to tiles by children that `choose` picks among so many.
template <class Choose>
QuestionStatus descend(const Held& held, Choose choose) {
    QuestionStatus status = answered(held, kReferee.open_question(held.subject));
    while (!status.tile)
        status = answered(held, *kReferee.ask(status.question, choose(status.children)));
    return status;
}

MoveRefusal refused(const tl::expected<QuestionStatus, MoveRefusal>& result) {
    EXPECT_FALSE(result.has_value());
    return result ? MoveRefusal::over : result.error();
}

TEST(TreeLayout, HasTheRootAndBlobOfCommit) {
    for (const Named& named : small_trees()) {
        SCOPED_TRACE(named.name);
        const Held held(named.spec, named.tree);
        EXPECT_EQ(kReferee.blob_bytes(held.subject), held.blob.size());
        EXPECT_TRUE(
            std::equal(held.layout.front().begin(), held.layout.front().end(), held.blob.begin()));
        for (const unsigned threads : {1U, 3U})
            EXPECT_EQ(node_hash(held.layout, held.elements(), held.layout.root(), threads),
                      held.subject.root);
    }
}

TEST(TreeLayout, DoesNotCarryAVocabularyAlong) {
    market::JobSpec spec = testing::question_gpt(33);
    auto& data = std::get<market::TokenData>(spec.data);
    data.characters.clear();
    for (std::uint32_t i = 0; i < 40'000; ++i) data.characters.push_back(0x10000 + i);
    data.vocabulary = 40'000;
    const Held held(spec, QuestionTree::state);
    EXPECT_GT(held.subject.spec.size(), 160'000U);
    EXPECT_LT(kReferee.open_question(held.subject).question.size(), 1'000U);
    EXPECT_TRUE(play_question(held.subject, held.blob, Bytes(held.blob.size(), 1)).convicted);
}

/// Every cut of a tree covers its blob once, and joins to what the whole has.
TEST(Cut, PartitionsTheBlob) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    for (const std::size_t nodes_max : {1U, 2U, 3U, 17U, 300U, 100'000U}) {
        const Cut cut(held.layout, held.layout.root(), nodes_max, 0);
        EXPECT_LE(cut.nodes().size(), nodes_max);
        std::uint64_t bytes = held.layout.front().size();
        std::vector<Hash> hashes;
        for (const TreeNode& node : cut.nodes()) {
            EXPECT_TRUE(held.layout.has(node));
            EXPECT_FALSE(held.layout.is_descriptor(node));
            bytes += held.layout.bytes_under(node);
            hashes.push_back(node_hash(held.layout, held.elements(), node));
        }
        EXPECT_EQ(bytes, held.blob.size());
        EXPECT_EQ(cut.join(hashes), held.subject.root);
    }
    std::vector<int> covered(held.blob.size());
    const Cut tiles = cut_to_tiles(held.layout, held.layout.root());
    for (const TreeNode& tile : tiles.nodes()) {
        for (const BlobPiece& piece : held.layout.pieces(tile)) {
            for (std::uint32_t i = 0; i < piece.bytes; ++i) ++covered[piece.offset + i];
        }
    }
    const auto front = static_cast<std::ptrdiff_t>(held.layout.front().size());
    EXPECT_TRUE(std::all_of(covered.begin() + front, covered.end(), [](int n) { return n == 1; }));
    EXPECT_TRUE(
        std::all_of(covered.begin(), covered.begin() + front, [](int n) { return n == 0; }));
}

TEST(Questions, AnHonestCommitterIsNeverConvicted) {
    std::mt19937_64 random(5);
    for (const Named& named : small_trees()) {
        SCOPED_TRACE(named.name);
        const Held held(named.spec, named.tree);
        for (int walk = 0; walk < 20; ++walk) {
            const QuestionStatus end = descend(
                held, [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); });
            EXPECT_EQ(end.children, 0U);
            unsigned touched = 0;
            const std::uint64_t leaves = (held.blob.size() - 1) / base::kBlobLeafBytes + 1;
            for (std::uint64_t leaf = 0; leaf < leaves; ++leaf) {
                const auto differs =
                    kReferee.leaf_differs(end.question, leaf, leaf_of(held.blob, leaf));
                if (!differs) {
                    EXPECT_EQ(differs.error(), MoveRefusal::wrong_place);
                    continue;
                }
                EXPECT_FALSE(*differs);
                ++touched;
            }
            EXPECT_GT(touched, held.layout.front().size() / base::kBlobLeafBytes);
        }
    }
}

TEST(Questions, TheAskerSeesThatABlobIsRight) {
    for (const Named& named : small_trees()) {
        SCOPED_TRACE(named.name);
        const Held held(named.spec, named.tree);
        const QuestionStatus opened = kReferee.open_question(held.subject);
        EXPECT_EQ(next_step(opened.question, held.blob), (AskerStep{AskerMove::sound, 0}));
        const QuestionStatus listed = answered(held, opened);
        EXPECT_EQ(next_step(listed.question, held.blob), (AskerStep{AskerMove::sound, 0}));
        const QuestionStatus shown = descend(held, [](std::uint32_t n) { return n - 1; });
        EXPECT_EQ(next_step(shown.question, held.blob), (AskerStep{AskerMove::sound, 0}));
    }
}

/// Positions worth a flip: the whole front, the ends of every tensor, the last byte, and others.
std::vector<std::uint64_t> telling_bytes(const Held& held, std::size_t others) {
    std::vector<std::uint64_t> bytes;
    for (std::uint64_t i = 0; i < held.layout.front().size(); i += 7) bytes.push_back(i);
    for (std::size_t i = 0; i < held.layout.tensors(); ++i) {
        bytes.push_back(held.layout.offset_of(i));
        bytes.push_back(held.layout.offset_of(i) - 1);
    }
    bytes.push_back(held.blob.size() - 1);
    std::mt19937_64 random(9);
    for (std::size_t i = 0; i < others; ++i) bytes.push_back(random() % held.blob.size());
    return bytes;
}

TEST(Questions, EveryFlippedBitConvicts) {
    const Held tiny(commit::small_mlp(), QuestionTree::state);
    Bytes blob = tiny.blob;
    for (std::uint64_t bit = 0; bit < 8 * blob.size(); ++bit) {
        blob[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        const auto outcome = play_question(tiny.subject, tiny.blob, blob);
        ASSERT_TRUE(outcome.convicted) << bit;
        ASSERT_LE(outcome.answers, 1U);
        blob[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
    unsigned most = 0;
    for (const Named& named : small_trees()) {
        SCOPED_TRACE(named.name);
        const Held held(named.spec, named.tree);
        Bytes garbage = held.blob;
        for (const std::uint64_t at : telling_bytes(held, 60)) {
            const auto bit = static_cast<std::uint8_t>(1U << at % 8);
            garbage[at] ^= bit;
            const auto outcome = play_question(held.subject, held.blob, garbage);
            ASSERT_TRUE(outcome.convicted) << at;
            EXPECT_EQ(outcome.last.number, at / base::kBlobLeafBytes);
            EXPECT_LE(outcome.answers, 2U);
            most = std::max(most, outcome.answers);
            garbage[at] ^= bit;
        }
    }
    EXPECT_EQ(most, 2U);
}

TEST(Questions, TakeThreeAnswersWhereAModelIsLarge) {
    const Held held(testing::question_mlp(4'100, 4'097), QuestionTree::state);
    ASSERT_GT(held.blob.size(), 190'000'000U);
    Bytes garbage = held.blob;
    for (const std::uint64_t at :
         {held.layout.offset_of(0), held.layout.offset_of(1) - 1, held.blob.size() - 40'000'000}) {
        garbage[at] ^= 4U;
        const auto outcome = play_question(held.subject, held.blob, garbage);
        EXPECT_TRUE(outcome.convicted);
        EXPECT_LE(outcome.answers, 3U);
        EXPECT_LE(outcome.answer_bytes, market::kAnswerBytesMax);
        EXPECT_LE(outcome.question_bytes, market::kQuestionBytesMax);
        garbage[at] ^= 4U;
    }
}

TEST(Questions, AreAboutWhatWasFetched) {
    const Held held(testing::question_mlp(67, 130), QuestionTree::state);
    Bytes garbage = held.blob;
    const std::uint64_t one = held.layout.offset_of(0) + 9'000, other = held.blob.size() - 20'000;
    garbage[one] ^= 1U;
    garbage[other] ^= 1U;
    // Another difference convicts where the first was not fetched.
    const BlobGap gap{one / 1024 * 1024, one / 1024 * 1024 + 1024};
    const auto outcome = play_question(held.subject, held.blob, garbage, {&gap, 1});
    EXPECT_TRUE(outcome.convicted);
    EXPECT_EQ(outcome.last.number, other / 1024);
    garbage[other] ^= 1U;
    // Without one nothing can be shown, and nothing more is asked.
    const auto alone = play_question(held.subject, held.blob, garbage, {&gap, 1});
    EXPECT_EQ(alone.last.move, AskerMove::missing);
    EXPECT_EQ(alone.answers, 1U);
    // A blob of another size has no receipt.
    const QuestionStatus opened = kReferee.open_question(held.subject);
    const auto truncated = next_step(opened.question, ByteView(garbage).first(garbage.size() - 1));
    ASSERT_FALSE(truncated.has_value());
    EXPECT_EQ(truncated.error(), MoveRefusal::wrong_count);
}

TEST(Questions, AVainQuestionConvictsNobody) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    const QuestionStatus shown = descend(held, [](std::uint32_t) { return 0U; });
    const std::uint64_t leaf = held.layout.offset_of(0) / base::kBlobLeafBytes;
    EXPECT_EQ(kReferee.leaf_differs(shown.question, leaf, leaf_of(held.blob, leaf)), false);
    // Bytes that a leaf has beside the tiles do not count.
    const std::uint64_t last = (held.blob.size() - 1) / base::kBlobLeafBytes;
    const auto other = kReferee.leaf_differs(shown.question, last, leaf_of(held.blob, last));
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error(), MoveRefusal::wrong_place);
}

/// A true state may hold any NaN in memory; its answers and its blob have the canonical ones.
TEST(Questions, AnHonestStateWithNans) {
    Held held(testing::question_gpt(35), QuestionTree::state);
    const std::uint64_t at = held.layout.offset_of(0), later = held.layout.offset_of(40);
    const Bytes canonical = {0x00, 0x00, 0xc0, 0x7f}, other = {0x01, 0x00, 0x80, 0xff};
    for (const std::uint64_t offset : {at, later})
        std::copy(canonical.begin(), canonical.end(),
                  held.blob.begin() + static_cast<std::ptrdiff_t>(offset));
    Bytes memory = held.blob;
    for (const std::uint64_t offset : {at, later})
        std::copy(other.begin(), other.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
    held.subject.root =
        node_hash(held.layout, *elements_in(held.layout, memory), held.layout.root());
    EXPECT_EQ(play_question(held.subject, memory, held.blob).last.move, AskerMove::sound);
    Bytes garbage = held.blob;
    garbage[at + 5] ^= 1U;  // in the tile of the first
    EXPECT_TRUE(play_question(held.subject, memory, garbage).convicted);
    garbage[at + 5] ^= 1U;
    garbage[at + 2] = 0x80;
    garbage[at + 3] = 0x7f;  // no NaN any more but infinite
    EXPECT_TRUE(play_question(held.subject, memory, garbage).convicted);
}

TEST(Questions, AreAnsweredFromAFile) {
    const Held held(testing::question_gpt(35), QuestionTree::payload);
    const commit::TemporaryFolder folder;
    commit::write_file(folder / "blob", held.blob);
    const auto file = commit::MappedFile::open(folder / "blob");
    ASSERT_TRUE(file.has_value());
    const QuestionStatus opened = kReferee.open_question(held.subject);
    EXPECT_EQ(*answer_from_blob(opened.question, file->bytes()),
              *answer_from_blob(opened.question, held.blob));
    EXPECT_EQ(answer_from_blob(opened.question, file->bytes().first(100)).error(),
              MoveRefusal::wrong_count);
    EXPECT_EQ(answer_question(opened.question, {}).error(), MoveRefusal::wrong_count);
    commit::write_file(folder / "empty", {});
    EXPECT_TRUE(commit::MappedFile::open(folder / "empty")->bytes().empty());
    EXPECT_EQ(commit::MappedFile::open(folder / "none").error(), commit::FileError::missing);
    EXPECT_EQ(commit::MappedFile::open("/").error(), commit::FileError::unreadable);
}

TEST(Questions, RefuseWrongAnswers) {
    for (const Named& named : small_trees()) {
        SCOPED_TRACE(named.name);
        const Held held(named.spec, named.tree);
        QuestionStatus status = kReferee.open_question(held.subject);
        while (!status.tile) {
            if (status.children > 0) status = *kReferee.ask(status.question, status.children / 2);
            const Bytes right = *answer_from_blob(status.question, held.blob);
            Bytes wrong = right;
            for (std::size_t i = 0; i < right.size(); i += 1 + right.size() / 50) {
                wrong[i] ^= 0x10U;
                EXPECT_EQ(refused(kReferee.answer(status.question, wrong)),
                          MoveRefusal::wrong_hash);
                wrong[i] ^= 0x10U;
            }
            wrong.push_back(0);
            EXPECT_EQ(refused(kReferee.answer(status.question, wrong)), MoveRefusal::wrong_count);
            wrong.resize(right.size() - 1);
            EXPECT_EQ(refused(kReferee.answer(status.question, wrong)), MoveRefusal::wrong_count);
            EXPECT_EQ(refused(kReferee.answer(status.question, {})), MoveRefusal::wrong_count);
            EXPECT_EQ(refused(kReferee.ask(status.question, 0)), MoveRefusal::wrong_move);
            status = *kReferee.answer(status.question, right);
            EXPECT_EQ(refused(kReferee.answer(status.question, right)), MoveRefusal::wrong_move);
            EXPECT_EQ(answer_from_blob(status.question, held.blob).error(),
                      MoveRefusal::wrong_move);
            EXPECT_EQ(refused(kReferee.ask(status.question, status.children)),
                      status.tile ? MoveRefusal::wrong_move : MoveRefusal::wrong_place);
        }
    }
}

TEST(Questions, RefuseTheAnswerOfAnotherState) {
    const Held held(testing::question_gpt(35), QuestionTree::state);
    const Held other(testing::question_gpt(35), QuestionTree::state, 2);
    const QuestionStatus opened = kReferee.open_question(held.subject);
    EXPECT_EQ(
        refused(kReferee.answer(opened.question, *answer_from_blob(opened.question, other.blob))),
        MoveRefusal::wrong_hash);
}

/// Whoever hashed another descriptor has no answer, whatever its tensors are.
TEST(Questions, NobodyCanAnswerForAnotherDescriptor) {
    const Held held(commit::small_mlp(), QuestionTree::state);
    const auto answers = [&](const market::QuestionSubject& subject) {
        const QuestionStatus opened = kReferee.open_question(subject);
        const auto layout = TreeLayout::of(tree_terms(subject));
        return kReferee.answer(opened.question, *answer_question(opened.question, held.elements()))
            .has_value();
    };
    EXPECT_TRUE(answers(held.subject));
    for (const auto& change : std::vector<void (*)(market::QuestionSubject&)>{
             [](market::QuestionSubject& s) { ++s.round; },
             [](market::QuestionSubject& s) { ++s.lane; },
             [](market::QuestionSubject& s) { ++s.step; },
             [](market::QuestionSubject& s) { s.round_start_root.bytes[3] ^= 1U; },
             [](market::QuestionSubject& s) { s.program_root.bytes[3] ^= 1U; }}) {
        market::QuestionSubject subject = held.subject;
        change(subject);
        EXPECT_FALSE(answers(subject));
    }
}

TEST(Questions, RefuseLeavesThatAreNone) {
    const Held held(commit::small_mlp(), QuestionTree::state);
    const QuestionStatus shown = descend(held, [](std::uint32_t) { return 0U; });
    const std::uint64_t leaves = (held.blob.size() - 1) / base::kBlobLeafBytes + 1;
    const Bytes whole(base::kBlobLeafBytes, 0);
    for (const std::uint64_t leaf : {leaves, leaves + 1, UINT64_MAX / 1024, UINT64_MAX}) {
        const auto differs = kReferee.leaf_differs(shown.question, leaf, whole);
        ASSERT_FALSE(differs.has_value());
        EXPECT_EQ(differs.error(), MoveRefusal::wrong_place);
    }
    for (const std::size_t size : {0U, 1U, 1023U, 1025U}) {
        const auto differs = kReferee.leaf_differs(shown.question, 0, Bytes(size, 0));
        ASSERT_FALSE(differs.has_value());
        EXPECT_EQ(differs.error(), MoveRefusal::wrong_count);
    }
    // The last leaf is as long as the blob has it.
    EXPECT_FALSE(kReferee.leaf_differs(shown.question, leaves - 1, whole).has_value());
    EXPECT_TRUE(kReferee.leaf_differs(shown.question, leaves - 1, leaf_of(held.blob, leaves - 1))
                    .has_value());
}

TEST(Questions, RefuseBytesThatAreNoQuestion) {
    const Held held(commit::small_mlp(), QuestionTree::state);
    const QuestionStatus shown = descend(held, [](std::uint32_t) { return 0U; });
    const Bytes leaf(leaf_of(held.blob, 0).begin(), leaf_of(held.blob, 0).end());
    for (const Bytes& bytes : {kReferee.open_question(held.subject).question, shown.question}) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const ByteView cut = ByteView(bytes).first(size);
            ASSERT_EQ(refused(kReferee.answer(cut, {})), MoveRefusal::malformed);
            ASSERT_EQ(refused(kReferee.ask(cut, 0)), MoveRefusal::malformed);
            ASSERT_EQ(kReferee.leaf_differs(cut, 0, leaf).error(), MoveRefusal::malformed);
        }
        Bytes longer = bytes;
        longer.push_back(0);
        EXPECT_EQ(refused(kReferee.answer(longer, {})), MoveRefusal::malformed);
        // Flipped ones are refused or mean something else; what is read is written alike.
        Bytes flipped = bytes;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            flipped[i] ^= static_cast<std::uint8_t>(1U << i % 8);
            const auto read = OpenedQuestion::read(flipped);
            ASSERT_TRUE(!read || encode_question(read->question) == flipped);
            (void)kReferee.answer(flipped, leaf);
            (void)kReferee.leaf_differs(flipped, 0, leaf);
            (void)next_step(flipped, held.blob);
            (void)answer_from_blob(flipped, held.blob);
            flipped[i] ^= static_cast<std::uint8_t>(1U << i % 8);
        }
    }
    EXPECT_EQ(refused(kReferee.answer(Bytes(market::kQuestionBytesMax + 1, 1), {})),
              MoveRefusal::malformed);
}

/// A job without a merge has no payload: its tree is empty and so is the answer.
TEST(Questions, AboutAnEmptyPayload) {
    const Held held(commit::small_mlp(), QuestionTree::payload);
    EXPECT_EQ(held.subject.root, base::merkle_root(base::MerkleFamily::blake2b, {}));
    const QuestionStatus opened = kReferee.open_question(held.subject);
    EXPECT_TRUE(kReferee.answer(opened.question, {})->tile);
    market::QuestionSubject other = held.subject;
    other.root.bytes[0] ^= 1U;
    EXPECT_EQ(refused(kReferee.answer(kReferee.open_question(other).question, {})),
              MoveRefusal::wrong_hash);
    Bytes garbage = held.blob;
    garbage.back() ^= 1U;
    EXPECT_TRUE(play_question(held.subject, held.blob, garbage).convicted);
}

/// An answer to `asked` from made-up tiles under child `path` of each list, everything else being
/// made-up hashes: what a committer of a state of any size would send, without the state.
struct MadeUp {
    std::vector<Bytes> answers;
    std::vector<std::uint32_t> path;
    Hash root;
};
MadeUp make_up(const TreeLayout& layout, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<TreeNode> nodes = {layout.root()};
    MadeUp made;
    while (!shows_bytes(layout, nodes.back())) {
        const Cut cut = cut_for_hashes(layout, nodes.back());
        const auto heaviest = std::ranges::max_element(
            cut.nodes(), {}, [&](const TreeNode& node) { return layout.bytes_under(node); });
        made.path.push_back(static_cast<std::uint32_t>(heaviest - cut.nodes().begin()));
        nodes.push_back(*heaviest);
    }
    Bytes answer(layout.bytes_under(nodes.back()), 0);
    const Cut tiles = cut_to_tiles(layout, nodes.back());
    std::vector<Hash> leaves;
    std::size_t done = 0;
    for (const TreeNode& tile : tiles.nodes()) {
        leaves.push_back(base::merkle_leaf(
            base::MerkleFamily::blake2b, ByteView(answer).subspan(done, layout.bytes_under(tile))));
        done += layout.bytes_under(tile);
    }
    Hash known = tiles.join(leaves);
    made.answers.push_back(answer);
    for (std::size_t i = made.path.size(); i-- > 0;) {
        const Cut cut = cut_for_hashes(layout, nodes[i]);
        std::vector<Hash> hashes(cut.nodes().size());
        Bytes bytes;
        for (std::size_t k = 0; k < hashes.size(); ++k) {
            hashes[k].bytes[0] = static_cast<std::uint8_t>(random());
            if (k == made.path[i]) hashes[k] = known;
            bytes.insert(bytes.end(), hashes[k].bytes.begin(), hashes[k].bytes.end());
        }
        known = cut.join(hashes);
        made.answers.insert(made.answers.begin(), bytes);
    }
    made.root = known;
    return made;
}

market::JobSpec large_gpt(std::uint32_t layers, std::uint32_t width, std::uint32_t vocabulary) {
    market::JobSpec spec = testing::question_gpt(width, layers);
    auto& model = std::get<market::GptModel>(spec.model);
    model.heads = width / 64;
    model.context = 2048;
    auto& data = std::get<market::TokenData>(spec.data);
    data.tokeniser = market::Tokeniser::pretokenised;
    data.characters.clear();
    data.vocabulary = vocabulary;
    data.tokens = 1U << 30U;
    data.train_tokens = 1U << 29U;
    return spec;
}

TEST(Questions, TakeThreeAnswersAboutEightBillionParameters) {
    struct Large {
        market::JobSpec spec;
        std::uint64_t bytes_min;
        std::size_t answers;
    };
    for (const Large& large : {Large{large_gpt(12, 768, 50'257), 1'900'000'000, 3},
                               Large{large_gpt(32, 4096, 128'256), 100'000'000'000, 3},
                               Large{large_gpt(128, 1024, 50'257), 20'000'000'000, 3},
                               Large{large_gpt(128, 6400, 200'000), 1'000'000'000'000, 4}}) {
        for (const QuestionTree tree : {QuestionTree::state, QuestionTree::payload}) {
            market::QuestionSubject subject;
            subject.spec = market::encode_spec(large.spec);
            subject.tree = tree;
            const auto layout = TreeLayout::of(tree_terms(subject));
            EXPECT_GT(layout->blob_bytes(),
                      tree == QuestionTree::state ? large.bytes_min : large.bytes_min / 4);
            EXPECT_EQ(kReferee.blob_bytes(subject), layout->blob_bytes());
            const MadeUp made = make_up(*layout, 3);
            EXPECT_LE(made.answers.size(), large.answers);
            subject.root = made.root;
            QuestionStatus status = kReferee.open_question(subject);
            for (std::size_t i = 0; i < made.answers.size(); ++i) {
                if (i > 0) status = *kReferee.ask(status.question, made.path[i - 1]);
                EXPECT_LE(made.answers[i].size(), market::kAnswerBytesMax);
                const auto next = kReferee.answer(status.question, made.answers[i]);
                ASSERT_TRUE(next.has_value());
                status = *next;
                EXPECT_LE(status.question.size(), market::kQuestionBytesMax);
            }
            EXPECT_TRUE(status.tile);
        }
    }
}

}  // namespace
}  // namespace assay::dispute
