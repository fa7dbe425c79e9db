#include <string>

#include "base/check.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "base/state_tree.h"
#include "base/vrf.h"
#include "target.h"

/// Proofs and points: what decides whether somebody is believed.
namespace assay::fuzz {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;

/// A state tree with the two keys "a" and "b": its root and the proof of "a".
struct TwoLeaves {
    Hash root;
    base::StateProof proof;
};

TwoLeaves two_leaves() {
    const Hash path_a = base::state_path(base::view_of("a"));
    const Hash path_b = base::state_path(base::view_of("b"));
    const Hash value_a = base::state_value_hash(base::view_of("1"));
    const Hash leaf_a = base::state_leaf_hash(path_a, value_a);
    const Hash leaf_b = base::state_leaf_hash(path_b, base::state_value_hash(base::view_of("2")));
    std::size_t depth = 0;
    while (base::state_path_bit(path_a, depth) == base::state_path_bit(path_b, depth)) ++depth;
    TwoLeaves tree;
    tree.proof.leaf = {path_a, value_a};
    tree.proof.siblings.assign(depth, Hash{});
    tree.proof.siblings.push_back(leaf_b);
    const auto join = [&](const Hash& mine, const Hash& other, std::size_t at) {
        return base::state_path_bit(path_a, at) ? base::state_branch_hash(other, mine)
                                                : base::state_branch_hash(mine, other);
    };
    tree.root = join(leaf_a, leaf_b, depth);
    for (std::size_t at = depth; at-- > 0;) tree.root = join(tree.root, Hash{}, at);
    return tree;
}

/// text key, boolean + text value, list of siblings, boolean + path + value hash.
std::vector<Bytes> state_proof_seeds() {
    const TwoLeaves tree = two_leaves();
    std::vector<Bytes> seeds;
    for (const char* key : {"a", "absent"}) {
        base::Encoder out;
        out.text(key)
            .boolean(std::string_view(key) == "a")
            .text("1")
            .u32(static_cast<std::uint32_t>(tree.proof.siblings.size()));
        for (const Hash& sibling : tree.proof.siblings) out.hash(sibling);
        out.boolean(true).hash(tree.proof.leaf->path).hash(tree.proof.leaf->value_hash);
        seeds.push_back(out.take());
    }
    return seeds;
}

void run_state_proof(ByteView input) {
    static const TwoLeaves tree = two_leaves();
    base::Decoder in(input);
    const std::string key = in.text(256);
    const bool present = in.boolean();
    const std::string value = in.text(256);
    base::StateProof proof;
    const std::uint32_t siblings = in.length(1'024);
    for (std::uint32_t i = 0; i < siblings && in.ok(); ++i) proof.siblings.push_back(in.hash());
    if (in.boolean()) {
        const Hash path = in.hash();
        proof.leaf = {path, in.hash()};
    }
    if (!in.ok()) return;
    const auto claimed = present ? std::optional(base::view_of(value)) : std::nullopt;
    if (!base::state_verify(tree.root, base::view_of(key), claimed, proof)) return;
    if (present) {
        ASSAY_CHECK((key == "a" && value == "1") || (key == "b" && value == "2"));
    } else {
        ASSAY_CHECK(key != "a" && key != "b");
    }
}

std::vector<Hash> five_leaves() {
    std::vector<Hash> leaves;
    for (std::uint8_t i = 0; i < 5; ++i) leaves.push_back(filled(i));
    return leaves;
}

/// u8 family, u64 index, u64 size, hash leaf, list of path.
std::vector<Bytes> merkle_proof_seeds() {
    std::vector<Bytes> seeds;
    const auto leaves = five_leaves();
    for (const std::uint8_t family : {std::uint8_t{0}, std::uint8_t{1}}) {
        const auto proof = base::merkle_prove(static_cast<base::MerkleFamily>(family), leaves, 3);
        base::Encoder out;
        out.u8(family)
            .u64(proof.index)
            .u64(proof.size)
            .hash(leaves[3])
            .u32(static_cast<std::uint32_t>(proof.path.size()));
        for (const Hash& node : proof.path) out.hash(node);
        seeds.push_back(out.take());
    }
    return seeds;
}

void run_merkle_proof(ByteView input) {
    base::Decoder in(input);
    const auto family = in.boolean() ? base::MerkleFamily::sha256 : base::MerkleFamily::blake2b;
    base::InclusionProof proof;
    proof.index = in.u64();
    proof.size = in.u64();
    const Hash leaf = in.hash();
    const std::uint32_t nodes = in.length(1'024);
    for (std::uint32_t i = 0; i < nodes && in.ok(); ++i) proof.path.push_back(in.hash());
    if (!in.ok()) return;
    const auto leaves = five_leaves();
    if (base::merkle_verify(family, leaf, proof, base::merkle_root(family, leaves))) {
        ASSAY_CHECK(proof.index < leaves.size() && leaf == leaves[proof.index]);
    }
    const auto old_root = base::merkle_root(family, std::span(leaves).first(3));
    if (base::consistency_verify(family, proof.index, leaf, proof.size,
                                 base::merkle_root(family, leaves), proof.path) &&
        proof.index == 3) {
        ASSAY_CHECK(leaf == old_root);
    }
}

/// public key, 80 bytes of proof, alpha.
std::vector<Bytes> vrf_seeds() {
    const auto key = base::SecretKey::from_seed(filled(1).view());
    const auto proof = base::vrf_prove(key, base::view_of("alpha"));
    base::Encoder out;
    out.raw(key.public_key().view()).raw(proof.view()).raw(base::view_of("alpha"));
    return {out.take()};
}

void run_vrf(ByteView input) {
    base::Decoder in(input);
    const auto key = base::public_key_from_bytes(in.raw(32));
    const auto proof = base::vrf_proof_from_bytes(in.raw(80));
    if (!in.ok() || !key || !proof) return;
    const auto output = base::vrf_verify(*key, in.rest(), *proof);
    if (!output) return;
    // Under the seed's key and alpha there is one output.
    static const auto expected = base::vrf_verify(
        base::SecretKey::from_seed(filled(1).view()).public_key(), base::view_of("alpha"),
        base::vrf_prove(base::SecretKey::from_seed(filled(1).view()), base::view_of("alpha")));
    if (key->bytes == base::SecretKey::from_seed(filled(1).view()).public_key().bytes &&
        std::string(in.rest().begin(), in.rest().end()) == "alpha")
        ASSAY_CHECK(output == expected);
}

constexpr Target kTargets[] = {
    {"state_proof", state_proof_seeds, run_state_proof},
    {"merkle_proof", merkle_proof_seeds, run_merkle_proof},
    {"vrf_proof", vrf_seeds, run_vrf, 300},
};

}  // namespace

std::span<const Target> contract_targets() { return kTargets; }

}  // namespace assay::fuzz
