#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

/// HTTP as the handlers see it: plain values, no Beast.
namespace assay::server {

enum class Method : std::uint8_t { get, head, post, put };
std::string_view method_name(Method method);

/// A request whose framing was accepted. Header names are lower-case; only those in `kKeptHeaders`
/// (framing.cc) are kept, each at most once.
struct Request {
    Method method = Method::get;
    std::string path;  ///< without the query, percent-encoding refused
    std::map<std::string, std::string, std::less<>> query;
    std::map<std::string, std::string, std::less<>> headers;
    base::Bytes body;     ///< of control routes; uploads never collect one
    std::string id;       ///< for logs and problem documents
    std::string address;  ///< of the peer

    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] bool accepts(std::string_view media_type) const;  ///< named literally in Accept
};

/// Part of a file as a body.
struct FileBody {
    std::filesystem::path file;
    std::uint64_t offset = 0, size = 0;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    std::variant<std::string, FileBody> body;
    bool close = false;  ///< end the connection after this
};

/// The closed table of docs/api.md: words of the API itself. Refusals of the market have their own
/// words (market/refusal.h).
struct Problem {
    int status = 400;
    std::string code;
    std::string detail;
};
/// An application/problem+json document (RFC 9457).
Response problem_response(const Problem& problem, std::string_view request_id);
std::string_view status_title(int status);

/// Called exactly once, from any thread.
using Respond = std::function<void(Response)>;

}  // namespace assay::server
