#include "base/hash.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "sodium_ready.h"

namespace assay::base {

namespace {

using Blake2bState = crypto_generichash_blake2b_state;
constexpr std::size_t kStateBytes = 384;
static_assert(sizeof(Blake2bState) <= kStateBytes && alignof(Blake2bState) <= 64);

Blake2bState* state_of(std::array<std::uint8_t, kStateBytes>& storage) {
    return reinterpret_cast<Blake2bState*>(storage.data());
}

void initialise(Blake2bState* state, std::string_view tag) {
    ASSAY_CHECK(!tag.empty() && tag.size() <= crypto_generichash_blake2b_PERSONALBYTES);
    std::array<std::uint8_t, crypto_generichash_blake2b_PERSONALBYTES> personal{};
    std::copy(tag.begin(), tag.end(), personal.begin());
    const int result = crypto_generichash_blake2b_init_salt_personal(state, nullptr, 0, 32, nullptr,
                                                                     personal.data());
    ASSAY_CHECK(result == 0);
}

template <std::size_t size>
std::array<std::uint8_t, size> little_endian(std::uint64_t value) {
    std::array<std::uint8_t, size> out{};
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return out;
}

}  // namespace

void sodium_ready() {
    static const bool ready = sodium_init() >= 0;
    ASSAY_CHECK(ready);
}

std::optional<Hash> hash_from_hex(std::string_view text) {
    if (text.size() != 64) return std::nullopt;
    const auto bytes = from_hex(text);
    return bytes ? hash_from_bytes(*bytes) : std::nullopt;
}

std::optional<Hash> hash_from_bytes(ByteView bytes) {
    if (bytes.size() != 32) return std::nullopt;
    Hash hash;
    std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
    return hash;
}

Hasher::Hasher(std::string_view tag) {
    sodium_ready();
    initialise(state_of(state_), tag);
}

Hasher& Hasher::add(ByteView bytes) {
    if (!bytes.empty())
        crypto_generichash_blake2b_update(state_of(state_), bytes.data(), bytes.size());
    return *this;
}

Hasher& Hasher::add_u8(std::uint8_t value) { return add(ByteView(&value, 1)); }

Hasher& Hasher::add_u32(std::uint32_t value) { return add(little_endian<4>(value)); }

Hasher& Hasher::add_u64(std::uint64_t value) { return add(little_endian<8>(value)); }

Hasher& Hasher::add_sized(ByteView bytes) {
    add_u64(bytes.size());
    return add(bytes);
}

Hash Hasher::finish() {
    Hash hash;
    const int result = crypto_generichash_blake2b_final(state_of(state_), hash.bytes.data(), 32);
    ASSAY_CHECK(result == 0);
    return hash;
}

Hash blake2b(std::string_view tag, ByteView bytes) { return Hasher(tag).add(bytes).finish(); }

Hash sha256(ByteView bytes) {
    sodium_ready();
    Hash hash;
    crypto_hash_sha256(hash.bytes.data(), bytes.data(), bytes.size());
    return hash;
}

std::uint64_t first_u64(const Hash& hash) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{hash.bytes[i]} << (8 * i);
    return value;
}

}  // namespace assay::base
