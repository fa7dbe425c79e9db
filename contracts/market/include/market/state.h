#pragma once

#include <optional>
#include <utility>

#include "base/bytes.h"

namespace assay::market {

/// The ordered key-value state that the rules read. Keys are canonical encodings beginning with a
/// one-byte table tag (docs/formats/market_state.md). Implemented by the ledger over RocksDB
/// snapshots and by tests in memory.
class StateReader {
  public:
    virtual ~StateReader() = default;
    [[nodiscard]] virtual std::optional<base::Bytes> get(base::ByteView key) const = 0;
    /// The first entry with key >= `from` whose key begins with `prefix`, in byte order.
    [[nodiscard]] virtual std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const = 0;
};

/// What a block changes. Writes are visible to later reads of the same object at once.
class StateWriter : public StateReader {
  public:
    virtual void put(base::ByteView key, base::ByteView value) = 0;
    virtual void erase(base::ByteView key) = 0;
};

}  // namespace assay::market
