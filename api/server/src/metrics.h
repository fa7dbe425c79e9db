#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace assay::server {

/// The numbers behind /metrics, in prometheus-cpp's text form. Names: prefix assay_, base units,
/// route templates as labels, never ids. Thread-safe.
class Metrics {
  public:
    Metrics();
    ~Metrics();
    void request(std::string_view route, std::string_view method, int status, double seconds,
                 std::uint64_t bytes);
    /// Sets a value read at scrape time: `kind_total` names become counters.
    void set(const std::string& name, const std::string& help, double value);
    [[nodiscard]] std::string text() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::server
