#include "base/merkle.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

std::vector<Hash> leaves_of(MerkleFamily family, std::size_t count) {
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes leaf = {static_cast<std::uint8_t>(i)};
        leaves.push_back(merkle_leaf(family, leaf));
    }
    return leaves;
}

/// The definition of RFC 9162 2.1.1, word for word.
Hash root_by_definition(MerkleFamily family, std::span<const Hash> leaves) {
    if (leaves.empty()) return merkle_root(family, {});
    if (leaves.size() == 1) return leaves[0];
    std::size_t k = 1;
    while (k * 2 < leaves.size()) k *= 2;
    return merkle_node(family, root_by_definition(family, leaves.first(k)),
                       root_by_definition(family, leaves.subspan(k)));
}

TEST(MerkleLeaves, EqualSingleLeaves) {
    const Bytes bytes(1000, 7);
    std::vector<const std::uint8_t*> starts;
    for (std::size_t i = 0; i < 21; ++i) starts.push_back(bytes.data() + i);
    std::vector<Hash> leaves(starts.size());
    merkle_leaves({3, 50, 90, MessageWords::bytes}, starts, leaves);
    for (const Hash& leaf : leaves)
        EXPECT_EQ(leaf, merkle_leaf(MerkleFamily::blake2b, Bytes(150, 7)));
}

class Merkle : public testing::TestWithParam<MerkleFamily> {};

TEST_P(Merkle, RootFollowsTheDefinition) {
    for (std::size_t count = 0; count <= 300; count += count < 40 ? 1 : 13) {
        const auto leaves = leaves_of(GetParam(), count);
        EXPECT_EQ(merkle_root(GetParam(), leaves), root_by_definition(GetParam(), leaves)) << count;
    }
}

TEST_P(Merkle, EveryLeafIsProved) {
    for (std::size_t count = 1; count <= 33; ++count) {
        const auto leaves = leaves_of(GetParam(), count);
        const Hash root = merkle_root(GetParam(), leaves);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_TRUE(
                merkle_verify(GetParam(), leaves[i], merkle_prove(GetParam(), leaves, i), root));
        }
    }
}

TEST_P(Merkle, RefusesWrongProofs) {
    const auto leaves = leaves_of(GetParam(), 13);
    const Hash root = merkle_root(GetParam(), leaves);
    const InclusionProof good = merkle_prove(GetParam(), leaves, 5);
    EXPECT_FALSE(merkle_verify(GetParam(), leaves[6], good, root));
    EXPECT_FALSE(merkle_verify(GetParam(), leaves[5], good, leaves[0]));
    for (std::uint64_t index = 0; index < 20; ++index) {
        InclusionProof bad = good;
        bad.index = index;
        EXPECT_EQ(merkle_verify(GetParam(), leaves[5], bad, root), index == 5) << index;
    }
    InclusionProof longer = good;
    longer.path.push_back(leaves[0]);
    EXPECT_FALSE(merkle_verify(GetParam(), leaves[5], longer, root));
    InclusionProof shorter = good;
    shorter.path.pop_back();
    EXPECT_FALSE(merkle_verify(GetParam(), leaves[5], shorter, root));
    InclusionProof empty;
    EXPECT_FALSE(merkle_verify(GetParam(), leaves[5], empty, root));
}

TEST_P(Merkle, ExtensionsAreConsistent) {
    for (std::size_t count = 0; count <= 17; ++count) {
        const auto leaves = leaves_of(GetParam(), count);
        const Hash root = merkle_root(GetParam(), leaves);
        for (std::size_t old_size = 0; old_size <= count; ++old_size) {
            const Hash old_root = merkle_root(GetParam(), std::span(leaves).first(old_size));
            const auto proof = consistency_prove(GetParam(), leaves, old_size);
            EXPECT_TRUE(consistency_verify(GetParam(), old_size, old_root, count, root, proof))
                << old_size << " of " << count;
        }
    }
}

TEST_P(Merkle, RefusesAnotherHistory) {
    auto leaves = leaves_of(GetParam(), 11);
    const Hash old_root = merkle_root(GetParam(), std::span(leaves).first(6));
    const Hash root = merkle_root(GetParam(), leaves);
    const auto good = consistency_prove(GetParam(), leaves, 6);
    EXPECT_FALSE(consistency_verify(GetParam(), 6, root, 11, old_root, good));
    EXPECT_FALSE(consistency_verify(GetParam(), 5, old_root, 11, root, good));
    EXPECT_FALSE(consistency_verify(GetParam(), 11, root, 6, old_root, good));
    EXPECT_FALSE(consistency_verify(GetParam(), 6, old_root, 11, root, {}));
    EXPECT_FALSE(consistency_verify(GetParam(), 11, root, 11, root, good));
    auto longer = good;
    longer.push_back(leaves[0]);
    EXPECT_FALSE(consistency_verify(GetParam(), 6, old_root, 11, root, longer));
    leaves[2] = leaves[3];  // rewrites an old leaf
    EXPECT_FALSE(consistency_verify(GetParam(), 6, old_root, 11, merkle_root(GetParam(), leaves),
                                    consistency_prove(GetParam(), leaves, 6)));
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Merkle,
                         testing::Values(MerkleFamily::blake2b, MerkleFamily::sha256));

TEST(MerkleFamilies, LeavesAndNodesNeverMeet) {
    const Hash a = merkle_leaf(MerkleFamily::sha256, view_of("a"));
    Bytes joined(a.bytes.begin(), a.bytes.end());
    joined.insert(joined.end(), a.bytes.begin(), a.bytes.end());
    for (const MerkleFamily family : {MerkleFamily::blake2b, MerkleFamily::sha256}) {
        EXPECT_NE(merkle_leaf(family, joined), merkle_node(family, a, a));
    }
}

}  // namespace
}  // namespace assay::base
