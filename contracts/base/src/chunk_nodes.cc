#include "base/chunk_nodes.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <string>

#include "base/atomic_file.h"

namespace assay::base {

namespace {

bool read_at(const std::filesystem::path& file, std::uint64_t offset, std::span<std::uint8_t> to) {
    std::ifstream in(file, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
    return in && static_cast<std::size_t>(in.gcount()) == to.size();
}

std::optional<std::uint64_t> size_of(const std::filesystem::path& file) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(file, error);
    return error ? std::nullopt : std::optional(size);
}

/// What stands beside the blob, when it leads to its root.
std::optional<std::vector<Hash>> load_nodes(const std::filesystem::path& blob_file,
                                            const BlobRoot& root, std::uint64_t size) {
    const std::filesystem::path file = chunk_nodes_file(blob_file);
    const std::uint64_t chunks = blob_chunks(size);
    if (size_of(file) != chunks * sizeof(Hash::bytes)) return std::nullopt;
    Bytes bytes(static_cast<std::size_t>(chunks) * sizeof(Hash::bytes));
    if (!read_at(file, 0, bytes)) return std::nullopt;
    std::vector<Hash> nodes(static_cast<std::size_t>(chunks));
    for (std::size_t i = 0; i < nodes.size(); ++i)
        std::memcpy(nodes[i].bytes.data(), bytes.data() + i * sizeof(Hash::bytes),
                    sizeof(Hash::bytes));
    if (blob_root_of_nodes(size, nodes) != root) return std::nullopt;
    return nodes;
}

std::optional<std::vector<Hash>> nodes_of(const std::filesystem::path& blob_file,
                                          const BlobRoot& root, std::uint64_t size) {
    if (auto nodes = load_nodes(blob_file, root, size)) return nodes;
    ChunkTreeHasher hasher;
    if (hash_file(blob_file, hasher) != root) return std::nullopt;
    save_chunk_nodes(blob_file, hasher.nodes());
    return hasher.nodes();
}

}  // namespace

std::filesystem::path chunk_nodes_file(const std::filesystem::path& blob_file) {
    std::filesystem::path file = blob_file;
    file += kChunkNodesSuffix;
    return file;
}

void save_chunk_nodes(const std::filesystem::path& blob_file, std::span<const Hash> nodes) {
    // Threads and programs may make them at once: each writes a file of its own, and the last one
    // stays.
    static std::atomic<std::uint64_t> number{0};
    AtomicFile::Options options;
    options.mode = 0640;
    options.suffix = "." + std::to_string(::getpid()) + "-" + std::to_string(++number);
    Bytes bytes;
    bytes.reserve(nodes.size() * sizeof(Hash::bytes));
    for (const Hash& node : nodes) bytes.insert(bytes.end(), node.bytes.begin(), node.bytes.end());
    // Without them the blob is hashed again: a disk that is full costs time only.
    static_cast<void>(save_atomically(chunk_nodes_file(blob_file), bytes, options));
}

bool ensure_chunk_nodes(const std::filesystem::path& blob_file, const BlobRoot& root) {
    const auto size = size_of(blob_file);
    return size && nodes_of(blob_file, root, *size);
}

std::optional<ProvedChunk> prove_chunk_of_file(const std::filesystem::path& blob_file,
                                               const BlobRoot& root, std::uint64_t chunk) {
    const auto size = size_of(blob_file);
    if (!size || chunk >= blob_chunks(*size)) return std::nullopt;
    const auto nodes = nodes_of(blob_file, root, *size);
    if (!nodes) return std::nullopt;
    return prove_chunk_with(blob_file, *nodes, chunk);
}

std::optional<ProvedChunk> prove_chunk_with(const std::filesystem::path& blob_file,
                                            std::span<const Hash> nodes, std::uint64_t chunk) {
    const auto size = size_of(blob_file);
    if (!size || blob_chunks(*size) != nodes.size() || chunk >= nodes.size()) return std::nullopt;
    const std::uint64_t offset = chunk * kBlobChunkBytes;
    Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(kBlobChunkBytes, *size - offset)));
    if (!read_at(blob_file, offset, bytes) || !is_chunk(nodes[chunk], bytes)) return std::nullopt;
    return ProvedChunk{std::move(bytes), prove_among_nodes(nodes, chunk)};
}

}  // namespace assay::base
