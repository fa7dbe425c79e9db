#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/amount.h"
#include "base/encoding.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/signature.h"

/// The canonical encoding (encoding.h) of everything that has fields: writing and reading go over
/// the same list.
namespace assay::base {

template <class T>
inline constexpr bool kIsId = false;
template <class Kind>
inline constexpr bool kIsId<Id<Kind>> = true;
template <class T>
inline constexpr bool kIsCount = false;
template <class Kind>
inline constexpr bool kIsCount<Count<Kind>> = true;

/// What is written for the first alternative of a variant.
template <class Variant>
inline constexpr std::uint8_t kFirstTag = 0;

/// Largest list, text and byte string in any object; single formats may be narrower.
inline constexpr std::uint32_t kListMax = 1U << 16U;
inline constexpr std::size_t kTextMax = 256;
inline constexpr std::size_t kBytesMax = 1U << 20U;

class Writer {
  public:
    explicit Writer(Encoder& out) : out_(out) {}
    template <class... T>
    void operator()(const T&... values) {
        (one(values), ...);
    }

  private:
    template <class T>
    void one(const T& value) {
        if constexpr (std::is_same_v<T, bool>)
            out_.boolean(value);
        else if constexpr (std::is_same_v<T, std::uint8_t>)
            out_.u8(value);
        else if constexpr (std::is_same_v<T, std::uint32_t>)
            out_.u32(value);
        else if constexpr (std::is_same_v<T, std::uint64_t>)
            out_.u64(value);
        else if constexpr (std::is_same_v<T, Hash>)
            out_.hash(value);
        else if constexpr (std::is_same_v<T, Amount>)
            out_.amount(value);
        else if constexpr (std::is_same_v<T, std::string>)
            out_.text(value);
        else if constexpr (std::is_same_v<T, Bytes>)
            out_.bytes(value);
        else if constexpr (std::is_same_v<T, PublicKey> || std::is_same_v<T, Signature>)
            out_.raw(value.bytes);
        else if constexpr (kIsId<T>)
            out_.id(value);
        else if constexpr (kIsCount<T>)
            out_.count(value);
        else if constexpr (Worded<T>)
            out_.u8(static_cast<std::uint8_t>(value));
        else
            std::apply(*this, value.fields());
    }
    template <std::size_t N>
    void one(const std::array<std::uint8_t, N>& value) {
        out_.raw(value);
    }
    template <class T>
    requires(!std::is_same_v<T, std::uint8_t>) void one(const std::vector<T>& list) {
        out_.u32(static_cast<std::uint32_t>(list.size()));
        for (const T& element : list) one(element);
    }
    template <class T>
    void one(const std::optional<T>& value) {
        out_.boolean(value.has_value());
        if (value) one(*value);
    }
    template <class... T>
    void one(const std::variant<T...>& value) {
        out_.u8(static_cast<std::uint8_t>(kFirstTag<std::variant<T...>> + value.index()));
        std::visit([&](const auto& alternative) { one(alternative); }, value);
    }
    Encoder& out_;
};

class Reader {
  public:
    explicit Reader(Decoder& in) : in_(in) {}
    template <class... T>
    void operator()(T&... values) {
        (one(values), ...);
    }

  private:
    template <class T>
    void one(T& value) {
        if constexpr (std::is_same_v<T, bool>)
            value = in_.boolean();
        else if constexpr (std::is_same_v<T, std::uint8_t>)
            value = in_.u8();
        else if constexpr (std::is_same_v<T, std::uint32_t>)
            value = in_.u32();
        else if constexpr (std::is_same_v<T, std::uint64_t>)
            value = in_.u64();
        else if constexpr (std::is_same_v<T, Hash>)
            value = in_.hash();
        else if constexpr (std::is_same_v<T, Amount>)
            value = in_.amount();
        else if constexpr (std::is_same_v<T, std::string>)
            value = in_.text(kTextMax);
        else if constexpr (std::is_same_v<T, Bytes>)
            value = in_.bytes(kBytesMax);
        else if constexpr (std::is_same_v<T, PublicKey> || std::is_same_v<T, Signature>)
            one(value.bytes);
        else if constexpr (kIsId<T>)
            value = in_.id_of<T>();
        else if constexpr (kIsCount<T>)
            value = in_.count_of<T>();
        else if constexpr (Worded<T>) {
            const auto read = enum_from<T>(in_.u8());
            if (!read) in_.fail();
            value = read.value_or(T{kFirstOf<T>});
        } else
            std::apply(*this, value.fields());
    }
    template <std::size_t N>
    void one(std::array<std::uint8_t, N>& value) {
        const Bytes bytes = in_.raw(N);
        if (bytes.size() == N) std::copy(bytes.begin(), bytes.end(), value.begin());
    }
    template <class T>
    requires(!std::is_same_v<T, std::uint8_t>) void one(std::vector<T>& list) {
        const std::uint32_t size = in_.length(kListMax);
        list.clear();
        for (std::uint32_t i = 0; i < size && in_.ok(); ++i) one(list.emplace_back());
    }
    template <class T>
    void one(std::optional<T>& value) {
        value.reset();
        if (in_.boolean()) one(value.emplace());
    }
    template <class... T>
    void one(std::variant<T...>& value) {
        alternative<0>(in_.u8() - kFirstTag<std::variant<T...>>, value);
    }
    template <std::size_t I, class... T>
    void alternative(int number, std::variant<T...>& value) {
        if constexpr (I == sizeof...(T))
            in_.fail();
        else if (number == I)
            one(value.template emplace<I>());
        else
            alternative<I + 1>(number, value);
    }
    Decoder& in_;
};

template <class T>
Bytes to_bytes(const T& value) {
    Encoder out;
    Writer{out}(value);
    return out.take();
}

/// Strict: nothing when a byte is wrong, missing or left over.
template <class T>
std::optional<T> from_bytes(ByteView bytes) {
    Decoder in(bytes);
    T value;
    Reader{in}(value);
    if (!in.finished()) return std::nullopt;
    return value;
}

}  // namespace assay::base
