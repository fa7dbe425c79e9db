#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/signature.h"
#include "base/vrf.h"
#include "sodium_ready.h"

/// Known answers that every node must agree on. Which signatures and keys are accepted is a rule of
/// consensus, so a library that decides otherwise must not take part: it would fork off silently.
namespace assay::base {

namespace {

Bytes hex(std::string_view text) {
    const auto bytes = from_hex(text);
    ASSAY_CHECK(bytes.has_value());
    return *bytes;
}

/// "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), the published edge cases 0 to 9:
/// what a cofactorless, strict verifier accepts, and which keys are canonical points of the
/// prime-order group.
struct EdgeCase {
    std::string_view message, key, signature;
    bool accepted, valid_point;
};
constexpr std::array<EdgeCase, 10> kEdgeCases = {{
    {"8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
     "0000000000000000000000000000000000000000000000000000000000000000",
     false, false},
    {"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43"
     "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
     false, false},
    {"aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
     "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
     false, false},
    {"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f"
     "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
     true, false},
    {"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
     "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
     false, false},
    {"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7"
     "e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
     false, false},
    {"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
     "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
     "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e"
     "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
     false, true},
    {"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
     "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
     "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942"
     "7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
     false, true},
    {"fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
     "454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
     false, false},
    {"84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
     "084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09",
     false, false},
}};

/// RFC 8032 7.1, TEST 2.
bool ed25519_known_answer() {
    const Bytes seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    std::array<std::uint8_t, 32> key;
    std::array<std::uint8_t, 64> secret;
    std::array<std::uint8_t, 64> signature;
    crypto_sign_seed_keypair(key.data(), secret.data(), seed.data());
    const std::uint8_t message = 0x72;
    crypto_sign_detached(signature.data(), nullptr, &message, 1, secret.data());
    const Bytes expected =
        hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    return to_hex(key) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" &&
           std::equal(signature.begin(), signature.end(), expected.begin(), expected.end()) &&
           crypto_sign_verify_detached(signature.data(), &message, 1, key.data()) == 0;
}

bool ed25519_edge_cases() {
    return std::all_of(kEdgeCases.begin(), kEdgeCases.end(), [](const EdgeCase& edge) {
        const Bytes message = hex(edge.message);
        const Bytes key = hex(edge.key);
        const Bytes signature = hex(edge.signature);
        const bool accepted = crypto_sign_verify_detached(signature.data(), message.data(),
                                                          message.size(), key.data()) == 0;
        const bool valid = crypto_core_ed25519_is_valid_point(key.data()) == 1;
        return accepted == edge.accepted && valid == edge.valid_point;
    });
}

/// The base point plus the point of order two. libsodium 1.0.18 without the fix for CVE-2025-69277
/// calls it valid and multiplies it.
bool point_validity() {
    std::array<std::uint8_t, 32> mixed;
    mixed.fill(0x99);
    mixed[0] = 0x95;
    std::array<std::uint8_t, 32> base;
    base.fill(0x66);
    base[0] = 0x58;
    std::array<std::uint8_t, 32> two{};
    two[0] = 2;
    std::array<std::uint8_t, 32> product;
    return crypto_core_ed25519_is_valid_point(base.data()) == 1 &&
           crypto_core_ed25519_is_valid_point(mixed.data()) == 0 &&
           crypto_scalarmult_ed25519_noclamp(product.data(), two.data(), base.data()) == 0 &&
           crypto_scalarmult_ed25519_noclamp(product.data(), two.data(), mixed.data()) != 0;
}

/// BLAKE2b-256 with a personal field against an independent implementation (Python's hashlib),
/// SHA-256 of FIPS 180-4.
bool hashes() {
    return blake2b("assay.test", view_of("abc")).hex() ==
               "7aa0ff007894798c366245d6ceba7f753d2ea475e6fccdd70d9a063e17a8330f" &&
           sha256(view_of("abc")).hex() ==
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
}

/// RFC 9381 B.3, example 17.
bool vrf_known_answer() {
    const SecretKey key = SecretKey::from_seed(
        hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    const Bytes alpha = {0x72};
    VrfProof proof = vrf_prove(key, alpha);
    const auto output = vrf_verify(key.public_key(), alpha, proof);
    if (to_hex(proof.bytes) !=
        "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed593"
        "3bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926d"
        "a3ef39226bbc355bdc9850112c8f4b02") {
        return false;
    }
    if (!output || to_hex(*output) !=
                       "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb"
                       "5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031") {
        return false;
    }
    proof.bytes[40] ^= 1U;
    return !vrf_verify(key.public_key(), alpha, proof);
}

}  // namespace

std::optional<std::string> crypto_self_test() {
    if (sodium_init() < 0) return "libsodium initialisation";
    sodium_ready();
    if (!hashes()) return "hashes";
    if (!ed25519_known_answer()) return "ed25519";
    if (!ed25519_edge_cases()) return "ed25519 edge cases";
    if (!point_validity()) return "ed25519 point validity (CVE-2025-69277)";
    if (!vrf_known_answer()) return "ecvrf";
    return std::nullopt;
}

}  // namespace assay::base
