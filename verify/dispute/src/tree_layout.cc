#include "dispute/tree_layout.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>

#include "base/check.h"
#include "base/merkle.h"
#include "commit/checkpoint.h"
#include "commit/state.h"
#include "market/job_spec.h"
#include "opened.h"
#include "program/builder.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::Tensor;

namespace {

constexpr std::size_t kNodesMax = market::kAnswerBytesMax / sizeof(Hash);

std::uint64_t tiles_across(const Tensor& tensor) {
    return (std::uint64_t{tensor.cols} + kTileSide - 1) / kTileSide;
}

/// Elements of the tiles before number `tile`.
std::uint64_t elements_before(const Tensor& tensor, std::uint64_t tile) {
    const std::uint64_t row =
        std::min<std::uint64_t>(tile / tiles_across(tensor) * kTileSide, tensor.rows);
    const std::uint64_t col = tile % tiles_across(tensor) * kTileSide;
    return row * tensor.cols + std::min<std::uint64_t>(kTileSide, tensor.rows - row) * col;
}

}  // namespace

TreeTerms tree_terms(const market::QuestionSubject& subject) {
    const auto spec = market::decode_spec(subject.spec);
    ASSAY_CHECK(spec.has_value());
    TreeTerms terms;
    terms.shape = market::encode_spec(shape_of(*spec));
    ASSAY_CHECK(terms.shape.size() <= kShapeBytesMax);
    terms.spec_root = market::spec_root(subject.spec);
    terms.program_root = subject.program_root;
    terms.tree = subject.tree;
    terms.round = subject.round;
    terms.lane = subject.lane;
    terms.step = subject.step;
    terms.round_start_root = subject.round_start_root;
    return terms;
}

market::JobSpec shape_of(market::JobSpec spec) {
    if (auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        tokens->tokeniser = market::Tokeniser::pretokenised;
        tokens->characters.clear();
    }
    return spec;
}

std::optional<TreeLayout> TreeLayout::of(const TreeTerms& terms) {
    if (terms.shape.size() > kShapeBytesMax) return std::nullopt;
    const auto spec = market::decode_spec(terms.shape);
    if (!spec || shape_of(*spec) != *spec) return std::nullopt;
    auto tensors = program::build_tensors(*spec);
    if (!tensors) return std::nullopt;
    TreeLayout layout;
    if (terms.tree == market::QuestionTree::state) {
        commit::StateDescriptor descriptor;
        descriptor.spec_root = terms.spec_root;
        descriptor.program_root = terms.program_root;
        descriptor.profile = spec->profile;
        descriptor.round = terms.round;
        descriptor.lane = terms.lane;
        descriptor.step = terms.step;
        descriptor.round_start_root = terms.round_start_root;
        layout.has_descriptor_ = true;
        layout.descriptor_ = commit::descriptor_leaf(descriptor);
        layout.tensors_ = std::move(tensors->state);
        layout.front_ = commit::state_front(layout.tensors_, descriptor);
    } else {
        layout.tensors_ = std::move(tensors->payload);
        layout.front_ = commit::payload_front(layout.tensors_);
    }
    std::uint64_t offset = layout.front_.size();
    for (const Tensor& tensor : layout.tensors_) {
        layout.offsets_.push_back(offset);
        offset += std::uint64_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype);
    }
    layout.offsets_.push_back(offset);
    return layout;
}

TreeNode TreeLayout::over(std::uint32_t leaf, std::uint32_t leaves) const {
    TreeNode node{leaf, leaves, 0, 0};
    if (leaves == 1 && leaf >= first_tensor()) node.tiles = tile_count(tensors_[tensor_of(node)]);
    return node;
}

TreeNode TreeLayout::root() const {
    return over(0, static_cast<std::uint32_t>(tensors_.size()) + first_tensor());
}

bool TreeLayout::has(const TreeNode& node) const {
    const TreeNode all = root();
    if (all.leaves == 0) return node == all;
    if (node.leaves == 0 || node.leaf >= all.leaves || node.leaves > all.leaves - node.leaf)
        return false;
    if (node.leaves > 1 || is_descriptor(node)) return node.tile == 0 && node.tiles == 0;
    const std::uint64_t tiles = tile_count(tensors_[tensor_of(node)]);
    return node.tiles > 0 && node.tile < tiles && node.tiles <= tiles - node.tile;
}

bool TreeLayout::is_descriptor(const TreeNode& node) const {
    return has_descriptor_ && node.leaf == 0 && node.leaves == 1;
}

std::size_t TreeLayout::tensor_of(const TreeNode& node) const { return node.leaf - first_tensor(); }

std::uint64_t TreeLayout::bytes_under(const TreeNode& node) const {
    if (node.leaves == 0 || is_descriptor(node)) return 0;
    if (node.leaves > 1) {
        const std::size_t end = node.leaf + node.leaves - first_tensor();
        const std::size_t begin = std::max(node.leaf, first_tensor()) - first_tensor();
        return offsets_[end] - offsets_[begin];
    }
    const Tensor& tensor = tensors_[tensor_of(node)];
    return (elements_before(tensor, node.tile + node.tiles) - elements_before(tensor, node.tile)) *
           program::size_of(tensor.dtype);
}

