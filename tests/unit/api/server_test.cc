#include "server/server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "client/json.h"
#include "handlers.h"
#include "market_node.h"
#include "server/openapi.h"

namespace assay::server {
namespace {

using Json = nlohmann::json;

TEST(Server, RunsATransactionOnceHoweverOftenItIsSent) {
    MarketNode node;
    client::Client client(node.url());
    const base::Bytes raw = node.transfer(0, 1234);
    const auto first = client.submit_transaction(raw);
    ASSERT_TRUE(first.has_value()) << first.error().text();
    EXPECT_FALSE(first->repeated);
    const auto again = client.submit_transaction(raw);
    ASSERT_TRUE(again.has_value()) << again.error().text();
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->id, first->id);
    EXPECT_EQ(again->height, first->height);
    const auto receiver = client.account(MarketNode::friend_account());
    ASSERT_TRUE(receiver.has_value()) << receiver.error().text();
    EXPECT_EQ(receiver->balance.grains(), 1234U);
    EXPECT_EQ(client.next_nonce(node.account()).value_or(0), 1U);
    const auto shown = client.get_json("/v1/transactions/" + first->id.hex());
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(shown->value("code", ""), "none");
}

/// F21: a post that the edge refuses costs no fee, so it has the node compute nothing unless its
/// account could pay, and then few at a time.
TEST(Server, F21_APostThatCannotBeCoveredHasTheNodeComputeNothing) {
    MarketNode node;
    client::Client client(node.url());
    const auto refused = [&](const market::JobPost& post) {
        const auto done = client.submit_transaction(node.transaction(0, post));
        EXPECT_FALSE(done.has_value());
        return done ? "" : done.error().code;
    };
    market::JobPost post = node.job_post();
    post.hold_limit = base::Amount::of(1);
    EXPECT_EQ(refused(post), "hold_limit_too_low");
    post = node.job_post();
    auto spec = market::decode_spec(post.spec).value();
    spec.price_ceiling = base::Amount::of(500'000'000'000);
    post.spec = market::encode_spec(spec);
    post.hold_limit = base::Amount::of(base::Amount::kMax);
    EXPECT_EQ(refused(post), "insufficient_balance");
    spec.price_ceiling =
        base::Amount::of(base::Amount::kMax / 6);  // of six segments: the fees do not fit any more
    post.spec = market::encode_spec(spec);
    EXPECT_EQ(refused(post), "amount_too_large");
    EXPECT_EQ(MarketNode::facts_asked(), 0);
    EXPECT_EQ(refused(node.job_post()), "data_size_wrong");
    EXPECT_EQ(MarketNode::facts_asked(), 1);
}

TEST(Server, F21_PostsWaitForAPlaceAndOthersDoNot) {
    Limits limits = MarketNode::test_limits();
    limits.plans_max = 0;
    MarketNode node(limits);
    client::ClientOptions once;
    once.retry_for = std::chrono::milliseconds(0);
    client::Client client(node.url(), once);
    const int before = MarketNode::facts_asked();
    const auto post = client.submit_transaction(node.transaction(0, node.job_post()));
    ASSERT_FALSE(post.has_value());
    EXPECT_EQ(post.error().code, "busy");
    EXPECT_EQ(MarketNode::facts_asked(), before);
    EXPECT_TRUE(client.submit_transaction(node.transfer(0, 5)).has_value());
}

TEST(Server, TellsTheChainAndItsParameters) {
    MarketNode node;
    client::Client client(node.url());
    const auto chain = client.chain();
    ASSERT_TRUE(chain.has_value()) << chain.error().text();
    EXPECT_EQ(chain->chain_id, node.node().chain_id());
    EXPECT_EQ(chain->operator_key, node.node().operator_key());
    EXPECT_TRUE(chain->parameters == market::demo_parameters());
}

TEST(Server, WakesALongPollWithTheBlock) {
    MarketNode node;
    client::Client reader(node.url());
    auto page = std::async(std::launch::async,
                           [&] { return reader.events({}, 10, std::chrono::seconds(20)); });
    client::Client writer(node.url());
    ASSERT_TRUE(writer.submit_transaction(node.transfer(0, 5)).has_value());
    const auto events = page.get();
    ASSERT_TRUE(events.has_value()) << events.error().text();
    ASSERT_FALSE(events->events.empty());
    EXPECT_GE(events->next.height, 1U);
    const auto rest = reader.events(events->next, 1000);
    ASSERT_TRUE(rest.has_value());
    for (const auto& record : rest->events) EXPECT_GT(record.cursor, events->next);
}

TEST(Server, StreamsEventsAndResumesAfterTheLastOne) {
    MarketNode node;
    client::Client writer(node.url());
    ASSERT_TRUE(writer.submit_transaction(node.transfer(0, 5)).has_value());
    const std::string head =
        "GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) +
        "\r\nAccept: text/event-stream\r\n";
    RawConnection first(node.port());
    first.send(head + "\r\n");
    const std::string text = first.read_until(": heartbeat");
    EXPECT_NE(text.find("Content-Type: text/event-stream"), std::string::npos);
    EXPECT_NE(text.find(": heartbeat"), std::string::npos);
    const std::size_t at = text.rfind("id: ");
    ASSERT_NE(at, std::string::npos);
    const std::string last = text.substr(at + 4, text.find('\n', at) - at - 4);
    RawConnection second(node.port());
    second.send(head + "Last-Event-ID: " + last + "\r\n\r\n");
    EXPECT_EQ(second.read_until(": heartbeat").find("id: "), std::string::npos)
        << "nothing came after " << last;
    ASSERT_TRUE(writer.submit_transaction(node.transfer(1, 6)).has_value());
    EXPECT_NE(second.read_until("id: ").find("id: "), std::string::npos);
}

TEST(Server, ServesBlobsWithRangesAndTags) {
    MarketNode node;
    client::Client client(node.url());
    std::string bytes;
    for (int i = 0; i < 200'000; ++i) bytes.push_back(static_cast<char>(i * 31));
    const auto receipt = client.put_blob(base::view_of(bytes));
    ASSERT_TRUE(receipt.has_value()) << receipt.error().text();
    EXPECT_TRUE(
        market::verify_receipt(*receipt, node.node().operator_key(), node.node().chain_id()));
    EXPECT_EQ(receipt->bytes, bytes.size());
    EXPECT_TRUE(client.put_blob(base::view_of(bytes)).has_value()) << "storing again is fine";
    EXPECT_EQ(node.blobs().count(), 1U);
    EXPECT_TRUE(client.blob_exists(receipt->blob).value_or(false));
    const std::string path = "/v1/blobs/" + receipt->blob.hex();
    const auto ask = [&](const std::string& fields) {
        RawConnection connection(node.port());
        connection.send("GET " + path +
                        " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) +
                        "\r\nConnection: close\r\n" + fields + "\r\n");
        return connection.read_all();
    };
    EXPECT_EQ(ask("").body(), bytes);
    const RawAnswer part = ask("Range: bytes=100-199\r\n");
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body(), bytes.substr(100, 100));
    EXPECT_NE(part.text.find("Content-Range: bytes 100-199/200000"), std::string::npos);
    EXPECT_EQ(ask("Range: bytes=199990-\r\n").body(), bytes.substr(199'990));
    EXPECT_EQ(ask("Range: bytes=-5\r\n").body(), bytes.substr(199'995));
    EXPECT_EQ(ask("Range: bytes=0-1\r\nIf-Range: \"other\"\r\n").status, 200);
    for (const char* bad :
         {"bytes=200000-", "bytes=5-4", "bytes=-0", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4"}) {
        EXPECT_EQ(ask("Range: " + std::string(bad) + "\r\n").status, 416) << bad;
    }
    EXPECT_EQ(ask("If-None-Match: \"" + receipt->blob.hex() + "\"\r\n").status, 304);
}

TEST(Server, ClientsResumeInterruptedDownloads) {
    MarketNode node;
    client::Client client(node.url());
    const std::string bytes(150'000, 'q');
    const auto receipt = client.put_blob(base::view_of(bytes));
    ASSERT_TRUE(receipt.has_value());
    const std::filesystem::path file = node.dir() / "copy";
    const auto write_part = [&](const std::string& text) {
        std::ofstream(file.string() + ".part", std::ios::binary) << text;
    };
    write_part(bytes.substr(0, 70'000));
    ASSERT_TRUE(client.get_blob(receipt->blob, file).has_value());
    EXPECT_EQ(base::blob_root_of_file(file), receipt->blob);
    std::filesystem::remove(file);
    write_part("damaged beginning");
    ASSERT_TRUE(client.get_blob(receipt->blob, file).has_value());
    EXPECT_EQ(base::blob_root_of_file(file), receipt->blob);
    const auto missing =
        client.get_blob(base::BlobRoot{base::blake2b("x", {})}, node.dir() / "none");
    ASSERT_FALSE(missing.has_value());
    EXPECT_EQ(missing.error().status, 404);
}

TEST(Server, ProvesWhatItSays) {
    MarketNode node;
    client::Client client(node.url());
    ASSERT_TRUE(client.submit_transaction(node.transfer(0, 5)).has_value());
    const auto proof = client.get_json("/v1/proofs/" + base::to_hex(base::Bytes{0x01}));
    ASSERT_TRUE(proof.has_value()) << proof.error().text();
    base::StateProof decoded;
    for (const Json& sibling : proof->at("siblings"))
        decoded.siblings.push_back(*base::hash_from_hex(sibling.get<std::string>()));
    if (proof->at("leaf").is_object()) {
        decoded.leaf =
            base::StateProof::Leaf{*base::hash_from_hex(proof->at("leaf").value("path", "")),
                                   *base::hash_from_hex(proof->at("leaf").value("value_hash", ""))};
    }
    const auto root = *base::hash_from_hex(proof->at("head").value("state_root", ""));
    const auto value = proof->at("value").is_string()
                           ? base::from_hex(proof->at("value").get<std::string>())
                           : std::nullopt;
    EXPECT_TRUE(base::state_verify(root, base::Bytes{0x01},
                                   value ? std::optional<base::ByteView>(*value) : std::nullopt,
                                   decoded));
}

TEST(Server, AnswersWaitingClientsWhenItDrains) {
    MarketNode node;
    client::ClientOptions options;
    options.retry_for = std::chrono::milliseconds(0);
    client::Client reader(node.url(), options);
    auto page = std::async(std::launch::async,
                           [&] { return reader.events({}, 10, std::chrono::seconds(25)); });
    client::Client probe(node.url(), options);
    // The poll is waiting once the node says so.
    for (int i = 0; i < 500; ++i) {
        const auto metrics = probe.get_bytes("/metrics", "text/plain");
        ASSERT_TRUE(metrics.has_value());
        if (std::string(metrics->begin(), metrics->end()).find("assay_api_event_waiters 1") !=
            std::string::npos)
            break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const auto began = std::chrono::steady_clock::now();
    node.server().drain(std::chrono::seconds(10));
    EXPECT_TRUE(page.get().has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
    EXPECT_EQ(probe.get_json("/livez").error().code, "unreachable");
}

TEST(OpenApi, DescribesExactlyTheRoutes) {
    const auto document = Json::parse(openapi_document(), nullptr, false);
    ASSERT_TRUE(document.is_object());
    EXPECT_EQ(document.value("openapi", ""), "3.1.0");
    std::set<std::string> described, served;
    for (const auto& [path, methods] : document["paths"].items()) {
        for (const auto& [method, operation] : methods.items())
            described.insert(method + " " + path);
    }
    for (const Route& route : routes()) {
        std::string method(route.method == Method::get    ? "get"
                           : route.method == Method::post ? "post"
                                                          : "put");
        served.insert(method + " " + std::string(route.pattern));
        const Json& parameters =
            document["paths"][std::string(route.pattern)][method]["parameters"];
        std::set<std::string> want, have;
        for (const auto& name : route.query) {
            if (!name.empty()) want.emplace(name);
        }
        for (const Json& parameter : parameters) {
            if (parameter.value("in", "") == "query") have.insert(parameter.value("name", ""));
        }
        EXPECT_EQ(want, have) << route.pattern;
    }
    EXPECT_EQ(described, served);
}

TEST(OpenApi, EveryRouteAnswersAsDescribed) {
    MarketNode node;
    const Json document = Json::parse(openapi_document(), nullptr, false);
    for (const Route& route : routes()) {
        if (route.method != Method::get) continue;
        std::string path(route.pattern);
        for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{'))
            path.replace(at, path.find('}') - at + 1, std::string(64, '1'));
        RawConnection connection(node.port());
        connection.send("GET " + path +
                        " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(node.port()) + "\r\n\r\n");
        const RawAnswer answer = connection.read_one();
        const Json& responses = document["paths"][std::string(route.pattern)]["get"]["responses"];
        EXPECT_TRUE(responses.contains(std::to_string(answer.status)))
            << path << " answered " << answer.status;
    }
}

}  // namespace
}  // namespace assay::server
