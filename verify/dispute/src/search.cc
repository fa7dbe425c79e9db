#include <bit>

#include "base/merkle.h"
#include "dispute/game.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;

namespace {

void split(std::uint64_t count, unsigned levels, std::vector<std::uint64_t>& counts) {
    if (levels == 0 || count == 1) {
        counts.push_back(count);
        return;
    }
    const std::uint64_t left = std::bit_floor(count - 1);
    split(left, levels - 1, counts);
    split(count - left, levels - 1, counts);
}

/// The node over `count` leaves; takes its children from the front of `rest`.
Hash join(std::uint64_t count, unsigned levels, std::span<const Hash>& rest) {
    if (levels == 0 || count == 1) {
        const Hash node = rest.front();
        rest = rest.subspan(1);
        return node;
    }
    const std::uint64_t left = std::bit_floor(count - 1);
    const Hash a = join(left, levels - 1, rest);
    const Hash b = join(count - left, levels - 1, rest);
    return base::merkle_node(MerkleFamily::blake2b, a, b);
}

unsigned levels_of(std::uint32_t fan_out) {
    return static_cast<unsigned>(std::countr_zero(fan_out));
}

}  // namespace

std::vector<std::uint64_t> child_counts(std::uint64_t count, std::uint32_t fan_out) {
    std::vector<std::uint64_t> counts;
    split(count, levels_of(fan_out), counts);
    return counts;
}

Hash join_children(std::uint64_t count, std::uint32_t fan_out, std::span<const Hash> children) {
    return join(count, levels_of(fan_out), children);
}

}  // namespace assay::dispute
