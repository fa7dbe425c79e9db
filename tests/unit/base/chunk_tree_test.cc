#include "base/chunk_tree.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

namespace assay::base {
namespace {

Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
    return bytes;
}

BlobRoot by_definition(ByteView bytes) {
    std::vector<Hash> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += kBlobLeafBytes) {
        leaves.push_back(merkle_leaf(MerkleFamily::blake2b,
                                     bytes.subspan(at, std::min(kBlobLeafBytes, bytes.size() - at))));
    }
    return BlobRoot{Hasher("assay.blob")
                        .add_u64(bytes.size())
                        .add(merkle_root(MerkleFamily::blake2b, leaves))
                        .finish()};
}

TEST(BlobRoot, FollowsTheDefinition) {
    for (const std::size_t size : {0, 1, 1023, 1024, 1025, 2048, 3000, 5120, 65536, 66000}) {
        const Bytes bytes = pattern(size);
        EXPECT_EQ(blob_root(bytes), by_definition(bytes)) << size;
    }
}

TEST(ChunkTreeHasher, PiecesDoNotMatter) {
    const Bytes bytes = pattern(10'000);
    for (const std::size_t piece : {1, 7, 1024, 1500, 10'000}) {
        ChunkTreeHasher hasher;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            hasher.add(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
        }
        EXPECT_EQ(hasher.size(), bytes.size());
        EXPECT_EQ(hasher.finish(), blob_root(bytes)) << piece;
    }
}

TEST(ChunkTreeHasher, PiecesAcrossChunksDoNotMatter) {
    const Bytes bytes = pattern(5 * kBlobChunkBytes + 3 * kBlobLeafBytes + 17);
    const BlobRoot expected = by_definition(bytes);
    EXPECT_EQ(blob_root(bytes), expected);
    for (const std::size_t first : {std::size_t{1}, std::size_t{1023}, std::size_t{1024}, std::size_t{2500}, kBlobChunkBytes - 1}) {
        for (const std::size_t piece : {kBlobLeafBytes * 3, kBlobChunkBytes, kBlobChunkBytes + 1, kBlobChunkBytes * 4}) {
            ChunkTreeHasher hasher;
            hasher.add(ByteView(bytes).first(first));
            for (std::size_t at = first; at < bytes.size(); at += piece) {
                hasher.add(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
            }
            EXPECT_EQ(hasher.finish(), expected) << first << ", then " << piece;
        }
    }
}

TEST(BlobRoot, DiffersForEveryChange) {
    const Bytes bytes = pattern(3000);
    Bytes longer = bytes;
    longer.push_back(0);
    Bytes changed = bytes;
    changed[2999] ^= 1U;
    EXPECT_NE(blob_root(longer), blob_root(bytes));
    EXPECT_NE(blob_root(changed), blob_root(bytes));
}

TEST(BlobRootOfFile, EqualsTheRootOfItsBytes) {
    const auto file = std::filesystem::temp_directory_path() /
                      ("assay-chunk-tree-test-" + std::to_string(::getpid()));
    const Bytes bytes = pattern(300'000);
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    EXPECT_EQ(blob_root_of_file(file), blob_root(bytes));
    std::filesystem::remove(file);
    EXPECT_EQ(blob_root_of_file(file), std::nullopt);
}

}  // namespace
}  // namespace assay::base
