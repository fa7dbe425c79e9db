/// A validator with a fault in its arithmetic: it accuses honest work and plays on. The command
/// line is that of `assay-validator`, with
/// `--stall N` for one that waits N thousandths of its remaining clock before each move.
#include "faulty.h"
#include "validator/validator.h"

namespace {

using namespace assay;
using program::CellPlace;
using runtime::ReplayError;

/// Its fault shows whether or not cells are looked at; where there is none it replays.
class FaultyRecomputer final : public validator::Recomputer {
  public:
    tl::expected<runtime::SegmentOutcome, ReplayError> segment(
        runtime::Job& job, commit::State& state, const commit::State* round_start,
        const runtime::SegmentPlace& place, std::span<const CellPlace> places,
        const runtime::Progress& progress) override {
        if (place.round != 0 || place.lane != 0 || place.segment != 0)
            return replays_.segment(job, state, round_start, place, places, progress);
        const runtime::SegmentResult result =
            producer_.produce(job, state, round_start, place, progress, 0);
        if (result.stopped) return tl::unexpected(ReplayError::stopped);
        return runtime::SegmentOutcome{result.state_root, result.end_root, result.payload_root, {}};
    }
    tl::expected<runtime::StateOutcome, ReplayError> merge(
        runtime::Job& job, commit::State& round_start,
        std::span<const commit::Payload* const> members, std::uint32_t round,
        const base::Hash& round_start_root, std::span<const CellPlace> places) override {
        return replays_.merge(job, round_start, members, round, round_start_root, places);
    }
    tl::expected<runtime::StateOutcome, ReplayError> init(
        runtime::Job& job, std::span<const CellPlace> places) override {
        return replays_.init(job, places);
    }

  private:
    adversaries::FaultyProducer producer_;
    validator::Replays replays_;
};

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    adversaries::FaultyConduct conduct(adversaries::take_stall(arguments));
    FaultyRecomputer recomputer;
    const auto count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return validator::validator_main(count, arguments.data(), recomputer, conduct);
}
