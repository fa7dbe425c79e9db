#include "tiles.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <thread>

#include "base/check.h"
#include "base/merkle.h"

namespace assay::commit {

namespace {

using base::Hash;
using program::DType;
using program::Tensor;

/// Tiles that form one subtree and are hashed by one thread: a power of two, so that a tensor's
/// tree is the tree over its groups' roots.
constexpr std::uint64_t kTilesPerGroup = 128;
/// A thread is started for so many tiles (4 MiB of f32): it hashes them in a millisecond, and
/// starting it takes a fiftieth of that.
constexpr std::uint64_t kTilesPerThread = 1024;
constexpr unsigned kThreadsMax = 256;

std::uint64_t tiles_along(std::uint32_t elements) {
    return (std::uint64_t{elements} + kTileSide - 1) / kTileSide;
}

base::MessageWords words_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return base::MessageWords::f32;
        case DType::f16:
            return base::MessageWords::f16;
        case DType::bf16:
            return base::MessageWords::bf16;
        case DType::i32:
        case DType::i8:
        case DType::u16:
            return base::MessageWords::bytes;
    }
    ASSAY_CHECK(false);
    return {};
}

/// Where a tile lies, as a message to hash.
struct TileMessage {
    base::MessageShape shape;
    const std::uint8_t* start = nullptr;
};

TileMessage message_of(const TileRef& ref) {
    const Tensor& tensor = *ref.tensor;
    const std::uint64_t across = tiles_along(tensor.cols);
    const auto row = static_cast<std::uint32_t>(ref.tile / across * kTileSide);
    const auto col = static_cast<std::uint32_t>(ref.tile % across * kTileSide);
    ASSAY_CHECK(row < tensor.rows && col < tensor.cols);
    const std::size_t element = program::size_of(tensor.dtype);
    TileMessage message;
    message.shape.rows = std::min(kTileSide, tensor.rows - row);
    message.shape.row_bytes = std::min(kTileSide, tensor.cols - col) * element;
    message.shape.pitch = tensor.cols * element;
    message.shape.words = words_of(tensor.dtype);
    message.start =
        reinterpret_cast<const std::uint8_t*>(ref.data) + row * message.shape.pitch + col * element;
    return message;
}

/// Consecutive tiles of tensor number `tensor`.
struct TileGroup {
    std::size_t tensor = 0;
    std::uint64_t first = 0, count = 0;
};

/// Roots of groups whose tiles, at most kTilesPerGroup in all, are hashed together.
void hash_groups(std::span<const TensorElements> tensors, std::span<const TileGroup> groups,
                 std::span<Hash> roots) {
    std::array<TileRef, kTilesPerGroup> tiles;
    std::array<Hash, kTilesPerGroup> leaves;
    std::size_t count = 0;
    for (const TileGroup& group : groups) {
        for (std::uint64_t i = 0; i < group.count; ++i) {
            tiles[count++] = {tensors[group.tensor].tensor, tensors[group.tensor].data,
                              group.first + i};
        }
    }
    tile_leaves(std::span(tiles).first(count), std::span(leaves).first(count));
    std::size_t done = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        roots[i] = base::merkle_root(base::MerkleFamily::blake2b,
                                     std::span(leaves).subspan(done, groups[i].count));
        done += groups[i].count;
    }
}

}  // namespace

Hash tensor_root_of_tree(const Tensor& tensor, const Hash& tree) {
    base::Hasher hasher("assay.tensor");
    hasher.add_sized(base::view_of(tensor.name)).add_u8(static_cast<std::uint8_t>(tensor.dtype));
    return hasher.add_u32(tensor.rows).add_u32(tensor.cols).add(tree).finish();
}

std::size_t byte_size(const Tensor& tensor) {
    const std::size_t row = std::size_t{tensor.cols} * program::size_of(tensor.dtype);
    ASSAY_CHECK(tensor.rows == 0 || row <= (std::size_t{1} << 47U) / tensor.rows);
    return tensor.rows * row;
}

std::uint64_t tile_count(const Tensor& tensor) {
    return tiles_along(tensor.rows) * tiles_along(tensor.cols);
}

void copy_canonical(DType dtype, const std::byte* from, std::byte* to, std::size_t count) {
    base::copy_canonical_words(words_of(dtype), reinterpret_cast<const std::uint8_t*>(from),
                               reinterpret_cast<std::uint8_t*>(to),
                               count * program::size_of(dtype));
}

