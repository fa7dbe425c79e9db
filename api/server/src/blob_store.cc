#include "server/blob_store.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/atomic_file.h"
#include "base/chunk_nodes.h"

namespace assay::server {
namespace {

namespace fs = std::filesystem;

/// Room that an upload reserves before its bytes come. Whoever announces and sends nothing holds
/// none.
constexpr std::uint64_t kReserveAhead = std::uint64_t{64} << 20U;
/// One part in so many of what is free is the most that one uploader holds.
constexpr std::uint64_t kShareOfFree = 4;

/// A blob's time of modification is when it was last promised to somebody.
void renew(const fs::path& file) {
    std::error_code ignored;
    fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);
}

/// The nodes of a blob's chunks, or what was left of writing them.
bool is_beside_a_blob(const fs::path& file) {
    return file.filename().string().find('.') != std::string::npos;
}

}  // namespace

BlobStore::BlobStore(fs::path dir, const Options& options)
    : dir_(std::move(dir)), options_(options) {}

/// Of blobs that are gone, and temporary ones: a process may have ended between two steps.
void BlobStore::drop_leftovers() const {
    std::error_code error, ignored;
    std::vector<fs::path> left;
    for (fs::recursive_directory_iterator at(dir_ / "blobs", error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        const std::size_t dot = name.find('.');
        if (dot == std::string::npos) continue;
        const bool nodes = name.substr(dot) == base::kChunkNodesSuffix;
        if (!nodes || !fs::exists(at->path().parent_path() / name.substr(0, dot), ignored))
            left.push_back(at->path());
    }
    for (const fs::path& file : left) fs::remove(file, ignored);
}

tl::expected<std::unique_ptr<BlobStore>, std::string> BlobStore::open(const fs::path& dir,
                                                                      const Options& options) {
    std::unique_ptr<BlobStore> store(new BlobStore(dir, options));
    std::error_code error;
    fs::create_directories(dir / "blobs", error);
    if (!error) fs::remove_all(dir / "incoming", error);
    if (!error) fs::create_directories(dir / "incoming", error);
    if (error)
        return tl::unexpected("cannot prepare the blob store " + dir.string() + ": " +
                              error.message());
    for (fs::recursive_directory_iterator at(dir / "blobs", error), end; !error && at != end;
         at.increment(error)) {
        if (!at->is_regular_file(error) || is_beside_a_blob(at->path())) continue;
        store->bytes_stored_ += at->file_size(error);
        ++store->count_;
    }
    if (error)
        return tl::unexpected("cannot read the blob store " + dir.string() + ": " +
                              error.message());
    store->drop_leftovers();
    return store;
}

fs::path BlobStore::path_of(const base::BlobRoot& root) const {
    const std::string hex = root.hex();
    return dir_ / "blobs" / hex.substr(0, 2) / hex;
}

std::optional<BlobStore::Info> BlobStore::find(const base::BlobRoot& root) const {
    Info info{path_of(root), 0};
    std::error_code error;
    info.bytes = fs::file_size(info.file, error);
    if (error) return std::nullopt;
    return info;
}

bool BlobStore::disk_has_room(std::uint64_t bytes) const {
    std::error_code error;
    const fs::space_info space = fs::space(dir_, error);
    return !error && space.available >= options_.disk_reserve_bytes &&
           space.available - options_.disk_reserve_bytes >= bytes;
}

std::uint64_t BlobStore::room() const {
    const std::uint64_t used = bytes_stored_ + reserved_;
    const std::uint64_t quota =
        options_.store_bytes_max > used ? options_.store_bytes_max - used : 0;
    // What was written is gone from the disk already; what is reserved beyond it is not.
    const std::uint64_t ahead = options_.disk_reserve_bytes + (reserved_ - written_);
    std::error_code error;
    const fs::space_info space = fs::space(dir_, error);
    const std::uint64_t disk = !error && space.available > ahead ? space.available - ahead : 0;
    return std::min(quota, disk);
}

std::uint64_t BlobStore::share(const std::string& uploader) const {
    const std::uint64_t free = room();
    if (uploader.empty()) return free;
    const auto found = reserved_by_.find(uploader);
    const std::uint64_t held = found == reserved_by_.end() ? 0 : found->second;
    const std::uint64_t most = (free + held) / kShareOfFree;
    return most > held ? most - held : 0;
}

tl::expected<std::unique_ptr<BlobStore::Writer>, BlobProblem> BlobStore::begin(
    const base::BlobRoot& root, std::uint64_t bytes, const std::string& uploader) {
    if (bytes > options_.blob_bytes_max) return tl::unexpected(BlobProblem::too_large);
    {
        // Told before it sends anything, and nothing is reserved.
        const std::lock_guard lock(room_mutex_);
        if (bytes > share(uploader)) return tl::unexpected(BlobProblem::no_room);
    }
    std::array<std::uint8_t, 16> random{};
    randombytes_buf(random.data(), random.size());
    fs::path temporary = dir_ / "incoming" / base::to_hex(random);
    const int descriptor =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (descriptor < 0) return tl::unexpected(BlobProblem::storage);
    return std::unique_ptr<Writer>(
        new Writer(*this, root, bytes, uploader, std::move(temporary), descriptor));
}

BlobStore::Writer::Writer(BlobStore& store, const base::BlobRoot& root, std::uint64_t bytes,
                          std::string uploader, fs::path temporary, int descriptor)
    : store_(store),
      root_(root),
      bytes_(bytes),
      uploader_(std::move(uploader)),
      temporary_(std::move(temporary)),
      descriptor_(descriptor) {}

BlobStore::Writer::~Writer() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(temporary_.c_str());
    release();
}

