#pragma once

#include <map>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "market/key_order.h"
#include "market/state.h"

namespace assay::market {

/// New values by key; nothing: erased.
using StateChanges = std::map<base::Bytes, std::optional<base::Bytes>, KeyOrder>;

/// Writes in memory over a state that stays as it is: of the block being built, and of a trial
/// whose writes are dropped. Reads see the writes at once. Not thread-safe.
class Overlay : public StateWriter {
  public:
    /// `base` outlives the overlay and does not change under it.
    explicit Overlay(const StateReader& base) : base_(base) {}

    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void put(base::ByteView key, base::ByteView value) override;
    void erase(base::ByteView key) override;

    [[nodiscard]] const StateChanges& changes() const { return changes_; }
    [[nodiscard]] StateChanges take_changes() { return std::move(changes_); }
    /// Leaves out what ended as it began, so that a block which changed nothing writes nothing.
    void drop_unchanged();

  private:
    const StateReader& base_;
    StateChanges changes_;
};

/// The whole state in memory: for verification and tests. Copyable, so that one can keep what was.
class MemoryState : public StateWriter {
  public:
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void put(base::ByteView key, base::ByteView value) override;
    void erase(base::ByteView key) override;
    void write(const StateChanges& changes);
    using Entries = std::map<base::Bytes, base::Bytes, KeyOrder>;
    [[nodiscard]] const Entries& entries() const { return entries_; }

  private:
    Entries entries_;
};

}  // namespace assay::market
