#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tl/expected.hpp>

#include "base/signature.h"
#include "ledger/node.h"
#include "server/blob_store.h"
#include "server/job_checker.h"
#include "server/limits.h"

namespace assay::server {

struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: the kernel chooses
    std::set<std::string, std::less<>>
        host_names;  ///< accepted in Host besides the address itself and localhost
    Limits limits;
};

/// What the server works on; everything outlives it.
struct Dependencies {
    ledger::Node& node;
    BlobStore& blobs;
    JobChecker& checker;
    const base::SecretKey& receipt_key;  ///< the operator's
    const ledger::Clock& clock;
};

/// The REST interface of one node. Has its own I/O and worker threads; all functions may be called
/// from any thread.
class Server {
  public:
    static tl::expected<std::unique_ptr<Server>, std::string> start(
        const Options& options, const Dependencies& dependencies);
    /// Drains with no patience.
    ~Server();
    [[nodiscard]] std::uint16_t port() const;
    /// Readiness fails, no new connections, waiting clients are answered, requests in progress
    /// finish until the deadline.
    void drain(std::chrono::milliseconds deadline);

  private:
    Server();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::server
