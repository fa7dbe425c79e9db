#pragma once

#include <optional>
#include <string>
#include <vector>

#include "desk.h"
#include "dispute/ledger_referee.h"
#include "faulty_replayer.h"
#include "fixture.h"
#include "prover/player.h"

/// Sides of games over a fixture: the honest ones of the prover, and what a dishonest one computes
/// with.
namespace assay::dispute::testing {

using faults::Fault;

/// The scalar definition over a fixture, with or without a fault.
class ScalarReplayer final : public faults::FaultyReplayer {
  public:
    explicit ScalarReplayer(const Fixture& fixture, std::optional<Fault> fault = std::nullopt)
        : FaultyReplayer(fixture.program, fixture.dataset, fault) {}
};

/// What a fixture knows, as everybody can get it.
class FixtureData final : public PublicData {
  public:
    FixtureData(const Fixture& fixture, bool from_stepped)
        : fixture_(fixture), from_stepped_(from_stepped) {}
    tl::expected<commit::State, std::string> start_state() override;
    tl::expected<commit::State, std::string> round_start_state() override;
    tl::expected<commit::Payload, std::string> payload(std::size_t member) override;

  private:
    const Fixture& fixture_;
    const bool from_stepped_;
};

/// A job whose spec names the data that the fixture makes for it.
market::JobSpec with_data(market::JobSpec spec);

/// Games about one stage of a fixture: a segment of `steps` steps from the state after one step of
/// lane 1 (`from_stepped`) or from the round's start.
struct Arena {
    Arena(const market::JobSpec& spec, market::GameStage stage, std::uint32_t steps = 1,
          bool closes_round = false, bool from_stepped = true);
    /// The same stage, but about one cell of it.
    void turn_to_cell(const base::VrfOutput& spot, std::uint32_t cell);
    /// The subject with what a side that computes so asserts.
    market::GameSubject asserted_by(History& history) const;
    [[nodiscard]] std::unique_ptr<History> history_of(Replayer& replayer) const;

    Fixture fixture;
    market::GameSubject subject;  ///< but for what is asserted
    mutable FixtureData data;
    mutable ScalarReplayer honest;
    std::unique_ptr<History> truth;
};

struct Outcome {
    std::optional<Side> winner;
    Ground asserter = Ground::plays, challenger = Ground::plays;  ///< of the last decision
    bool traced = false;
    std::vector<Move> moves;
    std::string failure;  ///< a side that could not move, or whose move was refused
};
/// Plays through the referee's bytes alone.
Outcome play_out(const market::GameSubject& subject, Player& asserter, Player& challenger);
Outcome play_out(const Terms& terms, Player& asserter, Player& challenger);

/// An asserter whose trace is right and whose root of what follows from it is over these leaves. It
/// answers as long as there is something to say.
class LeafLiar {
  public:
    explicit LeafLiar(std::vector<base::Hash> leaves) : leaves_(std::move(leaves)) {}
    [[nodiscard]] base::Hash root() const;
    /// In the phases that are about leaves; nothing where it has no answer.
    [[nodiscard]] std::optional<Move> move(const Game& game, Desk& desk) const;
    static bool is_about_leaves(const Game& game);

  private:
    [[nodiscard]] std::optional<Neighbour> last_under(const Search& node, Desk& desk) const;
    const std::vector<base::Hash> leaves_;
};

/// Games about this many steps of the ragged GPT from the round's start; made once.
inline constexpr std::uint32_t kArenaSteps = 5;
const Arena& arena();
/// Hashes that stand for nothing.
base::Hash noise(std::uint64_t n);

}  // namespace assay::dispute::testing
