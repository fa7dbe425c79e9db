#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "base/chunk_tree.h"

/// The nodes of a blob's chunks in a file beside it (docs/formats/chunks.md): whoever owes chunks
/// proves one from that chunk and the nodes, without reading the blob. Nobody trusts the file: it
/// counts where its nodes lead to the blob's root, and is made again from the blob where they do
/// not.
namespace assay::base {

inline constexpr std::string_view kChunkNodesSuffix = ".chunks";
/// FILE.chunks
std::filesystem::path chunk_nodes_file(const std::filesystem::path& blob_file);

/// Replaces the file whole: temporary file, fsync, rename. What cannot be written is made again
/// when it is needed.
void save_chunk_nodes(const std::filesystem::path& blob_file, std::span<const Hash> nodes);
/// Makes the nodes where they are missing or damaged; then the whole blob is read once. False when
/// the file is unreadable or not this blob.
[[nodiscard]] bool ensure_chunk_nodes(const std::filesystem::path& blob_file, const BlobRoot& root);
/// Reads one chunk and the nodes, which are made first where they are missing or damaged. Nothing
/// when the file is unreadable, not this blob, or has no such chunk.
std::optional<ProvedChunk> prove_chunk_of_file(const std::filesystem::path& blob_file,
                                               const BlobRoot& root, std::uint64_t chunk);
/// The same with nodes that lead to the blob's root. Nothing when the file is unreadable, has no
/// such chunk, or another one.
std::optional<ProvedChunk> prove_chunk_with(const std::filesystem::path& blob_file,
                                            std::span<const Hash> nodes, std::uint64_t chunk);

}  // namespace assay::base
