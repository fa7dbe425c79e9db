#include <fcntl.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "client/key_file.h"

namespace assay::client {

struct Passphrase::Guarded {
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    Guarded() {
        ASSAY_CHECK(sodium_init() >= 0);
        bytes = static_cast<std::uint8_t*>(sodium_malloc(kBytesMax + 1));
        ASSAY_CHECK(bytes != nullptr);
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    ~Guarded() { sodium_free(bytes); }  // zeroes first
};

Passphrase::Passphrase(Passphrase&&) noexcept = default;
Passphrase& Passphrase::operator=(Passphrase&&) noexcept = default;
Passphrase::~Passphrase() = default;

base::ByteView Passphrase::view() const { return {guarded_->bytes, guarded_->size}; }

tl::expected<Passphrase, std::string> Passphrase::from_descriptor(int descriptor) {
    Passphrase result;
    result.guarded_ = std::make_unique<Guarded>();
    Guarded& guarded = *result.guarded_;
    // One byte at a time: whatever follows the newline belongs to the next reader of this
    // descriptor.
    while (true) {
        const ssize_t got = ::read(descriptor, guarded.bytes + guarded.size, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return tl::unexpected(std::string("cannot read the passphrase: ") +
                                  std::strerror(errno));
        if (got == 0 || guarded.bytes[guarded.size] == '\n') break;
        if (guarded.size == kBytesMax)
            return tl::unexpected(std::string("the passphrase is longer than 1024 bytes"));
        ++guarded.size;
    }
    if (guarded.size == 0) return tl::unexpected(std::string("the passphrase is empty"));
    return result;
}

tl::expected<Passphrase, std::string> Passphrase::from_file(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return tl::unexpected("cannot open " + file.string() + ": " + std::strerror(errno));
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 ||
        (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)) {
        ::close(descriptor);
        return tl::unexpected(file.string() + " may be read by others; run: chmod 600 " +
                              file.string());
    }
    auto result = from_descriptor(descriptor);
    ::close(descriptor);
    return result;
}

tl::expected<Passphrase, std::string> Passphrase::from_prompt(std::string_view prompt, bool twice) {
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        return tl::unexpected(std::string(
            "no terminal to ask for the passphrase; use --passphrase-file or --passphrase-fd"));
    }
    termios saved{};
    const bool has_settings = ::tcgetattr(terminal, &saved) == 0;
    termios silent = saved;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (has_settings) ::tcsetattr(terminal, TCSAFLUSH, &silent);
    const auto ask = [&](std::string_view text) {
        [[maybe_unused]] ssize_t ignored = ::write(terminal, text.data(), text.size());
        auto answer = from_descriptor(terminal);
        ignored = ::write(terminal, "\n", 1);
        return answer;
    };
    auto first = ask(std::string(prompt) + ": ");
    if (first && twice) {
        const auto second = ask("Again: ");
        const bool same =
            second && second->view().size() == first->view().size() &&
            sodium_memcmp(second->view().data(), first->view().data(), first->view().size()) == 0;
        if (!same) first = tl::unexpected(std::string("the two passphrases differ"));
    }
    if (has_settings) ::tcsetattr(terminal, TCSAFLUSH, &saved);
    ::close(terminal);
    return first;
}

tl::expected<Passphrase, std::string> Passphrase::from_bytes(base::ByteView bytes) {
    if (bytes.empty()) return tl::unexpected(std::string("the passphrase is empty"));
    if (bytes.size() > kBytesMax)
        return tl::unexpected(std::string("the passphrase is longer than 1024 bytes"));
    Passphrase result;
    result.guarded_ = std::make_unique<Guarded>();
    std::memcpy(result.guarded_->bytes, bytes.data(), bytes.size());
    result.guarded_->size = bytes.size();
    return result;
}

tl::expected<Passphrase, std::string> read_passphrase(const KeySource& source,
                                                      std::string_view prompt, bool twice) {
    if (source.passphrase_fd >= 0) return Passphrase::from_descriptor(source.passphrase_fd);
    if (!source.passphrase_file.empty()) return Passphrase::from_file(source.passphrase_file);
    return Passphrase::from_prompt(prompt, twice);
}

tl::expected<KeySet, std::string> open_keys(const KeySource& source) {
    harden_process();
    const auto passphrase = read_passphrase(source, "Passphrase of " + source.file.string(), false);
    if (!passphrase) return tl::unexpected(passphrase.error());
    auto keys = open_key_file(source.file, *passphrase);
    if (!keys)
        return tl::unexpected(source.file.string() + ": " +
                              std::string(key_file_error_text(keys.error())));
    return std::move(*keys);
}

bool harden_process() {
    const rlimit none{0, 0};
    const bool limited = ::setrlimit(RLIMIT_CORE, &none) == 0;
    return ::prctl(PR_SET_DUMPABLE, 0) == 0 && limited;
}

}  // namespace assay::client
