#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "base/bytes.h"

namespace assay::base {

/// All of it, however many writes it takes; errno says why not.
[[nodiscard]] bool write_all(int descriptor, ByteView bytes);
/// Puts the names in a folder on disk; errno says why not. Empty: the working folder.
[[nodiscard]] bool sync_folder(const std::filesystem::path& folder);

/// A file that appears whole or not at all, whenever the machine stops: written beside its place,
/// synced, renamed, the folder synced. What was written is removed when it is destroyed before
/// `publish`. Not thread-safe.
class AtomicFile {
  public:
    struct Options {
        mode_t mode = 0644;
        /// Of the file while it is written. Two writers at once need two; a fixed one is written
        /// over after a crash and leaves nothing behind.
        std::string suffix = ".partial";
        bool synced = true;      ///< else only renamed: whole, but not yet on disk
        bool replaces = true;    ///< else never over a file that is there: file_exists
        bool exclusive = false;  ///< the unfinished file must not be there, nor be a link
    };
    /// `wrong` says why not; then nothing else may be called.
    AtomicFile(const std::filesystem::path& file, const Options& options, std::error_code& wrong);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();
    [[nodiscard]] std::error_code write(ByteView bytes);
    [[nodiscard]] std::error_code publish();

  private:
    std::filesystem::path file_, partial_;
    Options options_;
    int descriptor_ = -1;
    bool unfinished_ = false;  ///< `partial_` is there and is ours
};

/// All of that with these bytes.
[[nodiscard]] std::error_code save_atomically(const std::filesystem::path& file, ByteView bytes,
                                              const AtomicFile::Options& options);

}  // namespace assay::base
