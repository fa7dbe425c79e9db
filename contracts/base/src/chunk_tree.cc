#include "base/chunk_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>

#include "base/check.h"

namespace assay::base {

namespace {

constexpr std::size_t kLeavesPerChunk = kBlobChunkBytes / kBlobLeafBytes;
static_assert(std::has_single_bit(kLeavesPerChunk));

/// Root of the subtree over one chunk's leaves. Chunks are aligned, so every chunk, the short last
/// one too, is one node of the blob's tree, and the tree over these nodes is the blob's.
Hash chunk_node(ByteView bytes) {
    std::vector<Hash> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += kBlobLeafBytes) {
        leaves.push_back(merkle_leaf(
            MerkleFamily::blake2b, bytes.subspan(at, std::min(kBlobLeafBytes, bytes.size() - at))));
    }
    return merkle_root(MerkleFamily::blake2b, leaves);
}

std::size_t chunk_size(std::uint64_t size, std::uint64_t chunk) {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(kBlobChunkBytes, size - chunk * kBlobChunkBytes));
}

}  // namespace

ChunkTreeHasher::ChunkTreeHasher() { pending_.reserve(kBlobLeafBytes); }

void ChunkTreeHasher::add(ByteView bytes) {
    size_ += bytes.size();
    while (!bytes.empty()) {
        if (pending_.empty() && bytes.size() >= kBlobLeafBytes) {
            bytes = bytes.subspan(add_whole_leaves(bytes));
            continue;
        }
        const std::size_t taken = std::min(bytes.size(), kBlobLeafBytes - pending_.size());
        pending_.insert(pending_.end(), bytes.begin(),
                        bytes.begin() + static_cast<std::ptrdiff_t>(taken));
        bytes = bytes.subspan(taken);
        if (pending_.size() == kBlobLeafBytes) flush_pending();
    }
}

/// Leaves up to the next border of a chunk, hashed together where they lie.
std::size_t ChunkTreeHasher::add_whole_leaves(ByteView bytes) {
    const std::size_t count =
        std::min(bytes.size() / kBlobLeafBytes, kLeavesPerChunk - leaves_.size());
    std::array<const std::uint8_t*, kLeavesPerChunk> starts;
    std::array<Hash, kLeavesPerChunk> hashes;
    for (std::size_t i = 0; i < count; ++i) starts[i] = bytes.data() + i * kBlobLeafBytes;
    const auto found = std::span(hashes).first(count);
    merkle_leaves({1, kBlobLeafBytes, kBlobLeafBytes, MessageWords::bytes},
                  std::span(starts).first(count), found);
    leaves_.insert(leaves_.end(), found.begin(), found.end());
    if (leaves_.size() == kLeavesPerChunk) end_chunk();
    return count * kBlobLeafBytes;
}

void ChunkTreeHasher::flush_pending() {
    leaves_.push_back(merkle_leaf(MerkleFamily::blake2b, pending_));
    pending_.clear();
    if (leaves_.size() == kLeavesPerChunk) end_chunk();
}

void ChunkTreeHasher::end_chunk() {
    nodes_.push_back(merkle_root(MerkleFamily::blake2b, leaves_));
    leaves_.clear();
}

BlobRoot ChunkTreeHasher::finish() {
    if (!pending_.empty()) flush_pending();
    if (!leaves_.empty()) end_chunk();
    return blob_root_of_nodes(size_, nodes_);
}

BlobRoot blob_root_of_nodes(std::uint64_t size, std::span<const Hash> nodes) {
    return BlobRoot{
        Hasher("assay.blob").add_u64(size).add(merkle_root(MerkleFamily::blake2b, nodes)).finish()};
}

ChunkProof prove_among_nodes(std::span<const Hash> nodes, std::uint64_t chunk) {
    return {merkle_root(MerkleFamily::blake2b, nodes),
            merkle_prove(MerkleFamily::blake2b, nodes, chunk).path};
}

BlobRoot blob_root(ByteView bytes) {
    ChunkTreeHasher hasher;
    hasher.add(bytes);
    return hasher.finish();
}

ProvedChunk prove_chunk(ByteView blob, std::uint64_t chunk) {
    const std::uint64_t chunks = blob_chunks(blob.size());
    ASSAY_CHECK(chunk < chunks);
    const auto view = [&](std::uint64_t number) {
        return blob.subspan(number * kBlobChunkBytes, chunk_size(blob.size(), number));
    };
    std::vector<Hash> nodes;
    for (std::uint64_t number = 0; number < chunks; ++number)
        nodes.push_back(chunk_node(view(number)));
    const ByteView found = view(chunk);
    return {Bytes(found.begin(), found.end()), prove_among_nodes(nodes, chunk)};
}

bool is_chunk(const Hash& node, ByteView bytes) { return chunk_node(bytes) == node; }

bool verify_chunk(const BlobRoot& blob, std::uint64_t size, std::uint64_t chunk, ByteView bytes,
                  const ChunkProof& proof) {
    if (chunk >= blob_chunks(size) || bytes.size() != chunk_size(size, chunk)) return false;
    if (Hasher("assay.blob").add_u64(size).add(proof.tree).finish() != blob.hash) return false;
    return merkle_verify(MerkleFamily::blake2b, chunk_node(bytes),
                         {chunk, blob_chunks(size), proof.path}, proof.tree);
}

std::optional<BlobRoot> hash_file(const std::filesystem::path& file, ChunkTreeHasher& hasher) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    std::vector<char> buffer(kBlobChunkBytes * 4);
    while (in) {
        in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        const auto count = static_cast<std::size_t>(in.gcount());
        hasher.add({reinterpret_cast<const std::uint8_t*>(buffer.data()), count});
    }
    if (in.bad()) return std::nullopt;
    return hasher.finish();
}

std::optional<BlobRoot> blob_root_of_file(const std::filesystem::path& file) {
    ChunkTreeHasher hasher;
    return hash_file(file, hasher);
}

}  // namespace assay::base
