#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/merkle.h"
#include "base/state_tree.h"
#include "ledger/block.h"
#include "market/rules.h"
#include "market/state.h"

namespace assay::ledger {

/// One consistent, immutable view of the ledger as it stood after a block. Any number may exist;
/// each belongs to one thread at a time and must be destroyed before its Node. Cheap to make
/// (microseconds); hold it for a request, not for minutes (it pins old data on disk).
class Snapshot {
  public:
    [[nodiscard]] const Head& head() const;
    [[nodiscard]] const market::StateReader& state() const;
    /// The rules' context of the block that would come next, for dry runs at `now`.
    [[nodiscard]] market::BlockContext next_block(base::TimeMs now) const;

    /// Membership or absence of `key` under head().state_root: check with base::state_verify.
    [[nodiscard]] base::StateProof state_proof(base::ByteView key) const;

    [[nodiscard]] std::optional<Receipt> receipt(const base::TransactionId& id) const;
    [[nodiscard]] std::optional<Block> block(base::Height height) const;
    /// Leaf hash `index` of the receipt log under the tree of `size` leaves. Nothing unless index <
    /// size <= head().log_size.
    [[nodiscard]] std::optional<base::InclusionProof> receipt_inclusion(std::uint64_t index,
                                                                        std::uint64_t size) const;
    /// Nothing unless 0 < old_size <= new_size <= head().log_size.
    [[nodiscard]] std::optional<std::vector<base::Hash>> receipt_consistency(
        std::uint64_t old_size, std::uint64_t new_size) const;

    /// At most `limit` (bounded by kEventsMax) events after the cursor; nothing given: from the
    /// first one.
    [[nodiscard]] std::vector<StoredEvent> events(std::optional<EventCursor> after,
                                                  std::size_t limit) const;
    static constexpr std::size_t kEventsMax = 1000;

    Snapshot(Snapshot&&) noexcept;
    Snapshot& operator=(Snapshot&&) noexcept;
    ~Snapshot();

  private:
    friend class Node;
    struct Impl;
    explicit Snapshot(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::ledger
