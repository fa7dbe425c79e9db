#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace assay::base {

/// The canonical encoding (docs/formats/encoding.md): fields in a fixed order, integers
/// little-endian of fixed width, byte strings and lists with a u32 length before them, optionals
/// with a 0/1 byte. One value has one encoding.
class Encoder {
  public:
    Encoder& u8(std::uint8_t value);
    Encoder& u16(std::uint16_t value);
    Encoder& u32(std::uint32_t value);
    Encoder& u64(std::uint64_t value);
    Encoder& boolean(bool value) { return u8(value ? 1 : 0); }
    Encoder& hash(const Hash& value);
    template <class Kind>
    Encoder& id(const Id<Kind>& value) {
        return hash(value.hash);
    }
    template <class Kind>
    Encoder& count(Count<Kind> value) {
        return u64(value.value);
    }
    Encoder& amount(Amount value) { return u64(value.grains()); }
    Encoder& raw(ByteView bytes);    ///< no length: for fields of fixed size
    Encoder& bytes(ByteView bytes);  ///< u32 length, bytes
    Encoder& text(std::string_view value) { return bytes(view_of(value)); }
    [[nodiscard]] const Bytes& view() const { return out_; }
    [[nodiscard]] Bytes take() { return std::move(out_); }

  private:
    Bytes out_;
};

/// Reads what Encoder wrote. After the first error every read returns a zero value and ok() stays
/// false; callers read all fields and check `finished()` once.
class Decoder {
  public:
    explicit Decoder(ByteView bytes) : rest_(bytes) {}
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    bool boolean();  ///< 0 or 1, anything else is an error
    Hash hash();
    template <class Kind>
    Id<Kind> id() {
        return Id<Kind>{hash()};
    }
    template <class IdType>
    IdType id_of() {
        return IdType{hash()};
    }
    template <class CountType>
    CountType count_of() {
        return CountType{u64()};
    }
    Amount amount();  ///< above Amount::kMax is an error
    Bytes raw(std::size_t size);
    Bytes bytes(std::size_t size_max);  ///< longer is an error
    std::string text(std::size_t size_max);
    /// A list length; above `count_max` is an error.
    std::uint32_t length(std::uint32_t count_max);
    void fail() { ok_ = false; }
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] ByteView rest() const { return rest_; }
    /// True when nothing failed and every byte was read.
    [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

  private:
    ByteView take(std::size_t size);
    ByteView rest_;
    bool ok_ = true;
};

}  // namespace assay::base
