#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/bytes.h"

namespace assay::agent {

/// Replaces a file so that a crash at any instant leaves the old content or the new, never a
/// mixture: temporary file beside it, fsync, rename, fsync of the folder. When it returns, the
/// content survives a power failure. Creates missing folders.
tl::expected<void, std::string> save_durable(const std::filesystem::path& file,
                                             base::ByteView bytes);

/// The whole file; nothing when it is missing, unreadable or larger than `size_max`.
std::optional<base::Bytes> load_file(const std::filesystem::path& file, std::size_t size_max);

/// Holds a data folder for one process (flock on `folder`/lock), so that two workers never act for
/// one key from one folder.
class FolderLock {
  public:
    static tl::expected<FolderLock, std::string> acquire(const std::filesystem::path& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&&) = delete;
    ~FolderLock();

  private:
    explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

}  // namespace assay::agent
