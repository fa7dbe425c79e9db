#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "base/hash_batch.h"

namespace assay::base {

/// Trees in the shape of RFC 6962 / RFC 9162 (split at the largest power of two below n). Two hash
/// families use it: BLAKE2b with tags "assay.leaf" and "assay.node" for our own trees, and SHA-256
/// with 0x00 / 0x01 prefixes for the receipt log.
enum class MerkleFamily : std::uint8_t { blake2b, sha256 };

Hash merkle_leaf(MerkleFamily family, ByteView leaf_bytes);
/// merkle_leaf of the BLAKE2b family for many equally long leaves at once.
void merkle_leaves(const MessageShape& shape, std::span<const std::uint8_t* const> starts,
                   std::span<Hash> out);
Hash merkle_node(MerkleFamily family, const Hash& left, const Hash& right);
/// Root over leaf *hashes*. The empty tree: SHA-256("") or BLAKE2b("assay.empty", "").
Hash merkle_root(MerkleFamily family, std::span<const Hash> leaf_hashes);

/// Sibling hashes from leaf to root.
struct InclusionProof {
    std::uint64_t index = 0;
    std::uint64_t size = 0;
    std::vector<Hash> path;
    bool operator==(const InclusionProof&) const = default;
};
InclusionProof merkle_prove(MerkleFamily family, std::span<const Hash> leaf_hashes,
                            std::uint64_t index);
/// RFC 9162 2.1.3.2. False for a wrong index, size, or path length.
[[nodiscard]] bool merkle_verify(MerkleFamily family, const Hash& leaf_hash,
                                 const InclusionProof& proof, const Hash& root);

/// RFC 9162 2.1.4: the tree of `new_size` leaves is an extension of the one of `old_size`.
std::vector<Hash> consistency_prove(MerkleFamily family, std::span<const Hash> leaf_hashes,
                                    std::uint64_t old_size);
[[nodiscard]] bool consistency_verify(MerkleFamily family, std::uint64_t old_size,
                                      const Hash& old_root, std::uint64_t new_size,
                                      const Hash& new_root, std::span<const Hash> proof);

}  // namespace assay::base
