#pragma once

#include <map>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "key_order.h"
#include "market/state.h"

namespace assay::ledger {

/// New values by key; nothing: erased.
using StateChanges = std::map<base::Bytes, std::optional<base::Bytes>, KeyOrder>;

/// The state a block is working on: what it wrote over what stood before. Reads see the writes at
/// once.
class Overlay : public market::StateWriter {
  public:
    /// `base` outlives the overlay and does not change under it.
    explicit Overlay(const market::StateReader& base) : base_(base) {}

    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void put(base::ByteView key, base::ByteView value) override;
    void erase(base::ByteView key) override;

    [[nodiscard]] const StateChanges& changes() const { return changes_; }
    /// Leaves out what ended as it began, so that a block which changed nothing writes nothing.
    void drop_unchanged();

  private:
    const market::StateReader& base_;
    StateChanges changes_;
};

/// The whole state in memory: for verification and tests.
class MemoryState : public market::StateReader {
  public:
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void write(const StateChanges& changes);
    [[nodiscard]] const std::map<base::Bytes, base::Bytes, KeyOrder>& entries() const {
        return entries_;
    }

  private:
    std::map<base::Bytes, base::Bytes, KeyOrder> entries_;
};

}  // namespace assay::ledger
