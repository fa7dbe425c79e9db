#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/amount.h"
#include "base/encoding.h"
#include "base/ids.h"
#include "base/signature.h"
#include "base/vrf.h"

/// Encoding and decoding from one list of fields per type: `fields(archive, value)` names each
/// field once, so that what is written is what is read. The byte form is base::Encoder's.
namespace assay::market {

template <class T>
struct IsId : std::false_type {};
template <class Kind>
struct IsId<base::Id<Kind>> : std::true_type {};
template <class T>
struct IsCount : std::false_type {};
template <class Kind>
struct IsCount<base::Count<Kind>> : std::true_type {};
/// Bytes of a fixed number, written as they are (base::VrfOutput).
template <class T>
struct IsByteArray : std::false_type {};
template <std::size_t N>
struct IsByteArray<std::array<std::uint8_t, N>> : std::true_type {};

/// Largest list in any stored object; single formats may be narrower.
inline constexpr std::uint32_t kListMax = 1U << 16U;
inline constexpr std::size_t kTextMax = 256;

class Writer {
  public:
    explicit Writer(base::Encoder& out) : out_(out) {}
    template <class... T>
    void operator()(const T&... values) {
        (one(values), ...);
    }
    /// An enum with the values `first` to `last`, as one byte.
    template <class E>
    void choice(const E& value, E, E) {
        out_.u8(static_cast<std::uint8_t>(value));
    }

  private:
    template <class T>
    void one(const T& value) {
        if constexpr (std::same_as<T, bool>)
            out_.boolean(value);
        else if constexpr (std::same_as<T, std::uint32_t>)
            out_.u32(value);
        else if constexpr (std::same_as<T, std::uint64_t>)
            out_.u64(value);
        else if constexpr (std::same_as<T, base::Hash>)
            out_.hash(value);
        else if constexpr (std::same_as<T, base::Amount>)
            out_.amount(value);
        else if constexpr (std::same_as<T, std::string>)
            out_.text(value);
        else if constexpr (std::same_as<T, base::PublicKey> || std::same_as<T, base::Signature>)
            out_.raw(value.bytes);
        else if constexpr (IsByteArray<T>::value)
            out_.raw(value);
        else if constexpr (IsId<T>::value)
            out_.id(value);
        else if constexpr (IsCount<T>::value)
            out_.count(value);
        else
            fields(*this, value);
    }
    template <class T>
    void one(const std::vector<T>& list) {
        out_.u32(static_cast<std::uint32_t>(list.size()));
        for (const T& element : list) one(element);
    }
    template <class T>
    void one(const std::optional<T>& value) {
        out_.boolean(value.has_value());
        if (value) one(*value);
    }
    base::Encoder& out_;
};

class Reader {
  public:
    explicit Reader(base::Decoder& in) : in_(in) {}
    template <class... T>
    void operator()(T&... values) {
        (one(values), ...);
    }
    template <class E>
    void choice(E& value, E first, E last) {
        const std::uint8_t number = in_.u8();
        if (number < static_cast<std::uint8_t>(first) || number > static_cast<std::uint8_t>(last)) {
            in_.fail();
            return;
        }
        value = static_cast<E>(number);
    }

  private:
    template <class T>
    void one(T& value) {
        if constexpr (std::same_as<T, bool>)
            value = in_.boolean();
        else if constexpr (std::same_as<T, std::uint32_t>)
            value = in_.u32();
        else if constexpr (std::same_as<T, std::uint64_t>)
            value = in_.u64();
        else if constexpr (std::same_as<T, base::Hash>)
            value = in_.hash();
        else if constexpr (std::same_as<T, base::Amount>)
            value = in_.amount();
        else if constexpr (std::same_as<T, std::string>)
            value = in_.text(kTextMax);
        else if constexpr (std::same_as<T, base::PublicKey> || std::same_as<T, base::Signature>) {
            raw(value.bytes);
        } else if constexpr (IsByteArray<T>::value)
            raw(value);
        else if constexpr (IsId<T>::value)
            value = in_.id_of<T>();
        else if constexpr (IsCount<T>::value)
            value = in_.count_of<T>();
        else
            fields(*this, value);
    }
    template <class T>
    void one(std::vector<T>& list) {
        const std::uint32_t size = in_.length(kListMax);
        list.clear();
        for (std::uint32_t i = 0; i < size && in_.ok(); ++i) {
            list.emplace_back();
            one(list.back());
        }
    }
    template <class T>
    void one(std::optional<T>& value) {
        if (!in_.boolean()) {
            value.reset();
            return;
        }
        value.emplace();
        one(*value);
    }
    template <std::size_t N>
    void raw(std::array<std::uint8_t, N>& value) {
        const base::Bytes bytes = in_.raw(N);
        if (bytes.size() == N) std::copy(bytes.begin(), bytes.end(), value.begin());
    }
    base::Decoder& in_;
};

/// A type whose fields both archives can visit: const for the writer, mutable for the reader.
template <class T, class Value>
concept Same = std::same_as<std::remove_const_t<T>, Value>;

}  // namespace assay::market
