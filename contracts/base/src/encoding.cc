#include "base/encoding.h"

#include <limits>

#include "base/check.h"

namespace assay::base {

namespace {

template <class Integer>
void append(Bytes& out, Integer value) {
    constexpr std::size_t kFirst = 128;  // most records fit: one allocation
    if (out.capacity() == 0) out.reserve(kFirst);
    const std::size_t at = out.size();
    out.resize(at + sizeof(Integer));
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
        out[at + i] = static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i));
    }
}

template <class Integer>
Integer read(ByteView bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
    return static_cast<Integer>(value);
}

}  // namespace

Encoder& Encoder::u8(std::uint8_t value) {
    out_.push_back(value);
    return *this;
}

Encoder& Encoder::u16(std::uint16_t value) {
    append(out_, value);
    return *this;
}

Encoder& Encoder::u32(std::uint32_t value) {
    append(out_, value);
    return *this;
}

Encoder& Encoder::u64(std::uint64_t value) {
    append(out_, value);
    return *this;
}

Encoder& Encoder::hash(const Hash& value) { return raw(value.view()); }

Encoder& Encoder::raw(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
}

Encoder& Encoder::bytes(ByteView bytes) {
    ASSAY_CHECK(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
    u32(static_cast<std::uint32_t>(bytes.size()));
    return raw(bytes);
}

ByteView Decoder::take(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
        ok_ = false;
        return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
}

std::uint8_t Decoder::u8() { return read<std::uint8_t>(take(1)); }

std::uint16_t Decoder::u16() { return read<std::uint16_t>(take(2)); }

std::uint32_t Decoder::u32() { return read<std::uint32_t>(take(4)); }

std::uint64_t Decoder::u64() { return read<std::uint64_t>(take(8)); }

bool Decoder::boolean() {
    const std::uint8_t value = u8();
    if (value > 1) ok_ = false;
    return ok_ && value == 1;
}

Hash Decoder::hash() { return hash_from_bytes(take(32)).value_or(Hash{}); }

Amount Decoder::amount() {
    const auto value = Amount::checked(u64());
    if (!value) ok_ = false;
    return value.value_or(Amount{});
}

Bytes Decoder::raw(std::size_t size) {
    const ByteView taken = take(size);
    return {taken.begin(), taken.end()};
}

Bytes Decoder::bytes(std::size_t size_max) {
    const std::uint32_t size = u32();
    if (size > size_max) ok_ = false;
    return ok_ ? raw(size) : Bytes{};
}

std::string Decoder::text(std::size_t size_max) {
    const Bytes content = bytes(size_max);
    return {content.begin(), content.end()};
}

std::uint32_t Decoder::length(std::uint32_t count_max) {
    const std::uint32_t count = u32();
    if (count > count_max) ok_ = false;
    return ok_ ? count : 0;
}

}  // namespace assay::base
