#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "client/json.h"
#include "handlers.h"
#include "market/queries.h"

/// How handlers answer with objects of the state and with lists of them.
namespace assay::server {

using client::json_of;

inline constexpr std::uint64_t kLimitDefault = 50, kLimitMax = 200;

inline Response bad_id(const Request& request) {
    return problem(request, 400, "bad_id", "an id is 64 lower-case hexadecimal digits");
}
inline Response absent(const Request& request, std::string_view what) {
    return problem(request, 404, "not_found", "there is no such " + std::string(what));
}

/// An object as JSON, or as its canonical bytes.
template <class T>
Response object_response(const Request& request, const std::optional<T>& value,
                         std::string_view what) {
    if (!value) return absent(request, what);
    if (wants_bytes(request)) return bytes_response(market::encode(*value));
    return json_response(json_of(*value));
}

/// A page of a list. As bytes: u32 count, then each object's canonical bytes with their length.
template <class T>
Response list_response(const Request& request, const std::vector<T>& values, std::size_t limit) {
    if (wants_bytes(request)) {
        base::Encoder out;
        out.u32(static_cast<std::uint32_t>(values.size()));
        for (const T& value : values) out.bytes(market::encode(value));
        return bytes_response(out.view());
    }
    Json data = Json::array();
    for (const T& value : values) data.push_back(json_of(value));
    return json_response(
        {{"object", "list"}, {"has_more", values.size() == limit}, {"data", std::move(data)}});
}

/// `limit` and `after` of a list whose entries have hash ids.
template <class IdType>
struct Paging {
    std::size_t limit = 0;
    std::optional<IdType> after;
};
template <class IdType>
tl::expected<Paging<IdType>, Problem> read_paging(const Request& request) {
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    if (!limit) return tl::unexpected(limit.error());
    Paging<IdType> paging{static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit)),
                          std::nullopt};
    if (const auto after = request.query.find("after"); after != request.query.end()) {
        const auto hash = hash_value(after->second);
        if (!hash)
            return tl::unexpected(
                Problem{400, "bad_query", "after is an id: 64 lower-case hexadecimal digits"});
        paging.after = IdType{*hash};
    }
    return paging;
}

inline std::optional<std::uint64_t> path_number(std::string_view text, std::uint64_t max) {
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size() ||
        value > max)
        return std::nullopt;
    return value;
}

template <class IdType>
std::optional<IdType> id_query(const Request& request, std::string_view name) {
    const auto found = request.query.find(name);
    const auto hash = found == request.query.end() ? std::nullopt : hash_value(found->second);
    if (!hash) return std::nullopt;
    return IdType{*hash};
}

/// What the lists under a job have in common: the job must exist, and pages have an id to go on
/// after.
template <class IdType, class Load>
Response job_list(Context& context, const Request& request, const PathValues& values,
                  const Load& load) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto paging = read_paging<IdType>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const base::JobId job{*id};
    if (!market::find_job(snapshot.state(), job)) return absent(request, "job");
    return list_response(request, load(snapshot.state(), job, *paging), paging->limit);
}

}  // namespace assay::server
