#pragma once

#include "ledger/block.h"
#include "market/state.h"
#include "receipt_log.h"
#include "state_tree.h"
#include "store.h"

/// How the ledger's values lie in the store's tables (docs/formats/ledger_store.md).
namespace assay::ledger {

inline constexpr std::uint32_t kStoreFormat = 1;
base::Bytes format_key();
base::Bytes genesis_key();
base::Bytes head_key();

base::Bytes height_key(base::Height height);       ///< u64, big-endian
base::Bytes event_key(const EventCursor& cursor);  ///< u64 height, u32 index, big-endian
base::Bytes log_key(const LogPlace& place);        ///< u8 level, u64 index, big-endian

/// The state, its tree and the log as one view of the store shows them.
class StoredState : public market::StateReader {
  public:
    explicit StoredState(const StoreView& view) : view_(view) {}
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override {
        return view_.get(Table::state, key);
    }
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override {
        return view_.seek(Table::state, from, prefix);
    }

  private:
    const StoreView& view_;
};

class StoredTree : public TreeReader {
  public:
    explicit StoredTree(const StoreView& view) : view_(view) {}
    [[nodiscard]] std::optional<base::Bytes> node(base::ByteView key) const override {
        return view_.get(Table::tree, key);
    }

  private:
    const StoreView& view_;
};

class StoredLog : public LogReader {
  public:
    explicit StoredLog(const StoreView& view) : view_(view) {}
    [[nodiscard]] base::Hash subtree(const LogPlace& place) const override;

  private:
    const StoreView& view_;
};

std::optional<Head> stored_head(const StoreView& view);
std::optional<Block> stored_block(const StoreView& view, base::Height height);
std::optional<Receipt> stored_receipt(const StoreView& view, const base::TransactionId& id);

}  // namespace assay::ledger
