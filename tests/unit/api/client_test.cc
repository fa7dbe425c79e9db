#include "client/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/check.h"

namespace assay::client {
namespace {

/// Answers the n-th connection with the n-th text (the last one again and again), one request each;
/// an empty text closes at once.
class ScriptedServer {
  public:
    explicit ScriptedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSAY_CHECK(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                        0 &&
                    ::listen(socket_, 16) == 0);
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { run(); });
    }
    ~ScriptedServer() {
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::size_t connections() const { return connections_; }

  private:
    void run() {
        while (true) {
            const int peer = ::accept(socket_, nullptr, nullptr);
            if (peer < 0) return;
            const std::string& answer = answers_[std::min(connections_++, answers_.size() - 1)];
            std::string request;
            std::array<char, 4096> buffer{};
            while (!answer.empty() && request.find("\r\n\r\n") == std::string::npos) {
                const ssize_t got = ::recv(peer, buffer.data(), buffer.size(), 0);
                if (got <= 0) break;
                request.append(buffer.data(), static_cast<std::size_t>(got));
            }
            [[maybe_unused]] const ssize_t sent =
                ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
            ::close(peer);
        }
    }

    const std::vector<std::string> answers_;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> connections_{0};
    std::jthread thread_;
};

std::string http(const std::string& status, const std::string& body,
                 const std::string& type = "application/json") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}
std::string busy() {
    return http("503 Service Unavailable", R"({"code":"busy","detail":"later"})",
                "application/problem+json");
}

ClientOptions quick(int retry_ms = 5000) {
    ClientOptions options;
    options.retry_for = std::chrono::milliseconds(retry_ms);
    options.backoff_first = std::chrono::milliseconds(1);
    options.request_timeout = std::chrono::milliseconds(300);
    return options;
}

TEST(Client, TriesAgainAfterClosedConnectionsAndBusyNodes) {
    ScriptedServer server(
        {"", busy(), http("429 Too Many Requests", "{}"), http("200 OK", R"({"ok":true})")});
    Client client(server.url(), quick());
    const auto json = client.get_json("/x");
    ASSERT_TRUE(json.has_value()) << json.error().text();
    EXPECT_TRUE(json->value("ok", false));
    EXPECT_EQ(server.connections(), 4U);
}

TEST(Client, GivesUpWhenItsTimeIsOver) {
    ScriptedServer server({busy()});
    const auto json = Client(server.url(), quick(30)).get_json("/x");
    ASSERT_FALSE(json.has_value());
    EXPECT_EQ(json.error().status, 503);
    EXPECT_EQ(json.error().code, "busy");
    EXPECT_EQ(json.error().detail, "later");
    EXPECT_GE(server.connections(), 2U);
}

TEST(Client, StopsAtOnceWhenAsked) {
    ScriptedServer server({busy()});
    ClientOptions options = quick(60'000);
    options.stop = [] { return true; };
    EXPECT_FALSE(Client(server.url(), options).get_json("/x").has_value());
    EXPECT_EQ(server.connections(), 1U);
}

TEST(Client, DoesNotRepeatRefusals) {
    ScriptedServer server({http("409 Conflict", R"({"code":"wrong_nonce","detail":"no"})",
                                "application/problem+json")});
    const auto sent = Client(server.url(), quick()).submit_transaction(base::view_of("x"));
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code, "wrong_nonce");
    EXPECT_EQ(server.connections(), 1U);
}

TEST(Client, SaysWhenNobodyListens) {
    std::string url;
    { url = ScriptedServer({""}).url(); }
    const auto json = Client(url, quick(20)).get_json("/x");
    ASSERT_FALSE(json.has_value());
    EXPECT_EQ(json.error().status, 0);
    EXPECT_EQ(json.error().code, "unreachable");
}

TEST(Client, RefusesAddressesThatAreNotHttp) {
    for (const char* url :
         {"", "https://127.0.0.1:1", "http://", "http://host", "http://host:99999x", "http://a/b:1",
          "http://user@host:1", "http://ho st:1"}) {
        EXPECT_EQ(Client(url, quick(0)).get_json("/x").error().code, "bad_url") << url;
    }
}

TEST(Client, RefusesUnusableAnswers) {
    for (const std::string& answer :
         {std::string("garbage\r\n\r\n"), http("200 OK", "not json"),
          http("200 OK", "{\"a\":1,\"a\":2}"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n")}) {
        ScriptedServer server({answer});
        const auto json = Client(server.url(), quick(0)).get_json("/x");
        ASSERT_FALSE(json.has_value()) << answer;
        EXPECT_EQ(json.error().status, 0) << answer;
    }
}

TEST(Client, RefusesReceiptsAndBlobsOfSomethingElse) {
    const base::BlobRoot wanted = base::blob_root(base::view_of("wanted"));
    ScriptedServer receipt(
        {http("200 OK", R"({"blob":")" + base::blob_root(base::view_of("other")).hex() +
                            R"(","bytes":"5","kept_until_ms":"1","signature":")" +
                            std::string(128, 'a') + "\"}")});
    EXPECT_EQ(Client(receipt.url(), quick(0)).blob_receipt(wanted).error().code, "bad_answer");
    ScriptedServer blob({http("200 OK", "unwanted", "application/octet-stream")});
    EXPECT_EQ(Client(blob.url(), quick(0)).get_blob_bytes(wanted).error().code, "bad_blob");
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("blob-" + wanted.hex());
    EXPECT_EQ(Client(blob.url(), quick(0)).get_blob(wanted, file).error().code, "bad_blob");
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_FALSE(std::filesystem::exists(file.string() + ".part"));
}

TEST(Cursor, HasOneSpelling) {
    EXPECT_EQ(cursor_from_text("12:3"), (Cursor{12, 3}));
    EXPECT_EQ((Cursor{12, 3}.text()), "12:3");
    for (const char* bad :
         {"", ":", "1", "1:", ":1", "01:1", "1:-1", "1:4294967296", "1:1:1", " 1:1"})
        EXPECT_FALSE(cursor_from_text(bad)) << bad;
}

}  // namespace
}  // namespace assay::client
