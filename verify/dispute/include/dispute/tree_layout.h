#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "market/job_spec.h"
#include "market/referee.h"
#include "program/program.h"

/// The tree that a state root or payload root commits to, as one tree of tiles, and where each of
/// them lies in the canonical blob (docs/formats/questions.md).
namespace assay::dispute {

/// A node: several leaves of the root's tree, or several tiles of one of them.
struct TreeNode {
    std::uint32_t leaf = 0, leaves = 0;  ///< the descriptor is leaf 0 of a state; then the tensors
    std::uint64_t tile = 0, tiles = 0;   ///< of the tensor when `leaves` is 1, else 0
    bool operator==(const TreeNode&) const = default;
};

/// Some bytes of a blob: a row of a tile.
struct BlobPiece {
    std::uint64_t offset = 0;
    std::uint32_t bytes = 0;
};

/// What a tree and its blob follow from: a subject without its root, and of its spec only what
/// tensors depend on, so that a vocabulary's characters are not carried along.
struct TreeTerms {
    base::Bytes shape;  ///< market::encode_spec of the spec as `shape_of` leaves it
    base::Hash spec_root, program_root;
    market::QuestionTree tree = market::QuestionTree::state;
    std::uint32_t round = 0, lane = 0, step = 0;
    base::Hash round_start_root;
    bool operator==(const TreeTerms&) const = default;
};
/// Requires a subject with a spec that the rules accepted.
TreeTerms tree_terms(const market::QuestionSubject& subject);
/// A spec with the same tensors in few bytes: token data lose their characters.
market::JobSpec shape_of(market::JobSpec spec);
inline constexpr std::size_t kShapeBytesMax = 1024;

class TreeLayout {
  public:
    /// Nothing when the shape is not the encoding of a shape.
    static std::optional<TreeLayout> of(const TreeTerms& terms);

    /// Everything before the elements.
    [[nodiscard]] const base::Bytes& front() const { return front_; }
    [[nodiscard]] std::uint64_t blob_bytes() const { return offsets_.back(); }
    [[nodiscard]] std::size_t tensors() const { return tensors_.size(); }
    [[nodiscard]] const program::Tensor& tensor(std::size_t i) const { return tensors_[i]; }
    /// Of a tensor's elements in the blob.
    [[nodiscard]] std::uint64_t offset_of(std::size_t i) const { return offsets_[i]; }

    [[nodiscard]] TreeNode root() const;
    /// Whether there is such a range of leaves or tiles.
    [[nodiscard]] bool has(const TreeNode& node) const;
    [[nodiscard]] bool is_descriptor(const TreeNode& node) const;
    [[nodiscard]] std::size_t tensor_of(const TreeNode& node) const;
    /// How many bytes of the blob lie under a node.
    [[nodiscard]] std::uint64_t bytes_under(const TreeNode& node) const;
    [[nodiscard]] bool splits(const TreeNode& node) const {
        return node.leaves > 1 || node.tiles > 1;
    }
    /// Requires `splits`.
    [[nodiscard]] std::pair<TreeNode, TreeNode> split(const TreeNode& node) const;
    /// The rows of a tile in their order. Requires a node of one tile.
    [[nodiscard]] std::vector<BlobPiece> pieces(const TreeNode& tile) const;

    /// A node's hash as its parent has it, from the node's own: of a tensor's tile tree the tensor
    /// root.
    [[nodiscard]] base::Hash in_parent(const TreeNode& node, const base::Hash& hash) const;
    /// The first leaf of a state root.
    [[nodiscard]] const base::Hash& descriptor() const { return descriptor_; }

  private:
    TreeLayout() = default;
    [[nodiscard]] std::uint32_t first_tensor() const { return has_descriptor_ ? 1 : 0; }
    [[nodiscard]] TreeNode over(std::uint32_t leaf, std::uint32_t leaves) const;
    std::vector<program::Tensor> tensors_;
    std::vector<std::uint64_t> offsets_;  ///< of each tensor's elements; then the blob's size
    base::Bytes front_;
    base::Hash descriptor_;
    bool has_descriptor_ = false;
};

/// Descendants of a node, and how they hash up to it. Refers to its layout.
class Cut {
  public:
    /// Always splits the node with the most bytes, of equal ones the first, while there are fewer
    /// than `nodes_max` and it has more than `bytes_max` bytes.
    Cut(const TreeLayout& layout, const TreeNode& top, std::size_t nodes_max,
        std::uint64_t bytes_max);
    /// In the order of the blob, without the descriptor, which everybody knows.
    [[nodiscard]] const std::vector<TreeNode>& nodes() const& { return nodes_; }
    const std::vector<TreeNode>& nodes() const&& = delete;
    /// The node's own hash from those of `nodes()`. Requires as many.
    [[nodiscard]] base::Hash join(std::span<const base::Hash> hashes) const;

  private:
    struct Part {
        TreeNode node;
        std::uint32_t left = 0, right = 0;  ///< parts; 0: not split
    };
    void collect(std::uint32_t part);
    [[nodiscard]] base::Hash join_part(std::uint32_t part, std::span<const base::Hash>& rest) const;
    const TreeLayout& layout_;
    std::vector<Part> parts_;
    std::vector<TreeNode> nodes_;
};

/// What is owed about a node: its tiles' bytes where they fit into one answer, else its
/// descendants' hashes.
bool shows_bytes(const TreeLayout& layout, const TreeNode& node);
Cut cut_for_hashes(const TreeLayout& layout, const TreeNode& node);
/// Down to single tiles.
Cut cut_to_tiles(const TreeLayout& layout, const TreeNode& node);

}  // namespace assay::dispute
