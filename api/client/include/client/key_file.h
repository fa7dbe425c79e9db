#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/bytes.h"
#include "base/signature.h"

/// Secret keys at rest (docs/formats/key_file.md): Argon2id over a passphrase, XChaCha20-Poly1305
/// over the seed, the whole header authenticated.
namespace assay::client {

/// A passphrase in guarded memory (sodium_malloc), zeroed when destroyed. Never a std::string,
/// never from argv or the environment.
class Passphrase {
  public:
    static constexpr std::size_t kBytesMax = 1024;
    /// Everything up to the first newline or end of the descriptor. The descriptor is not closed.
    static tl::expected<Passphrase, std::string> from_descriptor(int descriptor);
    static tl::expected<Passphrase, std::string> from_file(const std::filesystem::path& file);
    /// From the terminal with echo off. `twice`: asks again and compares.
    static tl::expected<Passphrase, std::string> from_prompt(std::string_view prompt, bool twice);
    /// For tests and for programs that already hold it in their own guarded memory.
    static tl::expected<Passphrase, std::string> from_bytes(base::ByteView bytes);
    Passphrase(Passphrase&&) noexcept;
    Passphrase& operator=(Passphrase&&) noexcept;
    ~Passphrase();
    [[nodiscard]] base::ByteView view() const;

  private:
    Passphrase() = default;
    struct Guarded;
    std::unique_ptr<Guarded> guarded_;
};

/// Cost of deriving the key. The file records the numbers; opening never accepts fewer than
/// `minimum`.
enum class KeyCost : std::uint8_t {
    interactive,  ///< 2 passes over 64 MiB: demos and tests
    standard,     ///< 3 passes over 256 MiB
};

/// What a file holds: at most four keys with roles. An account uses `cold` (withdraw, rotate),
/// `hot` (daily signing) and `vrf`.
struct KeySet {
    base::SecretKey hot;
    std::optional<base::SecretKey> cold;  ///< absent: the hot key is the only one
    std::optional<base::SecretKey> vrf;   ///< absent: workers and submitters need none
    static KeySet generate(bool with_cold, bool with_vrf);
    /// The key whose hash is the account id: the cold one where there is one, else the hot one.
    [[nodiscard]] const base::PublicKey& first_key() const;
};

enum class KeyFileError : std::uint8_t {
    exists,
    missing,
    unreadable,
    wrong_permissions,
    not_a_key_file,
    unsupported_version,
    cost_too_low,
    cost_too_high,
    wrong_passphrase_or_damaged,
    out_of_memory,
    write_failed,
};
std::string_view key_file_error_text(KeyFileError error);

/// Writes a new file (0600, never over an existing one; temporary file, fsync of file and folder,
/// then link).
tl::expected<void, KeyFileError> create_key_file(const std::filesystem::path& file,
                                                 const KeySet& keys, const Passphrase& passphrase,
                                                 KeyCost cost = KeyCost::standard);
/// Opens with O_NOFOLLOW, requires a regular file of this user that nobody else may read.
tl::expected<KeySet, KeyFileError> open_key_file(const std::filesystem::path& file,
                                                 const Passphrase& passphrase,
                                                 KeyCost minimum = KeyCost::interactive);
/// The public keys without a passphrase (they are in the header, authenticated only when the file
/// is opened).
struct KeyFileInfo {
    base::PublicKey hot;
    std::optional<base::PublicKey> cold, vrf;
    std::uint32_t passes = 0;
    std::uint64_t memory_bytes = 0;
    [[nodiscard]] const base::PublicKey& first_key() const { return cold ? *cold : hot; }
};
tl::expected<KeyFileInfo, KeyFileError> inspect_key_file(const std::filesystem::path& file);
/// Replaces the file's content under a new passphrase or cost, atomically.
tl::expected<void, KeyFileError> change_passphrase(const std::filesystem::path& file,
                                                   const Passphrase& old_passphrase,
                                                   const Passphrase& new_passphrase,
                                                   KeyCost cost = KeyCost::standard);

/// Where secret keys come from: a key file, and its passphrase from a descriptor, a file or the
/// terminal; never from argv or the environment.
struct KeySource {
    std::filesystem::path file;
    std::filesystem::path passphrase_file;  ///< empty: the terminal
    int passphrase_fd = -1;                 ///< 0 and above: this open descriptor first
};
/// From the source; `prompt` is for the terminal. Errors are sentences for people.
tl::expected<Passphrase, std::string> read_passphrase(const KeySource& source,
                                                      std::string_view prompt, bool twice);
/// Makes the process fit to hold keys (harden_process), reads the passphrase and opens the file.
tl::expected<KeySet, std::string> open_keys(const KeySource& source);

/// No core dumps, not dumpable, soft RLIMIT_CORE 0. Programs that hold keys call it first; false
/// when the system refused.
bool harden_process();

}  // namespace assay::client
