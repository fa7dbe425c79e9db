#include "tiles.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <thread>

#include "base/check.h"
#include "base/merkle.h"

namespace assay::commit {

namespace {

using base::Hash;
using program::DType;
using program::Tensor;

constexpr std::uint64_t kTilesPerGrab = 64;
constexpr unsigned kThreadsMax = 256;

template <class Word, Word kInfinity, Word kNan>
void copy_floats(const std::byte* from, std::byte* to, std::size_t count) {
    constexpr Word kMagnitude = static_cast<Word>(std::numeric_limits<Word>::max() >> 1U);
    for (std::size_t i = 0; i < count; ++i) {
        Word word = 0;
        std::memcpy(&word, from + i * sizeof(Word), sizeof(Word));
        if (static_cast<Word>(word & kMagnitude) > kInfinity) word = kNan;
        std::memcpy(to + i * sizeof(Word), &word, sizeof(Word));
    }
}

std::uint64_t tiles_along(std::uint32_t elements) { return (std::uint64_t{elements} + kTileSide - 1) / kTileSide; }

}  // namespace

std::size_t byte_size(const Tensor& tensor) {
    const std::size_t row = std::size_t{tensor.cols} * program::size_of(tensor.dtype);
    ASSAY_CHECK(tensor.rows == 0 || row <= (std::size_t{1} << 47U) / tensor.rows);
    return tensor.rows * row;
}

std::uint64_t tile_count(const Tensor& tensor) { return tiles_along(tensor.rows) * tiles_along(tensor.cols); }

void copy_canonical(DType dtype, const std::byte* from, std::byte* to, std::size_t count) {
    switch (dtype) {
        case DType::f32: return copy_floats<std::uint32_t, 0x7f800000U, 0x7fc00000U>(from, to, count);
        case DType::f16: return copy_floats<std::uint16_t, 0x7c00U, 0x7e00U>(from, to, count);
        case DType::bf16: return copy_floats<std::uint16_t, 0x7f80U, 0x7fc0U>(from, to, count);
        case DType::i32:
        case DType::i8:
        case DType::u16: std::memcpy(to, from, count * program::size_of(dtype)); return;
    }
}

Hash tile_leaf(const Tensor& tensor, const std::byte* data, std::uint64_t tile) {
    const std::uint64_t across = tiles_along(tensor.cols);
    const auto row = static_cast<std::uint32_t>(tile / across * kTileSide);
    const auto col = static_cast<std::uint32_t>(tile % across * kTileSide);
    ASSAY_CHECK(row < tensor.rows && col < tensor.cols);
    const std::uint32_t rows = std::min(kTileSide, tensor.rows - row);
    const std::uint32_t cols = std::min(kTileSide, tensor.cols - col);
    const std::size_t element = program::size_of(tensor.dtype);
    std::array<std::byte, std::size_t{kTileSide} * kTileSide * sizeof(float)> tile_bytes;
    for (std::uint32_t r = 0; r < rows; ++r) {
        const std::size_t offset = (std::size_t{row + r} * tensor.cols + col) * element;
        copy_canonical(tensor.dtype, data + offset, tile_bytes.data() + std::size_t{r} * cols * element, cols);
    }
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(tile_bytes.data());
    return base::merkle_leaf(base::MerkleFamily::blake2b, base::ByteView(bytes, std::size_t{rows} * cols * element));
}

Hash tensor_root_of_leaves(const Tensor& tensor, std::span<const Hash> leaves) {
    base::Hasher hasher("assay.tensor");
    hasher.add_sized(base::view_of(tensor.name)).add_u8(static_cast<std::uint8_t>(tensor.dtype));
    hasher.add_u32(tensor.rows).add_u32(tensor.cols);
    return hasher.add(base::merkle_root(base::MerkleFamily::blake2b, leaves)).finish();
}

std::vector<Hash> tensor_roots(const program::Program& program, std::span<const program::TensorId> ids, std::span<const Buffer> buffers,
                               unsigned threads) {
    ASSAY_CHECK(ids.size() == buffers.size());
    std::vector<std::uint64_t> first{0};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Tensor& tensor = program.tensors[ids[i]];
        ASSAY_CHECK(buffers[i].size() == byte_size(tensor));
        first.push_back(first.back() + tile_count(tensor));
    }
    std::vector<Hash> leaves(first.back());
    std::atomic<std::uint64_t> next{0};
    const auto work = [&] {
        for (;;) {
            const std::uint64_t begin = next.fetch_add(kTilesPerGrab, std::memory_order_relaxed);
            const std::uint64_t end = std::min<std::uint64_t>(begin + kTilesPerGrab, leaves.size());
            if (begin >= end) return;
            auto i = static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), begin) - first.begin()) - 1;
            for (std::uint64_t tile = begin; tile < end; ++tile) {
                while (tile >= first[i + 1]) ++i;
                leaves[tile] = tile_leaf(program.tensors[ids[i]], buffers[i].data(), tile - first[i]);
            }
        }
    };
    const std::uint64_t useful = std::max<std::uint64_t>(1, leaves.size() / kTilesPerGrab);
    const auto helpers = static_cast<unsigned>(std::min<std::uint64_t>(std::clamp(threads, 1U, kThreadsMax), useful)) - 1;
    {
        std::vector<std::jthread> pool;
        for (unsigned i = 0; i < helpers; ++i) pool.emplace_back(work);
        work();
    }
    std::vector<Hash> roots;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto part = std::span(leaves).subspan(first[i], first[i + 1] - first[i]);
        roots.push_back(tensor_root_of_leaves(program.tensors[ids[i]], part));
    }
    return roots;
}

}  // namespace assay::commit
