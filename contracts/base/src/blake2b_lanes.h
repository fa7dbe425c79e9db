#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/hash_batch.h"

/// The vectorised compression function behind base/hash_batch.h, one table per instruction set.
namespace assay::base {

inline constexpr std::size_t kBlake2bBlockBytes = 128;
inline constexpr std::size_t kHashLanesMax = 8;
/// RFC 7693 section 2.6.
inline constexpr std::array<std::uint64_t, 8> kBlake2bIv = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

struct Blake2bLanes {
    std::size_t lanes = 1;
    /// Hashes `lanes` messages. `initial`: the chaining value that the parameter block gives.
    /// Unused lanes may repeat a message.
    void (*hash)(const std::array<std::uint64_t, 8>& initial, const MessageShape& shape,
                 const std::uint8_t* const* starts, Hash* out) = nullptr;
};

/// Nothing when this build or this machine lacks the instruction set.
const Blake2bLanes* neon_lanes();
const Blake2bLanes* avx2_lanes();
const Blake2bLanes* avx512_lanes();

}  // namespace assay::base
