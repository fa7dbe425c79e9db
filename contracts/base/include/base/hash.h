#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/wide.h"

namespace assay::base {

/// A 32-byte digest. BLAKE2b-256 everywhere except the receipt log and the app hash, which are
/// SHA-256.
struct Hash {
    std::array<std::uint8_t, 32> bytes{};

    auto operator<=>(const Hash&) const = default;
    [[nodiscard]] ByteView view() const { return bytes; }
    [[nodiscard]] std::string hex() const { return to_hex(bytes); }
    [[nodiscard]] bool is_zero() const { return *this == Hash{}; }
};

std::optional<Hash> hash_from_hex(std::string_view text);
std::optional<Hash> hash_from_bytes(ByteView bytes);

/// Incremental BLAKE2b-256. `tag` (at most 16 bytes, for example "assay.spec") goes into BLAKE2b's
/// personal field, so digests of different meanings never collide. Not thread-safe; cheap to
/// create.
class Hasher {
  public:
    explicit Hasher(std::string_view tag);
    Hasher& add(ByteView bytes);
    Hasher& add(const Hash& hash) { return add(hash.view()); }
    Hasher& add_u8(std::uint8_t value);
    Hasher& add_u32(std::uint32_t value);  ///< little-endian
    Hasher& add_u64(std::uint64_t value);  ///< little-endian
    /// Length as u64, then the bytes: for fields of variable length.
    Hasher& add_sized(ByteView bytes);
    [[nodiscard]] Hash finish();

  private:
    alignas(64) std::array<std::uint8_t, 384> state_{};
};

Hash blake2b(std::string_view tag, ByteView bytes);
Hash sha256(ByteView bytes);

/// First eight bytes of a digest as a little-endian integer: the `u64(H(...))` of the protocol's
/// draws.
std::uint64_t first_u64(const Hash& hash);

/// (u64 * n) >> 64: a uniform index below n.
inline std::uint64_t scale_u64(std::uint64_t word, std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<Uint128>(word) * n) >> 64U);
}

}  // namespace assay::base
