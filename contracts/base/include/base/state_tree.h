#pragma once

#include <optional>
#include <vector>

#include "base/hash.h"

namespace assay::base {

/// Proof side of the ledger's state tree: a compact sparse Merkle tree over 256-bit paths, path =
/// BLAKE2b("assay.key", key). A subtree with one leaf *is* that leaf (so proofs have about log2(n)
/// nodes): leaf = H("assay.state", path, H("assay.value", value)), inner = H("assay.branch", left,
/// right), empty subtree = 32 zero bytes. The ledger stores and updates the tree; anyone verifies
/// with this.
struct StateProof {
    std::vector<Hash> siblings;  ///< from the root downwards
    /// The leaf found at the end of the path: nothing when the place is empty; another key's leaf
    /// proves absence too.
    struct Leaf {
        Hash path;
        Hash value_hash;
        bool operator==(const Leaf&) const = default;
    };
    std::optional<Leaf> leaf;
    bool operator==(const StateProof&) const = default;
};

Hash state_path(ByteView key);
/// Which child of the inner node at `depth` (root: 0) holds `path`: false left, true right. Bits
/// from the most significant of byte 0 on.
inline bool state_path_bit(const Hash& path, std::size_t depth) {
    return ((path.bytes[depth / 8] >> (7 - depth % 8)) & 1U) != 0;
}
Hash state_value_hash(ByteView value);
Hash state_leaf_hash(const Hash& path, const Hash& value_hash);
Hash state_branch_hash(const Hash& left, const Hash& right);
/// True when the proof shows that `key` has `value` under `root`; with no value: that the key is
/// absent.
[[nodiscard]] bool state_verify(const Hash& root, ByteView key, std::optional<ByteView> value,
                                const StateProof& proof);

}  // namespace assay::base
