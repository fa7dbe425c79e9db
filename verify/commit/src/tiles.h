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
/// Leaf of tile `tile` (row-major): its own elements, row-major, unpadded, NaN canonical.
base::Hash tile_leaf(const program::Tensor& tensor, const std::byte* data, std::uint64_t tile);
/// H("assay.tensor", name, dtype, rows, cols, Merkle root of the leaves).
base::Hash tensor_root_of_leaves(const program::Tensor& tensor, std::span<const base::Hash> leaves);
/// Roots of several tensors, in the order of `ids`; tiles are spread over threads, which cannot change bits.
std::vector<base::Hash> tensor_roots(const program::Program& program, std::span<const program::TensorId> ids,
                                     std::span<const Buffer> buffers, unsigned threads);

/// Copies elements, writing every NaN as the canonical one of its type.
void copy_canonical(program::DType dtype, const std::byte* from, std::byte* to, std::size_t count);

base::Hash descriptor_leaf(const StateDescriptor& descriptor);
/// The state root from the roots of all state tensors, in program order.
base::Hash state_root_of_tensor_roots(const StateDescriptor& descriptor, std::span<const base::Hash> roots);

}  // namespace assay::commit
