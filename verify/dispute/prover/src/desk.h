#pragma once

#include "prover/player.h"

/// What both sides' moves are made from: a game, and the own history of its one stage.
namespace assay::dispute {

using MoveResult = tl::expected<Decision, PlayFailure>;

inline base::Hash tree_of(const std::vector<base::Hash>& leaves) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}
inline MoveResult plays(Move move) { return Decision{std::move(move), Ground::plays}; }
inline MoveResult resigns(Ground ground) { return Decision{Resign{}, ground}; }

/// A tensor that a root which follows from outputs should cover, with where it comes from.
struct Covered {
    program::TensorId id = 0;
    base::Hash root;
    base::Hash before;                    ///< as the stage found it; zeros where it found none
    std::optional<std::uint32_t> writer;  ///< the instruction
};

/// The place of the one stage that a game has come to.
Place place_of(const Game& game);

class Desk {
  public:
    Desk(const Game& game, StageHistory& history) : game_(game), history_(history) {}

    [[nodiscard]] const Game& game() const { return game_; }
    StageHistory& history() { return history_; }
    [[nodiscard]] const program::Instruction& instruction() const {
        return history_.program().instructions[game_.claim().instruction];
    }
    [[nodiscard]] const program::Tensor& output() const {
        return history_.program().tensors[instruction().out.tensor];
    }
    const Evidence& evidence() {
        return history_.evidence(game_.facts().unit, game_.claim().instruction);
    }
    /// Own partial states of the claimed cell.
    std::vector<PartialState> states();
    /// Own nodes below the disputed one; none in place of one that would have more leaves than
    /// there are.
    std::vector<std::optional<base::Hash>> children();
    /// In the order of the leaves, without the descriptor.
    std::vector<Covered> covered();
    /// Own leaves of the root that follows from the outputs.
    std::vector<base::Hash> leaves();
    /// `as_it_was`: that the stage found it so, and nobody writes it.
    Source source_of(const Covered& entry, bool as_it_was);
    /// The tree over its tiles, as it is now or as the stage found it.
    base::Hash tiles_of(const Covered& entry, bool as_it_was);
    /// The last tensor under a node over own leaves. None where it covers no tensor.
    std::optional<Neighbour> last_under(const Search& node);

  private:
    std::vector<base::Hash> list();
    [[nodiscard]] std::uint32_t last_position();
    const Game& game_;
    StageHistory& history_;
};

/// Moves of either side in the phases that rest on a trace.
MoveResult assert_by_trace(Desk& desk);
MoveResult challenge_by_trace(Desk& desk);

}  // namespace assay::dispute
