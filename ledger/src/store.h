#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/bytes.h"

/// The database behind the ledger: one RocksDB with a few ordered tables. Everything RocksDB is in
/// store.cc.
namespace assay::ledger {

/// docs/formats/ledger_store.md states the keys and values of each.
enum class Table : std::uint8_t { state, tree, blocks, results, events, log, meta };
inline constexpr std::size_t kTables = 7;

struct StoreWrite {
    Table table = Table::meta;
    base::Bytes key;
    std::optional<base::Bytes> value;  ///< nothing: erase
};

enum class StoreProblem : std::uint8_t { absent, locked, corrupt, storage };
struct StoreError {
    StoreProblem problem;
    std::string detail;
};

/// A consistent view of all tables, for one thread at a time. Must be destroyed before its Store. A
/// read error aborts the process: it may never become a different answer.
class StoreView {
  public:
    [[nodiscard]] std::optional<base::Bytes> get(Table table, base::ByteView key) const;
    /// The first entry with key >= `from` that begins with `prefix`.
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        Table table, base::ByteView from, base::ByteView prefix) const;

    StoreView(StoreView&&) noexcept;
    StoreView& operator=(StoreView&&) noexcept;
    ~StoreView();

  private:
    friend class Store;
    struct Impl;
    explicit StoreView(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Thread-safe. Owns its directory through a file lock until it is destroyed, unless opened
/// read-only.
class Store {
  public:
    enum class Mode : std::uint8_t { create_or_open, open, read_only };
    static tl::expected<std::unique_ptr<Store>, StoreError> open(const std::filesystem::path& dir,
                                                                 Mode mode);

    [[nodiscard]] StoreView view() const;
    /// The newest value, without a view.
    [[nodiscard]] std::optional<base::Bytes> get(Table table, base::ByteView key) const;
    /// All or nothing, and on disk when it returns. Any error prints why and aborts: the state of
    /// the disk is then unknown.
    void write(const std::vector<StoreWrite>& writes);
    ~Store();

  private:
    friend class StoreView;
    Store();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::ledger
