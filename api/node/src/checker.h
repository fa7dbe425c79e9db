#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "server/job_checker.h"

namespace assay::node {

/// Recomputes what a spec implies, one at a time (each takes memory for a whole state), and
/// remembers the last answers. Thread-safe.
class Checker : public server::JobChecker {
  public:
    Checker(unsigned threads, std::uint64_t memory_bytes_max)
        : threads_(threads), memory_bytes_max_(memory_bytes_max) {}
    tl::expected<client::JobFacts, market::SpecError> facts(const market::JobSpec& spec) override;

  private:
    static constexpr std::size_t kRemembered = 64;
    const unsigned threads_;
    const std::uint64_t memory_bytes_max_;
    std::mutex mutex_;
    std::uint64_t clock_ = 0;
    std::map<base::Hash, std::pair<std::uint64_t, client::JobFacts>>
        known_;  // by spec root, with the time of last use
};

}  // namespace assay::node
