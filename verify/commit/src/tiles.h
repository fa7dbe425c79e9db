#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "commit/state.h"

/// Tile trees: how a matrix becomes leaves (docs/formats/state.md).
namespace assay::commit {

inline constexpr std::uint32_t kTileSide = 32;

std::size_t byte_size(const program::Tensor& tensor);
/// An empty matrix has no tiles.
std::uint64_t tile_count(const program::Tensor& tensor);
/// Tile number `tile` (row-major) of a tensor whose elements are at `data`.
struct TileRef {
    const program::Tensor* tensor = nullptr;
    const std::byte* data = nullptr;
    std::uint64_t tile = 0;
};
/// The tiles' leaves, in their order: each tile's own elements, row-major, unpadded, NaN canonical.
/// Tiles of one shape are hashed together, from where they lie.
void tile_leaves(std::span<const TileRef> tiles, std::span<base::Hash> leaves);
/// Roots of several tensors, in the order of `ids`; tiles are spread over threads, which cannot
/// change bits.
std::vector<base::Hash> tensor_roots(const program::Program& program,
                                     std::span<const program::TensorId> ids,
                                     std::span<const Buffer> buffers, unsigned threads);

/// Copies elements, writing every NaN as the canonical one of its type.
void copy_canonical(program::DType dtype, const std::byte* from, std::byte* to, std::size_t count);

/// The state root from the roots of all state tensors, in program order.
base::Hash state_root_of_tensor_roots(const StateDescriptor& descriptor,
                                      std::span<const base::Hash> roots);

}  // namespace assay::commit
