#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace assay::base {

namespace {

constexpr std::size_t kPieceMax = std::size_t{1} << 30U;

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

bool write_all(int descriptor, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written =
            ::write(descriptor, bytes.data(), std::min(bytes.size(), kPieceMax));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

bool sync_folder(const std::filesystem::path& folder) {
    const int descriptor =
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool synced = ::fsync(descriptor) == 0;
    ::close(descriptor);
    return synced;
}

AtomicFile::AtomicFile(const std::filesystem::path& file, const Options& options,
                       std::error_code& wrong)
    : file_(file), partial_(file), options_(options) {
    partial_ += options.suffix;
    const int fresh = options.exclusive ? O_EXCL | O_NOFOLLOW : O_TRUNC;
    descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | fresh, options.mode);
    unfinished_ = descriptor_ >= 0;
    wrong = unfinished_ ? std::error_code{} : last_error();
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : file_(std::move(other.file_)),
      partial_(std::move(other.partial_)),
      options_(std::move(other.options_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      unfinished_(std::exchange(other.unfinished_, false)) {}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (unfinished_) ::unlink(partial_.c_str());
}

std::error_code AtomicFile::write(ByteView bytes) {
    return write_all(descriptor_, bytes) ? std::error_code{} : last_error();
}

std::error_code AtomicFile::publish() {
    if (options_.synced && ::fsync(descriptor_) != 0) return last_error();
    if (::close(std::exchange(descriptor_, -1)) != 0) return last_error();
    const auto place = options_.replaces ? ::rename : ::link;
    if (place(partial_.c_str(), file_.c_str()) != 0) return last_error();
    if (options_.replaces) unfinished_ = false;  // else the second name goes with the destructor
    if (options_.synced && !sync_folder(file_.parent_path())) return last_error();
    return {};
}

std::error_code save_atomically(const std::filesystem::path& file, ByteView bytes,
                                const AtomicFile::Options& options) {
    std::error_code wrong;
    AtomicFile out(file, options, wrong);
    if (!wrong) wrong = out.write(bytes);
    return wrong ? wrong : out.publish();
}

}  // namespace assay::base
