#include "base/vrf.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "sodium_ready.h"

/// ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 from libsodium's group operations. Step names follow
/// section 5 of the RFC. Scalar multiplication refuses points outside the prime-order group, which
/// is stricter than the RFC and the same on every node.
namespace assay::base {

namespace {

using Point = std::array<std::uint8_t, 32>;
using Scalar = std::array<std::uint8_t, 32>;
using Sha512 = std::array<std::uint8_t, 64>;

constexpr std::uint8_t kSuite = 3;
constexpr std::size_t kChallengeBytes = 16;

/// SHA-512 over several pieces.
class Sha512Hasher {
  public:
    Sha512Hasher() { crypto_hash_sha512_init(&state_); }
    Sha512Hasher& add(ByteView bytes) {
        if (!bytes.empty()) crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
        return *this;
    }
    Sha512Hasher& add_u8(std::uint8_t value) { return add(ByteView(&value, 1)); }
    Sha512 finish() {
        Sha512 digest;
        crypto_hash_sha512_final(&state_, digest.data());
        return digest;
    }

  private:
    crypto_hash_sha512_state state_;
};

/// y < 2^255 - 19, the sign bit set aside: RFC 8032 decoding refuses other spellings of the same
/// point.
bool is_canonical_y(const Point& encoded) {
    Point y = encoded;
    y[31] &= 0x7f;
    if (y[31] != 0x7f || y[0] < 0xed) return true;
    return !std::all_of(y.begin() + 1, y.begin() + 31, [](std::uint8_t b) { return b == 0xff; });
}

bool is_identity(const Point& point) {
    Point identity{};
    identity[0] = 1;
    return point == identity;
}

/// Eight times a point; false when the bytes are not a point of the curve.
bool clear_cofactor(const Point& point, Point& out) {
    Point sum = point;
    for (int i = 0; i < 3; ++i) {
        const Point twice = sum;
        if (crypto_core_ed25519_add(sum.data(), twice.data(), twice.data()) != 0) return false;
    }
    out = sum;
    return true;
}

/// encode_to_curve_try_and_increment, 5.4.1.1. The salt is the public key. Fails with probability
/// 2^-256.
std::optional<Point> encode_to_curve(const PublicKey& key, ByteView alpha) {
    for (unsigned counter = 0; counter < 256; ++counter) {
        const Sha512 digest = Sha512Hasher()
                                  .add_u8(kSuite)
                                  .add_u8(1)
                                  .add(key.view())
                                  .add(alpha)
                                  .add_u8(static_cast<std::uint8_t>(counter))
                                  .add_u8(0)
                                  .finish();
        Point candidate;
        std::copy_n(digest.begin(), 32, candidate.begin());
        Point point;
        if (is_canonical_y(candidate) && clear_cofactor(candidate, point) && !is_identity(point)) {
            return point;
        }
    }
    return std::nullopt;
}

/// challenge_generation, 5.4.3, widened to a scalar.
Scalar challenge(const PublicKey& key, const Point& h, const Point& gamma, const Point& u,
                 const Point& v) {
    const Sha512 digest = Sha512Hasher()
                              .add_u8(kSuite)
                              .add_u8(2)
                              .add(key.view())
                              .add(h)
                              .add(gamma)
                              .add(u)
                              .add(v)
                              .add_u8(0)
                              .finish();
    Scalar c{};
    std::copy_n(digest.begin(), kChallengeBytes, c.begin());
    return c;
}

/// proof_to_hash, 5.2.
VrfOutput output_of(const Point& gamma) {
    Point cleared;
    const bool ok = clear_cofactor(gamma, cleared);
    ASSAY_CHECK(ok);
    return Sha512Hasher().add_u8(kSuite).add_u8(3).add(cleared).add_u8(0).finish();
}

bool is_reduced(const Scalar& s) {
    static constexpr Scalar kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    return std::lexicographical_compare(s.rbegin(), s.rend(), kOrder.rbegin(), kOrder.rend());
}

/// s * point for public values; false when the point is not of the prime-order group or the product
/// is the identity.
bool multiply_point(const Scalar& s, const Point& point, Point& out) {
    return crypto_scalarmult_ed25519_noclamp(out.data(), s.data(), point.data()) == 0;
}

}  // namespace

std::optional<VrfProof> vrf_proof_from_bytes(ByteView bytes) {
    VrfProof proof;
    if (bytes.size() != proof.bytes.size()) return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), proof.bytes.begin());
    return proof;
}

