/// A validator that recomputes and invents the cells: what one seals who has the root from somebody
/// else. The command line is that of `assay-validator`; with `--wrong` it finds another initial
/// state than everybody else, with `--stubborn` it does not give up its games.
#include <algorithm>
#include <string>
#include <vector>

#include "prover/replayer.h"
#include "validator/validator.h"

namespace {

using namespace assay;
using program::CellPlace;
using runtime::ReplayError;

std::vector<base::Hash> invented(std::size_t count) {
    return std::vector<base::Hash>(count,
                                   base::blake2b("assay.test", base::view_of("an invented cell")));
}

class Lazy final : public validator::Recomputer {
  public:
    explicit Lazy(bool wrong) : wrong_(wrong) {}
    tl::expected<runtime::SegmentOutcome, ReplayError> segment(
        runtime::Job& job, commit::State& state, const commit::State* round_start,
        const runtime::SegmentPlace& place, std::span<const CellPlace> places,
        const runtime::Progress& progress) override {
        auto outcome = replays_.segment(job, state, round_start, place, {}, progress);
        if (outcome) outcome->cells = invented(places.size());
        return outcome;
    }
    tl::expected<runtime::StateOutcome, ReplayError> merge(
        runtime::Job& job, commit::State& round_start,
        std::span<const commit::Payload* const> members, std::uint32_t round,
        const base::Hash& round_start_root, std::span<const CellPlace> places) override {
        auto outcome = replays_.merge(job, round_start, members, round, round_start_root, {});
        if (outcome) outcome->cells = invented(places.size());
        return outcome;
    }
    tl::expected<runtime::StateOutcome, ReplayError> init(
        runtime::Job& job, std::span<const CellPlace> places) override {
        auto outcome = replays_.init(job, {});
        if (!outcome) return outcome;
        outcome->cells = invented(places.size());
        if (wrong_) outcome->root = base::blake2b("assay.test", outcome->root.view());
        return outcome;
    }

  private:
    const bool wrong_;
    validator::Replays replays_;
};

/// Lets its clock run instead of giving up.
class Silent final : public games::Conduct {
  public:
    std::unique_ptr<dispute::Replayer> replayer(runtime::Job& job,
                                                const runtime::ExecutorOptions& options) override {
        return std::make_unique<dispute::JobReplayer>(job, options);
    }
    bool answers_now(const market::Dispute&) override { return false; }
    bool checks_definition() const override { return false; }
};

bool take(std::vector<char*>& arguments, const std::string& flag) {
    return std::erase_if(arguments, [&](const char* argument) { return flag == argument; }) > 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    Lazy lazy(take(arguments, "--wrong"));
    games::Honest honest;
    Silent silent;
    const bool stubborn = take(arguments, "--stubborn");
    const auto count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    games::Conduct& conduct = stubborn ? static_cast<games::Conduct&>(silent) : honest;
    return validator::validator_main(count, arguments.data(), lazy, conduct);
}
