#include "snapshot.h"

#include <algorithm>

namespace assay::ledger {

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

const Head& Snapshot::head() const { return impl_->head; }

const market::StateReader& Snapshot::state() const { return impl_->state; }

market::BlockContext Snapshot::next_block(base::TimeMs now) const {
    const Head& head = impl_->head;
    return {{head.height.value + 1},
            {std::max(now.value, head.time.value + 1)},
            head.log_size,
            head.log_root,
            impl_->referee};
}

base::StateProof Snapshot::state_proof(base::ByteView key) const {
    return prove_path(StoredTree(impl_->view), base::state_path(key));
}

std::optional<Receipt> Snapshot::receipt(const base::TransactionId& id) const {
    return stored_receipt(impl_->view, id);
}

std::optional<Block> Snapshot::block(base::Height height) const {
    return stored_block(impl_->view, height);
}

std::optional<base::InclusionProof> Snapshot::receipt_inclusion(std::uint64_t index,
                                                                std::uint64_t size) const {
    if (index >= size || size > impl_->head.log_size) return std::nullopt;
    return prove_inclusion(StoredLog(impl_->view), index, size);
}

std::optional<std::vector<base::Hash>> Snapshot::receipt_consistency(std::uint64_t old_size,
                                                                     std::uint64_t new_size) const {
    if (old_size == 0 || old_size > new_size || new_size > impl_->head.log_size)
        return std::nullopt;
    return prove_consistency(StoredLog(impl_->view), old_size, new_size);
}

std::vector<StoredEvent> Snapshot::events(std::optional<EventCursor> after,
                                          std::size_t limit) const {
    std::vector<StoredEvent> out;
    const std::size_t count = std::min(limit, kEventsMax);
    base::Bytes from = after ? event_key(*after) : base::Bytes{};
    if (after) from.push_back(0);  // the next key in byte order
    while (out.size() < count) {
        auto entry = impl_->view.seek(Table::events, from, {});
        if (!entry) break;
        auto event = decode_event(entry->second);
        ASSAY_CHECK(event.has_value());
        out.push_back(std::move(*event));
        from = std::move(entry->first);
        from.push_back(0);
    }
    return out;
}

}  // namespace assay::ledger
