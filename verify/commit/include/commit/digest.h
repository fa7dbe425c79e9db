#pragma once

#include <array>
#include <cstdint>

#include "base/hash.h"
#include "commit/state.h"

/// Step digests by their parts (docs/formats/commitment.md): what a dispute about one is narrowed down to.
namespace assay::commit {

inline constexpr std::uint32_t kDigestTiles = 16;

/// What a step digest is the hash of.
struct DigestParts {
    std::uint32_t loss_bits = 0, norm_bits = 0;      ///< of f32; every NaN is 7fc00000
    std::array<base::Hash, kDigestTiles> tiles{};    ///< leaves of tiles of the weights
    bool operator==(const DigestParts&) const = default;
};
base::Hash digest_of(const DigestParts& parts);

/// Number `j` of the tiles that the digest after `step` (within the round) covers, counted through all tiles of the weights in program order.
/// Requires `tiles` above 0.
std::uint64_t digest_tile(const base::Hash& spec_root, std::uint32_t round, std::uint32_t lane, std::uint32_t step, std::uint32_t j,
                          std::uint64_t tiles);

/// Of the state after the step. `step_digest` is their hash.
DigestParts digest_parts(const program::Program& program, const State& state, const base::Hash& spec_root, std::uint32_t round,
                         std::uint32_t lane, std::uint32_t step);

}  // namespace assay::commit
