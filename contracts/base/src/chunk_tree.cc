#include "base/chunk_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>

#include "base/check.h"

namespace assay::base {

namespace {

constexpr std::size_t kLeavesPerChunk = kBlobChunkBytes / kBlobLeafBytes;
constexpr unsigned kChunkLevel = std::countr_zero(kLeavesPerChunk);
static_assert(std::has_single_bit(kLeavesPerChunk));

/// Root of the subtree over one chunk's leaves. Chunks are aligned, so every chunk, the short last one too, is one node of the blob's tree,
/// and the tree over these nodes is the blob's.
Hash chunk_node(ByteView bytes) {
    std::vector<Hash> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += kBlobLeafBytes) {
        leaves.push_back(merkle_leaf(MerkleFamily::blake2b, bytes.subspan(at, std::min(kBlobLeafBytes, bytes.size() - at))));
    }
    return merkle_root(MerkleFamily::blake2b, leaves);
}

std::size_t chunk_size(std::uint64_t size, std::uint64_t chunk) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(kBlobChunkBytes, size - chunk * kBlobChunkBytes));
}

ChunkProof proof_in(std::span<const Hash> nodes, std::uint64_t chunk) {
    return {merkle_root(MerkleFamily::blake2b, nodes), merkle_prove(MerkleFamily::blake2b, nodes, chunk).path};
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
        pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
        bytes = bytes.subspan(taken);
        if (pending_.size() == kBlobLeafBytes) flush_pending();
    }
}

/// Leaves up to the next border of a chunk, hashed together where they lie. A whole chunk enters the tree as one node.
std::size_t ChunkTreeHasher::add_whole_leaves(ByteView bytes) {
    const std::uint64_t in_chunk = leaves_ % kLeavesPerChunk;
    const std::size_t count = std::min<std::size_t>(bytes.size() / kBlobLeafBytes, kLeavesPerChunk - in_chunk);
    std::array<const std::uint8_t*, kLeavesPerChunk> starts;
    std::array<Hash, kLeavesPerChunk> hashes;
    for (std::size_t i = 0; i < count; ++i) starts[i] = bytes.data() + i * kBlobLeafBytes;
    const auto found = std::span(hashes).first(count);
    merkle_leaves({1, kBlobLeafBytes, kBlobLeafBytes, MessageWords::bytes}, std::span(starts).first(count), found);
    if (count == kLeavesPerChunk) {
        push(kChunkLevel, merkle_root(MerkleFamily::blake2b, found));
    } else {
        for (const Hash& hash : found) push(0, hash);
    }
    leaves_ += count;
    return count * kBlobLeafBytes;
}

void ChunkTreeHasher::flush_pending() {
    push(0, merkle_leaf(MerkleFamily::blake2b, pending_));
    pending_.clear();
    ++leaves_;
}

/// Appends the root of a full subtree of 2^level leaves.
void ChunkTreeHasher::push(unsigned level, Hash hash) {
    while (!edge_.empty() && edge_.back().first == level) {
        hash = merkle_node(MerkleFamily::blake2b, edge_.back().second, hash);
        edge_.pop_back();
        ++level;
    }
    edge_.emplace_back(level, hash);
}

BlobRoot ChunkTreeHasher::finish() {
    if (!pending_.empty()) flush_pending();
    Hash tree = merkle_root(MerkleFamily::blake2b, {});
    if (!edge_.empty()) {
        tree = edge_.back().second;
        for (auto it = edge_.rbegin() + 1; it != edge_.rend(); ++it) {
            tree = merkle_node(MerkleFamily::blake2b, it->second, tree);
        }
    }
    return BlobRoot{Hasher("assay.blob").add_u64(size_).add(tree).finish()};
}

BlobRoot blob_root(ByteView bytes) {
    ChunkTreeHasher hasher;
    hasher.add(bytes);
    return hasher.finish();
}

ProvedChunk prove_chunk(ByteView blob, std::uint64_t chunk) {
    const std::uint64_t chunks = blob_chunks(blob.size());
    ASSAY_CHECK(chunk < chunks);
    const auto view = [&](std::uint64_t number) { return blob.subspan(number * kBlobChunkBytes, chunk_size(blob.size(), number)); };
    std::vector<Hash> nodes;
    for (std::uint64_t number = 0; number < chunks; ++number) nodes.push_back(chunk_node(view(number)));
    const ByteView found = view(chunk);
    return {Bytes(found.begin(), found.end()), proof_in(nodes, chunk)};
}

std::optional<ProvedChunk> prove_chunk_of_file(const std::filesystem::path& file, std::uint64_t chunk) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(file, error);
    std::ifstream in(file, std::ios::binary);
    if (error || !in || chunk >= blob_chunks(size)) return std::nullopt;
    ProvedChunk out;
    std::vector<Hash> nodes;
    Bytes buffer;
    for (std::uint64_t number = 0; number < blob_chunks(size); ++number) {
        buffer.resize(chunk_size(size, number));
        in.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
        if (static_cast<std::size_t>(in.gcount()) != buffer.size()) return std::nullopt;
        nodes.push_back(chunk_node(buffer));
        if (number == chunk) out.bytes = buffer;
    }
    out.proof = proof_in(nodes, chunk);
    return out;
}

bool verify_chunk(const BlobRoot& blob, std::uint64_t size, std::uint64_t chunk, ByteView bytes, const ChunkProof& proof) {
    if (chunk >= blob_chunks(size) || bytes.size() != chunk_size(size, chunk)) return false;
    if (Hasher("assay.blob").add_u64(size).add(proof.tree).finish() != blob.hash) return false;
    return merkle_verify(MerkleFamily::blake2b, chunk_node(bytes), {chunk, blob_chunks(size), proof.path}, proof.tree);
}

std::optional<BlobRoot> blob_root_of_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    ChunkTreeHasher hasher;
    std::vector<char> buffer(kBlobChunkBytes * 4);
    while (in) {
        in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        const auto count = static_cast<std::size_t>(in.gcount());
        hasher.add({reinterpret_cast<const std::uint8_t*>(buffer.data()), count});
    }
    if (in.bad()) return std::nullopt;
    return hasher.finish();
}

}  // namespace assay::base
