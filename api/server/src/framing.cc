#include "framing.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace assay::server {
namespace {

/// Fields that handlers or the session read. Each may stand at most once.
constexpr std::array<std::string_view, 12> kKeptHeaders{
    "host",       "content-length", "content-type",    "accept",
    "range",      "if-range",       "if-none-match",   "expect",
    "connection", "last-event-id",  "idempotency-key", "user-agent"};
/// Fields that would change the framing or the meaning of the body.
constexpr std::array<std::string_view, 3> kRefusedHeaders{"trailer", "upgrade", "content-range"};

tl::unexpected<Problem> refuse(int status, std::string code, std::string detail) {
    return tl::unexpected(Problem{status, std::move(code), std::move(detail)});
}
tl::unexpected<Problem> bad(std::string detail) {
    return refuse(400, "bad_framing", std::move(detail));
}

bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

tl::expected<void, Problem> check_request_line(std::string_view line, Head& head) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return bad("the request line is not: METHOD SP target SP HTTP/1.1");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (method.empty() || !std::all_of(method.begin(), method.end(), is_token_char))
        return bad("the method is not a token");
    if (target.size() > kTargetBytesMax)
        return refuse(414, "target_too_long", "the target is longer than 2048 bytes");
    if (target.empty() || target[0] != '/' ||
        !std::all_of(target.begin(), target.end(), is_visible) ||
        target.find('#') != std::string_view::npos) {
        return bad("the target must begin with / and be visible ASCII");
    }
    if (version != "HTTP/1.1") {
        if (version.starts_with("HTTP/") && version.size() == 8)
            return refuse(505, "unsupported_version", "only HTTP/1.1 is spoken here");
        return bad("the request line does not end in HTTP/1.1");
    }
    head.target = std::string(target);
    for (const Method known : {Method::get, Method::head, Method::post, Method::put}) {
        if (method == method_name(known)) {
            head.method = known;
            return {};
        }
    }
    return refuse(501, "unknown_method", "methods here are GET, HEAD, POST and PUT");
}

tl::expected<void, Problem> check_field(std::string_view line, Head& head) {
    if (line.front() == ' ' || line.front() == '\t') return bad("folded header lines are refused");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad("a header line has no name");
    const std::string_view raw_name = line.substr(0, colon);
    if (!std::all_of(raw_name.begin(), raw_name.end(), is_token_char))
        return bad("a header name is not a token");
    const std::string_view value = trim(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(),
                     [](char c) { return is_visible(c) || c == ' ' || c == '\t'; })) {
        return bad("a header value has bytes outside visible ASCII");
    }
    std::string name = lower(raw_name);
    if (name == "transfer-encoding")
        return refuse(411, "length_required", "transfer codings are refused; send Content-Length");
    if (name == "content-encoding")
        return refuse(415, "unsupported_media_type", "content codings are refused");
    if (std::find(kRefusedHeaders.begin(), kRefusedHeaders.end(), name) != kRefusedHeaders.end())
        return bad("the header " + name + " is refused");
    if (std::find(kKeptHeaders.begin(), kKeptHeaders.end(), name) == kKeptHeaders.end()) return {};
    if (!head.headers.emplace(std::move(name), std::string(value)).second)
        return bad("the header " + lower(raw_name) + " stands twice");
    return {};
}

tl::expected<void, Problem> check_meaning(const std::set<std::string, std::less<>>& hosts,
                                          Head& head) {
    const auto value = [&](std::string_view name) {
        const auto found = head.headers.find(name);
        return found == head.headers.end() ? std::optional<std::string_view>()
                                           : std::optional<std::string_view>(found->second);
    };
    const auto host = value("host");
    if (!host) return bad("there is no Host");
    if (!hosts.contains(lower(*host)))
        return refuse(421, "wrong_host", "this node does not serve that Host");
    if (const auto length = value("content-length")) {
        const bool digits = !length->empty() && length->size() <= 18 &&
                            std::all_of(length->begin(), length->end(),
                                        [](char c) { return c >= '0' && c <= '9'; });
        if (!digits) return bad("Content-Length is not a plain number");
        std::from_chars(length->data(), length->data() + length->size(), head.content_length);
        head.has_content_length = true;
    }
    const bool takes_body = head.method == Method::post || head.method == Method::put;
    if (takes_body && !head.has_content_length)
        return refuse(411, "length_required", "send Content-Length");
    if (!takes_body && head.content_length != 0) return bad("GET and HEAD have no body here");
    if (const auto expect = value("expect")) {
        if (lower(*expect) != "100-continue")
            return refuse(417, "expectation_failed", "only 100-continue can be expected");
        head.expects_continue = true;
    }
    if (const auto connection = value("connection")) {
        const std::string options = lower(*connection);
        if (options != "close" && options != "keep-alive")
            return bad("Connection may say close or keep-alive");
        head.keep_alive = options == "keep-alive";
    }
    return {};
}

}  // namespace

tl::expected<Head, Problem> check_head(std::string_view raw,
                                       const std::set<std::string, std::less<>>& hosts) {
    if (raw.size() > kHeadBytesMax)
        return refuse(431, "head_too_large", "the request head is longer than 8 KiB");
    if (!raw.ends_with("\r\n\r\n")) return bad("the request head does not end in an empty line");
    raw.remove_suffix(2);
    Head head;
    std::size_t fields = 0;
    for (bool first = true; !raw.empty(); first = false) {
        const std::size_t end = raw.find("\r\n");
        const std::string_view line = raw.substr(0, end);
        raw.remove_prefix(end + 2);
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            return bad("a line has a bare CR, LF or NUL");
        if (line.empty()) return bad("an empty line stands inside the request head");
        if (!first && ++fields > kFieldsMax)
            return refuse(431, "head_too_large", "the request has more than 64 header lines");
        const auto checked = first ? check_request_line(line, head) : check_field(line, head);
        if (!checked) return tl::unexpected(checked.error());
    }
    if (auto checked = check_meaning(hosts, head); !checked) return tl::unexpected(checked.error());
    return head;
}

tl::expected<void, Problem> split_target(std::string_view target, Request& request) {
    if (target.find('%') != std::string_view::npos || target.find('+') != std::string_view::npos) {
        return refuse(400, "bad_target", "percent-encoding is refused: nothing here needs it");
    }
    const std::size_t mark = target.find('?');
    request.path = std::string(target.substr(0, mark));
    if (mark == std::string_view::npos) return {};
    std::string_view rest = target.substr(mark + 1);
    while (!rest.empty()) {
        const std::size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return refuse(400, "bad_query", "a query parameter is not name=value");
        if (!request.query.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
            return refuse(
                400, "bad_query",
                "the query parameter " + std::string(pair.substr(0, equals)) + " stands twice");
        }
    }
    return {};
}

}  // namespace assay::server
