#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/json.h"

/// How the pieces of objects look in JSON, for the files that make them.
namespace assay::client {

inline std::string word(std::string_view text) { return std::string(text); }
inline std::string number(std::uint64_t value) { return std::to_string(value); }
/// Ids that may be absent are zeros in the state and null in JSON.
template <class Kind>
Json id_or_null(const base::Id<Kind>& id) {
    return id.is_zero() ? Json() : Json(id.hex());
}
inline Json hash_or_null(const base::Hash& hash) {
    return hash.is_zero() ? Json() : Json(hash.hex());
}
/// 32.32 as people read it: three places are enough.
inline Json fixed_json(std::uint64_t value) { return static_cast<double>(value >> 22U) / 1024.0; }

template <class Kind>
Json ids_json(const std::vector<base::Id<Kind>>& ids) {
    Json json = Json::array();
    for (const auto& id : ids) json.push_back(id.hex());
    return json;
}

Json json_of(const market::RoundMember& member);
Json json_of(const market::AuditFact& fact);
Json json_of(const market::SegmentLeaf& leaf);
Json json_of(const market::PartKey& key);
Json json_of(const market::Spent& spent);
Json json_of(const market::Reservation& reservation);

template <class T>
Json list_json(const std::vector<T>& list) {
    Json json = Json::array();
    for (const T& entry : list) json.push_back(json_of(entry));
    return json;
}

}  // namespace assay::client
