#include "base/merkle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace assay::base {

namespace {

constexpr std::string_view kLeafTag = "assay.leaf";
constexpr std::string_view kNodeTag = "assay.node";
constexpr std::size_t kPairsAtOnce = 64;

/// The largest power of two below n (n >= 2): where RFC 9162 splits.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

Hash prefixed_sha256(std::uint8_t prefix, ByteView first, ByteView second) {
    Bytes joined;
    joined.reserve(1 + first.size() + second.size());
    joined.push_back(prefix);
    joined.insert(joined.end(), first.begin(), first.end());
    joined.insert(joined.end(), second.begin(), second.end());
    return sha256(joined);
}

/// The parents of neighbouring nodes, written to the front of `nodes`.
void join_pairs(MerkleFamily family, std::span<Hash> nodes) {
    const std::size_t pairs = nodes.size() / 2;
    if (family == MerkleFamily::sha256) {
        for (std::size_t i = 0; i < pairs; ++i)
            nodes[i] = merkle_node(family, nodes[2 * i], nodes[2 * i + 1]);
        return;
    }
    // Two neighbours lie together in memory: the message of their parent. A group is read before
    // its parents are written.
    static_assert(sizeof(Hash) == 32);
    std::array<const std::uint8_t*, kPairsAtOnce> starts;
    std::array<Hash, kPairsAtOnce> parents;
    for (std::size_t done = 0; done < pairs;) {
        const std::size_t count = std::min(kPairsAtOnce, pairs - done);
        for (std::size_t i = 0; i < count; ++i) starts[i] = nodes[2 * (done + i)].bytes.data();
        blake2b_batch(kNodeTag, {1, 2 * sizeof(Hash), 2 * sizeof(Hash), MessageWords::bytes},
                      std::span(starts).first(count), std::span(parents).first(count));
        std::copy_n(parents.begin(), count, nodes.begin() + static_cast<std::ptrdiff_t>(done));
        done += count;
    }
}

/// PATH(m, D[n]) of RFC 9162 2.1.3.1, leaf side first.
void collect_path(MerkleFamily family, std::span<const Hash> leaves, std::uint64_t index,
                  std::vector<Hash>& path) {
    if (leaves.size() <= 1) return;
    const std::uint64_t split = split_of(leaves.size());
    if (index < split) {
        collect_path(family, leaves.first(split), index, path);
        path.push_back(merkle_root(family, leaves.subspan(split)));
    } else {
        collect_path(family, leaves.subspan(split), index - split, path);
        path.push_back(merkle_root(family, leaves.first(split)));
    }
}

/// SUBPROOF(m, D[n], b) of RFC 9162 2.1.4.1.
void collect_subproof(MerkleFamily family, std::span<const Hash> leaves, std::uint64_t old_size,
                      bool whole, std::vector<Hash>& proof) {
    if (old_size == leaves.size()) {
        if (!whole) proof.push_back(merkle_root(family, leaves));
        return;
    }
    const std::uint64_t split = split_of(leaves.size());
    if (old_size <= split) {
        collect_subproof(family, leaves.first(split), old_size, whole, proof);
        proof.push_back(merkle_root(family, leaves.subspan(split)));
    } else {
        collect_subproof(family, leaves.subspan(split), old_size - split, false, proof);
        proof.push_back(merkle_root(family, leaves.first(split)));
    }
}

}  // namespace

Hash merkle_leaf(MerkleFamily family, ByteView leaf_bytes) {
    switch (family) {
        case MerkleFamily::blake2b:
            return blake2b(kLeafTag, leaf_bytes);
        case MerkleFamily::sha256:
            return prefixed_sha256(0, leaf_bytes, {});
    }
    ASSAY_CHECK(false);
    return {};
}

void merkle_leaves(const MessageShape& shape, std::span<const std::uint8_t* const> starts,
                   std::span<Hash> out) {
    blake2b_batch(kLeafTag, shape, starts, out);
}

