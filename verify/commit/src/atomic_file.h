#pragma once

#include <filesystem>
#include <tl/expected.hpp>
#include <utility>

#include "base/atomic_file.h"
#include "base/chunk_tree.h"
#include "commit/checkpoint.h"

namespace assay::commit {

/// A base::AtomicFile whose blob address is computed on the way (a scratch file is only renamed).
class HashedFile {
  public:
    static tl::expected<HashedFile, FileError> create(const std::filesystem::path& file,
                                                      Durability durability = Durability::synced);
    tl::expected<void, FileError> write(base::ByteView bytes);
    tl::expected<SavedFile, FileError> publish();

  private:
    explicit HashedFile(base::AtomicFile file) : file_(std::move(file)) {}
    base::AtomicFile file_;
    base::ChunkTreeHasher hasher_;
};

/// A file that is read from front to back.
class InputFile {
  public:
    static tl::expected<InputFile, FileError> open(const std::filesystem::path& file);
    InputFile(InputFile&& other) noexcept;
    InputFile& operator=(InputFile&&) = delete;
    ~InputFile();
    /// Exactly `size` bytes; wrong_size when the file ends before.
    tl::expected<void, FileError> read(std::uint8_t* to, std::size_t size);
    [[nodiscard]] std::uint64_t size() const { return size_; }

  private:
    InputFile() = default;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

}  // namespace assay::commit
