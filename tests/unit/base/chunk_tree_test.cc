#include "base/chunk_nodes.h"

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
        leaves.push_back(merkle_leaf(
            MerkleFamily::blake2b, bytes.subspan(at, std::min(kBlobLeafBytes, bytes.size() - at))));
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
    for (const std::size_t first : {std::size_t{1}, std::size_t{1023}, std::size_t{1024},
                                    std::size_t{2500}, kBlobChunkBytes - 1}) {
        for (const std::size_t piece :
             {kBlobLeafBytes * 3, kBlobChunkBytes, kBlobChunkBytes + 1, kBlobChunkBytes * 4}) {
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
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    EXPECT_EQ(blob_root_of_file(file), blob_root(bytes));
    std::filesystem::remove(file);
    EXPECT_EQ(blob_root_of_file(file), std::nullopt);
}

TEST(VerifyChunk, AcceptsEveryChunkOfABlob) {
    for (const std::size_t size :
         {1UL, 1024UL, 65'535UL, 65'536UL, 65'537UL, 66'600UL, 5 * kBlobChunkBytes,
          5 * kBlobChunkBytes + 1, 7 * kBlobChunkBytes + 3000}) {
        const Bytes bytes = pattern(size);
        const BlobRoot blob = blob_root(bytes);
        for (std::uint64_t chunk = 0; chunk < blob_chunks(size); ++chunk) {
            const ProvedChunk proved = prove_chunk(bytes, chunk);
            EXPECT_TRUE(verify_chunk(blob, size, chunk, proved.bytes, proved.proof))
                << size << " " << chunk;
            EXPECT_TRUE(
                std::equal(proved.bytes.begin(), proved.bytes.end(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(chunk * kBlobChunkBytes)));
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
    for (const std::uint64_t chunk : {0U, 1U, 3U, 4U, 5U, 6U, 66U})
        EXPECT_FALSE(accepted(good, chunk, bytes.size())) << chunk;
    EXPECT_FALSE(accepted(last, 6, bytes.size()));
    for (const std::uint64_t size :
         {bytes.size() - 1, bytes.size() + 1, 3 * kBlobChunkBytes, std::size_t{0}}) {
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

/// A file with some chunks, and nothing beside it.
struct BlobFile {
    explicit BlobFile(std::size_t size) : bytes(pattern(size)), root(blob_root(bytes)) {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-prove-chunk-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        file = folder / "blob";
        write(bytes);
    }
    ~BlobFile() { std::filesystem::remove_all(folder); }
    BlobFile(const BlobFile&) = delete;
    BlobFile& operator=(const BlobFile&) = delete;
    void write(const Bytes& what) const {
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(what.data()),
                   static_cast<std::streamsize>(what.size()));
    }
    [[nodiscard]] std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                      std::filesystem::directory_iterator()));
    }
    Bytes bytes;
    BlobRoot root;
    std::filesystem::path folder, file;
};

TEST(ProveChunkOfFile, EqualsTheProofOfItsBytes) {
    for (const std::size_t size : {1UL, 65'536UL, 65'537UL, 200'000UL, 9 * kBlobChunkBytes}) {
        const BlobFile blob(size);
        for (int again = 0; again < 2; ++again) {
            for (std::uint64_t chunk = 0; chunk < blob_chunks(size); ++chunk) {
                const auto found = prove_chunk_of_file(blob.file, blob.root, chunk);
                ASSERT_TRUE(found.has_value());
                EXPECT_EQ(found->bytes, prove_chunk(blob.bytes, chunk).bytes);
                EXPECT_EQ(found->proof, prove_chunk(blob.bytes, chunk).proof);
            }
        }
        EXPECT_FALSE(prove_chunk_of_file(blob.file, blob.root, blob_chunks(size)).has_value());
        EXPECT_EQ(std::filesystem::file_size(chunk_nodes_file(blob.file)), 32 * blob_chunks(size));
        EXPECT_EQ(blob.files(), 2U) << "temporary files are gone";
    }
    EXPECT_FALSE(prove_chunk_of_file("/nowhere", {}, 0).has_value());
    const BlobFile empty(0);
    EXPECT_FALSE(prove_chunk_of_file(empty.file, empty.root, 0).has_value());
}

TEST(ProveChunkOfFile, MakesDamagedNodesAgain) {
    const BlobFile blob(300'000);
    ASSERT_TRUE(ensure_chunk_nodes(blob.file, blob.root));
    const std::filesystem::path nodes = chunk_nodes_file(blob.file);
    const auto content = [&] {
        std::ifstream in(nodes, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const std::string right = content();
    ASSERT_EQ(right.size(), 5U * 32);
    for (std::size_t damage = 0; damage < 4; ++damage) {
        std::string wrong = right;
        if (damage == 0) wrong[40] = static_cast<char>(wrong[40] ^ 1);
        if (damage == 1) wrong.pop_back();
        if (damage == 2) wrong += std::string(32, '\0');
        if (damage == 3) wrong.clear();
        std::ofstream(nodes, std::ios::binary) << wrong;
        const auto found = prove_chunk_of_file(blob.file, blob.root, 3);
        ASSERT_TRUE(found.has_value()) << damage;
        EXPECT_TRUE(verify_chunk(blob.root, blob.bytes.size(), 3, found->bytes, found->proof));
        EXPECT_EQ(content(), right) << damage;
    }
}

TEST(ProveChunkOfFile, GivesNothingOfAnotherBlob) {
    const BlobFile blob(300'000);
    EXPECT_FALSE(prove_chunk_of_file(blob.file, blob_root(pattern(3)), 0).has_value());
    EXPECT_FALSE(ensure_chunk_nodes(blob.file, blob_root(pattern(3))));
    EXPECT_EQ(blob.files(), 1U) << "nothing is kept of it";
    ASSERT_TRUE(ensure_chunk_nodes(blob.file, blob.root));
    Bytes changed = blob.bytes;
    changed[70'000] ^= 1U;
    blob.write(changed);
    EXPECT_FALSE(prove_chunk_of_file(blob.file, blob.root, 1).has_value())
        << "the nodes are right, this chunk is not";
    EXPECT_TRUE(prove_chunk_of_file(blob.file, blob.root, 0).has_value());
    changed.pop_back();
    blob.write(changed);
    EXPECT_FALSE(prove_chunk_of_file(blob.file, blob.root, 0).has_value());
}

}  // namespace
}  // namespace assay::base
