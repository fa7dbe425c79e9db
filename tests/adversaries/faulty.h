#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "fault.h"
#include "games/conduct.h"
#include "runtime/segment_producer.h"

/// A party whose arithmetic is wrong in one element of one instruction, and who defends it as well
/// as it can be defended.
namespace assay::adversaries {

/// Kinds of instruction times positions of tiles. The job's seed, modulo this, says which one: so
/// one process meets them all.
inline constexpr std::uint32_t kFaultCases = 7 * 3;

/// The fault in the first step of a job: of the case's candidates the first one that changes the
/// state after the step.
faults::Fault fault_of(runtime::Job& job);

/// Trains rightly but for the fault in round 0, lane 0.
class FaultyProducer final : public runtime::SegmentProducer {
  public:
    runtime::SegmentResult produce(runtime::Job& job, commit::State& state,
                                   const commit::State* round_start,
                                   const runtime::SegmentPlace& place,
                                   const runtime::Progress& progress,
                                   std::uint32_t first_step) override;
};

/// Plays with the fault, and lets its clock run before each move: the `stall` part, in thousandths,
/// of what is left.
class FaultyConduct final : public games::Conduct {
  public:
    explicit FaultyConduct(std::uint32_t stall) : stall_(stall) {}
    std::unique_ptr<dispute::Replayer> replayer(runtime::Job& job,
                                                const runtime::ExecutorOptions& options) override;
    bool answers_now(const market::Dispute& dispute) override;
    bool checks_definition() const override { return false; }

  private:
    const std::uint32_t stall_;
    /// When each turn was first seen, by dispute and number of moves.
    std::map<std::pair<base::DisputeId, std::uint32_t>, std::chrono::steady_clock::time_point>
        seen_;
};

/// Takes `--stall N` out of a command line.
std::uint32_t take_stall(std::vector<char*>& arguments);

}  // namespace assay::adversaries