Hash merkle_node(MerkleFamily family, const Hash& left, const Hash& right) {
    switch (family) {
        case MerkleFamily::blake2b:
            return Hasher(kNodeTag).add(left).add(right).finish();
        case MerkleFamily::sha256:
            return prefixed_sha256(1, left.view(), right.view());
    }
    ASSAY_CHECK(false);
    return {};
}

Hash merkle_root(MerkleFamily family, std::span<const Hash> leaf_hashes) {
    if (leaf_hashes.empty()) {
        return family == MerkleFamily::sha256 ? sha256({}) : blake2b("assay.empty", {});
    }
    // Level by level; an odd last node moves up unchanged, which is the same tree as splitting at
    // powers of two.
    std::vector<Hash> level(leaf_hashes.begin(), leaf_hashes.end());
    while (level.size() > 1) {
        const std::size_t pairs = level.size() / 2;
        join_pairs(family, std::span(level).first(2 * pairs));
        if (level.size() % 2 != 0) level[pairs] = level.back();
        level.resize(pairs + level.size() % 2);
    }
    return level.front();
}

InclusionProof merkle_prove(MerkleFamily family, std::span<const Hash> leaf_hashes,
                            std::uint64_t index) {
    ASSAY_CHECK(index < leaf_hashes.size());
    InclusionProof proof{index, leaf_hashes.size(), {}};
    collect_path(family, leaf_hashes, index, proof.path);
    return proof;
}

bool merkle_verify(MerkleFamily family, const Hash& leaf_hash, const InclusionProof& proof,
                   const Hash& root) {
    if (proof.index >= proof.size) return false;
    std::uint64_t fn = proof.index;
    std::uint64_t sn = proof.size - 1;
    Hash hash = leaf_hash;
    for (const Hash& sibling : proof.path) {
        if (sn == 0) return false;
        if ((fn & 1U) != 0 || fn == sn) {
            hash = merkle_node(family, sibling, hash);
            while ((fn & 1U) == 0 && fn != 0) {
                fn >>= 1U;
                sn >>= 1U;
            }
        } else {
            hash = merkle_node(family, hash, sibling);
        }
        fn >>= 1U;
        sn >>= 1U;
    }
    return sn == 0 && hash == root;
}

std::vector<Hash> consistency_prove(MerkleFamily family, std::span<const Hash> leaf_hashes,
                                    std::uint64_t old_size) {
    ASSAY_CHECK(old_size <= leaf_hashes.size());
    std::vector<Hash> proof;
    if (old_size != 0) collect_subproof(family, leaf_hashes, old_size, true, proof);
    return proof;
}

bool consistency_verify(MerkleFamily family, std::uint64_t old_size, const Hash& old_root,
                        std::uint64_t new_size, const Hash& new_root, std::span<const Hash> proof) {
    if (old_size > new_size) return false;
    if (old_size == new_size) return proof.empty() && old_root == new_root;
    if (old_size == 0) return proof.empty() && old_root == merkle_root(family, {});
    // RFC 9162 2.1.4.2. A complete old tree is its own first node.
    std::vector<Hash> path;
    if (std::has_single_bit(old_size)) path.push_back(old_root);
    path.insert(path.end(), proof.begin(), proof.end());
    if (path.empty()) return false;
    std::uint64_t fn = old_size - 1;
    std::uint64_t sn = new_size - 1;
    while ((fn & 1U) != 0) {
        fn >>= 1U;
        sn >>= 1U;
    }
    Hash old_hash = path.front();
    Hash new_hash = path.front();
    for (std::size_t i = 1; i < path.size(); ++i) {
        if (sn == 0) return false;
        if ((fn & 1U) != 0 || fn == sn) {
            old_hash = merkle_node(family, path[i], old_hash);
            new_hash = merkle_node(family, path[i], new_hash);
            while ((fn & 1U) == 0 && fn != 0) {
                fn >>= 1U;
                sn >>= 1U;
            }
        } else {
            new_hash = merkle_node(family, new_hash, path[i]);
        }
        fn >>= 1U;
        sn >>= 1U;
    }
    return sn == 0 && old_hash == old_root && new_hash == new_root;
}

}  // namespace assay::base
