#include "agent/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/atomic_file.h"

namespace assay::agent {

tl::expected<void, std::string> save_durable(const std::filesystem::path& file,
                                             base::ByteView bytes) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    base::AtomicFile::Options options;
    options.mode = 0600;
    options.suffix = ".new";
    if (const auto wrong = base::save_atomically(file, bytes, options))
        return tl::unexpected("cannot write " + file.string() + ": " + wrong.message());
    return {};
}

std::optional<base::Bytes> load_file(const std::filesystem::path& file, std::size_t size_max) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (error || size > size_max) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    base::Bytes bytes(static_cast<std::size_t>(size));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!in || static_cast<std::uintmax_t>(in.gcount()) != size) return std::nullopt;
    return bytes;
}

tl::expected<FolderLock, std::string> FolderLock::acquire(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const std::filesystem::path file = folder / "lock";
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return tl::unexpected("cannot open " + file.string() + ": " + std::strerror(errno));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        ::close(descriptor);
        return tl::unexpected("another process uses " + folder.string());
    }
    return FolderLock(descriptor);
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace assay::agent
