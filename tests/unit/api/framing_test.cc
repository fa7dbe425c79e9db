#include "framing.h"

#include <gtest/gtest.h>

#include <string>

namespace assay::server {
namespace {

const std::set<std::string, std::less<>> kHosts{"localhost:80", "127.0.0.1:80"};
constexpr std::string_view kHost = "Host: localhost:80\r\n";

std::string get(const std::string& fields, const std::string& line = "GET /livez HTTP/1.1") {
    return line + "\r\n" + fields + "\r\n";
}

/// The status and code word of a refusal; "200" when the head was accepted.
std::string verdict(const std::string& raw) {
    const auto head = check_head(raw, kHosts);
    return head ? "200" : std::to_string(head.error().status) + " " + head.error().code;
}

TEST(CheckHead, AcceptsPlainRequests) {
    const auto head = check_head(get(std::string(kHost) + "Accept: application/json\r\n"), kHosts);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->method, Method::get);
    EXPECT_EQ(head->target, "/livez");
    EXPECT_EQ(head->headers.at("accept"), "application/json");
    EXPECT_TRUE(head->keep_alive);
    EXPECT_FALSE(check_head(get(std::string(kHost) + "Connection: close\r\n"), kHosts)->keep_alive);
    const auto post =
        check_head(get(std::string(kHost) + "Content-Length: 12\r\nExpect: 100-continue\r\n",
                       "POST /v1/plan HTTP/1.1"),
                   kHosts);
    ASSERT_TRUE(post.has_value());
    EXPECT_EQ(post->content_length, 12U);
    EXPECT_TRUE(post->expects_continue);
}

TEST(CheckHead, RefusesEverythingThatAnotherParserMightReadDifferently) {
    struct Case {
        std::string raw, want;
    };
    const std::string host(kHost);
    const std::string post = "POST /v1/plan HTTP/1.1";
    const std::vector<Case> cases{
        // Transfer codings, in every spelling that the installed parser accepts.
        {get(host + "Transfer-Encoding: chunked\r\n", post), "411 length_required"},
        {get(host + "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n", post),
         "411 length_required"},
        {get(host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", post),
         "411 length_required"},
        {get(host + "Transfer-Encoding: identity\r\n", post), "411 length_required"},
        {get(host + "Transfer-Encoding: xchunked\r\n", post), "411 length_required"},
        {get(host + "Transfer-Encoding: chunked, identity\r\n", post), "411 length_required"},
        {get(host + "tRANSFER-eNCODING: chunked\r\n", post), "411 length_required"},
        {get(host + "Trailer: Expires\r\nContent-Length: 3\r\n", post), "400 bad_framing"},
        {get(host + "Content-Encoding: gzip\r\nContent-Length: 3\r\n", post),
         "415 unsupported_media_type"},
        {get(host + "Upgrade: h2c\r\n"), "400 bad_framing"},
        // Lengths.
        {get(host, post), "411 length_required"},
        {get(host + "Content-Length: 3\r\nContent-Length: 3\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: 3\r\nContent-Length: 4\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: +3\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: -1\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: 0x3\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: 3, 3\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: 18446744073709551616\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length:\r\n", post), "400 bad_framing"},
        {get(host + "Content-Length: 3\r\n"), "400 bad_framing"},
        // Host.
        {get(""), "400 bad_framing"},
        {get(host + host), "400 bad_framing"},
        {get("Host: evil.example\r\n"), "421 wrong_host"},
        {get("Host: localhost:80@evil\r\n"), "421 wrong_host"},
        // Versions and request lines.
        {get(host, "GET /livez HTTP/1.0"), "505 unsupported_version"},
        {get(host, "GET /livez HTTP/1.7"), "505 unsupported_version"},
        {get(host, "GET /livez HTTP/2.0"), "505 unsupported_version"},
        {get(host, "GET /livez"), "400 bad_framing"},
        {get(host, "GET  /livez  HTTP/1.1"), "400 bad_framing"},
        {get(host, "GET http://localhost:80/livez HTTP/1.1"), "400 bad_framing"},
        {get(host, "GET * HTTP/1.1"), "400 bad_framing"},
        {get(host, "GET /li\x80vez HTTP/1.1"), "400 bad_framing"},
        {get(host, "GET /livez#x HTTP/1.1"), "400 bad_framing"},
        {get(host, "GET /" + std::string(2100, 'a') + " HTTP/1.1"), "414 target_too_long"},
        {get(host, "BREW /livez HTTP/1.1"), "501 unknown_method"},
        {get(host, "DELETE /livez HTTP/1.1"), "501 unknown_method"},
        {get(host, "G(T /livez HTTP/1.1"), "400 bad_framing"},
        {"\r\n" + get(host), "400 bad_framing"},
        // Field lines.
        {get(host + "Accept : x\r\n"), "400 bad_framing"},
        {get(host + " folded: x\r\n"), "400 bad_framing"},
        {get(host + "Accept: x\r\n\tfolded\r\n"), "400 bad_framing"},
        {get(host + "nocolon\r\n"), "400 bad_framing"},
        {get(host + ": noname\r\n"), "400 bad_framing"},
        {get(host + "Accept: a\rb\r\n"), "400 bad_framing"},
        {get(host + std::string("Accept: a\0b\r\n", 13)), "400 bad_framing"},
        {get(host + "Accept: caf\xc3\xa9\r\n"), "400 bad_framing"},
        {get(host + "Accept: a\nX: b\r\n"), "400 bad_framing"},
        {get(host + "Connection: upgrade\r\n"), "400 bad_framing"},
        {get(host + "Expect: 200-ok\r\n"), "417 expectation_failed"},
        {get(host + "X: " + std::string(9000, 'a') + "\r\n"), "431 head_too_large"},
        {"GET /livez HTTP/1.1\r\n" + host, "400 bad_framing"},
    };
    for (const Case& one : cases) EXPECT_EQ(verdict(one.raw), one.want) << one.raw;
}

TEST(CheckHead, RefusesManyTinyFields) {
    std::string fields(kHost);
    for (int i = 0; i < 63; ++i) fields += "a: b\r\n";
    EXPECT_EQ(verdict(get(fields)), "200");
    EXPECT_EQ(verdict(get(fields + "a: b\r\n")), "431 head_too_large");
}

TEST(SplitTarget, RefusesWhatNothingHereNeeds) {
    const auto code = [](const char* target) {
        Request request;
        const auto split = split_target(target, request);
        return split ? std::string("ok") : split.error().code;
    };
    EXPECT_EQ(code("/v1/jobs?limit=3&after=ab"), "ok");
    EXPECT_EQ(code("/v1/%6aobs"), "bad_target");
    EXPECT_EQ(code("/v1/jobs?a=b+c"), "bad_target");
    EXPECT_EQ(code("/v1/jobs?limit"), "bad_query");
    EXPECT_EQ(code("/v1/jobs?=3"), "bad_query");
    EXPECT_EQ(code("/v1/jobs?limit=3&limit=3"), "bad_query");
    EXPECT_EQ(code("/v1/jobs?&"), "bad_query");
}

}  // namespace
}  // namespace assay::server
