#include "json_reader.h"

#include <array>
#include <charconv>
#include <cmath>

namespace assay::client {
namespace {

const nlohmann::json& null_json() {
    static const nlohmann::json null;
    return null;
}

/// The text that a JSON number stood for, as far as a double remembers it: its shortest decimal
/// form without exponent.
std::string text_of_number(double value) {
    std::array<char, 400> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                   std::chars_format::fixed);
    return {buffer.data(), end.ptr};
}

}  // namespace

bool is_whole(const nlohmann::json& json) {
    return json.is_number_unsigned() || (json.is_number_integer() && json.get<std::int64_t>() >= 0);
}

std::optional<std::uint64_t> parse_u64(std::string_view text) {
    if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, unsigned digits) {
    const std::size_t dot = text.find('.');
    std::string all(text.substr(0, dot));
    std::string_view places =
        dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    if (all.empty() || (dot != std::string_view::npos && places.empty())) return std::nullopt;
    while (!places.empty() && places.back() == '0') places.remove_suffix(1);
    if (places.size() > digits) return std::nullopt;
    all += places;
    all.append(digits - places.size(), '0');
    const std::size_t first = all.find_first_not_of('0');
    return parse_u64(first == std::string::npos ? "0" : std::string_view(all).substr(first));
}

std::string format_decimal(std::uint64_t units, unsigned digits) {
    std::string all = std::to_string(units);
    if (all.size() <= digits) all.insert(0, digits + 1 - all.size(), '0');
    std::string places = all.substr(all.size() - digits);
    all.resize(all.size() - digits);
    while (!places.empty() && places.back() == '0') places.pop_back();
    return places.empty() ? all : all + "." + places;
}

ObjectReader::ObjectReader(const nlohmann::json& json, std::string path,
                           std::optional<market::SpecError>& error)
    : json_(json), path_(std::move(path)), error_(error) {
    if (!json_.is_object() && !json_.is_null() && !error_)
        error_ = {path_.empty() ? "(document)" : path_, "must be an object"};
}

std::string ObjectReader::path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

void ObjectReader::fail(const char* name, std::string reason) {
    if (!error_) error_ = {path_of(name), std::move(reason)};
}

bool ObjectReader::has(const char* name) const { return json_.is_object() && json_.contains(name); }

const nlohmann::json* ObjectReader::find(const char* name, bool required) {
    asked_.emplace(name);
    if (json_.is_object()) {
        const auto found = json_.find(name);
        if (found != json_.end()) return &*found;
    }
    if (required) fail(name, "is required");
    return nullptr;
}

std::uint64_t ObjectReader::u64(const char* name, std::optional<std::uint64_t> fallback,
                                std::uint64_t max) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(0);
    std::optional<std::uint64_t> value;
    if (is_whole(*found)) value = found->get<std::uint64_t>();
    if (found->is_string()) value = parse_u64(found->get_ref<const std::string&>());
    if (!value) {
        fail(name, "must be a whole number, not negative");
        return 0;
    }
    if (*value > max) {
        fail(name, "must be at most " + std::to_string(max));
        return 0;
    }
    return *value;
}

std::uint32_t ObjectReader::u32(const char* name, std::optional<std::uint32_t> fallback) {
    return static_cast<std::uint32_t>(
        u64(name, fallback ? std::optional<std::uint64_t>(*fallback) : std::nullopt, UINT32_MAX));
}

bool ObjectReader::boolean(const char* name, std::optional<bool> fallback) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(false);
    if (!found->is_boolean()) {
        fail(name, "must be true or false");
        return false;
    }
    return found->get<bool>();
}

std::string ObjectReader::text(const char* name, std::optional<std::string> fallback,
                               std::size_t bytes_max) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or("");
    if (!found->is_string() || found->get_ref<const std::string&>().size() > bytes_max) {
        fail(name, "must be a text of at most " + std::to_string(bytes_max) + " bytes");
        return "";
    }
    return found->get<std::string>();
}

base::Amount ObjectReader::amount(const char* name, std::optional<base::Amount> fallback) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(base::Amount());
    std::optional<base::Amount> value;
    if (found->is_string()) value = base::amount_from_decimal(found->get_ref<const std::string&>());
    if (!value) fail(name, "must be an amount in grains as a decimal string");
    return value.value_or(base::Amount());
}

base::Hash ObjectReader::hash(const char* name, std::optional<base::Hash> fallback) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(base::Hash());
    std::optional<base::Hash> value;
    if (found->is_string()) value = base::hash_from_hex(found->get_ref<const std::string&>());
    if (!value) fail(name, "must be 64 lower-case hexadecimal digits");
    return value.value_or(base::Hash());
}

base::PublicKey ObjectReader::key(const char* name, std::optional<base::PublicKey> fallback) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(base::PublicKey());
    std::optional<base::PublicKey> value;
    if (found->is_string()) {
        if (const auto bytes = base::from_hex(found->get_ref<const std::string&>()))
            value = base::public_key_from_bytes(*bytes);
    }
    if (!value)
        fail(name,
             "must be an Ed25519 public key: 64 lower-case hexadecimal digits, a canonical point");
    return value.value_or(base::PublicKey());
}

std::uint64_t ObjectReader::decimal(const char* name, unsigned digits,
                                    std::optional<std::uint64_t> fallback, std::uint64_t max) {
    const nlohmann::json* found = find(name, !fallback);
    if (found == nullptr) return fallback.value_or(0);
    std::optional<std::uint64_t> value;
    if (found->is_string()) value = parse_decimal(found->get_ref<const std::string&>(), digits);
    if (is_whole(*found))
        value = parse_decimal(std::to_string(found->get<std::uint64_t>()), digits);
    if (found->is_number_float() && std::isfinite(found->get<double>()))
        value = parse_decimal(text_of_number(found->get<double>()), digits);
    if (!value || *value > max) {
        fail(name, "must be a number from 0 to " + format_decimal(max, digits) + " with at most " +
                       std::to_string(digits) + " decimal places");
        return 0;
    }
    return *value;
}

const nlohmann::json& ObjectReader::member(const char* name, bool optional) {
    const nlohmann::json* found = find(name, !optional);
    return found == nullptr ? null_json() : *found;
}

ObjectReader ObjectReader::object(const char* name, bool optional) {
    const nlohmann::json& found = member(name, optional);
    if (has(name) && !found.is_object()) fail(name, "must be an object");
    return {found, path_of(name), error_};
}

void ObjectReader::refuse_unknown() {
    if (!json_.is_object()) return;
    for (const auto& [name, value] : json_.items()) {
        if (!asked_.contains(name)) fail(name.c_str(), "is not a known field");
    }
}

}  // namespace assay::client
