#include <string>

#include "../unit/commit/fixtures.h"
#include "base/check.h"
#include "certificate/certificate.h"
#include "client/json.h"
#include "framing.h"
#include "target.h"

/// What arrives over the network as text, and certificates.
namespace assay::fuzz {
namespace {

using base::Bytes;
using base::ByteView;

std::string_view text_of(ByteView input) {
    return {reinterpret_cast<const char*>(input.data()), input.size()};
}
Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<Bytes> certificate_seeds() {
    certificate::Certificate example;
    evidence::Evidence& evidence = example.evidence;
    evidence.genesis = {1, 2};
    evidence.history = {{3}, {4, 5}};
    evidence.transactions = {{{6}, {1}, {2}, 3, base::Amount::of(4), 5, {{}}}};
    evidence.epochs = {{6, 7, {}, {{}}, 8, {{{}, 9}}, {{{}, {}, {}}}, {{{}, {}}}}};
    evidence.leases = {{0, 1, 450'000}};
    example.other_tensor_roots = {{}};
    return {certificate::encode(example)};
}
void run_certificate(ByteView input) {
    const auto decoded = certificate::decode(input);
    if (decoded) ASSAY_CHECK(certificate::encode(*decoded) == Bytes(input.begin(), input.end()));
}

std::vector<Bytes> json_spec_seeds() {
    std::vector<Bytes> seeds;
    for (const auto& spec : {commit::small_gpt(), commit::small_mlp()})
        seeds.push_back(bytes_of(client::spec_to_json(spec).dump()));
    seeds.push_back(bytes_of(client::parameters_to_json(market::demo_parameters()).dump()));
    seeds.push_back(bytes_of(R"({"a":[1,-2.5e3,"\u00e4\ud83d\ude00",null,true],"b":{"c":{}}})"));
    return seeds;
}
void run_json_spec(ByteView input) {
    const auto json = client::parse_json(text_of(input));
    if (!json) return;
    if (const auto spec = client::spec_from_json(*json)) {
        const auto again = client::spec_from_json(client::spec_to_json(*spec));
        ASSAY_CHECK(again.has_value() && *again == *spec);
        // What the edge accepts is what the rules accept.
        ASSAY_CHECK(market::decode_spec(market::encode_spec(*spec)).has_value());
    }
    if (const auto parameters = client::parameters_from_json(*json, market::demo_parameters())) {
        const auto again = client::parameters_from_json(client::parameters_to_json(*parameters),
                                                        market::Parameters{});
        ASSAY_CHECK(again.has_value() && *again == *parameters);
    }
    (void)client::genesis_from_json(*json);
    (void)client::data_from_json(*json);
    (void)client::receipt_from_json(*json);
}

const std::set<std::string, std::less<>> kHosts = {"127.0.0.1:8420", "localhost:8420"};

std::vector<Bytes> framing_seeds() {
    return {bytes_of("GET /v1/jobs?state=open&limit=10 HTTP/1.1\r\nHost: localhost:8420\r\nAccept: "
                     "*/*\r\n\r\n"),
            bytes_of("POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1:8420\r\nContent-Type: "
                     "application/octet-stream\r\nContent-Length: 17\r\n"
                     "Expect: 100-continue\r\n\r\n"),
            bytes_of("PUT /v1/blobs/00 HTTP/1.1\r\nHost: localhost:8420\r\nContent-Length: "
                     "0\r\nConnection: close\r\nRange: bytes=0-5\r\n\r\n")};
}
void run_framing(ByteView input) {
    const std::string_view text = text_of(input);
    const auto head = server::check_head(text, kHosts);
    if (!head) {
        ASSAY_CHECK(head.error().status >= 400 && head.error().status < 600 &&
                    !head.error().code.empty());
        return;
    }
    ASSAY_CHECK(text.size() <= server::kHeadBytesMax && text.ends_with("\r\n\r\n") &&
                text.find("\r\n\r\n") + 4 == text.size());
    ASSAY_CHECK(head->target.size() <= server::kTargetBytesMax &&
                head->headers.size() <= server::kFieldsMax);
    ASSAY_CHECK(head->headers.contains("host") && !head->headers.contains("transfer-encoding"));
    ASSAY_CHECK(head->has_content_length || head->content_length == 0);
    server::Request request;
    (void)server::split_target(head->target, request);
}

constexpr Target kTargets[] = {
    {"certificate", certificate_seeds, run_certificate},
    {"json_spec", json_spec_seeds, run_json_spec, 5'000},
    {"http_framing", framing_seeds, run_framing, 20'000},
};

}  // namespace

std::span<const Target> edge_targets() { return kTargets; }

}  // namespace assay::fuzz
