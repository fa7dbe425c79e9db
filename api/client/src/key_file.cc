#include "client/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/atomic_file.h"
#include "base/check.h"
#include "base/encoding.h"

namespace assay::client {
namespace {

constexpr std::string_view kMagic = "assaykey";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kHasCold = 1, kHasVrf = 2;
constexpr std::size_t kSeed = 32, kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kHeaderBytes = 8 + 2 + 1 + 4 + 4 + crypto_pwhash_SALTBYTES + 24 + 3 * 32;
constexpr std::size_t kFileBytesMax = kHeaderBytes + 3 * kSeed + kTag;
constexpr std::uint32_t kPassesMax = 16;
constexpr std::uint32_t kMemoryKibMax = 1024 * 1024;

struct Cost {
    std::uint32_t passes, memory_kib;
};
Cost cost_numbers(KeyCost cost) {
    switch (cost) {
        case KeyCost::interactive:
            return {2, 64 * 1024};
        case KeyCost::standard:
            return {3, 256 * 1024};
    }
    ASSAY_CHECK(false);
    return {};
}

/// Zeroed, guarded memory of one file's secrets.
struct Secret {
    explicit Secret(std::size_t size_in) : size(size_in) {
        ASSAY_CHECK(sodium_init() >= 0);
        bytes = static_cast<std::uint8_t*>(sodium_malloc(size));
        ASSAY_CHECK(bytes != nullptr);
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { sodium_free(bytes); }
    std::uint8_t* bytes;
    std::size_t size;
};

struct Header {
    std::uint8_t roles = 0;
    Cost cost{};
    std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
    std::array<std::uint8_t, 24> nonce{};
    std::array<std::array<std::uint8_t, 32>, 3>
        public_keys{};  // hot, cold, vrf; zeros where absent

