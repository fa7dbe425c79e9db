#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/merkle.h"
#include "base/schema.h"

namespace assay::base {

/// Content address of a blob: H("assay.blob", u64 size, BLAKE2b tree over leaves of 1 KiB, the last
/// one shorter). A dataset's root is the address of its bytes, so a referee opens single 1 KiB
/// leaves; a 64 KiB chunk is 64 aligned leaves, one inner node.
inline constexpr std::size_t kBlobLeafBytes = 1024;
inline constexpr std::size_t kBlobChunkBytes = 64 * 1024;

/// Incremental: feed bytes in any pieces. Memory is 32 bytes a chunk: 8 MiB for 16 GiB.
class ChunkTreeHasher {
  public:
    ChunkTreeHasher();
    void add(ByteView bytes);
    [[nodiscard]] BlobRoot finish();
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// One for each chunk, once finished (chunk_nodes.h).
    [[nodiscard]] const std::vector<Hash>& nodes() const { return nodes_; }

  private:
    std::size_t add_whole_leaves(ByteView bytes);
    void flush_pending();
    void end_chunk();

    Bytes pending_;             // of the leaf that is not complete
    std::vector<Hash> leaves_;  // of the chunk that is not complete
    std::vector<Hash> nodes_;   // of the chunks that are
    std::uint64_t size_ = 0;
};

/// Number of chunks of a blob with `size` bytes; the last may be shorter.
constexpr std::uint64_t blob_chunks(std::uint64_t size) {
    return size / kBlobChunkBytes + (size % kBlobChunkBytes != 0 ? 1 : 0);
}

/// Shows that some bytes are one chunk of a blob: the root of the blob's tree and the siblings from
/// the chunk's node up to it.
struct ChunkProof {
    Hash tree;
    std::vector<Hash> path;
    ASSAY_FIELDS(ChunkProof, tree, path)
};
struct ProvedChunk {
    Bytes bytes;
    ChunkProof proof;
};
/// The address of a blob of `size` bytes whose chunks have these nodes.
BlobRoot blob_root_of_nodes(std::uint64_t size, std::span<const Hash> nodes);
/// Requires chunk < nodes.size().
ChunkProof prove_among_nodes(std::span<const Hash> nodes, std::uint64_t chunk);
/// Whether the bytes of a chunk have this node.
[[nodiscard]] bool is_chunk(const Hash& node, ByteView bytes);
/// Requires chunk < blob_chunks(blob.size()).
ProvedChunk prove_chunk(ByteView blob, std::uint64_t chunk);
/// True when `bytes` are chunk number `chunk` of the blob with this address and size: their number,
/// place and path are right.
[[nodiscard]] bool verify_chunk(const BlobRoot& blob, std::uint64_t size, std::uint64_t chunk,
                                ByteView bytes, const ChunkProof& proof);

BlobRoot blob_root(ByteView bytes);
/// Feeds all bytes of a file to a new hasher and finishes it; nothing when it is unreadable.
std::optional<BlobRoot> hash_file(const std::filesystem::path& file, ChunkTreeHasher& hasher);
std::optional<BlobRoot> blob_root_of_file(
    const std::filesystem::path& file);  ///< nothing when unreadable

}  // namespace assay::base
