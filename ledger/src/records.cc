#include "records.h"

#include "base/check.h"

namespace assay::ledger {
namespace {

using base::Bytes;

Bytes text_key(std::string_view name) { return {name.begin(), name.end()}; }

void append_big_endian(Bytes& out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8U * i)));
}

}  // namespace

Bytes format_key() { return text_key("format"); }
Bytes genesis_key() { return text_key("genesis"); }
Bytes head_key() { return text_key("head"); }

Bytes height_key(base::Height height) {
    Bytes out;
    append_big_endian(out, height.value, 8);
    return out;
}

Bytes event_key(const EventCursor& cursor) {
    Bytes out;
    append_big_endian(out, cursor.height.value, 8);
    append_big_endian(out, cursor.index, 4);
    return out;
}

Bytes log_key(const LogPlace& place) {
    Bytes out;
    append_big_endian(out, place.level, 1);
    append_big_endian(out, place.index, 8);
    return out;
}

base::Hash StoredLog::subtree(const LogPlace& place) const {
    const auto value = view_.get(Table::log, log_key(place));
    ASSAY_CHECK(value.has_value());
    const auto hash = base::hash_from_bytes(*value);
    ASSAY_CHECK(hash.has_value());
    return *hash;
}

std::optional<Head> stored_head(const StoreView& view) {
    const auto bytes = view.get(Table::meta, head_key());
    return bytes ? decode_head(*bytes) : std::nullopt;
}

std::optional<Block> stored_block(const StoreView& view, base::Height height) {
    const auto bytes = view.get(Table::blocks, height_key(height));
    return bytes ? decode_block(*bytes) : std::nullopt;
}

std::optional<Receipt> stored_receipt(const StoreView& view, const base::TransactionId& id) {
    const auto bytes = view.get(Table::results, id.view());
    return bytes ? decode_receipt(*bytes) : std::nullopt;
}

}  // namespace assay::ledger
