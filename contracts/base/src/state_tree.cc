#include "base/state_tree.h"

namespace assay::base {

namespace {

constexpr std::size_t kDepthMax = 256;

bool same_prefix(const Hash& a, const Hash& b, std::size_t bits) {
    for (std::size_t depth = 0; depth < bits; ++depth) {
        if (state_path_bit(a, depth) != state_path_bit(b, depth)) return false;
    }
    return true;
}

}  // namespace

Hash state_path(ByteView key) { return blake2b("assay.key", key); }

Hash state_value_hash(ByteView value) { return blake2b("assay.value", value); }

Hash state_leaf_hash(const Hash& path, const Hash& value_hash) {
    return Hasher("assay.state").add(path).add(value_hash).finish();
}

Hash state_branch_hash(const Hash& left, const Hash& right) {
    return Hasher("assay.branch").add(left).add(right).finish();
}

bool state_verify(const Hash& root, ByteView key, std::optional<ByteView> value,
                  const StateProof& proof) {
    const std::size_t depth = proof.siblings.size();
    if (depth > kDepthMax) return false;
    const Hash path = state_path(key);
    const bool found = proof.leaf && proof.leaf->path == path;
    if (found != value.has_value()) return false;
    if (found && proof.leaf->value_hash != state_value_hash(*value)) return false;
    // Another key's leaf proves absence only when it really lies on this key's way down.
    if (proof.leaf && !same_prefix(proof.leaf->path, path, depth)) return false;

    Hash hash = proof.leaf ? state_leaf_hash(proof.leaf->path, proof.leaf->value_hash) : Hash{};
    for (std::size_t i = depth; i-- > 0;) {
        hash = state_path_bit(path, i) ? state_branch_hash(proof.siblings[i], hash)
                                       : state_branch_hash(hash, proof.siblings[i]);
    }
    return hash == root;
}

}  // namespace assay::base
