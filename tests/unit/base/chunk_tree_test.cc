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

TEST(VerifyChunk, AcceptsEveryChunkOfABlob) {
    for (const std::size_t size : {1UL, 1024UL, 65'535UL, 65'536UL, 65'537UL, 66'600UL, 5 * kBlobChunkBytes, 5 * kBlobChunkBytes + 1, 7 * kBlobChunkBytes + 3000}) {
        const Bytes bytes = pattern(size);
        const BlobRoot blob = blob_root(bytes);
        for (std::uint64_t chunk = 0; chunk < blob_chunks(size); ++chunk) {
            const ProvedChunk proved = prove_chunk(bytes, chunk);
            EXPECT_TRUE(verify_chunk(blob, size, chunk, proved.bytes, proved.proof)) << size << " " << chunk;
            EXPECT_TRUE(std::equal(proved.bytes.begin(), proved.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(chunk * kBlobChunkBytes)));
        }
    }
}

TEST(VerifyChunk, RefusesAnythingElse) {
    const Bytes bytes = pattern(5 * kBlobChunkBytes + 3000);
    const BlobRoot blob = blob_root(bytes);
    const ProvedChunk good = prove_chunk(bytes, 2);
    const ProvedChunk last = prove_chunk(bytes, 5);
    const auto accepted = [&](const ProvedChunk& given, std::uint64_t chunk, std::uint64_t size) {
        return verify_chunk(blob, size, chunk, given.bytes, given.proof);
    };
    ASSERT_TRUE(accepted(good, 2, bytes.size()));
    ASSERT_TRUE(accepted(last, 5, bytes.size()));
    for (const std::uint64_t chunk : {0U, 1U, 3U, 4U, 5U, 6U, 66U}) EXPECT_FALSE(accepted(good, chunk, bytes.size())) << chunk;
    EXPECT_FALSE(accepted(last, 6, bytes.size()));
    for (const std::uint64_t size : {bytes.size() - 1, bytes.size() + 1, 3 * kBlobChunkBytes, std::size_t{0}}) {
        EXPECT_FALSE(accepted(good, 2, size)) << size;
        EXPECT_FALSE(accepted(last, 5, size)) << size;
    }
    ProvedChunk bad = good;
    bad.bytes[70] ^= 1U;
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    bad = good;
    bad.bytes.pop_back();
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    bad.bytes.clear();
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    bad = last;
    bad.bytes.push_back(0);
    EXPECT_FALSE(accepted(bad, 5, bytes.size()));
    bad = good;
    bad.proof.tree.bytes[0] ^= 1U;
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    for (std::size_t i = 0; i < good.proof.path.size(); ++i) {
        bad = good;
        bad.proof.path[i].bytes[31] ^= 1U;
        EXPECT_FALSE(accepted(bad, 2, bytes.size())) << i;
    }
    bad = good;
    bad.proof.path.pop_back();
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    bad = good;
    bad.proof.path.push_back(good.proof.path[0]);
    EXPECT_FALSE(accepted(bad, 2, bytes.size()));
    EXPECT_FALSE(verify_chunk(blob_root(pattern(3)), bytes.size(), 2, good.bytes, good.proof));
}

TEST(ProveChunkOfFile, EqualsTheProofOfItsBytes) {
    const auto file = std::filesystem::temp_directory_path() / ("assay-prove-chunk-test-" + std::to_string(::getpid()));
    const Bytes bytes = pattern(200'000);
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const auto found = prove_chunk_of_file(file, 3);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->bytes, prove_chunk(bytes, 3).bytes);
    EXPECT_EQ(found->proof, prove_chunk(bytes, 3).proof);
    EXPECT_FALSE(prove_chunk_of_file(file, 4).has_value());
    std::filesystem::remove(file);
    EXPECT_FALSE(prove_chunk_of_file(file, 0).has_value());
}

}  // namespace
}  // namespace assay::base