VrfProof vrf_prove(const SecretKey& key, ByteView alpha) {
    sodium_ready();
    const ByteView seed = key.seed();
    Sha512 expanded;
    crypto_hash_sha512(expanded.data(), seed.data(), seed.size());
    Scalar x;
    std::copy_n(expanded.begin(), 32, x.begin());
    x[0] &= 0xf8;
    x[31] = static_cast<std::uint8_t>((x[31] & 0x7f) | 0x40);

    const auto h = encode_to_curve(key.public_key(), alpha);
    ASSAY_CHECK(h.has_value());
    Point gamma;
    Scalar nonce;
    Sha512 nonce_hash = Sha512Hasher().add(ByteView(expanded).subspan(32)).add(*h).finish();
    crypto_core_ed25519_scalar_reduce(nonce.data(), nonce_hash.data());
    Point u;
    Point v;
    const bool computed = multiply_point(x, *h, gamma) &&
                          crypto_scalarmult_ed25519_base_noclamp(u.data(), nonce.data()) == 0 &&
                          multiply_point(nonce, *h, v);
    ASSAY_CHECK(computed);

    const Scalar c = challenge(key.public_key(), *h, gamma, u, v);
    Sha512 wide{};
    std::copy(x.begin(), x.end(), wide.begin());
    Scalar x_reduced;
    crypto_core_ed25519_scalar_reduce(x_reduced.data(), wide.data());
    Scalar product;
    Scalar s;
    crypto_core_ed25519_scalar_mul(product.data(), c.data(), x_reduced.data());
    crypto_core_ed25519_scalar_add(s.data(), nonce.data(), product.data());

    VrfProof proof;
    auto out = std::copy(gamma.begin(), gamma.end(), proof.bytes.begin());
    out = std::copy_n(c.begin(), kChallengeBytes, out);
    std::copy(s.begin(), s.end(), out);
    sodium_memzero(expanded.data(), expanded.size());
    sodium_memzero(x.data(), x.size());
    sodium_memzero(x_reduced.data(), x_reduced.size());
    sodium_memzero(wide.data(), wide.size());
    sodium_memzero(nonce.data(), nonce.size());
    sodium_memzero(nonce_hash.data(), nonce_hash.size());
    sodium_memzero(product.data(), product.size());
    return proof;
}

std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteView alpha, const VrfProof& proof) {
    sodium_ready();
    if (crypto_core_ed25519_is_valid_point(key.bytes.data()) != 1) return std::nullopt;
    Point gamma;
    Scalar c{};
    Scalar s;
    std::copy_n(proof.bytes.begin(), 32, gamma.begin());
    std::copy_n(proof.bytes.begin() + 32, kChallengeBytes, c.begin());
    std::copy_n(proof.bytes.begin() + 48, 32, s.begin());
    if (!is_reduced(s) || crypto_core_ed25519_is_valid_point(gamma.data()) != 1)
        return std::nullopt;

    const auto h = encode_to_curve(key, alpha);
    if (!h) return std::nullopt;
    // U = s B - c Y, V = s H - c Gamma.
    Point s_base;
    Point c_key;
    Point s_h;
    Point c_gamma;
    Point u;
    Point v;
    const bool computed = crypto_scalarmult_ed25519_base_noclamp(s_base.data(), s.data()) == 0 &&
                          multiply_point(c, key.bytes, c_key) && multiply_point(s, *h, s_h) &&
                          multiply_point(c, gamma, c_gamma) &&
                          crypto_core_ed25519_sub(u.data(), s_base.data(), c_key.data()) == 0 &&
                          crypto_core_ed25519_sub(v.data(), s_h.data(), c_gamma.data()) == 0;
    if (!computed || challenge(key, *h, gamma, u, v) != c) return std::nullopt;
    return output_of(gamma);
}

}  // namespace assay::base
