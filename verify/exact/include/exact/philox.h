#pragma once

#include <array>
#include <cstdint>

namespace assay::exact {

/// Philox4x32-10 (Salmon et al., SC11) keyed as profile `f32` states it.
struct PhiloxKey {
    std::uint32_t low = 0, high = 0;
    bool operator==(const PhiloxKey&) const = default;
};

/// First 8 bytes of BLAKE2b with personal "assay.rng" over little-endian seed u64, stream u32, lane
/// u32.
PhiloxKey philox_key(std::uint64_t seed, std::uint32_t stream, std::uint32_t lane);

using PhiloxWords = std::array<std::uint32_t, 4>;

/// Ten rounds.
inline PhiloxWords philox(PhiloxWords counter, PhiloxKey key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53U} * counter[0];
        const std::uint64_t second = std::uint64_t{0xCD9E8D57U} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32U) ^ counter[1] ^ key.low,
                   static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32U) ^ counter[3] ^ key.high,
                   static_cast<std::uint32_t>(first)};
        key.low += 0x9E3779B9U;
        key.high += 0xBB67AE85U;
    }
    return counter;
}

/// The four words of elements 4 quad .. 4 quad + 3 of a random tensor.
inline PhiloxWords philox_quad(PhiloxKey key, std::uint64_t quad, std::uint32_t sequence,
                               std::uint32_t global_step) {
    return philox({static_cast<std::uint32_t>(quad), static_cast<std::uint32_t>(quad >> 32U),
                   sequence, global_step},
                  key);
}

/// A mask keeps an element when its word is below this: floor(keep x 2^32), keep in parts per
/// billion (1e9 keeps everything).
inline std::uint64_t keep_threshold(std::uint32_t keep_ppb) {
    return (std::uint64_t{keep_ppb} << 32U) / 1'000'000'000U;
}

/// (w >> 8) x 2^-24, in [0, 1).
inline float uniform_of(std::uint32_t word) { return static_cast<float>(word >> 8U) * 0x1p-24F; }

/// The pair (r cos, r sin) of two words: u1 = ((w0 >> 8) + 1) 2^-24, r = sqrt(-2 log u1), angle (w1
/// >> 8) 2^-24 turns.
std::array<float, 2> normal_pair(std::uint32_t word0, std::uint32_t word1);

}  // namespace assay::exact
