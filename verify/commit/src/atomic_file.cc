#include "atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace assay::commit {

namespace {

constexpr std::size_t kPieceMax = std::size_t{1} << 30U;

}  // namespace

tl::expected<HashedFile, FileError> HashedFile::create(const std::filesystem::path& file,
                                                       Durability durability) {
    base::AtomicFile::Options options;
    options.synced = durability == Durability::synced;
    std::error_code wrong;
    base::AtomicFile created(file, options, wrong);
    if (wrong) return tl::unexpected(FileError::unwritable);
    return HashedFile(std::move(created));
}

tl::expected<void, FileError> HashedFile::write(base::ByteView bytes) {
    hasher_.add(bytes);
    if (file_.write(bytes)) return tl::unexpected(FileError::unwritable);
    return {};
}

tl::expected<SavedFile, FileError> HashedFile::publish() {
    if (file_.publish()) return tl::unexpected(FileError::unwritable);
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
