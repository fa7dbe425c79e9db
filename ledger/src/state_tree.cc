#include "state_tree.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "base/encoding.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using base::Hash;
using base::state_path_bit;

constexpr std::uint8_t kLeafRecord = 1;
constexpr std::uint8_t kBranchRecord = 2;
constexpr unsigned kDepthMax = 256;

/// A place in the tree: the first `depth` bits of `path`; the bits after them are zero.
struct Position {
    Hash path;
    unsigned depth = 0;

    [[nodiscard]] Position child(bool right) const {
        ASSAY_CHECK(depth < kDepthMax);
        Position below{path, depth + 1};
        if (right) {
            auto& byte = below.path.bytes[depth / 8];
            byte = static_cast<std::uint8_t>(byte | (1U << (7U - depth % 8U)));
        }
        return below;
    }
    [[nodiscard]] Bytes key() const {
        Bytes out(2 + (depth + 7) / 8);
        out[0] = static_cast<std::uint8_t>(depth >> 8U);
        out[1] = static_cast<std::uint8_t>(depth);
        std::copy_n(path.bytes.begin(), out.size() - 2, out.begin() + 2);
        return out;
    }
};

enum class NodeKind : std::uint8_t { empty, leaf, branch };

/// A subtree as its parent sees it. Leaf: (path, value hash); branch: (left hash, right hash).
struct Node {
    NodeKind kind = NodeKind::empty;
    Hash first, second;

    [[nodiscard]] Hash hash() const {
        switch (kind) {
            case NodeKind::empty:
                return {};
            case NodeKind::leaf:
                return base::state_leaf_hash(first, second);
            case NodeKind::branch:
                return base::state_branch_hash(first, second);
        }
        return {};
    }
    [[nodiscard]] Bytes record() const {
        base::Encoder out;
        out.u8(kind == NodeKind::leaf ? kLeafRecord : kBranchRecord).hash(first).hash(second);
        return out.take();
    }
};

Node load(const TreeReader& reader, const Position& position) {
    const auto record = reader.node(position.key());
    if (!record) return {};
    base::Decoder in(*record);
    const std::uint8_t tag = in.u8();
    Node node{tag == kLeafRecord ? NodeKind::leaf : NodeKind::branch, in.hash(), in.hash()};
    ASSAY_CHECK(in.finished() && (tag == kLeafRecord || tag == kBranchRecord));
    return node;
}

struct Leaf {
    Hash path, value_hash;
};
using Change = std::pair<Hash, std::optional<Hash>>;

/// Where the entries that go right begin, in a range sorted by path that agrees on its first
/// `depth` bits.
template <class Entry>
std::size_t split_point(std::span<const Entry> entries, unsigned depth,
                        const Hash& (*path_of)(const Entry&)) {
    const auto middle = std::partition_point(
        entries.begin(), entries.end(),
        [&](const Entry& entry) { return !state_path_bit(path_of(entry), depth); });
    return static_cast<std::size_t>(middle - entries.begin());
}

class Updater {
  public:
    explicit Updater(const TreeReader& reader) : reader_(reader) {}

    TreeUpdate run(const std::vector<Change>& changes) {
        const Position root;
        const Node old = load(reader_, root);
        const Node now = changes.empty() ? old : change(root, old, changes);
        if (!changes.empty()) keep(root, now, old.kind != NodeKind::empty);
        update_.root = now.hash();
        return std::move(update_);
    }

  private:
    /// Records what stands at `position` now. `existed`: a record is stored there.
    void keep(const Position& position, const Node& node, bool existed) {
        if (node.kind != NodeKind::empty) {
            update_.records[position.key()] = node.record();
        } else if (existed) {
            update_.records[position.key()] = std::nullopt;
        }
    }

    Node change(const Position& position, const Node& old, std::span<const Change> changes) {
        return old.kind == NodeKind::branch ? change_branch(position, old, changes)
                                            : rebuild(position, old, changes);
    }

    /// The subtree held at most one leaf: what it holds now is that leaf and the changes.
    Node rebuild(const Position& position, const Node& old, std::span<const Change> changes) {
        std::vector<Leaf> leaves;
        bool old_pending = old.kind == NodeKind::leaf;
        for (const Change& entry : changes) {
            if (old_pending && old.first < entry.first) {
                leaves.push_back({old.first, old.second});
                old_pending = false;
            }
            if (old_pending && old.first == entry.first) old_pending = false;
            if (entry.second) leaves.push_back({entry.first, *entry.second});
        }
        if (old_pending) leaves.push_back({old.first, old.second});
        return build(position, leaves);
    }

