#pragma once

#include <deque>
#include <map>
#include <mutex>

#include "dispute/ledger_referee.h"

namespace assay::dispute {

/// Remembers the facts of the last specs. A node asks for those of one post several times: at its
/// edge, and by the one thread that makes blocks, which must not wait for programs on everybody's
/// account. Thread-safe.
class RememberingReferee final : public LedgerReferee {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override;
    /// How many programs were built.
    [[nodiscard]] std::uint64_t built() const;

    static constexpr std::size_t kRemembered = 256;

  private:
    using Answer = tl::expected<market::JobFacts, market::SpecError>;
    mutable std::mutex mutex_;
    mutable std::map<base::Hash, Answer> known_;  ///< by the hash of the encoded spec
    mutable std::deque<base::Hash> order_;        ///< oldest first
    mutable std::uint64_t built_ = 0;
};

}  // namespace assay::dispute
