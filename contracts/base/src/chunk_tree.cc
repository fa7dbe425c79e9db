#include "base/chunk_tree.h"

#include <algorithm>
#include <fstream>

namespace assay::base {

ChunkTreeHasher::ChunkTreeHasher() { pending_.reserve(kBlobLeafBytes); }

void ChunkTreeHasher::add(ByteView bytes) {
    size_ += bytes.size();
    while (!bytes.empty()) {
        const std::size_t taken = std::min(bytes.size(), kBlobLeafBytes - pending_.size());
        pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
        bytes = bytes.subspan(taken);
        if (pending_.size() == kBlobLeafBytes) flush_leaf();
    }
}

void ChunkTreeHasher::flush_leaf() {
    Hash hash = merkle_leaf(MerkleFamily::blake2b, pending_);
    pending_.clear();
    unsigned level = 0;
    while (!edge_.empty() && edge_.back().first == level) {
        hash = merkle_node(MerkleFamily::blake2b, edge_.back().second, hash);
        edge_.pop_back();
        ++level;
    }
    edge_.emplace_back(level, hash);
}

BlobRoot ChunkTreeHasher::finish() {
    if (!pending_.empty()) flush_leaf();
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
