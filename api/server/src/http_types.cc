#include "http_types.h"

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace assay::server {

std::string_view method_name(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
    }
    ASSAY_CHECK(false);
    return {};
}

std::string_view Request::header(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool Request::accepts(std::string_view media_type) const {
    return header("accept").find(media_type) != std::string_view::npos;
}

std::string_view status_title(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 206:
            return "Partial Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "Error";
    }
}

Response problem_response(const Problem& problem, std::string_view request_id) {
    nlohmann::json json{{"type", "about:blank"},    {"title", status_title(problem.status)},
                        {"status", problem.status}, {"code", problem.code},
                        {"detail", problem.detail}, {"request_id", request_id}};
    Response response;
    response.status = problem.status;
    response.content_type = "application/problem+json";
    // Bytes that came from outside may not be UTF-8: replaced, never thrown over.
    response.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (problem.status == 503 || problem.status == 429)
        response.headers.emplace_back("Retry-After", "1");
    return response;
}

}  // namespace assay::server
