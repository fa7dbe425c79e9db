#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/chunk_tree.h"
#include "base/ids.h"

namespace assay::server {

enum class BlobProblem : std::uint8_t {
    too_large,   ///< more bytes than announced or allowed
    incomplete,  ///< fewer bytes than announced
    wrong_root,  ///< the bytes do not have this address
    no_room,     ///< the store's quota, the disk's reserve or the uploader's share is used up
    storage,     ///< the disk said no
};

/// Content-addressed files in a folder: `blobs/ab/<hex>`, written as `incoming/<random>` first,
/// each with the nodes of its chunks beside it (base/chunk_nodes.h), which count in no quota
/// (1/2048 of the bytes). A blob is visible only after its bytes were hashed, compared with its
/// address, synced and renamed. Thread-safe.
class BlobStore {
  public:
    struct Options {
        std::uint64_t blob_bytes_max = std::uint64_t{16} << 30U;
        std::uint64_t store_bytes_max = std::uint64_t{256} << 30U;
        std::uint64_t disk_reserve_bytes = std::uint64_t{1} << 30U;
        std::chrono::seconds promised{120};  ///< how long a promise lasts
    };
    /// Creates the folders, drops what an earlier process left half-written, and counts what is
    /// there.
    static tl::expected<std::unique_ptr<BlobStore>, std::string> open(
        const std::filesystem::path& dir, const Options& options);

    struct Info {
        std::filesystem::path file;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] std::optional<Info> find(const base::BlobRoot& root) const;

    /// One upload. What is announced takes no room: room is reserved as bytes come, a little ahead.
    /// Used by one thread at a time; dropped unfinished, it leaves nothing.
    class Writer {
      public:
        ~Writer();
        Writer(const Writer&) = delete;
        Writer& operator=(const Writer&) = delete;
        tl::expected<void, BlobProblem> write(base::ByteView bytes);
        /// Hash compared, file synced, renamed, folder synced. Storing what is already there is a
        /// success.
        tl::expected<Info, BlobProblem> finish();

      private:
        friend class BlobStore;
        Writer(BlobStore& store, const base::BlobRoot& root, std::uint64_t bytes,
               std::string uploader, std::filesystem::path temporary, int descriptor);
        bool reserve(std::uint64_t needed);
        void release();
        BlobStore& store_;
        const base::BlobRoot root_;
        const std::uint64_t bytes_;
        const std::string uploader_;
        const std::filesystem::path temporary_;
        std::uint64_t reserved_ = 0, written_ = 0;
        int descriptor_;
        bool kept_ = false;
        base::ChunkTreeHasher hasher_;
    };
    /// `uploader`: whose uploads in progress have a share of what is free, a quarter; empty: all of
    /// it.
    tl::expected<std::unique_ptr<Writer>, BlobProblem> begin(const base::BlobRoot& root,
                                                             std::uint64_t bytes,
                                                             const std::string& uploader = {});

    /// A blob for which a receipt is about to be given: it is not removed for a while, so that who
    /// holds the receipt can put it on the ledger. An upload that is finished counts as well.
    [[nodiscard]] std::optional<Info> promise(const base::BlobRoot& root);
    /// Deletes a blob unless it was promised a moment ago: false. Absent ones are fine.
    [[nodiscard]] bool remove(const base::BlobRoot& root) {
        return remove(root, options_.promised);
    }
    /// The same, `time` being the moment.
    [[nodiscard]] bool remove(const base::BlobRoot& root, std::chrono::seconds time);
    /// Blobs whose last promise is older than this. Reads the whole folder.
    [[nodiscard]] std::vector<base::BlobRoot> not_promised_for(std::chrono::seconds time) const;
    [[nodiscard]] std::uint64_t bytes_stored() const { return bytes_stored_; }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    /// The disk still has its reserve.
    [[nodiscard]] bool disk_has_room(std::uint64_t bytes) const;

  private:
    BlobStore(std::filesystem::path dir, const Options& options);
    void drop_leftovers() const;
    [[nodiscard]] std::filesystem::path path_of(const base::BlobRoot& root) const;

    const std::filesystem::path dir_;
    const Options options_;
    /// What uploads in progress may still take; under room_mutex_.
    [[nodiscard]] std::uint64_t room() const;
    [[nodiscard]] std::uint64_t share(const std::string& uploader) const;

    std::atomic<std::uint64_t> bytes_stored_{0}, count_{0};
    std::mutex room_mutex_;
    std::uint64_t reserved_ = 0, written_ = 0;          ///< by uploads in progress
    std::map<std::string, std::uint64_t> reserved_by_;  ///< uploaders with something reserved
    std::mutex rename_mutex_;  ///< finish and remove, so that the counts stay right
};

}  // namespace assay::server
