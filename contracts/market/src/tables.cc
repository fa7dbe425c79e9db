#include "market/tables.h"

namespace assay::market {

namespace {

std::uint64_t read_big_endian(base::ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8U | byte;
    return value;
}

constexpr std::size_t kTimerKeySize = 1 + 8 + 1 + 32 + 8;

}  // namespace

base::Bytes table_prefix(Table table) { return {static_cast<std::uint8_t>(table)}; }

void append_bytes(base::Bytes& key, base::ByteView bytes) {
    key.insert(key.end(), bytes.begin(), bytes.end());
}

void append_number(base::Bytes& key, std::uint64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) key.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

base::Bytes key_of(const Timer& timer) {
    return timer_key(timer.due, timer.kind, timer.subject, timer.number);
}

std::optional<Timer> timer_from_key(base::ByteView key) {
    if (key.size() != kTimerKeySize || key[0] != static_cast<std::uint8_t>(Table::timer))
        return std::nullopt;
    const auto kind = base::enum_from<TimerKind>(key[9]);
    if (!kind) return std::nullopt;
    return Timer{{read_big_endian(key.subspan(1, 8))},
                 *kind,
                 base::hash_from_bytes(key.subspan(10, 32)).value_or(base::Hash{}),
                 read_big_endian(key.subspan(42, 8))};
}

}  // namespace assay::market
