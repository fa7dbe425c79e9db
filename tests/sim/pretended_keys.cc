/// Keys as hashes: linked in the place of base/signature.cc and base/vrf.cc where a million
/// histories would spend nearly all of their time on curves. Whoever knows a public key could sign
/// for it; no party of a simulation does. Real keys are tested where they live.
#include <algorithm>

#include "base/check.h"
#include "base/signature.h"
#include "base/vrf.h"

namespace assay::base {

struct SecretKey::Guarded {
    Hash seed;
};

namespace {

Hash signed_hash(const PublicKey& key, std::string_view domain, const Hash& chain_id,
                 ByteView message) {
    return Hasher("pretended.sign")
        .add(key.view())
        .add_sized(view_of(domain))
        .add(chain_id)
        .add(message)
        .finish();
}

Hash proved_hash(const PublicKey& key, ByteView alpha) {
    return Hasher("pretended.vrf").add(key.view()).add(alpha).finish();
}

template <class T>
std::optional<T> copied(ByteView bytes) {
    T out;
    if (bytes.size() != out.bytes.size()) return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    return out;
}

}  // namespace

std::optional<PublicKey> public_key_from_bytes(ByteView bytes) { return copied<PublicKey>(bytes); }
std::optional<Signature> signature_from_bytes(ByteView bytes) { return copied<Signature>(bytes); }
std::optional<VrfProof> vrf_proof_from_bytes(ByteView bytes) { return copied<VrfProof>(bytes); }

SecretKey SecretKey::generate() {
    static std::uint64_t made = 0;
    return from_seed(Hasher("pretended.new").add_u64(++made).finish().view());
}

SecretKey SecretKey::from_seed(ByteView seed_32) {
    SecretKey key;
    key.guarded_ = std::make_unique<Guarded>();
    key.guarded_->seed = hash_from_bytes(seed_32).value();
    key.public_key_.bytes = blake2b("pretended.key", seed_32).bytes;
    return key;
}

SecretKey::SecretKey(SecretKey&&) noexcept = default;
SecretKey& SecretKey::operator=(SecretKey&&) noexcept = default;
SecretKey::~SecretKey() = default;

Signature SecretKey::sign(std::string_view domain, const Hash& chain_id, ByteView message) const {
    Signature signature;
    const Hash hash = signed_hash(public_key_, domain, chain_id, message);
    std::copy(hash.bytes.begin(), hash.bytes.end(), signature.bytes.begin());
    return signature;
}

ByteView SecretKey::seed() const { return guarded_->seed.view(); }

Hash SecretKey::derive(std::string_view purpose, ByteView context) const {
    return Hasher("pretended.derive")
        .add(guarded_->seed)
        .add_sized(view_of(purpose))
        .add(context)
        .finish();
}

Bytes signed_bytes(std::string_view domain, const Hash& chain_id, ByteView message) {
    Bytes covered(domain.begin(), domain.end());
    covered.push_back(0);
    covered.insert(covered.end(), chain_id.bytes.begin(), chain_id.bytes.end());
    covered.insert(covered.end(), message.begin(), message.end());
    return covered;
}

bool verify(const PublicKey& key, const Signature& signature, std::string_view domain,
            const Hash& chain_id, ByteView message) {
    const Hash hash = signed_hash(key, domain, chain_id, message);
    return std::equal(hash.bytes.begin(), hash.bytes.end(), signature.bytes.begin());
}

VrfProof vrf_prove(const SecretKey& key, ByteView alpha) {
    VrfProof proof;
    const Hash hash = proved_hash(key.public_key(), alpha);
    std::copy(hash.bytes.begin(), hash.bytes.end(), proof.bytes.begin());
    return proof;
}

std::optional<VrfOutput> vrf_verify(const PublicKey& key, ByteView alpha, const VrfProof& proof) {
    const Hash hash = proved_hash(key, alpha);
    if (!std::equal(hash.bytes.begin(), hash.bytes.end(), proof.bytes.begin())) return std::nullopt;
    VrfOutput output{};
    const Hash beta = blake2b("pretended.beta", hash.view());
    std::copy(beta.bytes.begin(), beta.bytes.end(), output.begin());
    return output;
}

}  // namespace assay::base
