#include "market_node.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "dispute/ledger_referee.h"

namespace assay::server {
namespace {

const base::Amount kBalance = base::Amount::of(1'000'000'000'000);

market::Genesis test_genesis(const base::PublicKey& operator_key, const base::PublicKey& account) {
    market::Genesis genesis;
    genesis.chain_name = "api-test";
    genesis.time.value = 1'700'000'000'000;
    genesis.operator_key = operator_key;
    genesis.parameters = market::demo_parameters();
    market::GenesisAccount funded;
    funded.cold = funded.hot = funded.vrf = account;
    funded.balance = kBalance;
    genesis.accounts.push_back(funded);
    return genesis;
}

std::atomic<int> facts_asked_count = 0;

class CountingReferee final : public dispute::LedgerReferee {
  public:
    tl::expected<market::JobFacts, market::SpecError> facts(const market::JobSpec& spec,
                                                            base::ByteView encoded) const override {
        ++facts_asked_count;
        return LedgerReferee::facts(spec, encoded);
    }
};

}  // namespace

int MarketNode::facts_asked() { return facts_asked_count; }

market::JobPost MarketNode::job_post() const {
    market::JobSpec spec;
    market::GptModel gpt;
    gpt.layers = gpt.heads = 1;
    gpt.width = gpt.context = 8;
    market::TokenData data;
    data.blob = {base::blake2b("test.data", {})};
    data.tokens = 1000;
    data.train_tokens = 900;
    data.vocabulary = 256;
    data.tokeniser = market::Tokeniser::bytes;
    spec.model = gpt;
    spec.data = data;
    spec.batch = 1;
    spec.optimizer.learning_rate_ppb = 1000;
    spec.lanes = 2;
    spec.rounds = 3;
    spec.round_steps = spec.segment_steps = 20;
    spec.min_lanes = 1;
    spec.price_ceiling = base::Amount::of(2'000'000);
    spec.audit_rate_ppm = 450'000;
    market::JobPost post;
    post.spec = market::encode_spec(spec);
    post.init_root = base::blake2b("test.init", {});
    for (market::Receipt* receipt : {&post.init_receipt, &post.data_receipt}) {
        receipt->blob = data.blob;
        receipt->bytes = 4096;
        receipt->kept_until_block_time = {ledger::system_clock().now().value + 60 * 86'400'000ULL};
        receipt->signature = operator_key_.sign(
            market::kReceiptDomain, node_->chain_id(),
            market::receipt_message(receipt->blob, receipt->bytes, receipt->kept_until_block_time));
    }
    post.hold_limit = kBalance;
    return post;
}

tl::expected<client::JobFacts, market::SpecError> FakeChecker::facts(const market::JobSpec& spec) {
    client::JobFacts facts;
    facts.spec_root = market::spec_root(market::encode_spec(spec));
    facts.program_root = base::blake2b("test.program", facts.spec_root.view());
    facts.init_root = base::blake2b("test.init", facts.spec_root.view());
    facts.costs = {1'000'000'000, 1'000'000, 1000, 100, 1 << 20, 250};
    facts.flops_per_step = 50'000'000;
    facts.memory = {{1, 1 << 20}};
    return facts;
}

Limits MarketNode::test_limits() {
    Limits limits;
    limits.head_deadline = std::chrono::milliseconds(300);
    limits.idle_deadline = std::chrono::milliseconds(2000);
    limits.transfer_grace = std::chrono::milliseconds(300);
    limits.linger = std::chrono::milliseconds(300);
    limits.event_heartbeat = std::chrono::milliseconds(200);
    limits.worker_threads = 2;
    limits.io_threads = 1;
    limits.blob_bytes_max = 1 << 20;
    limits.store_bytes_max = 3 << 20;
    limits.disk_reserve_bytes = 1;
    return limits;
}

MarketNode::MarketNode(const Limits& limits)
    : operator_key_(base::SecretKey::from_seed(base::Bytes(32, 7))),
      account_key_(base::SecretKey::from_seed(base::Bytes(32, 9))) {
    std::string pattern = (std::filesystem::temp_directory_path() / "api-test-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    const base::Bytes genesis =
        market::encode_genesis(test_genesis(operator_key_.public_key(), account_key_.public_key()));
    static const CountingReferee referee;
    static const ledger::RuleSet rules = ledger::market_rules(referee);
    ledger::Options ledger_options;
    ledger_options.rules = &rules;
    auto node = ledger::Node::open(dir_ / "ledger", base::ByteView(genesis),
                                   base::SecretKey::from_seed(base::Bytes(32, 7)), ledger_options);
    ASSAY_CHECK(node.has_value());
    node_ = std::move(*node);
    auto blobs = BlobStore::open(
        dir_ / "store", {limits.blob_bytes_max, limits.store_bytes_max, limits.disk_reserve_bytes});
    ASSAY_CHECK(blobs.has_value());
    blobs_ = std::move(*blobs);
    Options options;
    options.limits = limits;
    auto server =
        Server::start(options, {*node_, *blobs_, checker_, operator_key_, ledger::system_clock()});
    ASSAY_CHECK(server.has_value());
    server_ = std::move(*server);
}

MarketNode::~MarketNode() {
    server_->drain(std::chrono::milliseconds(100));
    node_->shutdown();
    server_.reset();
    blobs_.reset();
    node_.reset();
    std::filesystem::remove_all(dir_);
}

base::AccountId MarketNode::account() const {
    return market::account_id(node_->chain_id(), account_key_.public_key());
}

base::Bytes MarketNode::transaction(std::uint64_t nonce, const market::Message& message) const {
    market::TransactionHeader header;
    header.chain_id = node_->chain_id();
    header.account = account();
    header.nonce = nonce;
    header.valid_until.value = node_->snapshot().head().height.value + 100;
    header.fee_limit = base::Amount::of(100'000'000);
    return market::build_transaction(header, message, account_key_);
}

base::AccountId MarketNode::friend_account() {
    return base::AccountId{base::blake2b("test.friend", {})};
}

base::Bytes MarketNode::transfer(std::uint64_t nonce, std::uint64_t amount) const {
    return transaction(nonce, market::Transfer{friend_account(), base::Amount::of(amount)});
}

std::string RawAnswer::body() const {
    const std::size_t at = text.find("\r\n\r\n");
    return at == std::string::npos ? "" : text.substr(at + 4);
}

std::string RawAnswer::code() const {
    const auto json = nlohmann::json::parse(body(), nullptr, false);
    return json.is_object() ? json.value("code", "") : "";
}

RawConnection::RawConnection(std::uint16_t port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSAY_CHECK(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
}

RawConnection::~RawConnection() { ::close(socket_); }

bool RawConnection::send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t wrote =
            ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (wrote <= 0) return false;
        sent += static_cast<std::size_t>(wrote);
    }
    return true;
}

namespace {

/// True when bytes came; false when the peer closed (`closed` set) or was quiet.
bool receive(int socket, std::string& text, int quiet_ms, bool& closed) {
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, quiet_ms) <= 0) return false;
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
        closed = true;
        return false;
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

int status_of_text(const std::string& text) {
    return text.starts_with("HTTP/1.1 ") && text.size() > 12 ? std::stoi(text.substr(9, 3)) : 0;
}

}  // namespace

RawAnswer RawConnection::read_all(int quiet_ms) {
    RawAnswer answer;
    answer.text = std::move(pending_);
    pending_.clear();
    while (receive(socket_, answer.text, quiet_ms, answer.closed)) {
    }
    answer.status = status_of_text(answer.text);
    return answer;
}

std::string RawConnection::read_until(const std::string& text, int deadline_ms) {
    std::string received;
    bool closed = false;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
    while (!closed && received.find(text) == std::string::npos &&
           std::chrono::steady_clock::now() < end)
        receive(socket_, received, 100, closed);
    return received;
}

RawAnswer RawConnection::read_one(int quiet_ms) {
    RawAnswer answer;
    while (true) {
        const std::size_t end = pending_.find("\r\n\r\n");
        if (end != std::string::npos) {
            const std::size_t at = pending_.find("Content-Length: ");
            const std::size_t length = at < end ? std::stoul(pending_.substr(at + 16)) : 0;
            if (pending_.size() >= end + 4 + length) {
                answer.text = pending_.substr(0, end + 4 + length);
                pending_.erase(0, end + 4 + length);
                answer.status = status_of_text(answer.text);
                return answer;
            }
        }
        if (!receive(socket_, pending_, quiet_ms, answer.closed)) return answer;
    }
}

}  // namespace assay::server
