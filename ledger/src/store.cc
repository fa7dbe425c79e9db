#include "store.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace assay::ledger {
namespace {

using base::Bytes;
using base::ByteView;

constexpr std::array<const char*, kTables> kTableNames = {"state",  "tree", "blocks", "results",
                                                          "events", "log",  "meta"};
constexpr std::size_t kBlockCacheBytes = std::size_t{64} << 20U;
constexpr std::size_t kWriteBufferBytes = std::size_t{16} << 20U;
constexpr std::size_t kWalBytesMax = std::size_t{128} << 20U;

rocksdb::Slice slice_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes bytes_of(const rocksdb::Slice& slice) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(slice.data());
    return {first, first + slice.size()};
}

std::size_t number_of(Table table) { return static_cast<std::size_t>(table); }

[[noreturn]] void stop_on(const char* doing, const rocksdb::Status& status) {
    std::fprintf(stderr,
                 "ledger store: %s failed: %s. The process stops so that nothing is built on "
                 "unknown data.\n",
                 doing, status.ToString().c_str());
    std::abort();
}

/// RocksDB would go on read-only after a failed flush or compaction and could try to recover by
/// itself; the ledger must not.
class StopOnBackgroundError : public rocksdb::EventListener {
  public:
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
        stop_on("background work", *status);
    }
};

rocksdb::ColumnFamilyOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::BlockBasedTableOptions block;
    block.block_cache = cache;
    block.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    block.whole_key_filtering = true;
    block.cache_index_and_filter_blocks = true;
    block.pin_l0_filter_and_index_blocks_in_cache = true;
    block.checksum = rocksdb::kXXH3;
    block.format_version = 5;
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(block));
    options.compression = rocksdb::kLZ4Compression;
    options.write_buffer_size = kWriteBufferBytes;
    options.memtable_protection_bytes_per_key = 8;
    return options;
}

rocksdb::DBOptions database_options(bool create) {
    rocksdb::DBOptions options;
    options.create_if_missing = create;
    options.create_missing_column_families = create;
    options.paranoid_checks = true;
    // A record torn by a crash at the very end is dropped (its block was never acknowledged);
    // damage anywhere before it refuses to open.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.max_total_wal_size = kWalBytesMax;
    options.max_background_jobs = 2;
    options.max_bgerror_resume_count = 0;
    options.keep_log_file_num = 2;
    options.max_open_files = 512;
    options.listeners.push_back(std::make_shared<StopOnBackgroundError>());
    return options;
}

StoreError error_of(const rocksdb::Status& status, const std::filesystem::path& dir) {
    const std::string text = dir.string() + ": " + status.ToString();
    if (status.IsCorruption()) return {StoreProblem::corrupt, text};
    return {StoreProblem::storage, text};
}

/// One owner per directory, also across processes; released by the system when the process dies.
class DirectoryLock {
  public:
    static tl::expected<DirectoryLock, StoreError> take(const std::filesystem::path& dir) {
        const std::filesystem::path file = dir / "ledger.lock";
        const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) {
            return tl::unexpected(
                StoreError{StoreProblem::storage,
                           file.string() + ": " + std::generic_category().message(errno)});
        }
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            ::close(descriptor);
            return tl::unexpected(
                StoreError{StoreProblem::locked, dir.string() + " is in use by another process"});
        }
        return DirectoryLock(descriptor);
    }
    explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
    DirectoryLock(DirectoryLock&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    DirectoryLock& operator=(DirectoryLock&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~DirectoryLock() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

  private:
    int descriptor_;
};

}  // namespace

struct Store::Impl {
    std::optional<DirectoryLock> lock;
    std::unique_ptr<rocksdb::DB> database;
    std::array<rocksdb::ColumnFamilyHandle*, kTables> handles{};

    ~Impl() {
        if (!database) return;
        for (rocksdb::ColumnFamilyHandle* handle : handles) {
            if (handle != nullptr) static_cast<void>(database->DestroyColumnFamilyHandle(handle));
        }
        static_cast<void>(database->Close());
    }

    [[nodiscard]] std::optional<Bytes> get(const rocksdb::ReadOptions& options, Table table,
                                           ByteView key) const {
        rocksdb::PinnableSlice value;
        const rocksdb::Status status =
            database->Get(options, handles[number_of(table)], slice_of(key), &value);
        if (status.IsNotFound()) return std::nullopt;
        if (!status.ok()) stop_on("read", status);
        return bytes_of(value);
    }
};

