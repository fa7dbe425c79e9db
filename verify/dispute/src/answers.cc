#include "dispute/answers.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "opened.h"

namespace assay::dispute {

using base::ByteView;
using base::Hash;

namespace {

using Elements = std::span<const std::byte* const>;
constexpr unsigned kThreadsMax = 256;

Hash hash_alone(const TreeLayout& layout, Elements elements, const TreeNode& node) {
    if (layout.is_descriptor(node)) return layout.descriptor();
    if (node.leaves == 0) return base::merkle_root(base::MerkleFamily::blake2b, {});
    if (node.leaves == 1) {
        const std::size_t i = layout.tensor_of(node);
        return commit::tile_node({&layout.tensor(i), elements[i]}, node.tile, node.tiles);
    }
    const auto [left, right] = layout.split(node);
    const Hash a = layout.in_parent(left, hash_alone(layout, elements, left));
    const Hash b = layout.in_parent(right, hash_alone(layout, elements, right));
    return base::merkle_node(base::MerkleFamily::blake2b, a, b);
}

std::vector<Hash> hashes_of(const TreeLayout& layout, Elements elements,
                            std::span<const TreeNode> nodes, unsigned threads) {
    std::vector<Hash> hashes(nodes.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < nodes.size();
             i = next.fetch_add(1, std::memory_order_relaxed))
            hashes[i] = hash_alone(layout, elements, nodes[i]);
    };
    const std::size_t most =
        std::min<std::size_t>(std::clamp(threads, 1U, kThreadsMax), nodes.size());
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < most; ++i) others.emplace_back(work);
    work();
    others.clear();  // joins
    return hashes;
}

base::Bytes tile_bytes(const TreeLayout& layout, Elements elements, const TreeNode& node) {
    base::Bytes bytes(layout.bytes_under(node));
    std::size_t done = 0;
    const Cut cut = cut_to_tiles(layout, node);
    for (const TreeNode& tile : cut.nodes()) {
        const std::size_t i = layout.tensor_of(tile);
        const auto* data = reinterpret_cast<const std::uint8_t*>(elements[i]);
        for (const BlobPiece& piece : layout.pieces(tile)) {
            base::copy_canonical_words(words_of(layout.tensor(i).dtype),
                                       data + (piece.offset - layout.offset_of(i)),
                                       bytes.data() + done, piece.bytes);
            done += piece.bytes;
        }
    }
    return bytes;
}

/// A blob as it was fetched, and what an asker can do with it.
class FetchedBlob {
  public:
    FetchedBlob(const OpenedQuestion& opened, ByteView blob, std::span<const BlobGap> gaps,
                unsigned threads)
        : layout_(opened.layout),
          question_(opened.question),
          blob_(blob),
          gaps_(gaps),
          threads_(threads),
          elements_(*elements_in(layout_, blob)) {}

    AskerStep next_step() {
        compare(0, layout_.front());
        if (found_) return {AskerMove::show, *found_};
        switch (question_.phase) {
            case QuestionPhase::asked:
                return before_an_answer();
            case QuestionPhase::listed:
                return among_descendants();
            case QuestionPhase::shown:
                return among_tiles();
        }
        ASSAY_CHECK(false);
        return {};
    }

  private:
    [[nodiscard]] bool fetched(std::uint64_t begin, std::uint64_t end) const {
        const auto gap = std::ranges::partition_point(
            gaps_, [begin](const BlobGap& g) { return g.end <= begin; });
        return gap == gaps_.end() || gap->begin >= end;
    }

    /// Leaves are shown whole, so one that was fetched in part is missing.
    void compare(std::uint64_t offset, ByteView known) {
        while (!found_ && !known.empty()) {
            const std::uint64_t leaf = offset / base::kBlobLeafBytes;
            const std::uint64_t begin = leaf * base::kBlobLeafBytes;
            const std::uint64_t end =
                std::min<std::uint64_t>(begin + base::kBlobLeafBytes, blob_.size());
            const ByteView mine = known.first(std::min<std::uint64_t>(known.size(), end - offset));
            if (!fetched(begin, end)) {
                missing_ = true;
            } else if (!std::equal(mine.begin(), mine.end(), blob_.subspan(offset).begin())) {
                found_ = leaf;
            }
            offset += mine.size();
            known = known.subspan(mine.size());
        }
    }

    /// Rows from the first to the last that a node has tiles of.
    [[nodiscard]] bool fetched(const TreeNode& node) const {
        if (gaps_.empty() || node.leaves == 0 || layout_.is_descriptor(node)) return true;
        if (node.leaves > 1) {
            const auto [left, right] = layout_.split(node);
            return fetched(left) && fetched(right);
        }
        const auto first = layout_.pieces({node.leaf, 1, node.tile, 1});
        const auto last = layout_.pieces({node.leaf, 1, node.tile + node.tiles - 1, 1});
        const program::Tensor& tensor = layout_.tensor(layout_.tensor_of(node));
        const std::uint64_t row = std::uint64_t{tensor.cols} * program::size_of(tensor.dtype);
        const std::uint64_t start = layout_.offset_of(layout_.tensor_of(node));
        const std::uint64_t from = start + (first.front().offset - start) / row * row;
        const std::uint64_t to = start + ((last.back().offset - start) / row + 1) * row;
        return fetched(from, to);
    }

