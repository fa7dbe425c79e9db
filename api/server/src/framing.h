#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http_types.h"

/// Decides from the raw bytes of a request's head whether its framing is acceptable, before any
/// HTTP parser interprets it. The installed Beast accepts repeated Host, unknown transfer codings,
/// HTTP/1.0 with chunks, folded lines and endless trailers; none of those reach it.
namespace assay::server {

inline constexpr std::size_t kHeadBytesMax = 8 * 1024;
inline constexpr std::size_t kTargetBytesMax = 2 * 1024;
inline constexpr std::size_t kFieldsMax = 64;

struct Head {
    Method method = Method::get;
    std::string target;
    std::map<std::string, std::string, std::less<>> headers;
    std::uint64_t content_length = 0;
    bool has_content_length = false;
    bool expects_continue = false;
    bool keep_alive = true;
};

/// `raw`: the request line and all fields, up to and including the empty line. `hosts`: accepted
/// values of Host, lower-case, with port. Every refusal ends the connection: after a framing error
/// nobody can say where the next request begins.
tl::expected<Head, Problem> check_head(std::string_view raw,
                                       const std::set<std::string, std::less<>>& hosts);

/// Splits target into path and query. Percent-encoding and plus signs are refused: nothing in this
/// API needs them.
tl::expected<void, Problem> split_target(std::string_view target, Request& request);

}  // namespace assay::server
