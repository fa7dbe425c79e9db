#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/vrf.h"

/// How the rules reach the game that narrows a disagreement down to one cell. The rules keep whose turn it is, the clocks, the bonds
/// and the bytes of the game; what a move means is known by the implementation (verify/dispute), which is wired in by the node's main.
namespace assay::market {

enum class Side : std::uint8_t { asserter = 1, challenger = 2 };

enum class GameStage : std::uint8_t {
    init = 1,     ///< the initial state follows from the program
    segment = 2,  ///< a run of steps of one lane and, at the end of a round, what enters the merge
    merge = 3,    ///< the state after a merge follows from the state that opened the round and the members' payloads
    cell = 4,     ///< what two replays that end alike computed on the way differs in one cell
};

/// What a game is about, as the ledger holds it. Both sides agree on everything but `asserted`.
struct GameSubject {
    base::Bytes spec;                        ///< market::encode_spec
    base::Hash program_root;
    GameStage stage = GameStage::segment;
    std::uint32_t round = 0, lane = 0;
    std::uint32_t first_step = 0, steps = 0; ///< of the segment, within the round; 0 in init and merge
    base::Hash round_start_root;             ///< state root that opened the round; zeros in init
    base::Hash previous_round_root;          ///< state root that opened the round before; zeros in round 0 and in init
    base::Hash start_root;                   ///< state root at the segment's start; merge: that which opened the round
    /// segment: the end root; merge: the merged state root; init: the init root; cell: below.
    base::Hash asserted;
    bool closes_round = false;               ///< segment: its end root covers state and payload (round_end_root)
    std::vector<base::Hash> payload_roots;   ///< merge: of the members, in their order
    /// cell: everything above is as for the stage `about`, but `asserted`: the asserter's hash of the cell (the tile's leaf).
    GameStage about = GameStage::segment;    ///< init, segment or merge; meaningful when stage == cell
    base::VrfOutput spot{};                  ///< chooses the cells (program/cells.h)
    std::uint32_t cell = 0;                  ///< index among the chosen cells, 0..7
    bool operator==(const GameSubject&) const = default;
};
/// docs/formats/game.md.
base::Bytes encode(const GameSubject& subject);
std::optional<GameSubject> decode_subject(base::ByteView bytes);

/// Why a move is refused: it changes nothing, and the clock of the side to move goes on.
enum class MoveRefusal : std::uint8_t {
    malformed = 1,   ///< no canonical encoding of a move, or too large
    over,            ///< the game has ended
    not_your_turn,
    wrong_move,      ///< the phase asks for another
    wrong_count,     ///< too many or too few hashes
    wrong_hash,      ///< what is posted does not hash to what it stands for
    wrong_place,     ///< an index, item or row that does not exist
    wrong_record,    ///< a record that is not at its place, or not the one needed
    wrong_openings,  ///< the referee could not judge from these openings
};

/// Where a game stands after a move.
struct GameStatus {
    base::Bytes game;                        ///< opaque, at most kGameBytesMax
    Side turn = Side::asserter;              ///< who has to move; meaningless when there is a winner
    std::optional<Side> winner;
    /// False until a side has made a move that rests on the trace of a step: until then conceding costs a fixed, capped fee.
    bool traced = false;
    bool operator==(const GameStatus&) const = default;
};

inline constexpr std::size_t kMoveBytesMax = 96 * 1024;
inline constexpr std::size_t kGameBytesMax = 192 * 1024;

/// Pure functions of their arguments, the same on every node.
class Referee {
  public:
    virtual ~Referee() = default;
    /// A game before its first move.
    [[nodiscard]] virtual GameStatus open(const GameSubject& subject) const = 0;
    /// Applies one encoded move. `game` comes from open or an earlier move.
    [[nodiscard]] virtual tl::expected<GameStatus, MoveRefusal> play(base::ByteView game, Side side, base::ByteView move) const = 0;
};

}  // namespace assay::market