std::pair<TreeNode, TreeNode> TreeLayout::split(const TreeNode& node) const {
    ASSAY_CHECK(splits(node));
    if (node.leaves > 1) {
        const std::uint32_t left = std::bit_floor(node.leaves - 1);
        return {over(node.leaf, left), over(node.leaf + left, node.leaves - left)};
    }
    const std::uint64_t left = std::bit_floor(node.tiles - 1);
    return {{node.leaf, 1, node.tile, left}, {node.leaf, 1, node.tile + left, node.tiles - left}};
}

std::vector<BlobPiece> TreeLayout::pieces(const TreeNode& node) const {
    ASSAY_CHECK(node.tiles == 1);
    const Tensor& tensor = tensors_[tensor_of(node)];
    const auto place = tile_place(tensor, static_cast<std::uint32_t>(node.tile));
    ASSAY_CHECK(place.has_value());
    const std::uint64_t element = program::size_of(tensor.dtype);
    std::vector<BlobPiece> pieces;
    for (std::uint32_t row = 0; row < place->rows; ++row) {
        const std::uint64_t first = (std::uint64_t{place->row} + row) * tensor.cols + place->col;
        pieces.push_back({offset_of(tensor_of(node)) + first * element,
                          static_cast<std::uint32_t>(place->cols * element)});
    }
    return pieces;
}

Hash TreeLayout::in_parent(const TreeNode& node, const Hash& hash) const {
    if (node.leaves != 1 || is_descriptor(node)) return hash;
    const Tensor& tensor = tensors_[tensor_of(node)];
    const bool whole = node.tiles == tile_count(tensor);
    return whole ? commit::tensor_root_of_tree(tensor, hash) : hash;
}

Cut::Cut(const TreeLayout& layout, const TreeNode& top, std::size_t nodes_max,
         std::uint64_t bytes_max)
    : layout_(layout) {
    struct Waiting {
        std::uint64_t bytes = 0;
        std::uint32_t leaf = 0;
        std::uint64_t tile = 0;
        std::uint32_t part = 0;
    };
    const auto later = [](const Waiting& a, const Waiting& b) {
        if (a.bytes != b.bytes) return a.bytes < b.bytes;
        return std::pair(a.leaf, a.tile) > std::pair(b.leaf, b.tile);
    };
    std::priority_queue<Waiting, std::vector<Waiting>, decltype(later)> waiting(later);
    const auto add = [&](const TreeNode& node) {
        const auto part = static_cast<std::uint32_t>(parts_.size());
        parts_.push_back({node, 0, 0});
        if (layout_.splits(node) && layout_.bytes_under(node) > bytes_max)
            waiting.push({layout_.bytes_under(node), node.leaf, node.tile, part});
        return part;
    };
    if (top.leaves == 0) return;
    add(top);
    std::size_t count = 1;
    while (count < nodes_max && !waiting.empty()) {
        const std::uint32_t part = waiting.top().part;
        waiting.pop();
        const auto [left, right] = layout_.split(parts_[part].node);
        if (!layout_.is_descriptor(left)) ++count;
        const std::uint32_t at = add(left);
        parts_[part].left = at;
        parts_[part].right = add(right);
    }
    collect(0);
}

void Cut::collect(std::uint32_t part) {
    const Part& at = parts_[part];
    if (at.left != 0) {
        collect(at.left);
        collect(at.right);
    } else if (!layout_.is_descriptor(at.node)) {
        nodes_.push_back(at.node);
    }
}

Hash Cut::join(std::span<const Hash> hashes) const {
    ASSAY_CHECK(hashes.size() == nodes_.size());
    if (parts_.empty()) return base::merkle_root(MerkleFamily::blake2b, {});
    return join_part(0, hashes);
}

Hash Cut::join_part(std::uint32_t part, std::span<const Hash>& rest) const {
    const Part& at = parts_[part];
    if (at.left == 0) {
        if (layout_.is_descriptor(at.node)) return layout_.descriptor();
        const Hash hash = rest.front();
        rest = rest.subspan(1);
        return hash;
    }
    const auto side = [&](std::uint32_t child) {
        const Hash hash = join_part(child, rest);
        return at.node.leaves > 1 ? layout_.in_parent(parts_[child].node, hash) : hash;
    };
    const Hash left = side(at.left);
    const Hash right = side(at.right);
    return base::merkle_node(MerkleFamily::blake2b, left, right);
}

bool shows_bytes(const TreeLayout& layout, const TreeNode& node) {
    return layout.bytes_under(node) <= market::kAnswerBytesMax;
}

Cut cut_for_hashes(const TreeLayout& layout, const TreeNode& node) {
    return Cut(layout, node, kNodesMax, market::kAnswerBytesMax);
}

Cut cut_to_tiles(const TreeLayout& layout, const TreeNode& node) {
    return Cut(layout, node, std::numeric_limits<std::size_t>::max(), 0);
}

}  // namespace assay::dispute
