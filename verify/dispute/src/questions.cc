#include "dispute/questions.h"

#include <algorithm>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "opened.h"

namespace assay::dispute {

using base::ByteView;
using base::Decoder;
using base::Encoder;
using base::Hash;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr auto kHashesMax = static_cast<std::uint32_t>(market::kAnswerBytesMax / sizeof(Hash));

/// The leaves of tiles that lie one after another. Nothing where one has a NaN that is not
/// canonical: such bytes have no place in a blob, though some root covers them.
std::optional<std::vector<Hash>> leaves_of(const TreeLayout& layout, const Cut& cut,
                                           ByteView tiles) {
    std::vector<Hash> leaves;
    base::Bytes canonical(kTileBytesMax);
    for (const TreeNode& node : cut.nodes()) {
        const ByteView tile = tiles.first(layout.bytes_under(node));
        tiles = tiles.subspan(tile.size());
        base::copy_canonical_words(words_of(layout.tensor(layout.tensor_of(node)).dtype),
                                   tile.data(), canonical.data(), tile.size());
        if (!std::equal(tile.begin(), tile.end(), canonical.begin())) return std::nullopt;
        leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, tile));
    }
    return leaves;
}

/// A stretch of the blob whose bytes are known, and the leaf that a comparison is about.
class LeafComparison {
  public:
    LeafComparison(std::uint64_t begin, ByteView bytes) : begin_(begin), bytes_(bytes) {}
    void add(std::uint64_t offset, ByteView known) {
        const std::uint64_t from = std::max(offset, begin_);
        const std::uint64_t to = std::min(offset + known.size(), begin_ + bytes_.size());
        if (from >= to) return;
        touched_ = true;
        const ByteView mine = known.subspan(from - offset, to - from);
        if (!std::equal(mine.begin(), mine.end(), bytes_.subspan(from - begin_).begin()))
            differs_ = true;
    }
    [[nodiscard]] bool touched() const { return touched_; }
    [[nodiscard]] bool differs() const { return differs_; }

  private:
    std::uint64_t begin_;
    ByteView bytes_;
    bool touched_ = false, differs_ = false;
};

void put_terms(Encoder& encoder, const TreeTerms& terms) {
    encoder.bytes(terms.shape).hash(terms.spec_root).hash(terms.program_root);
    encoder.u8(static_cast<std::uint8_t>(terms.tree)).u32(terms.round).u32(terms.lane);
    encoder.u32(terms.step).hash(terms.round_start_root);
}

TreeTerms get_terms(Decoder& decoder) {
    TreeTerms terms;
    terms.shape = decoder.bytes(kShapeBytesMax);
    terms.spec_root = decoder.hash();
    terms.program_root = decoder.hash();
    const std::uint8_t tree = decoder.u8();
    if (tree != 1 && tree != 2) decoder.fail();
    terms.tree = static_cast<market::QuestionTree>(tree);
    terms.round = decoder.u32();
    terms.lane = decoder.u32();
    terms.step = decoder.u32();
    terms.round_start_root = decoder.hash();
    return terms;
}

}  // namespace

Question question_about(const market::QuestionSubject& subject) {
    Question question;
    question.terms = tree_terms(subject);
    const auto layout = TreeLayout::of(question.terms);
    ASSAY_CHECK(layout.has_value());
    question.node = layout->root();
    question.known = subject.root;
    return question;
}

base::Bytes encode_question(const Question& question) {
    Encoder encoder;
    encoder.u8(kFormat);
    put_terms(encoder, question.terms);
    const TreeNode& node = question.node;
    encoder.u32(node.leaf).u32(node.leaves).u64(node.tile).u64(node.tiles).hash(question.known);
    encoder.u8(static_cast<std::uint8_t>(question.phase));
    switch (question.phase) {
        case QuestionPhase::asked:
            break;
        case QuestionPhase::listed:
            encoder.u32(static_cast<std::uint32_t>(question.hashes.size()));
            for (const Hash& hash : question.hashes) encoder.hash(hash);
            break;
        case QuestionPhase::shown:
            encoder.bytes(question.tiles);
            break;
    }
    ASSAY_CHECK(encoder.view().size() <= market::kQuestionBytesMax);
    return encoder.take();
}

