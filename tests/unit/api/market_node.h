#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "client/client.h"
#include "ledger/node.h"
#include "market/transactions.h"
#include "server/server.h"

namespace assay::server {

/// Knows every spec and gives the same facts: programs are tested elsewhere.
class FakeChecker : public JobChecker {
  public:
    tl::expected<client::JobFacts, market::SpecError> facts(const market::JobSpec& spec) override;
};

/// A real ledger with the market's rules in a temporary folder and a server on a port of the
/// kernel's choice. One funded account.
class MarketNode {
  public:
    explicit MarketNode(const Limits& limits = test_limits());
    ~MarketNode();

    static Limits test_limits();
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
    [[nodiscard]] std::string app_hash() const { return node_->snapshot().head().app_hash.hex(); }
    /// Where transfers go: an account that nobody has the key of.
    static base::AccountId friend_account();
    [[nodiscard]] base::Bytes transfer(std::uint64_t nonce, std::uint64_t amount) const;
    [[nodiscard]] base::Bytes transaction(std::uint64_t nonce,
                                          const market::Message& message) const;
    [[nodiscard]] base::AccountId account() const;
    Server& server() { return *server_; }
    BlobStore& blobs() { return *blobs_; }
    ledger::Node& node() { return *node_; }
    /// A post whose receipts are the node's own; no spec is audited on this chain, so it is refused
    /// in the end.
    [[nodiscard]] market::JobPost job_post() const;
    /// How often anybody had the node's rules compute what a spec implies.
    static int facts_asked();
    [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }

  private:
    std::filesystem::path dir_;
    base::SecretKey operator_key_, account_key_;
    FakeChecker checker_;
    std::unique_ptr<ledger::Node> node_;
    std::unique_ptr<BlobStore> blobs_;
    std::unique_ptr<Server> server_;
};

/// What came back on a raw connection.
struct RawAnswer {
    int status = 0;    ///< 0: the connection ended without an answer
    std::string text;  ///< everything received
    bool closed = false;
    [[nodiscard]] std::string body() const;
    [[nodiscard]] std::string code() const;  ///< of a problem document
};

/// A blocking connection without any HTTP library between the test and the server.
class RawConnection {
  public:
    explicit RawConnection(std::uint16_t port);
    ~RawConnection();
    bool send(const std::string& bytes);
    /// Reads until the peer closes or nothing comes for `quiet_ms`.
    RawAnswer read_all(int quiet_ms = 3000);
    /// Reads until `text` has arrived; everything received, also when it did not come within
    /// `deadline_ms`.
    std::string read_until(const std::string& text, int deadline_ms = 10'000);
    /// Reads until one whole answer (head and Content-Length body) is there.
    RawAnswer read_one(int quiet_ms = 3000);

  private:
    int socket_ = -1;
    std::string pending_;
};

}  // namespace assay::server