bool BlobStore::Writer::reserve(std::uint64_t needed) {
    if (needed <= reserved_) return true;
    const std::lock_guard lock(store_.room_mutex_);
    const std::uint64_t least = needed - reserved_, left = bytes_ - reserved_;
    const std::uint64_t share = store_.share(uploader_);
    if (least > share) return false;
    const std::uint64_t taken = std::min({std::max(least, kReserveAhead), left, share});
    reserved_ += taken;
    store_.reserved_ += taken;
    store_.reserved_by_[uploader_] += taken;
    return true;
}

void BlobStore::Writer::release() {
    const std::lock_guard lock(store_.room_mutex_);
    store_.reserved_ -= reserved_;
    store_.written_ -= written_;
    const auto mine = store_.reserved_by_.find(uploader_);
    if (mine != store_.reserved_by_.end() && (mine->second -= reserved_) == 0)
        store_.reserved_by_.erase(mine);
    reserved_ = written_ = 0;
}

tl::expected<void, BlobProblem> BlobStore::Writer::write(base::ByteView bytes) {
    if (hasher_.size() + bytes.size() > bytes_) return tl::unexpected(BlobProblem::too_large);
    if (!reserve(hasher_.size() + bytes.size())) return tl::unexpected(BlobProblem::no_room);
    hasher_.add(bytes);
    {
        const std::lock_guard lock(store_.room_mutex_);
        store_.written_ += bytes.size();
        written_ += bytes.size();
    }
    if (!base::write_all(descriptor_, bytes))
        return tl::unexpected(errno == ENOSPC ? BlobProblem::no_room : BlobProblem::storage);
    return {};
}

tl::expected<BlobStore::Info, BlobProblem> BlobStore::Writer::finish() {
    if (hasher_.size() != bytes_) return tl::unexpected(BlobProblem::incomplete);
    if (hasher_.finish() != root_) return tl::unexpected(BlobProblem::wrong_root);
    const bool synced = ::fsync(descriptor_) == 0;
    const bool closed = ::close(descriptor_) == 0;
    descriptor_ = -1;
    if (!synced || !closed) return tl::unexpected(BlobProblem::storage);
    const std::lock_guard lock(store_.rename_mutex_);
    if (auto there = store_.find(root_)) {
        renew(there->file);
        return *there;
    }
    const fs::path file = store_.path_of(root_);
    std::error_code error;
    const bool new_folder = fs::create_directory(file.parent_path(), error);
    if (!error) base::save_chunk_nodes(file, hasher_.nodes());
    if (error || ::rename(temporary_.c_str(), file.c_str()) != 0)
        return tl::unexpected(BlobProblem::storage);
    kept_ = true;
    release();
    store_.bytes_stored_ += bytes_;
    ++store_.count_;
    if (!base::sync_folder(file.parent_path()) ||
        (new_folder && !base::sync_folder(file.parent_path().parent_path())))
        return tl::unexpected(BlobProblem::storage);
    return Info{file, bytes_};
}

std::optional<BlobStore::Info> BlobStore::promise(const base::BlobRoot& root) {
    const std::lock_guard lock(rename_mutex_);
    const auto info = find(root);
    if (info) renew(info->file);
    return info;
}

std::vector<base::BlobRoot> BlobStore::not_promised_for(std::chrono::seconds time) const {
    const auto since = fs::file_time_type::clock::now() - time;
    std::vector<base::BlobRoot> out;
    std::error_code error, gone;
    for (fs::recursive_directory_iterator at(dir_ / "blobs", error), end; !error && at != end;
         at.increment(error)) {
        const auto root = base::hash_from_hex(at->path().filename().string());
        if (!root || !at->is_regular_file(gone)) continue;
        const fs::file_time_type promised = at->last_write_time(gone);
        if (!gone && promised < since) out.push_back(base::BlobRoot{*root});
    }
    return out;
}

bool BlobStore::remove(const base::BlobRoot& root, std::chrono::seconds time) {
    const std::lock_guard lock(rename_mutex_);
    const auto info = find(root);
    if (!info) return true;
    std::error_code error;
    const fs::file_time_type promised = fs::last_write_time(info->file, error);
    if (!error && fs::file_time_type::clock::now() - promised < time) return false;
    if (::unlink(info->file.c_str()) != 0) return true;
    ::unlink(base::chunk_nodes_file(info->file).c_str());
    bytes_stored_ -= info->bytes;
    --count_;
    return true;
}

}  // namespace assay::server
