#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "base/state_tree.h"

/// The hex examples of docs/formats are read from the documents themselves: lines "name hex" inside
/// ```golden blocks.
namespace assay::base {
namespace {

std::map<std::string, std::string> golden_of(const std::string& document) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + document);
    std::map<std::string, std::string> values;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            inside = line == "```golden";
        } else if (inside) {
            const auto space = line.find(' ');
            values[line.substr(0, space)] = line.substr(space + 1);
        }
    }
    return values;
}

std::vector<Hash> five_leaves(MerkleFamily family) {
    std::vector<Hash> leaves;
    for (std::uint8_t i = 0; i < 5; ++i) leaves.push_back(merkle_leaf(family, ByteView(&i, 1)));
    return leaves;
}

TEST(Golden, EncodingExample) {
    const auto golden = golden_of("encoding.md");
    Encoder encoder;
    encoder.u8(7).u16(258).u32(65536).u64(1).boolean(true).amount(Amount::of(1'000'000));
    encoder.bytes(Bytes{0x0a, 0x0b}).text("lane").u32(3).u8(1).u8(2).u8(3).boolean(false);
    EXPECT_EQ(golden.at("encoding_example"), to_hex(encoder.view()));
    EXPECT_EQ(golden.at("blake2b_test_abc"), blake2b("assay.test", view_of("abc")).hex());
}

TEST(Golden, Trees) {
    const auto golden = golden_of("trees.md");
    const auto leaves = five_leaves(MerkleFamily::blake2b);
    EXPECT_EQ(golden.at("leaf_00"), leaves[0].hex());
    EXPECT_EQ(golden.at("node_01"), merkle_node(MerkleFamily::blake2b, leaves[0], leaves[1]).hex());
    EXPECT_EQ(golden.at("empty_root"), merkle_root(MerkleFamily::blake2b, {}).hex());
    EXPECT_EQ(golden.at("root_5"), merkle_root(MerkleFamily::blake2b, leaves).hex());
    EXPECT_EQ(golden.at("sha_empty_root"), merkle_root(MerkleFamily::sha256, {}).hex());
    EXPECT_EQ(golden.at("sha_root_5"),
              merkle_root(MerkleFamily::sha256, five_leaves(MerkleFamily::sha256)).hex());
}

TEST(Golden, Blobs) {
    const auto golden = golden_of("trees.md");
    Bytes bytes(3000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
    EXPECT_EQ(golden.at("blob_empty"), blob_root({}).hex());
    EXPECT_EQ(golden.at("blob_abc"), blob_root(view_of("abc")).hex());
    EXPECT_EQ(golden.at("blob_3000"), blob_root(bytes).hex());
}

TEST(Golden, StateTree) {
    const auto golden = golden_of("trees.md");
    const auto leaf = [](std::string_view key, std::string_view value) {
        return StateProof::Leaf{state_path(view_of(key)), state_value_hash(view_of(value))};
    };
    const auto hash_of = [](const StateProof::Leaf& l) {
        return state_leaf_hash(l.path, l.value_hash);
    };
    EXPECT_EQ(golden.at("state_path_a"), state_path(view_of("a")).hex());
    EXPECT_EQ(golden.at("state_root_1"), hash_of(leaf("a", "1")).hex());
    // Paths begin 1010, 11100, 11101: only "a" leaves the common way, at depth 1; "b" and "c" part
    // at depth 4.
    const auto b = leaf("b", "2");
    const auto c = leaf("c", "3");
    const Hash root = *hash_from_hex(golden.at("state_root_3"));
    EXPECT_TRUE(state_verify(root, view_of("b"), view_of("2"),
                             StateProof{{{}, hash_of(leaf("a", "1")), {}, {}, hash_of(c)}, b}));
}

}  // namespace
}  // namespace assay::base
