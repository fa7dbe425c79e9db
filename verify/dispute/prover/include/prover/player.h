#pragma once

#include "prover/history.h"

namespace assay::dispute {

/// Why a side moves as it does.
enum class Ground : std::uint8_t {
    plays = 1,  ///< it has an answer
    own_root,   ///< its own replay gives the other side's root: it resigns
    scalar,     ///< the scalar definition does not give what its kernels gave: it resigns
};
std::string_view name_of(Ground ground);

struct Decision {
    Move move;
    Ground ground = Ground::plays;
};

struct PlayerOptions {
    /// Run the disputed step by the scalar definition before the side's first move that lets a
    /// trace be posted. Conceding costs little until then, so a bug of a kernel does not cost an
    /// honest owner everything. A step of a large model takes hours that way.
    bool scalar_check = true;
};

/// Finds an honest side's next move: a function of public data and of the game as it was fetched,
/// so a side may restart at any time. Workers play the asserter, validators and challengers the
/// challenger. One thread at a time.
class Player {
  public:
    /// Keeps a reference to the history, which must be one of the same terms but for what is
    /// asserted.
    Player(const Terms& terms, Side side, History& history, PlayerOptions options = {});
    Player(const market::GameSubject& subject, Side side, History& history,
           PlayerOptions options = {});

    tl::expected<Decision, PlayFailure> next(base::ByteView game);

  private:
    const Terms terms_;
    const Side side_;
    History& history_;
    const PlayerOptions options_;
};

}  // namespace assay::dispute