    AskerStep before_an_answer() {
        if (question_.node != layout_.root()) return {AskerMove::wait, 0};
        if (missing_ || !fetched(question_.node)) return {AskerMove::wait, 0};
        const Hash own = layout_.in_parent(question_.node,
                                           node_hash(layout_, elements_, question_.node, threads_));
        return {own == question_.known ? AskerMove::sound : AskerMove::wait, 0};
    }

    AskerStep among_descendants() {
        const Cut cut = cut_for_hashes(layout_, question_.node);
        std::vector<TreeNode> nodes;
        std::vector<std::size_t> numbers;
        for (std::size_t i = 0; i < cut.nodes().size(); ++i) {
            if (!fetched(cut.nodes()[i])) {
                missing_ = true;
                continue;
            }
            nodes.push_back(cut.nodes()[i]);
            numbers.push_back(i);
        }
        const std::vector<Hash> hashes = hashes_of(layout_, elements_, nodes, threads_);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (hashes[i] != question_.hashes[numbers[i]]) return {AskerMove::ask, numbers[i]};
        }
        return {missing_ ? AskerMove::missing : AskerMove::sound, 0};
    }

    AskerStep among_tiles() {
        ByteView rest = question_.tiles;
        const Cut cut = cut_to_tiles(layout_, question_.node);
        for (const TreeNode& tile : cut.nodes()) {
            for (const BlobPiece& piece : layout_.pieces(tile)) {
                compare(piece.offset, rest.first(piece.bytes));
                rest = rest.subspan(piece.bytes);
            }
        }
        if (found_) return {AskerMove::show, *found_};
        return {missing_ ? AskerMove::missing : AskerMove::sound, 0};
    }

    const TreeLayout& layout_;
    const Question& question_;
    ByteView blob_;
    std::span<const BlobGap> gaps_;
    unsigned threads_;
    TreeElements elements_;
    std::optional<std::uint64_t> found_;
    bool missing_ = false;
};

tl::expected<base::Bytes, MoveRefusal> answer_opened(const OpenedQuestion& opened,
                                                     Elements elements, unsigned threads) {
    const TreeLayout& layout = opened.layout;
    const Question& question = opened.question;
    if (elements.size() != layout.tensors()) return tl::unexpected(MoveRefusal::wrong_count);
    if (question.phase != QuestionPhase::asked) return tl::unexpected(MoveRefusal::wrong_move);
    if (shows_bytes(layout, question.node)) return tile_bytes(layout, elements, question.node);
    const Cut cut = cut_for_hashes(layout, question.node);
    base::Bytes bytes;
    for (const Hash& hash : hashes_of(layout, elements, cut.nodes(), threads))
        bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.end());
    return bytes;
}

}  // namespace

TreeElements elements_of(std::span<const commit::Buffer> buffers) {
    TreeElements elements;
    for (const commit::Buffer& buffer : buffers) elements.push_back(buffer.data());
    return elements;
}

std::optional<TreeElements> elements_in(const TreeLayout& layout, ByteView blob) {
    if (blob.size() != layout.blob_bytes()) return std::nullopt;
    TreeElements elements;
    for (std::size_t i = 0; i < layout.tensors(); ++i)
        elements.push_back(
            reinterpret_cast<const std::byte*>(blob.subspan(layout.offset_of(i)).data()));
    return elements;
}

Hash node_hash(const TreeLayout& layout, Elements elements, const TreeNode& node,
               unsigned threads) {
    ASSAY_CHECK(elements.size() == layout.tensors() && layout.has(node));
    const Cut cut = cut_for_hashes(layout, node);
    return cut.join(hashes_of(layout, elements, cut.nodes(), threads));
}

tl::expected<base::Bytes, MoveRefusal> answer_question(ByteView question, Elements elements,
                                                       unsigned threads) {
    const auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    return answer_opened(*opened, elements, threads);
}

tl::expected<base::Bytes, MoveRefusal> answer_from_blob(ByteView question, ByteView blob,
                                                        unsigned threads) {
    const auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    const auto elements = elements_in(opened->layout, blob);
    if (!elements) return tl::unexpected(MoveRefusal::wrong_count);
    return answer_opened(*opened, *elements, threads);
}

tl::expected<AskerStep, MoveRefusal> next_step(ByteView question, ByteView blob,
                                               std::span<const BlobGap> gaps, unsigned threads) {
    const auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    if (blob.size() != opened->layout.blob_bytes()) return tl::unexpected(MoveRefusal::wrong_count);
    return FetchedBlob(*opened, blob, gaps, threads).next_step();
}

}  // namespace assay::dispute
