#pragma once

#include <array>
#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace assay::base {

/// An Ed25519 public key. Decoding admits canonical points of the prime-order group only
/// (reference: RFC 8032; libsodium's is_valid_point as patched for CVE-2025-69277), because the set
/// of valid keys is a rule of consensus.
struct PublicKey {
    std::array<std::uint8_t, 32> bytes{};
    auto operator<=>(const PublicKey&) const = default;
    [[nodiscard]] ByteView view() const { return bytes; }
    [[nodiscard]] std::string hex() const { return to_hex(bytes); }
    [[nodiscard]] bool is_zero() const { return *this == PublicKey{}; }
};

std::optional<PublicKey> public_key_from_bytes(ByteView bytes);  ///< checks the point

struct Signature {
    std::array<std::uint8_t, 64> bytes{};
    auto operator<=>(const Signature&) const = default;
    [[nodiscard]] ByteView view() const { return bytes; }
};

std::optional<Signature> signature_from_bytes(ByteView bytes);

/// An Ed25519 key pair whose secret lives in guarded memory (sodium_malloc) and is zeroed when it
/// is destroyed. Movable, not copyable.
class SecretKey {
  public:
    static SecretKey generate();
    static SecretKey from_seed(ByteView seed_32);  ///< requires exactly 32 bytes
    SecretKey(SecretKey&&) noexcept;
    SecretKey& operator=(SecretKey&&) noexcept;
    ~SecretKey();
    [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
    /// Signs `domain || 0 || chain_id || bytes`: see `signed_bytes`.
    [[nodiscard]] Signature sign(std::string_view domain, const Hash& chain_id,
                                 ByteView message) const;
    /// The 32-byte seed, for the key file and the VRF. The caller must not copy it into unguarded
    /// memory.
    [[nodiscard]] ByteView seed() const;
    /// A secret derived from this key for one purpose (salts): BLAKE2b keyed by the seed over
    /// purpose || context.
    [[nodiscard]] Hash derive(std::string_view purpose, ByteView context) const;

  private:
    SecretKey() = default;
    struct Guarded;
    std::unique_ptr<Guarded> guarded_;
    PublicKey public_key_;
};

/// What a signature covers: domain (at most 32 bytes of visible ASCII), one zero byte, chain id,
/// message.
Bytes signed_bytes(std::string_view domain, const Hash& chain_id, ByteView message);
[[nodiscard]] bool verify(const PublicKey& key, const Signature& signature, std::string_view domain,
                          const Hash& chain_id, ByteView message);

/// Initialises libsodium and compares Ed25519, BLAKE2b, SHA-256, VRF and point-validity with known
/// answers, including the point that tells the patched libsodium 1.0.18 from the unpatched one.
/// Returns the name of the first test that fails. Every program calls it first.
[[nodiscard]] std::optional<std::string> crypto_self_test();

}  // namespace assay::base
