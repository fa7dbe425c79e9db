#include "atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace assay::commit {

namespace {

constexpr std::size_t kPieceMax = std::size_t{1} << 30U;

bool sync_folder(const std::filesystem::path& file) {
    const std::filesystem::path folder =
        file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool synced = ::fsync(descriptor) == 0;
    ::close(descriptor);
    return synced;
}

}  // namespace

tl::expected<AtomicFile, FileError> AtomicFile::create(const std::filesystem::path& file) {
    AtomicFile result;
    result.file_ = file;
    result.partial_ = file;
    result.partial_ += ".partial";
    result.descriptor_ =
        ::open(result.partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (result.descriptor_ < 0) return tl::unexpected(FileError::unwritable);
    return result;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : file_(std::move(other.file_)),
      partial_(std::move(other.partial_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      hasher_(std::move(other.hasher_)) {}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(partial_.c_str());
}

tl::expected<void, FileError> AtomicFile::write(base::ByteView bytes) {
    hasher_.add(bytes);
    while (!bytes.empty()) {
        const ssize_t written =
            ::write(descriptor_, bytes.data(), std::min(bytes.size(), kPieceMax));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return tl::unexpected(FileError::unwritable);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

tl::expected<SavedFile, FileError> AtomicFile::publish(Durability durability) {
    const bool synced = durability == Durability::synced;
    if (synced && ::fsync(descriptor_) != 0) return tl::unexpected(FileError::unwritable);
    if (::rename(partial_.c_str(), file_.c_str()) != 0)
        return tl::unexpected(FileError::unwritable);
    ::close(std::exchange(descriptor_, -1));
    if (synced && !sync_folder(file_)) return tl::unexpected(FileError::unwritable);
    const std::uint64_t bytes = hasher_.size();
    return SavedFile{hasher_.finish(), bytes};
}

tl::expected<InputFile, FileError> InputFile::open(const std::filesystem::path& file) {
    InputFile result;
    result.descriptor_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (result.descriptor_ < 0)
        return tl::unexpected(errno == ENOENT || errno == ENOTDIR ? FileError::missing
                                                                  : FileError::unreadable);
    struct stat status {};
    if (::fstat(result.descriptor_, &status) != 0 || !S_ISREG(status.st_mode))
        return tl::unexpected(FileError::unreadable);
    result.size_ = static_cast<std::uint64_t>(status.st_size);
    return result;
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

InputFile::~InputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

tl::expected<void, FileError> InputFile::read(std::uint8_t* to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = ::read(descriptor_, to, std::min(size, kPieceMax));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return tl::unexpected(FileError::unreadable);
        if (got == 0) return tl::unexpected(FileError::wrong_size);
        to += got;
        size -= static_cast<std::size_t>(got);
    }
    return {};
}

}  // namespace assay::commit
