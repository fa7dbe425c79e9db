#include "state_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace assay::ledger {
namespace {

using base::Bytes;
using base::Hash;

class MemoryTree : public TreeReader {
  public:
    [[nodiscard]] std::optional<Bytes> node(base::ByteView key) const override {
        const auto found = records.find(key);
        if (found == records.end()) return std::nullopt;
        return found->second;
    }
    Hash apply(const TreeChanges& changes) {
        TreeUpdate update = update_tree(*this, changes);
        for (auto& [key, record] : update.records) {
            if (record) {
                records[key] = std::move(*record);
            } else {
                records.erase(key);
            }
        }
        return update.root;
    }
    std::map<Bytes, Bytes, market::KeyOrder> records;
};

Bytes key_of(unsigned number) {
    return {'k', static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8U)};
}
Bytes value_of(unsigned number) { return {'v', static_cast<std::uint8_t>(number)}; }

/// Few paths with long common prefixes: collapses and splits happen all the time.
Hash crowded_path(unsigned number) {
    Hash path;
    path.bytes[0] = static_cast<std::uint8_t>((number & 1U) << 7U);
    path.bytes[31] = static_cast<std::uint8_t>(number);
    path.bytes[15] = static_cast<std::uint8_t>(number % 3);
    return path;
}

TEST(StateTree, EmptyHasTheZeroRoot) {
    MemoryTree tree;
    EXPECT_TRUE(tree_root(tree).is_zero());
    EXPECT_TRUE(tree.apply({}).is_zero());
    EXPECT_TRUE(tree.apply({{crowded_path(1), std::nullopt}}).is_zero());
    EXPECT_TRUE(tree.records.empty());
}

TEST(StateTree, OneEntryIsItsLeaf) {
    MemoryTree tree;
    const Hash path = base::state_path(key_of(1));
    const Hash value = base::state_value_hash(value_of(1));
    EXPECT_EQ(tree.apply({{path, value}}), base::state_leaf_hash(path, value));
    EXPECT_EQ(tree.records.size(), 1U);
}

TEST(StateTree, ErasingEverythingLeavesNoRecord) {
    MemoryTree tree;
    TreeChanges put, erase;
    for (unsigned i = 0; i < 200; ++i) {
        put[base::state_path(key_of(i))] = base::state_value_hash(value_of(i));
        erase[base::state_path(key_of(i))] = std::nullopt;
    }
    tree.apply(put);
    EXPECT_GT(tree.records.size(), 200U);
    EXPECT_TRUE(tree.apply(erase).is_zero());
    EXPECT_TRUE(tree.records.empty());
}

/// Random blocks of changes: after each, the stored tree must equal the one built from scratch, in
/// root and in records.
template <class PathOf>
void follows_the_model(
    const std::vector<std::vector<std::pair<std::uint8_t, std::uint8_t>>>& blocks,
    const PathOf& path_of) {
    MemoryTree tree;
    std::map<Hash, Hash> model;
    for (const auto& block : blocks) {
        TreeChanges changes;
        for (const auto& [number, value] : block) {
            const Hash path = path_of(number);
            if (value % 3 == 0) {
                changes[path] = std::nullopt;
                model.erase(path);
            } else {
                const Hash hash = base::state_value_hash(value_of(value));
                changes[path] = hash;
                model[path] = hash;
            }
        }
        RC_ASSERT(tree.apply(changes) == root_from_scratch(model));
        MemoryTree fresh;
        fresh.apply({model.begin(), model.end()});
        RC_ASSERT(tree.records == fresh.records);
    }
}

TEST(StateTree, FollowsTheDefinitionUnderRandomChanges) {
    EXPECT_TRUE(rc::check(
        [](const std::vector<std::vector<std::pair<std::uint8_t, std::uint8_t>>>& blocks) {
            follows_the_model(blocks,
                              [](unsigned number) { return base::state_path(key_of(number)); });
        }));
}

TEST(StateTree, FollowsTheDefinitionWhenPathsShareLongPrefixes) {
    EXPECT_TRUE(rc::check(
        [](const std::vector<std::vector<std::pair<std::uint8_t, std::uint8_t>>>& blocks) {
            follows_the_model(blocks, crowded_path);
        }));
}

TEST(StateTree, ProofsHoldAndEveryFlippedByteIsRefused) {
    MemoryTree tree;
    TreeChanges changes;
    for (unsigned i = 0; i < 300; ++i)
        changes[base::state_path(key_of(i))] = base::state_value_hash(value_of(i));
    const Hash root = tree.apply(changes);
    for (unsigned i = 0; i < 600; i += 7) {
        const Bytes key = key_of(i);
        const Bytes value = value_of(i);
        const auto shown = i < 300 ? std::optional<base::ByteView>(value) : std::nullopt;
        const base::StateProof proof = prove_path(tree, base::state_path(key));
        ASSERT_TRUE(base::state_verify(root, key, shown, proof));
        const auto opposite = shown ? std::nullopt : std::optional<base::ByteView>(value);
        EXPECT_FALSE(base::state_verify(root, key, opposite, proof));
        for (std::size_t s = 0; s < proof.siblings.size(); ++s) {
            base::StateProof bad = proof;
            bad.siblings[s].bytes[s % 32] ^= 1;
            EXPECT_FALSE(base::state_verify(root, key, shown, bad));
        }
        base::StateProof shorter = proof;
        shorter.siblings.pop_back();
        EXPECT_FALSE(base::state_verify(root, key, shown, shorter));
    }
}

}  // namespace
}  // namespace assay::ledger
