#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace assay::client {

struct Outgoing {
    std::string method = "GET", target;
    std::vector<std::pair<std::string, std::string>> headers;
    base::ByteView body;
    std::filesystem::path body_file;  ///< instead of `body` when not empty
    std::chrono::milliseconds deadline{
        30000};  ///< until the answer's head; transfers get time by their size on top
};

struct Incoming {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    base::Bytes body;                                          ///< unless a sink took it
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

enum class Failure : std::uint8_t {
    bad_url,
    refused,  ///< nothing listens there, or the connection ended before an answer: safe to repeat
              ///< for idempotent requests
    timeout,
    bad_answer,  ///< not HTTP, or larger than allowed
    sink,        ///< the sink said stop
};

/// Receives the body of a 2xx answer piece by piece; false ends the exchange.
using Sink = std::function<bool(const Incoming& head, base::ByteView piece)>;

/// One keep-alive connection. Not thread-safe. The only file of the client that sees Boost is
/// transport.cc.
class Transport {
  public:
    Transport(std::string host, std::string port, std::chrono::milliseconds connect_timeout);
    ~Transport();
    tl::expected<Incoming, Failure> exchange(const Outgoing& request, std::size_t body_max,
                                             const Sink& sink = {});

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// "http://host:port[/]" -> (host, port).
std::optional<std::pair<std::string, std::string>> split_url(std::string_view url);

}  // namespace assay::client
