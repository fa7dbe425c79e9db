#pragma once

#include <cstddef>
#include <filesystem>
#include <tl/expected.hpp>

#include "base/bytes.h"
#include "commit/checkpoint.h"

namespace assay::commit {

/// A whole file mapped read-only into memory: pages are read when they are looked at. Movable.
/// Whoever keeps the file replaces it by renaming and never shortens it, as everything in this
/// folder does.
class MappedFile {
  public:
    /// `missing`, or `unreadable` also for what is no regular file.
    static tl::expected<MappedFile, FileError> open(const std::filesystem::path& file);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();
    [[nodiscard]] base::ByteView bytes() const { return bytes_; }

  private:
    MappedFile() = default;
    base::ByteView bytes_;
};

}  // namespace assay::commit