struct StoreView::Impl {
    const Store::Impl* store = nullptr;
    const rocksdb::Snapshot* snapshot = nullptr;
    rocksdb::ReadOptions options;
    /// One iterator per table, made when first needed and used again: a block seeks hundreds of
    /// times.
    std::array<std::unique_ptr<rocksdb::Iterator>, kTables> iterators;

    ~Impl() {
        for (auto& iterator : iterators) iterator.reset();
        store->database->ReleaseSnapshot(snapshot);
    }
};

StoreView::StoreView(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreView::StoreView(StoreView&&) noexcept = default;
StoreView& StoreView::operator=(StoreView&&) noexcept = default;
StoreView::~StoreView() = default;

std::optional<Bytes> StoreView::get(Table table, ByteView key) const {
    return impl_->store->get(impl_->options, table, key);
}

std::optional<std::pair<Bytes, Bytes>> StoreView::seek(Table table, ByteView from,
                                                       ByteView prefix) const {
    auto& iterator = impl_->iterators[number_of(table)];
    if (!iterator)
        iterator.reset(impl_->store->database->NewIterator(
            impl_->options, impl_->store->handles[number_of(table)]));
    const rocksdb::Slice start =
        slice_of(from).compare(slice_of(prefix)) < 0 ? slice_of(prefix) : slice_of(from);
    iterator->Seek(start);
    if (!iterator->status().ok()) stop_on("seek", iterator->status());
    if (!iterator->Valid() || !iterator->key().starts_with(slice_of(prefix))) return std::nullopt;
    return std::pair{bytes_of(iterator->key()), bytes_of(iterator->value())};
}

Store::Store() : impl_(std::make_unique<Impl>()) {}
Store::~Store() = default;

tl::expected<std::unique_ptr<Store>, StoreError> Store::open(const std::filesystem::path& dir,
                                                             Mode mode) {
    const std::filesystem::path files = dir / "db";
    std::error_code problem;
    if (mode == Mode::create_or_open) std::filesystem::create_directories(files, problem);
    if (problem)
        return tl::unexpected(
            StoreError{StoreProblem::storage, files.string() + ": " + problem.message()});
    if (mode != Mode::create_or_open && !std::filesystem::exists(files / "CURRENT", problem)) {
        return tl::unexpected(StoreError{StoreProblem::absent, dir.string() + " holds no ledger"});
    }

    auto store = std::unique_ptr<Store>(new Store);
    if (mode != Mode::read_only) {
        auto lock = DirectoryLock::take(dir);
        if (!lock) return tl::unexpected(lock.error());
        store->impl_->lock.emplace(std::move(*lock));
    }
    const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    std::vector<rocksdb::ColumnFamilyDescriptor> families{
        {rocksdb::kDefaultColumnFamilyName, table_options(cache)}};
    for (const char* name : kTableNames) families.emplace_back(name, table_options(cache));
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* database = nullptr;
    const rocksdb::DBOptions options = database_options(mode == Mode::create_or_open);
    const rocksdb::Status status =
        mode == Mode::read_only
            ? rocksdb::DB::OpenForReadOnly(options, files.string(), families, &handles, &database)
            : rocksdb::DB::Open(options, files.string(), families, &handles, &database);
    if (!status.ok()) return tl::unexpected(error_of(status, dir));
    store->impl_->database.reset(database);
    static_cast<void>(database->DestroyColumnFamilyHandle(handles[0]));
    std::copy(handles.begin() + 1, handles.end(), store->impl_->handles.begin());
    return store;
}

StoreView Store::view() const {
    auto view = std::make_unique<StoreView::Impl>();
    view->store = impl_.get();
    view->snapshot = impl_->database->GetSnapshot();
    view->options.snapshot = view->snapshot;
    view->options.total_order_seek = true;
    return StoreView(std::move(view));
}

std::optional<Bytes> Store::get(Table table, ByteView key) const {
    return impl_->get(rocksdb::ReadOptions(), table, key);
}

void Store::write(const std::vector<StoreWrite>& writes) {
    rocksdb::WriteBatch batch(0, 0, 8, 0);
    for (const StoreWrite& write : writes) {
        rocksdb::ColumnFamilyHandle* handle = impl_->handles[number_of(write.table)];
        const rocksdb::Status status =
            write.value ? batch.Put(handle, slice_of(write.key), slice_of(*write.value))
                        : batch.Delete(handle, slice_of(write.key));
        if (!status.ok()) stop_on("building a batch", status);
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = impl_->database->Write(options, &batch);
    if (!status.ok()) stop_on("write", status);
}

}  // namespace assay::ledger
