#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "client/json.h"
#include "json_reader.h"

/// How the pieces of objects look in JSON, from the fields that their types list (base/schema.h).
/// What an object shows otherwise stands in the files that make them.
namespace assay::client {

inline std::string word(std::string_view text) { return std::string(text); }
inline std::string number(std::uint64_t value) { return std::to_string(value); }
/// 32.32 as people read it: three places are enough.
inline Json fixed_json(std::uint64_t value) { return static_cast<double>(value >> 22U) / 1024.0; }

/// Parts per million are shown as a rate, times in milliseconds say so: rate_ppm is "rate",
/// opened_at is "opened_at_ms".
template <class T>
std::string json_name(std::string_view field) {
    std::string name(field);
    if (field.ends_with("_ppm")) name.resize(name.size() - 4);
    if (std::is_same_v<T, base::TimeMs> && !field.ends_with("_ms")) name += "_ms";
    return name;
}

template <base::Fielded T>
Json fields_json(const T& value);

/// Amounts and 64-bit numbers are decimal strings, enums words, bytes hex; ids and roots that are
/// not set are null.
template <class T>
Json value_json(std::string_view field, const T& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>)
        return value;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return field.ends_with("_ppm") ? Json(format_decimal(value, 6)) : Json(value);
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return number(value);
    else if constexpr (std::is_same_v<T, base::Amount>)
        return value.decimal();
    else if constexpr (std::is_same_v<T, base::Height> || std::is_same_v<T, base::TimeMs>)
        return number(value.value);
    else if constexpr (std::is_enum_v<T>)
        return word(to_word(value));
    else if constexpr (requires { value.is_zero(); })
        return value.is_zero() ? Json() : Json(value.hex());
    else if constexpr (requires { value.view(); })
        return base::to_hex(value.view());
    else if constexpr (requires { value.has_value(); })
        return value ? value_json(field, *value) : Json();
    else if constexpr (std::is_same_v<T, base::VrfOutput>)
        return base::to_hex(value);
    else if constexpr (base::Fielded<T>)
        return fields_json(value);
    else {
        Json list = Json::array();
        for (const auto& entry : value) list.push_back(value_json(field, entry));
        return list;
    }
}

/// All fields. The caller renames or hides what people see otherwise.
template <base::Fielded T>
Json fields_json(const T& value) {
    Json json = Json::object();
    std::size_t i = 0;
    const auto one = [&](const auto& field) {
        const std::string_view name = base::kNamesOf<T>[i++];
        json[json_name<std::remove_cvref_t<decltype(field)>>(name)] = value_json(name, field);
    };
    std::apply([&](const auto&... field) { (one(field), ...); }, value.fields());
    return json;
}

/// The same with a word that says what it is.
template <base::Fielded T>
Json object_json(const char* object, const T& value) {
    Json json = fields_json(value);
    json["object"] = object;
    return json;
}

/// Says `null` instead of a value that means nothing.
inline void hide(Json& json, const char* name, bool hidden) {
    if (hidden) json[name] = Json();
}
inline void rename(Json& json, const char* from, const char* to) {
    json[to] = std::move(json[from]);
    json.erase(from);
}

}  // namespace assay::client
