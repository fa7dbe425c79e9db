#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>

/// One list for each type that is stored, sent or shown: bytes (archive.h), equality, words and
/// pages of the documents come from it, so that what is written is what is read.

/// In a struct: its fields, in the order of their bytes. Gives equality, `fields()` (references to
/// all of them) and their names.
#define ASSAY_FIELDS(Type, ...)                                   \
    bool operator==(const Type&) const = default;                 \
    static constexpr std::string_view kFieldNames = #__VA_ARGS__; \
    [[nodiscard]] auto fields() { return std::tie(__VA_ARGS__); } \
    [[nodiscard]] auto fields() const { return std::tie(__VA_ARGS__); }

/// An enum of one byte whose values follow each other; only the first may be given a number (else
/// it is 0). Where C++ keeps a word for itself the name ends with `_`, its word does not.
#define ASSAY_ENUM(Name, ...)                       \
    enum class Name : std::uint8_t { __VA_ARGS__ }; \
    constexpr std::string_view enum_list(Name) { return #__VA_ARGS__; }

namespace assay::base {

/// The names in a list "a, b = 1, c_": a, b, c.
template <std::size_t N>
constexpr std::array<std::string_view, N> names_in(std::string_view list) {
    std::array<std::string_view, N> names;
    for (std::string_view& name : names) {
        const std::size_t begin = std::min(list.find_first_not_of(' '), list.size());
        const std::size_t end = std::min(list.find(','), list.size());
        name = list.substr(begin, end - begin);
        name = name.substr(0, name.find(' '));
        if (name.ends_with('_')) name.remove_suffix(1);
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return names;
}
constexpr std::size_t count_in(std::string_view list) {
    return list.empty() ? 0 : 1 + static_cast<std::size_t>(std::ranges::count(list, ','));
}

/// A struct with ASSAY_FIELDS.
template <class T>
concept Fielded = requires {
    T::kFieldNames;
};
template <Fielded T>
inline constexpr auto kNamesOf = names_in<count_in(T::kFieldNames)>(T::kFieldNames);

/// An enum made by ASSAY_ENUM.
template <class E>
concept Worded = std::is_enum_v<E> && requires(E e) {
    { enum_list(e) } -> std::same_as<std::string_view>;
};
template <Worded E>
inline constexpr auto kWordsOf = names_in<count_in(enum_list(E{}))>(enum_list(E{}));

/// The number of the first value: "a = 1, b".
template <Worded E>
inline constexpr std::uint8_t kFirstOf = [] {
    std::string_view first = enum_list(E{});
    first = first.substr(0, first.find(','));
    const std::size_t sign = first.find("= ");
    std::uint8_t number = 0;
    if (sign == first.npos) return number;
    for (const char digit : first.substr(sign + 2))
        number = static_cast<std::uint8_t>(10 * number + (digit - '0'));
    return number;
}();

/// Nothing when no value has this number.
template <Worded E>
constexpr std::optional<E> enum_from(std::uint8_t number) {
    if (number < kFirstOf<E> || number - kFirstOf<E> >= static_cast<int>(kWordsOf<E>.size()))
        return std::nullopt;
    return static_cast<E>(number);
}
/// The word of a value, for people, events and JSON.
template <Worded E>
constexpr std::string_view to_word(E value) {
    return kWordsOf<E>.at(static_cast<std::size_t>(value) - kFirstOf<E>);
}
/// Nothing when no value has this word.
template <Worded E>
constexpr std::optional<E> from_word(std::string_view word) {
    const auto found = std::ranges::find(kWordsOf<E>, word);
    if (found == kWordsOf<E>.end()) return std::nullopt;
    return static_cast<E>(found - kWordsOf<E>.begin() + kFirstOf<E>);
}

}  // namespace assay::base