    Node build(const Position& position, std::span<const Leaf> leaves) {
        if (leaves.empty()) return {};
        if (leaves.size() == 1) return {NodeKind::leaf, leaves[0].path, leaves[0].value_hash};
        const std::size_t middle = split_point<Leaf>(
            leaves, position.depth, [](const Leaf& leaf) -> const Hash& { return leaf.path; });
        const Node left = build(position.child(false), leaves.first(middle));
        const Node right = build(position.child(true), leaves.subspan(middle));
        keep(position.child(false), left, false);
        keep(position.child(true), right, false);
        return {NodeKind::branch, left.hash(), right.hash()};
    }

    Node change_branch(const Position& position, const Node& old, std::span<const Change> changes) {
        const std::size_t middle =
            split_point<Change>(changes, position.depth,
                                [](const Change& entry) -> const Hash& { return entry.first; });
        const Side left = change_side(position.child(false), old.first, changes.first(middle));
        const Side right = change_side(position.child(true), old.second, changes.subspan(middle));
        // A subtree with one leaf is that leaf: it moves up when its sibling has become empty.
        if (left.hash.is_zero() || right.hash.is_zero()) {
            const Side& other = left.hash.is_zero() ? right : left;
            const Position other_position = position.child(left.hash.is_zero());
            const Node node = other.changed
                                  ? *other.changed
                                  : (other.hash.is_zero() ? Node{} : load(reader_, other_position));
            if (node.kind != NodeKind::branch) {
                keep(position.child(false), {}, !old.first.is_zero());
                keep(position.child(true), {}, !old.second.is_zero());
                return node;
            }
        }
        if (left.changed) keep(position.child(false), *left.changed, !old.first.is_zero());
        if (right.changed) keep(position.child(true), *right.changed, !old.second.is_zero());
        return {NodeKind::branch, left.hash, right.hash};
    }

    struct Side {
        Hash hash;
        std::optional<Node> changed;
    };
    Side change_side(const Position& position, const Hash& old_hash,
                     std::span<const Change> changes) {
        if (changes.empty()) return {old_hash, std::nullopt};
        const Node old = old_hash.is_zero() ? Node{} : load(reader_, position);
        ASSAY_CHECK(old_hash.is_zero() == (old.kind == NodeKind::empty));
        const Node now = change(position, old, changes);
        return {now.hash(), now};
    }

    const TreeReader& reader_;
    TreeUpdate update_;
};

Hash scratch_root(std::span<const std::pair<Hash, Hash>> leaves, unsigned depth) {
    if (leaves.empty()) return {};
    if (leaves.size() == 1) return base::state_leaf_hash(leaves[0].first, leaves[0].second);
    std::size_t middle = 0;
    while (middle < leaves.size() && !state_path_bit(leaves[middle].first, depth)) ++middle;
    return base::state_branch_hash(scratch_root(leaves.first(middle), depth + 1),
                                   scratch_root(leaves.subspan(middle), depth + 1));
}

}  // namespace

TreeUpdate update_tree(const TreeReader& reader, const TreeChanges& changes) {
    return Updater(reader).run({changes.begin(), changes.end()});
}

Hash tree_root(const TreeReader& reader) { return load(reader, Position{}).hash(); }

base::StateProof prove_path(const TreeReader& reader, const Hash& path) {
    base::StateProof proof;
    Position position;
    Node node = load(reader, position);
    while (node.kind == NodeKind::branch) {
        const bool right = state_path_bit(path, position.depth);
        proof.siblings.push_back(right ? node.first : node.second);
        position = position.child(right);
        node = load(reader, position);
    }
    if (node.kind == NodeKind::leaf) proof.leaf = base::StateProof::Leaf{node.first, node.second};
    return proof;
}

Hash root_from_scratch(const std::map<Hash, Hash>& value_hash_by_path) {
    return scratch_root(
        std::vector<std::pair<Hash, Hash>>(value_hash_by_path.begin(), value_hash_by_path.end()),
        0);
}

}  // namespace assay::ledger
