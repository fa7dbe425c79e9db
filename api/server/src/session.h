#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "application.h"
#include "server/limits.h"

/// The socket side: the only files that see Boost are session.cc and listener.cc.
namespace assay::server {

struct ListenerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    std::set<std::string, std::less<>>
        host_names;  ///< accepted in Host besides the address itself and localhost; without port
    Limits limits;
};

struct ConnectionCounts {
    std::atomic<std::uint64_t> open{0}, accepted{0}, refused{0};
};

/// Accepts connections and runs one session each on its own I/O threads.
class Listener {
  public:
    /// Binds and starts accepting. `application` outlives the listener.
    static tl::expected<std::unique_ptr<Listener>, std::string> start(
        const ListenerOptions& options, Application& application);
    ~Listener();
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] const ConnectionCounts& counts() const;
    /// Stops accepting, lets requests in progress finish (each answer closes its connection), then
    /// closes what is left at the deadline.
    void drain(std::chrono::milliseconds deadline);

  private:
    Listener();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::server