void tile_leaves(std::span<const TileRef> tiles, std::span<Hash> leaves) {
    ASSAY_CHECK(tiles.size() == leaves.size());
    std::vector<TileMessage> messages;
    messages.reserve(tiles.size());
    for (const TileRef& tile : tiles) messages.push_back(message_of(tile));
    std::vector<std::size_t> waiting(tiles.size()), equal;
    std::iota(waiting.begin(), waiting.end(), std::size_t{0});
    std::vector<const std::uint8_t*> starts;
    std::vector<Hash> found;
    while (!waiting.empty()) {
        const base::MessageShape shape = messages[waiting.front()].shape;
        equal.clear();
        starts.clear();
        std::erase_if(waiting, [&](std::size_t i) {
            if (messages[i].shape != shape) return false;
            equal.push_back(i);
            starts.push_back(messages[i].start);
            return true;
        });
        found.resize(equal.size());
        base::merkle_leaves(shape, starts, found);
        for (std::size_t k = 0; k < equal.size(); ++k) leaves[equal[k]] = found[k];
    }
}

std::vector<Hash> tensor_roots(const program::Program& program,
                               std::span<const program::TensorId> ids,
                               std::span<const Buffer> buffers, unsigned threads) {
    ASSAY_CHECK(ids.size() == buffers.size());
    std::vector<TensorElements> tensors;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ASSAY_CHECK(buffers[i].size() == byte_size(program.tensors[ids[i]]));
        tensors.push_back({&program.tensors[ids[i]], buffers[i].data()});
    }
    return tensor_roots(tensors, threads);
}

std::vector<Hash> tensor_roots(std::span<const TensorElements> tensors, unsigned threads) {
    std::vector<TileGroup> groups;
    std::vector<std::size_t> pieces{
        0};  // piece p: groups [pieces[p], pieces[p + 1]), the work that a thread takes at once
    std::uint64_t tiles = 0, in_piece = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::uint64_t total = tile_count(*tensors[i].tensor);
        for (std::uint64_t first = 0; first < total; first += kTilesPerGroup) {
            const std::uint64_t count = std::min(kTilesPerGroup, total - first);
            if (in_piece + count > kTilesPerGroup) {
                pieces.push_back(groups.size());
                in_piece = 0;
            }
            groups.push_back({i, first, count});
            in_piece += count;
        }
        tiles += total;
    }
    pieces.push_back(groups.size());
    std::vector<Hash> trees(groups.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t p = next.fetch_add(1, std::memory_order_relaxed); p + 1 < pieces.size();
             p = next.fetch_add(1, std::memory_order_relaxed)) {
            const std::size_t count = pieces[p + 1] - pieces[p];
            hash_groups(tensors, std::span(groups).subspan(pieces[p], count),
                        std::span(trees).subspan(pieces[p], count));
        }
    };
    const std::uint64_t useful = std::max<std::uint64_t>(1, tiles / kTilesPerThread);
    const auto others = static_cast<unsigned>(
                            std::min<std::uint64_t>(std::clamp(threads, 1U, kThreadsMax), useful)) -
                        1;
    {
        std::vector<std::jthread> pool;
        for (unsigned i = 0; i < others; ++i) pool.emplace_back(work);
        work();
    }
    std::vector<Hash> roots;
    std::size_t group = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::size_t first = group;
        while (group < groups.size() && groups[group].tensor == i) ++group;
        const Hash tree = base::merkle_root(base::MerkleFamily::blake2b,
                                            std::span(trees).subspan(first, group - first));
        roots.push_back(tensor_root_of_tree(*tensors[i].tensor, tree));
    }
    return roots;
}

std::vector<Hash> tensor_leaves(const TensorElements& elements) {
    std::vector<Hash> leaves(tile_count(*elements.tensor));
    std::vector<TileRef> tiles;
    for (std::uint64_t tile = 0; tile < leaves.size(); ++tile)
        tiles.push_back({elements.tensor, elements.data, tile});
    tile_leaves(tiles, leaves);
    return leaves;
}

Hash tile_leaf(const TensorElements& elements, std::uint64_t tile) {
    ASSAY_CHECK(tile < tile_count(*elements.tensor));
    const TileRef ref{elements.tensor, elements.data, tile};
    Hash leaf;
    tile_leaves(std::span(&ref, 1), std::span(&leaf, 1));
    return leaf;
}

Hash tile_node(const TensorElements& elements, std::uint64_t first, std::uint64_t count) {
    ASSAY_CHECK(count > 0 && first < tile_count(*elements.tensor) &&
                count <= tile_count(*elements.tensor) - first);
    std::vector<Hash> groups;
    for (std::uint64_t done = 0; done < count; done += kTilesPerGroup) {
        const TileGroup group{0, first + done, std::min(kTilesPerGroup, count - done)};
        hash_groups({&elements, 1}, {&group, 1}, {&groups.emplace_back(), 1});
    }
    return base::merkle_root(base::MerkleFamily::blake2b, groups);
}

Hash tensor_root(const Tensor& tensor, const std::byte* data) {
    return tensor_root_of_tree(
        tensor, base::merkle_root(base::MerkleFamily::blake2b, tensor_leaves({&tensor, data})));
}

}  // namespace assay::commit
