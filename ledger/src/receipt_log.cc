#include "receipt_log.h"

#include <bit>

#include "base/check.h"

namespace assay::ledger {
namespace {

using base::Hash;
using base::MerkleFamily;

/// A range of leaves as RFC 9162 cuts them: `begin` is a multiple of the largest power of two that
/// is not above `size`.
struct Range {
    std::uint64_t begin = 0, size = 0;
    [[nodiscard]] std::uint64_t split() const { return std::bit_floor(size - 1); }
    [[nodiscard]] Range left() const { return {begin, split()}; }
    [[nodiscard]] Range right() const { return {begin + split(), size - split()}; }
};

Hash root_of(const LogReader& reader, const Range& range) {
    ASSAY_CHECK(range.size > 0);
    if (std::has_single_bit(range.size)) {
        const auto level = static_cast<std::uint8_t>(std::countr_zero(range.size));
        return reader.subtree({level, range.begin >> level});
    }
    return base::merkle_node(MerkleFamily::sha256, root_of(reader, range.left()),
                             root_of(reader, range.right()));
}

/// PATH(m, D[n]) of RFC 9162 2.1.3.1, leaf side first.
void collect_path(const LogReader& reader, const Range& range, std::uint64_t index,
                  std::vector<Hash>& path) {
    if (range.size <= 1) return;
    const bool in_left = index < range.right().begin;
    collect_path(reader, in_left ? range.left() : range.right(), index, path);
    path.push_back(root_of(reader, in_left ? range.right() : range.left()));
}

/// SUBPROOF(m, D[n], b) of RFC 9162 2.1.4.1; `old_size` counts leaves of this range.
void collect_subproof(const LogReader& reader, const Range& range, std::uint64_t old_size,
                      bool whole, std::vector<Hash>& proof) {
    if (old_size == range.size) {
        if (!whole) proof.push_back(root_of(reader, range));
        return;
    }
    if (old_size <= range.split()) {
        collect_subproof(reader, range.left(), old_size, whole, proof);
        proof.push_back(root_of(reader, range.right()));
    } else {
        collect_subproof(reader, range.right(), old_size - range.split(), false, proof);
        proof.push_back(root_of(reader, range.left()));
    }
}

/// What is stored, with this update's records on top.
class Extended : public LogReader {
  public:
    Extended(const LogReader& stored, const std::map<LogPlace, Hash>& added)
        : stored_(stored), added_(added) {}
    [[nodiscard]] Hash subtree(const LogPlace& place) const override {
        const auto found = added_.find(place);
        return found != added_.end() ? found->second : stored_.subtree(place);
    }

  private:
    const LogReader& stored_;
    const std::map<LogPlace, Hash>& added_;
};

}  // namespace

LogUpdate append_log(const LogReader& reader, std::uint64_t size,
                     std::span<const Hash> leaf_hashes) {
    LogUpdate update;
    update.size = size;
    const Extended extended(reader, update.records);
    for (const Hash& leaf : leaf_hashes) {
        LogPlace place{0, update.size++};
        Hash hash = leaf;
        update.records[place] = hash;
        while ((place.index & 1U) != 0) {
            hash = base::merkle_node(MerkleFamily::sha256,
                                     extended.subtree({place.level, place.index - 1}), hash);
            place = {static_cast<std::uint8_t>(place.level + 1), place.index >> 1U};
            update.records[place] = hash;
        }
    }
    update.root = log_root(extended, update.size);
    return update;
}

Hash log_root(const LogReader& reader, std::uint64_t size) {
    if (size == 0) return base::merkle_root(MerkleFamily::sha256, {});
    return root_of(reader, {0, size});
}

base::InclusionProof prove_inclusion(const LogReader& reader, std::uint64_t index,
                                     std::uint64_t size) {
    ASSAY_CHECK(index < size);
    base::InclusionProof proof;
    proof.index = index;
    proof.size = size;
    collect_path(reader, {0, size}, index, proof.path);
    return proof;
}

std::vector<Hash> prove_consistency(const LogReader& reader, std::uint64_t old_size,
                                    std::uint64_t new_size) {
    ASSAY_CHECK(0 < old_size && old_size <= new_size);
    std::vector<Hash> proof;
    collect_subproof(reader, {0, new_size}, old_size, true, proof);
    return proof;
}

}  // namespace assay::ledger
