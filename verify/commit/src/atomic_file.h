#pragma once

#include <filesystem>
#include <tl/expected.hpp>

#include "base/chunk_tree.h"
#include "commit/checkpoint.h"

namespace assay::commit {

/// A file that appears whole or not at all: written beside its place, synced, renamed, the folder
/// synced (a scratch file is only renamed). Not thread-safe. When it is destroyed before `publish`,
/// what was written is removed.
class AtomicFile {
  public:
    static tl::expected<AtomicFile, FileError> create(const std::filesystem::path& file);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();
    tl::expected<void, FileError> write(base::ByteView bytes);
    tl::expected<SavedFile, FileError> publish(Durability durability = Durability::synced);

  private:
    AtomicFile() = default;
    std::filesystem::path file_, partial_;
    int descriptor_ = -1;
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