std::optional<OpenedQuestion> OpenedQuestion::read(ByteView bytes) {
    if (bytes.size() > market::kQuestionBytesMax) return std::nullopt;
    Decoder decoder(bytes);
    if (decoder.u8() != kFormat) return std::nullopt;
    Question question;
    question.terms = get_terms(decoder);
    question.node.leaf = decoder.u32();
    question.node.leaves = decoder.u32();
    question.node.tile = decoder.u64();
    question.node.tiles = decoder.u64();
    question.known = decoder.hash();
    const std::uint8_t phase = decoder.u8();
    if (phase < 1 || phase > 3) return std::nullopt;
    question.phase = static_cast<QuestionPhase>(phase);
    if (question.phase == QuestionPhase::listed) {
        const std::uint32_t count = decoder.length(kHashesMax);
        for (std::uint32_t i = 0; decoder.ok() && i < count; ++i)
            question.hashes.push_back(decoder.hash());
    }
    if (question.phase == QuestionPhase::shown)
        question.tiles = decoder.bytes(market::kAnswerBytesMax);
    if (!decoder.finished()) return std::nullopt;
    auto layout = TreeLayout::of(question.terms);
    if (!layout || !layout->has(question.node)) return std::nullopt;
    const bool bytes_shown = shows_bytes(*layout, question.node);
    const bool fits = question.phase == QuestionPhase::asked ||
                      (question.phase == QuestionPhase::shown) == bytes_shown;
    if (!fits) return std::nullopt;
    OpenedQuestion opened{std::move(question), std::move(*layout)};
    const std::size_t had =
        opened.question.hashes.size() * sizeof(Hash) + opened.question.tiles.size();
    if (opened.question.phase != QuestionPhase::asked && had != opened.answer_bytes())
        return std::nullopt;
    return opened;
}

std::size_t OpenedQuestion::answer_bytes() const {
    if (shows_bytes(layout, question.node)) return layout.bytes_under(question.node);
    const Cut cut = cut_for_hashes(layout, question.node);
    return cut.nodes().size() * sizeof(Hash);
}

bool OpenedQuestion::stands(const Hash& own) const {
    // The hash at the root is that of the root's tree, where a tensor is a leaf.
    const bool top = question.node == layout.root();
    return (top ? layout.in_parent(question.node, own) : own) == question.known;
}

std::optional<MoveRefusal> OpenedQuestion::answer(ByteView bytes) {
    if (question.phase != QuestionPhase::asked) return MoveRefusal::wrong_move;
    if (shows_bytes(layout, question.node)) {
        if (bytes.size() != layout.bytes_under(question.node)) return MoveRefusal::wrong_count;
        const Cut cut = cut_to_tiles(layout, question.node);
        const auto leaves = leaves_of(layout, cut, bytes);
        if (!leaves || !stands(cut.join(*leaves))) return MoveRefusal::wrong_hash;
        question.tiles.assign(bytes.begin(), bytes.end());
        question.phase = QuestionPhase::shown;
        return std::nullopt;
    }
    const Cut cut = cut_for_hashes(layout, question.node);
    if (bytes.size() != cut.nodes().size() * sizeof(Hash)) return MoveRefusal::wrong_count;
    std::vector<Hash> hashes(cut.nodes().size());
    for (std::size_t i = 0; i < hashes.size(); ++i)
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Hash)), sizeof(Hash),
                    hashes[i].bytes.begin());
    if (!stands(cut.join(hashes))) return MoveRefusal::wrong_hash;
    question.hashes = std::move(hashes);
    question.phase = QuestionPhase::listed;
    return std::nullopt;
}

std::optional<MoveRefusal> OpenedQuestion::ask(std::uint32_t child) {
    if (question.phase != QuestionPhase::listed) return MoveRefusal::wrong_move;
    if (child >= question.hashes.size()) return MoveRefusal::wrong_place;
    const Cut cut = cut_for_hashes(layout, question.node);
    question.node = cut.nodes()[child];
    question.known = question.hashes[child];
    question.hashes.clear();
    question.phase = QuestionPhase::asked;
    return std::nullopt;
}

tl::expected<bool, MoveRefusal> OpenedQuestion::leaf_differs(std::uint64_t leaf,
                                                             ByteView bytes) const {
    const std::uint64_t size = layout.blob_bytes();
    if (leaf > (size - 1) / base::kBlobLeafBytes) return tl::unexpected(MoveRefusal::wrong_place);
    const std::uint64_t begin = leaf * base::kBlobLeafBytes;
    if (bytes.size() != std::min<std::uint64_t>(base::kBlobLeafBytes, size - begin))
        return tl::unexpected(MoveRefusal::wrong_count);
    LeafComparison comparison(begin, bytes);
    comparison.add(0, layout.front());
    if (question.phase == QuestionPhase::shown) {
        ByteView rest = question.tiles;
        const Cut cut = cut_to_tiles(layout, question.node);
        for (const TreeNode& tile : cut.nodes()) {
            for (const BlobPiece& piece : layout.pieces(tile)) {
                comparison.add(piece.offset, rest.first(piece.bytes));
                rest = rest.subspan(piece.bytes);
            }
        }
    }
    if (!comparison.touched()) return tl::unexpected(MoveRefusal::wrong_place);
    return comparison.differs();
}

market::QuestionStatus OpenedQuestion::status() const {
    return {encode_question(question), static_cast<std::uint32_t>(question.hashes.size()),
            question.phase == QuestionPhase::shown};
}

}  // namespace assay::dispute
