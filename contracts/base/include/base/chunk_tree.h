#pragma once

#include <filesystem>

#include "base/hash.h"
#include "base/ids.h"
#include "base/merkle.h"

namespace assay::base {

/// Content address of a blob: H("assay.blob", u64 size, BLAKE2b tree over leaves of 1 KiB, the last one shorter). A dataset's root is the
/// address of its bytes, so a referee opens single 1 KiB leaves; a 64 KiB chunk is 64 aligned leaves, one inner node.
inline constexpr std::size_t kBlobLeafBytes = 1024;
inline constexpr std::size_t kBlobChunkBytes = 64 * 1024;

/// Incremental: feed bytes in any pieces. Memory is 32 bytes per KiB... of the pending right edge only (log n).
class ChunkTreeHasher {
  public:
    ChunkTreeHasher();
    void add(ByteView bytes);
    [[nodiscard]] BlobRoot finish();
    [[nodiscard]] std::uint64_t size() const { return size_; }

  private:
    std::size_t add_whole_leaves(ByteView bytes);
    void flush_pending();
    void push(unsigned level, Hash hash);

    Bytes pending_;                                // of the leaf that is not complete
    std::uint64_t leaves_ = 0;
    std::vector<std::pair<unsigned, Hash>> edge_;  // (level, subtree root), levels strictly decreasing
    std::uint64_t size_ = 0;
};

BlobRoot blob_root(ByteView bytes);
std::optional<BlobRoot> blob_root_of_file(const std::filesystem::path& file);  ///< nothing when unreadable

}  // namespace assay::base
