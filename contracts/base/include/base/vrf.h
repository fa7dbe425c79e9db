#pragma once

#include <array>
#include <optional>

#include "base/signature.h"

namespace assay::base {

/// ECVRF-EDWARDS25519-SHA512-TAI, RFC 9381. `alpha` is public input (try-and-increment is not
/// constant time in it).
struct VrfProof {
    std::array<std::uint8_t, 80> bytes{};
    auto operator<=>(const VrfProof&) const = default;
    [[nodiscard]] ByteView view() const { return bytes; }
};
std::optional<VrfProof> vrf_proof_from_bytes(ByteView bytes);
using VrfOutput = std::array<std::uint8_t, 64>;

VrfProof vrf_prove(const SecretKey& key, ByteView alpha);
/// The output beta, or nothing when the proof is not valid for this key and alpha.
std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteView alpha, const VrfProof& proof);

}  // namespace assay::base
