#include "base/state_tree.h"

#include <gtest/gtest.h>

#include <map>

namespace assay::base {
namespace {

using Entries = std::map<std::string, std::string>;

/// The tree by its definition, with the proof for one key on the way.
Hash tree_of(const Entries& entries, std::size_t depth, const Hash& wanted, bool on_path,
             StateProof* proof) {
    if (entries.empty()) return {};
    if (entries.size() == 1) {
        const auto& [key, value] = *entries.begin();
        const Hash path = state_path(view_of(key));
        const Hash value_hash = state_value_hash(view_of(value));
        if (on_path && proof != nullptr) proof->leaf = StateProof::Leaf{path, value_hash};
        return state_leaf_hash(path, value_hash);
    }
    Entries sides[2];
    for (const auto& entry : entries) {
        sides[state_path_bit(state_path(view_of(entry.first)), depth) ? 1 : 0].insert(entry);
    }
    const bool right = state_path_bit(wanted, depth);
    if (on_path && proof != nullptr) {
        proof->siblings.push_back(tree_of(sides[right ? 0 : 1], depth + 1, wanted, false, nullptr));
    }
    const Hash left_hash = tree_of(sides[0], depth + 1, wanted, on_path && !right, proof);
    const Hash right_hash = tree_of(sides[1], depth + 1, wanted, on_path && right, proof);
    return state_branch_hash(left_hash, right_hash);
}

StateProof prove(const Entries& entries, const std::string& key) {
    StateProof proof;
    tree_of(entries, 0, state_path(view_of(key)), true, &proof);
    return proof;
}

Hash root_of(const Entries& entries) { return tree_of(entries, 0, {}, false, nullptr); }

Entries many() {
    Entries entries;
    for (int i = 0; i < 100; ++i) entries["key" + std::to_string(i)] = std::to_string(i * i);
    return entries;
}

TEST(StateVerify, ProvesPresenceAndAbsence) {
    const Entries entries = many();
    const Hash root = root_of(entries);
    for (const auto& [key, value] : entries) {
        EXPECT_TRUE(state_verify(root, view_of(key), view_of(value), prove(entries, key)));
    }
    for (int i = 100; i < 200; ++i) {
        const std::string key = "key" + std::to_string(i);
        EXPECT_TRUE(state_verify(root, view_of(key), std::nullopt, prove(entries, key)));
    }
}

TEST(StateVerify, ProvesAbsenceInTheEmptyTree) {
    EXPECT_TRUE(state_verify(Hash{}, view_of("a"), std::nullopt, StateProof{}));
    EXPECT_FALSE(state_verify(Hash{}, view_of("a"), view_of(""), StateProof{}));
}

TEST(StateVerify, RefusesAnotherValueOrRoot) {
    const Entries entries = many();
    const Hash root = root_of(entries);
    const StateProof proof = prove(entries, "key7");
    EXPECT_FALSE(state_verify(root, view_of("key7"), view_of("50"), proof));
    EXPECT_FALSE(state_verify(root, view_of("key7"), std::nullopt, proof));
    EXPECT_FALSE(state_verify(root, view_of("key8"), view_of("49"), proof));
    EXPECT_FALSE(state_verify(Hash{}, view_of("key7"), view_of("49"), proof));
}

TEST(StateVerify, RefusesTamperedProofs) {
    const Entries entries = many();
    const Hash root = root_of(entries);
    const StateProof good = prove(entries, "key7");
    for (std::size_t i = 0; i < good.siblings.size(); ++i) {
        StateProof bad = good;
        bad.siblings[i].bytes[0] ^= 1U;
        EXPECT_FALSE(state_verify(root, view_of("key7"), view_of("49"), bad));
    }
    StateProof longer = good;
    longer.siblings.push_back(Hash{});
    EXPECT_FALSE(state_verify(root, view_of("key7"), view_of("49"), longer));
    StateProof shorter = good;
    shorter.siblings.pop_back();
    EXPECT_FALSE(state_verify(root, view_of("key7"), view_of("49"), shorter));
    StateProof deep = good;
    deep.siblings.resize(257);
    EXPECT_FALSE(state_verify(root, view_of("key7"), view_of("49"), deep));
}

TEST(StateVerify, RefusesAbsenceByALeafThatLiesElsewhere) {
    const Entries entries = many();
    const Hash root = root_of(entries);
    // A true proof of one key, offered as proof that another key is absent.
    EXPECT_FALSE(state_verify(root, view_of("key9"), std::nullopt, prove(entries, "key7")));
}

}  // namespace
}  // namespace assay::base