    [[nodiscard]] std::size_t keys() const {
        return 1U + (roles & kHasCold) + ((roles & kHasVrf) >> 1U);
    }
};

base::Bytes encode_header(const Header& header) {
    base::Encoder out;
    out.raw(base::view_of(kMagic))
        .u16(kVersion)
        .u8(header.roles)
        .u32(header.cost.passes)
        .u32(header.cost.memory_kib);
    out.raw(header.salt).raw(header.nonce);
    for (const auto& key : header.public_keys) out.raw(key);
    return out.take();
}

template <std::size_t N>
void fill(std::array<std::uint8_t, N>& to, const base::Bytes& from) {
    if (from.size() == N) std::memcpy(to.data(), from.data(), N);
}

tl::expected<Header, KeyFileError> decode_header(base::ByteView bytes) {
    base::Decoder in(bytes);
    const base::Bytes magic = in.raw(kMagic.size());
    if (!in.ok() || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
        return tl::unexpected(KeyFileError::not_a_key_file);
    if (in.u16() != kVersion) return tl::unexpected(KeyFileError::unsupported_version);
    Header header;
    header.roles = in.u8();
    header.cost.passes = in.u32();
    header.cost.memory_kib = in.u32();
    fill(header.salt, in.raw(header.salt.size()));
    fill(header.nonce, in.raw(header.nonce.size()));
    for (auto& key : header.public_keys) fill(key, in.raw(key.size()));
    if (!in.ok() || header.roles > (kHasCold | kHasVrf))
        return tl::unexpected(KeyFileError::not_a_key_file);
    if (in.rest().size() != header.keys() * kSeed + kTag)
        return tl::unexpected(KeyFileError::not_a_key_file);
    if (header.cost.passes > kPassesMax || header.cost.memory_kib > kMemoryKibMax)
        return tl::unexpected(KeyFileError::cost_too_high);
    return header;
}

[[nodiscard]] bool derive(Secret& key, const Passphrase& passphrase, const Header& header) {
    const base::ByteView words = passphrase.view();
    return crypto_pwhash(key.bytes, key.size, reinterpret_cast<const char*>(words.data()),
                         words.size(), header.salt.data(), header.cost.passes,
                         std::size_t{header.cost.memory_kib} * 1024,
                         crypto_pwhash_ALG_ARGON2ID13) == 0;
}

tl::expected<base::Bytes, KeyFileError> seal(const KeySet& keys, const Passphrase& passphrase,
                                             KeyCost cost) {
    Header header;
    header.cost = cost_numbers(cost);
    randombytes_buf(header.salt.data(), header.salt.size());
    randombytes_buf(header.nonce.data(), header.nonce.size());
    std::vector<const base::SecretKey*> present{&keys.hot};
    header.public_keys[0] = keys.hot.public_key().bytes;
    if (keys.cold) {
        header.roles |= kHasCold;
        header.public_keys[1] = keys.cold->public_key().bytes;
        present.push_back(&*keys.cold);
    }
    if (keys.vrf) {
        header.roles |= kHasVrf;
        header.public_keys[2] = keys.vrf->public_key().bytes;
        present.push_back(&*keys.vrf);
    }
    Secret plain(present.size() * kSeed);
    for (std::size_t i = 0; i < present.size(); ++i)
        std::memcpy(plain.bytes + i * kSeed, present[i]->seed().data(), kSeed);
    Secret key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
    if (!derive(key, passphrase, header)) return tl::unexpected(KeyFileError::out_of_memory);
    base::Bytes file = encode_header(header);
    const std::size_t at = file.size();
    file.resize(at + plain.size + kTag);
    crypto_aead_xchacha20poly1305_ietf_encrypt(file.data() + at, nullptr, plain.bytes, plain.size,
                                               file.data(), at, nullptr, header.nonce.data(),
                                               key.bytes);
    return file;
}

/// Reads at most kFileBytesMax + 1 bytes of a regular file that only this user may touch.
tl::expected<base::Bytes, KeyFileError> read_private(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return tl::unexpected(errno == ENOENT ? KeyFileError::missing : KeyFileError::unreadable);
    struct stat status {};
    base::Bytes bytes(kFileBytesMax + 1);
    std::size_t size = 0;
    KeyFileError error = KeyFileError::unreadable;
    bool good = ::fstat(descriptor, &status) == 0;
    if (good &&
        (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0 || status.st_uid != ::geteuid())) {
        error = KeyFileError::wrong_permissions;
        good = false;
    }
    while (good && size < bytes.size()) {
        const ssize_t got = ::read(descriptor, bytes.data() + size, bytes.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) good = false;
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    ::close(descriptor);
    if (!good) return tl::unexpected(error);
    bytes.resize(size);
    return bytes;
}

/// Never over an existing file, unless it replaces one.
tl::expected<void, KeyFileError> write_private(const std::filesystem::path& file,
                                               base::ByteView bytes, bool replace) {
    std::array<std::uint8_t, 8> random{};
    randombytes_buf(random.data(), random.size());
    base::AtomicFile::Options options;
    options.mode = 0600;
    options.suffix = ".new-" + base::to_hex(random);
    options.replaces = replace;
    options.exclusive = true;
    const auto wrong = base::save_atomically(file, bytes, options);
    if (!wrong) return {};
    return tl::unexpected(wrong == std::errc::file_exists && !replace ? KeyFileError::exists
                                                                      : KeyFileError::write_failed);
}

}  // namespace

std::string_view key_file_error_text(KeyFileError error) {
    switch (error) {
        case KeyFileError::exists:
            return "the file exists already; key files are never overwritten";
        case KeyFileError::missing:
            return "there is no such file";
        case KeyFileError::unreadable:
            return "the file cannot be read (symbolic links are refused)";
        case KeyFileError::wrong_permissions:
            return "the file must be a regular file of this user with mode 0600";
        case KeyFileError::not_a_key_file:
            return "this is not an Assay key file";
        case KeyFileError::unsupported_version:
            return "the key file's version is not supported";
        case KeyFileError::cost_too_low:
            return "the key file's derivation cost is below the minimum";
        case KeyFileError::cost_too_high:
            return "the key file's derivation cost is above the maximum";
        case KeyFileError::wrong_passphrase_or_damaged:
            return "wrong passphrase, or the file is damaged";
        case KeyFileError::out_of_memory:
            return "not enough memory to derive the key";
        case KeyFileError::write_failed:
            return "the file cannot be written";
    }
    ASSAY_CHECK(false);
    return {};
}

KeySet KeySet::generate(bool with_cold, bool with_vrf) {
    KeySet keys{base::SecretKey::generate(), std::nullopt, std::nullopt};
    if (with_cold) keys.cold = base::SecretKey::generate();
    if (with_vrf) keys.vrf = base::SecretKey::generate();
    return keys;
}

const base::PublicKey& KeySet::first_key() const {
    return cold ? cold->public_key() : hot.public_key();
}

tl::expected<void, KeyFileError> create_key_file(const std::filesystem::path& file,
                                                 const KeySet& keys, const Passphrase& passphrase,
                                                 KeyCost cost) {
    const auto sealed = seal(keys, passphrase, cost);
    if (!sealed) return tl::unexpected(sealed.error());
    return write_private(file, *sealed, false);
}

tl::expected<KeySet, KeyFileError> open_key_file(const std::filesystem::path& file,
                                                 const Passphrase& passphrase, KeyCost minimum) {
    const auto bytes = read_private(file);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto header = decode_header(*bytes);
    if (!header) return tl::unexpected(header.error());
    const Cost least = cost_numbers(minimum);
    if (header->cost.passes < least.passes || header->cost.memory_kib < least.memory_kib)
        return tl::unexpected(KeyFileError::cost_too_low);
    Secret key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
    if (!derive(key, passphrase, *header)) return tl::unexpected(KeyFileError::out_of_memory);
    Secret plain(header->keys() * kSeed);
    const base::ByteView sealed = base::ByteView(*bytes).subspan(kHeaderBytes);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes, nullptr, nullptr, sealed.data(),
                                                   sealed.size(), bytes->data(), kHeaderBytes,
                                                   header->nonce.data(), key.bytes) != 0) {
        return tl::unexpected(KeyFileError::wrong_passphrase_or_damaged);
    }
    std::size_t at = 0;
    const auto next = [&] {
        return base::SecretKey::from_seed({plain.bytes + kSeed * at++, kSeed});
    };
    KeySet keys{next(), std::nullopt, std::nullopt};
    if ((header->roles & kHasCold) != 0) keys.cold = next();
    if ((header->roles & kHasVrf) != 0) keys.vrf = next();
    const bool agrees = keys.hot.public_key().bytes == header->public_keys[0] &&
                        (!keys.cold || keys.cold->public_key().bytes == header->public_keys[1]) &&
                        (!keys.vrf || keys.vrf->public_key().bytes == header->public_keys[2]);
    if (!agrees) return tl::unexpected(KeyFileError::wrong_passphrase_or_damaged);
    return keys;
}

tl::expected<KeyFileInfo, KeyFileError> inspect_key_file(const std::filesystem::path& file) {
    const auto bytes = read_private(file);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto header = decode_header(*bytes);
    if (!header) return tl::unexpected(header.error());
    KeyFileInfo info{base::PublicKey{header->public_keys[0]}, std::nullopt, std::nullopt,
                     header->cost.passes, std::uint64_t{header->cost.memory_kib} * 1024};
    if ((header->roles & kHasCold) != 0) info.cold = base::PublicKey{header->public_keys[1]};
    if ((header->roles & kHasVrf) != 0) info.vrf = base::PublicKey{header->public_keys[2]};
    return info;
}

tl::expected<void, KeyFileError> change_passphrase(const std::filesystem::path& file,
                                                   const Passphrase& old_passphrase,
                                                   const Passphrase& new_passphrase, KeyCost cost) {
    const auto keys = open_key_file(file, old_passphrase);
    if (!keys) return tl::unexpected(keys.error());
    const auto sealed = seal(*keys, new_passphrase, cost);
    if (!sealed) return tl::unexpected(sealed.error());
    return write_private(file, *sealed, true);
}

}  // namespace assay::client
