#include <gtest/gtest.h>

#include <thread>

#include "market_node.h"

/// Attacks over a real socket: every one gets its documented answer and changes no state.
namespace assay::server {
namespace {

class HostileInput : public testing::Test {
  protected:
    HostileInput()
        : before_(node_.app_hash()),
          host_("Host: 127.0.0.1:" + std::to_string(node_.port()) + "\r\n") {}
    ~HostileInput() override { EXPECT_EQ(node_.app_hash(), before_) << "the state changed"; }

    RawAnswer exchange(const std::string& bytes) {
        RawConnection connection(node_.port());
        connection.send(bytes);
        return connection.read_one();
    }
    /// A request with the right Host and, when there is a body, its length.
    [[nodiscard]] std::string request(const std::string& line, const std::string& fields = "",
                                      const std::string& body = "") const {
        const bool has_length = line.starts_with("POST") || line.starts_with("PUT");
        return line + " HTTP/1.1\r\n" + host_ + fields +
               (has_length ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "") +
               "\r\n" + body;
    }
    void expect(const std::string& bytes, int status, const std::string& code) {
        const RawAnswer answer = exchange(bytes);
        EXPECT_EQ(answer.status, status) << bytes.substr(0, 300) << "\n" << answer.text;
        EXPECT_EQ(answer.code(), code) << bytes.substr(0, 300);
    }
    static std::string text(const base::Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

    MarketNode node_;
    const std::string before_, host_;
    static constexpr const char* kJson = "Content-Type: application/json\r\n";
    static constexpr const char* kOctets = "Content-Type: application/octet-stream\r\n";
};

TEST_F(HostileInput, FramingErrorsAreAnsweredAndEndTheConnection) {
    const std::string smuggled = "GET /livez HTTP/1.1\r\n" + host_ + "\r\n";
    for (const std::string& fields :
         {std::string("Transfer-Encoding: chunked\r\n"),
          std::string("Transfer-Encoding: identity\r\n"),
          std::string("Transfer-Encoding: xchunked\r\n"),
          std::string("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
          std::string("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")}) {
        RawConnection connection(node_.port());
        connection.send("POST /v1/plan HTTP/1.1\r\n" + host_ + fields + kJson + "\r\n0\r\n\r\n" +
                        smuggled);
        const RawAnswer answer = connection.read_all();
        EXPECT_EQ(answer.status, 411) << fields;
        EXPECT_TRUE(answer.closed);
        EXPECT_EQ(answer.text.find("alive"), std::string::npos)
            << "the smuggled request was answered: " << fields;
    }
    expect("GET /livez HTTP/1.1\r\n\r\n", 400, "bad_framing");
    expect("GET /livez HTTP/1.1\r\n" + host_ + host_ + "\r\n", 400, "bad_framing");
    expect("GET /livez HTTP/1.1\r\nHost: other\r\n\r\n", 421, "wrong_host");
    expect("GET /livez HTTP/1.0\r\n" + host_ + "\r\n", 505, "unsupported_version");
    expect("GET /livez HTTP/1.1\n" + host_ + "\n", 400, "bad_framing");
    expect("GET /livez HTTP/1.1\r\n" + host_ + " folded\r\n\r\n", 400, "bad_framing");
    expect("GET /livez HTTP/1.1\r\n" + host_ + "X: " + std::string(20'000, 'a'), 431,
           "head_too_large");
    expect(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400,
           "bad_framing");
    expect("GET /v1/%2e%2e/x HTTP/1.1\r\n" + host_ + "\r\n", 400, "bad_target");
}

TEST_F(HostileInput, ABodyIsNeverReadAsARequest) {
    RawConnection connection(node_.port());
    const std::string inner = "GET /metrics HTTP/1.1\r\n" + host_ + "\r\n";
    connection.send(request("POST /v1/plan", kJson, inner) + request("GET /livez"));
    const RawAnswer first = connection.read_one();
    EXPECT_EQ(first.status, 400);
    EXPECT_EQ(first.code(), "bad_json");
    const RawAnswer second = connection.read_one();
    EXPECT_EQ(second.status, 200);
    EXPECT_NE(second.body().find("alive"), std::string::npos);
}

TEST_F(HostileInput, SlowHeadsAndBodiesAreEnded) {
    RawConnection head(node_.port()), body(node_.port());
    head.send("GET /livez HTT");
    body.send("POST /v1/plan HTTP/1.1\r\n" + host_ + kJson + "Content-Length: 1000\r\n\r\n{");
    const RawAnswer slow_head = head.read_all();
    EXPECT_EQ(slow_head.status, 408);
    EXPECT_EQ(slow_head.code(), "timeout");
    EXPECT_TRUE(slow_head.closed);
    const RawAnswer slow_body = body.read_all();
    EXPECT_EQ(slow_body.status, 408);
    EXPECT_TRUE(slow_body.closed);
}

TEST_F(HostileInput, ATrickleOfHeaderBytesDoesNotExtendTheDeadline) {
    RawConnection connection(node_.port());
    const auto began = std::chrono::steady_clock::now();
    const std::string line = "GET /livez HTTP/1.1\r\n" + host_ + "X: " + std::string(4000, 'a');
    std::size_t sent = 0;
    RawAnswer answer;
    while (answer.text.empty() && !answer.closed && sent < line.size()) {
        connection.send(line.substr(sent++, 1));
        answer = connection.read_all(20);
    }
    EXPECT_EQ(answer.status, 408);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST_F(HostileInput, OversizeAndWronglyTypedBodiesAreRefusedBeforeTheyAreRead) {
    expect("POST /v1/plan HTTP/1.1\r\n" + host_ + kJson + "Content-Length: 65537\r\n\r\n", 413,
           "body_too_large");
    expect(
        "POST /v1/transactions HTTP/1.1\r\n" + host_ + kOctets + "Content-Length: 99999999\r\n\r\n",
        413, "body_too_large");
    expect(request("POST /v1/plan", "Content-Type: text/plain\r\n", "{}"), 415,
           "unsupported_media_type");
    expect(request("POST /v1/plan", "", "{}"), 415, "unsupported_media_type");
    expect(request("POST /v1/transactions", kJson, "{}"), 415, "unsupported_media_type");
    expect("GET /v1/chain HTTP/1.1\r\n" + host_ + "Content-Length: 4\r\n\r\nabcd", 400,
           "bad_framing");
}

TEST_F(HostileInput, UnknownPathsMethodsAndParametersAreRefused) {
    expect(request("GET /"), 404, "not_found");
    expect(request("GET /v1/jobs/"), 404, "not_found");
    expect(request("GET /v2/jobs"), 404, "not_found");
    expect(request("POST /v1/chain", kJson, "{}"), 405, "method_not_allowed");
    expect(request("GET /v1/transactions"), 405, "method_not_allowed");
    expect(request("GET /v1/jobs?colour=red"), 400, "bad_query");
    expect(request("GET /v1/jobs?limit=0x10"), 400, "bad_query");
    expect(request("GET /v1/jobs?limit=201"), 400, "bad_query");
    expect(request("GET /v1/jobs?state=excellent"), 400, "bad_query");
    expect(request("GET /v1/jobs?after=zz"), 400, "bad_query");
    expect(request("GET /v1/events?after=1"), 400, "bad_query");
    expect(request("GET /v1/events?after=1:x"), 400, "bad_query");
    expect(request("GET /v1/events?wait_ms=999999"), 400, "bad_query");
    expect(request("GET /v1/events?limit=0"), 400, "bad_query");
    expect(request("GET /v1/jobs/ABCDEF"), 400, "bad_id");
    expect(request("GET /v1/jobs/" + std::string(64, 'A')), 400, "bad_id");
    expect(request("GET /v1/jobs/" + std::string(64, 'a')), 404, "not_found");
    expect(request("GET /v1/accounts/" + std::string(64, '0')), 404, "not_found");
    expect(request("GET /v1/leases"), 400, "bad_query");
    expect(request("GET /v1/epochs/-1"), 400, "bad_id");
    expect(request("GET /v1/state/abc"), 400, "bad_id");
    expect(request("GET /v1/log/consistency?from=0"), 400, "bad_query");
}

TEST_F(HostileInput, BadJsonIsRefusedWithAReason) {
    const std::string deep(100, '[');
    for (const std::string& body :
         {std::string(""), std::string("{"), std::string("nonsense"),
          std::string("{\"a\":1,\"a\":2}"), std::string("{\"batch\":1e999}"),
          std::string("{\"batch\":NaN}"), std::string("{\"a\":\"\xff\xfe\"}"), deep,
          std::string("{} {}"), std::string("{/*x*/}")}) {
        expect(request("POST /v1/plan", kJson, body), 400, "bad_json");
    }
    expect(request("POST /v1/plan", kJson, "[]"), 422, "spec_invalid");
    expect(request("POST /v1/plan", kJson, "{\"colour\":\"red\"}"), 422, "spec_invalid");
}

TEST_F(HostileInput, BadTransactionsAreRefused) {
    const base::Bytes good = node_.transfer(0, 5);
    const std::string post = "POST /v1/transactions";
    expect(request(post, kOctets, ""), 400, "malformed");
    expect(request(post, kOctets, "nonsense"), 400, "malformed");
    expect(request(post, kOctets, text(good).substr(0, good.size() - 1)), 400, "malformed");
    expect(request(post, kOctets, text(good) + "x"), 400, "malformed");
    std::string flipped = text(good);
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    expect(request(post, kOctets, flipped), 403, "wrong_signature");
    expect(request(post, kOctets, text(node_.transfer(7, 5))), 409, "wrong_nonce");
    expect(request(post, kOctets, text(node_.transfer(0, 0))), 422, "amount_zero");
    expect(request(post, kOctets, text(node_.transfer(0, std::uint64_t{1} << 62U))), 409,
           "insufficient_balance");
    expect(request(post, kOctets, text(node_.transaction(0, market::JobCancel{}))), 404,
           "job_unknown");
}

TEST_F(HostileInput, BlobsThatDoNotMatchAreNeverVisible) {
    const std::string bytes(100'000, 'b');
    const std::string root = base::blob_root(base::view_of(bytes)).hex();
    const std::string other = base::blob_root(base::view_of("other")).hex();
    expect(request("PUT /v1/blobs/" + other, kOctets, bytes), 422, "blob_wrong_root");
    expect(request("GET /v1/blobs/" + other), 404, "not_found");
    expect("PUT /v1/blobs/" + root + " HTTP/1.1\r\n" + host_ + kOctets +
               "Content-Length: 2000000\r\n\r\n",
           413, "body_too_large");
    expect(request("PUT /v1/blobs/short", kOctets, bytes), 400, "bad_id");
    expect(request("PUT /v1/blobs/" + root, "", bytes), 415, "unsupported_media_type");
    {
        RawConnection connection(node_.port());
        connection.send("PUT /v1/blobs/" + root + " HTTP/1.1\r\n" + host_ + kOctets +
                        "Content-Length: 100000\r\n\r\n" + bytes.substr(0, 50'000));
        EXPECT_EQ(connection.read_all().status, 408);
    }
    expect(request("GET /v1/blobs/" + root), 404, "not_found");
    EXPECT_EQ(node_.blobs().count(), 0U);
    EXPECT_TRUE(std::filesystem::is_empty(node_.dir() / "store" / "incoming"));
}

TEST_F(HostileInput, TheStoreHasAQuota) {
    const auto put = [&](const std::string& bytes) {
        return exchange(request("PUT /v1/blobs/" + base::blob_root(base::view_of(bytes)).hex(),
                                kOctets, bytes));
    };
    // A quarter of 3 MiB, of what is free after it, and so on: whoever fills the store leaves room
    // for what is small.
    EXPECT_EQ(put(std::string(768 << 10, 'a')).status, 201);
    EXPECT_EQ(put(std::string(576 << 10, 'b')).status, 201);
    const RawAnswer refused = put(std::string(576 << 10, 'c'));
    EXPECT_EQ(refused.status, 507);
    EXPECT_EQ(refused.code(), "blob_no_room");
    EXPECT_EQ(put("small").status, 201);
}

/// A node with times in which nothing but what is tested runs out.
Limits patient_limits() {
    Limits limits = MarketNode::test_limits();
    limits.transfer_grace = std::chrono::milliseconds(2000);
    return limits;
}

TEST(Uploads, HonestOnesGoOnBesideSilentAnnouncements) {
    MarketNode node(patient_limits());
    const auto head = [&](const std::string& bytes, std::size_t announced) {
        return "PUT /v1/blobs/" + base::blob_root(base::view_of(bytes)).hex() +
               " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) +
               "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
               std::to_string(announced) + "\r\n\r\n";
    };
    std::vector<std::unique_ptr<RawConnection>> silent;
    for (int i = 0; i < 32; ++i) {
        silent.push_back(std::make_unique<RawConnection>(node.port()));
        silent.back()->send(head("never sent", 700'000));
    }
    for (char c = 'a'; c < 'e'; ++c) {
        const std::string bytes(300'000, c);
        RawConnection honest(node.port());
        honest.send(head(bytes, bytes.size()) + bytes);
        EXPECT_EQ(honest.read_one().status, 201) << c;
    }
}

/// Bytes that came fast earn no long silence.
TEST(Uploads, ThatStopEndSoon) {
    Limits limits = MarketNode::test_limits();
    limits.body_stall_max = std::chrono::milliseconds(300);
    MarketNode node(limits);
    RawConnection connection(node.port());
    connection.send("PUT /v1/blobs/" + std::string(64, 'a') +
                    " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) +
                    "\r\nContent-Type: application/octet-stream\r\nContent-Length: 700000\r\n\r\n" +
                    std::string(600'000, 'x'));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(connection.read_all(20'000).status, 408);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5))
        << "at the least rate these bytes took nine seconds";
    EXPECT_TRUE(std::filesystem::is_empty(node.dir() / "store" / "incoming"));
}

TEST(ConnectionLimits, OneAddressCannotTakeThemAll) {
    Limits limits = MarketNode::test_limits();
    limits.connections_per_address_max = 3;
    MarketNode node(limits);
    const std::string get =
        "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) + "\r\n\r\n";
    std::vector<std::unique_ptr<RawConnection>> open;
    for (int i = 0; i < 3; ++i) {
        open.push_back(std::make_unique<RawConnection>(node.port()));
        open.back()->send(get);
        EXPECT_EQ(open.back()->read_one().status, 200);
    }
    RawConnection fourth(node.port());
    fourth.send(get);
    const RawAnswer answer = fourth.read_all();
    EXPECT_EQ(answer.status, 0);
    EXPECT_TRUE(answer.closed);
    open[0]->send(get);
    EXPECT_EQ(open[0]->read_one().status, 200) << "those that are in stay in";
}

TEST(ConnectionLimits, AnIdleConnectionEnds) {
    Limits limits = MarketNode::test_limits();
    limits.idle_deadline = std::chrono::milliseconds(100);
    MarketNode node(limits);
    RawConnection connection(node.port());
    EXPECT_TRUE(connection.read_all().closed);
}

}  // namespace
}  // namespace assay::server
