#include "base/signature.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "sodium_ready.h"

namespace assay::base {

/// seed || public key as libsodium wants it, in pages of its own, read-only once written.
struct SecretKey::Guarded {
    Guarded() {
        sodium_ready();
        bytes = static_cast<std::uint8_t*>(sodium_malloc(crypto_sign_SECRETKEYBYTES));
        ASSAY_CHECK(bytes != nullptr);
    }
    ~Guarded() { sodium_free(bytes); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    std::uint8_t* bytes = nullptr;
};

std::optional<PublicKey> public_key_from_bytes(ByteView bytes) {
    sodium_ready();
    PublicKey key;
    if (bytes.size() != key.bytes.size()) return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
    if (crypto_core_ed25519_is_valid_point(key.bytes.data()) != 1) return std::nullopt;
    return key;
}

std::optional<Signature> signature_from_bytes(ByteView bytes) {
    Signature signature;
    if (bytes.size() != signature.bytes.size()) return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), signature.bytes.begin());
    return signature;
}

SecretKey SecretKey::generate() {
    SecretKey key;
    key.guarded_ = std::make_unique<Guarded>();
    crypto_sign_keypair(key.public_key_.bytes.data(), key.guarded_->bytes);
    sodium_mprotect_readonly(key.guarded_->bytes);
    return key;
}

SecretKey SecretKey::from_seed(ByteView seed_32) {
    ASSAY_CHECK(seed_32.size() == crypto_sign_SEEDBYTES);
    SecretKey key;
    key.guarded_ = std::make_unique<Guarded>();
    crypto_sign_seed_keypair(key.public_key_.bytes.data(), key.guarded_->bytes, seed_32.data());
    sodium_mprotect_readonly(key.guarded_->bytes);
    return key;
}

SecretKey::SecretKey(SecretKey&&) noexcept = default;
SecretKey& SecretKey::operator=(SecretKey&&) noexcept = default;
SecretKey::~SecretKey() = default;

Signature SecretKey::sign(std::string_view domain, const Hash& chain_id, ByteView message) const {
    ASSAY_CHECK(guarded_ != nullptr);
    const Bytes covered = signed_bytes(domain, chain_id, message);
    Signature signature;
    crypto_sign_detached(signature.bytes.data(), nullptr, covered.data(), covered.size(),
                         guarded_->bytes);
    return signature;
}

ByteView SecretKey::seed() const {
    ASSAY_CHECK(guarded_ != nullptr);
    return {guarded_->bytes, crypto_sign_SEEDBYTES};
}

Hash SecretKey::derive(std::string_view purpose, ByteView context) const {
    ASSAY_CHECK(!purpose.empty() && purpose.size() < 256);
    constexpr std::string_view tag = "assay.derive";
    std::array<std::uint8_t, crypto_generichash_blake2b_PERSONALBYTES> personal{};
    std::copy(tag.begin(), tag.end(), personal.begin());
    const ByteView key = seed();
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init_salt_personal(&state, key.data(), key.size(), 32, nullptr,
                                                  personal.data());
    const auto length = static_cast<std::uint8_t>(purpose.size());
    crypto_generichash_blake2b_update(&state, &length, 1);
    crypto_generichash_blake2b_update(&state, view_of(purpose).data(), purpose.size());
    if (!context.empty()) {
        crypto_generichash_blake2b_update(&state, context.data(), context.size());
    }
    Hash hash;
    crypto_generichash_blake2b_final(&state, hash.bytes.data(), hash.bytes.size());
    sodium_memzero(&state, sizeof state);
    return hash;
}

Bytes signed_bytes(std::string_view domain, const Hash& chain_id, ByteView message) {
    ASSAY_CHECK(!domain.empty() && domain.size() <= 32);
    ASSAY_CHECK(
        std::all_of(domain.begin(), domain.end(), [](char c) { return c > ' ' && c <= '~'; }));
    Bytes covered;
    covered.reserve(domain.size() + 1 + 32 + message.size());
    const ByteView domain_view = view_of(domain);
    covered.insert(covered.end(), domain_view.begin(), domain_view.end());
    covered.push_back(0);
    covered.insert(covered.end(), chain_id.bytes.begin(), chain_id.bytes.end());
    covered.insert(covered.end(), message.begin(), message.end());
    return covered;
}

bool verify(const PublicKey& key, const Signature& signature, std::string_view domain,
            const Hash& chain_id, ByteView message) {
    sodium_ready();
    const Bytes covered = signed_bytes(domain, chain_id, message);
    return crypto_sign_verify_detached(signature.bytes.data(), covered.data(), covered.size(),
                                       key.bytes.data()) == 0;
}

}  // namespace assay::base
