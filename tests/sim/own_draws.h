#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"

/// Tickets of `market::is_drawn` for many job ids at once: what a coalition computes that tries
/// everything. Equal to market/draw.h (model_test.cc), some twenty times as fast, and of no use for
/// anything but experiments.
namespace assay::sim {

inline constexpr std::size_t kTicketLanes = 8;
using Tickets = std::array<std::uint64_t, kTicketLanes>;

/// Job ids laid out for hashing, eight side by side; the last eight are filled up with zeros.
class JobBatches {
  public:
    explicit JobBatches(std::span<const base::JobId> jobs);
    [[nodiscard]] std::size_t count() const { return batches_.size(); }
    /// First eight bytes of H("assay.draw", y, subject) for each job of a batch: round 0, lane 0,
    /// this segment, no control.
    [[nodiscard]] Tickets tickets(std::size_t batch, const base::Hash& y,
                                  std::uint32_t segment) const;

  private:
    /// Words of the message that the job decides.
    static constexpr std::size_t kJobWords = 5;
    using Batch = std::array<std::array<std::uint64_t, kTicketLanes>, kJobWords>;
    std::vector<Batch> batches_;
};

}  // namespace assay::sim
