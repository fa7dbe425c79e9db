#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/schema.h"
#include "base/vrf.h"
#include "market/job_facts.h"
#include "market/job_spec.h"

/// How the rules reach programs: what follows from a spec, and the game that narrows a disagreement
/// down to one cell. The rules keep whose turn it is, the clocks, the bonds and the bytes of the
/// game; what a spec and a move mean is known by the implementation (verify/dispute), which is
/// wired in by the node's main.
namespace assay::market {

ASSAY_ENUM(Side, asserter = 1, challenger)

ASSAY_ENUM(
    GameStage,
    init = 1,  ///< the initial state follows from the program
    segment,   ///< a run of steps of one lane and, at the end of a round, what enters the merge
    merge,     ///< the state after a merge follows from the state that opened the round and the
               ///< members' payloads
    cell       ///< what two replays that end alike computed on the way differs in one cell
)

/// What a game is about, as the ledger holds it. Both sides agree on everything but `asserted`.
struct GameSubject {
    base::Bytes spec;  ///< market::encode_spec
    base::Hash program_root;
    GameStage stage = GameStage::segment;
    std::uint32_t round = 0, lane = 0;
    std::uint32_t first_step = 0,
                  steps = 0;         ///< of the segment, within the round; 0 in init and merge
    base::Hash round_start_root;     ///< state root that opened the round; zeros in init
    base::Hash previous_round_root;  ///< state root that opened the round before; zeros in round 0
                                     ///< and in init
    base::Hash
        start_root;  ///< state root at the segment's start; merge: that which opened the round
    /// segment: the leaf's end field; merge: the merged state root; init: the init root; cell: the
    /// auditor's hash of the cell.
    base::Hash asserted;
    bool closes_round = false;  ///< segment: its end root covers state and payload (round_end_root)
    std::vector<base::Hash> payload_roots;  ///< merge: of the members, in their order
    // cell: both sides agree on where the stage `about` starts, and differ in one of its cells.
    GameStage about = GameStage::segment;  ///< init, segment or merge
    base::VrfOutput spot{};                ///< chooses the cells (program/cells.h)
    std::uint32_t cell = 0;                ///< index among them
    bool operator==(const GameSubject&) const = default;
};
/// docs/formats/game.md.
base::Bytes encode(const GameSubject& subject);
std::optional<GameSubject> decode_subject(base::ByteView bytes);

/// Why a move is refused: it changes nothing, and the clock of the side to move goes on.
ASSAY_ENUM(MoveRefusal,
           malformed = 1,  ///< no canonical encoding of a move, or too large
           over,           ///< the game has ended
           not_your_turn,
           wrong_move,     ///< the phase asks for another
           wrong_count,    ///< too many or too few hashes
           wrong_hash,     ///< what is posted does not hash to what it stands for
           wrong_place,    ///< an index, item or row that does not exist
           wrong_record,   ///< a record that is not at its place, or not the one needed
           wrong_openings  ///< the referee could not judge from these openings
)

/// Where a game stands after a move.
struct GameStatus {
    base::Bytes game;            ///< opaque, at most kGameBytesMax
    Side turn = Side::asserter;  ///< who has to move; meaningless when there is a winner
    std::optional<Side> winner;
    /// False until a side has made a move that rests on the trace of a step: until then conceding
    /// costs a fixed, capped fee.
    bool traced = false;
    bool operator==(const GameStatus&) const = default;
};

inline constexpr std::size_t kMoveBytesMax = 96 * 1024;
inline constexpr std::size_t kGameBytesMax = 192 * 1024;

/// Which tree a question is about: that of a checkpoint's state or that of a payload
/// (docs/formats/state.md).
ASSAY_ENUM(QuestionTree, state = 1, payload)

/// What somebody committed to.
struct QuestionSubject {
    base::Bytes spec;  ///< market::encode_spec
    base::Hash program_root;
    QuestionTree tree = QuestionTree::state;
    /// Of the state's descriptor (docs/formats/state.md): lane 2^32 - 1 and step 0 for a state that
    /// opens a round, whose round_start_root is the root that opened the round before. All zeros
    /// for a payload.
    std::uint32_t round = 0, lane = 0, step = 0;
    base::Hash round_start_root;
    base::Hash root;  ///< state root or payload root, never the end root over both
    bool operator==(const QuestionSubject&) const = default;
};

/// Where a question stands. The committer, or anybody for it, owes an answer when there are neither
/// children nor contents.
struct QuestionStatus {
    base::Bytes
        question;  ///< opaque, at most kQuestionBytesMax; includes all that later calls need
    std::uint32_t children = 0;  ///< how many descendants the asker may name next
    bool tile = false;  ///< the bytes of some tiles are known: the asker shows a leaf of the blob
    bool operator==(const QuestionStatus&) const = default;
};

inline constexpr std::size_t kQuestionBytesMax = 96 * 1024;
inline constexpr std::size_t kAnswerBytesMax = 64 * 1024;

/// Pure functions of their arguments, the same on every node.
class Referee {
  public:
    virtual ~Referee() = default;
    /// Program root, costs and sizes; an error names the field and its bound when no game could
    /// judge the job.
    [[nodiscard]] virtual tl::expected<JobFacts, SpecError> facts(const JobSpec& spec,
                                                                  base::ByteView encoded) const = 0;
    /// A game before its first move.
    [[nodiscard]] virtual GameStatus open(const GameSubject& subject) const = 0;
    /// Applies one encoded move. `game` comes from open or an earlier move.
    [[nodiscard]] virtual tl::expected<GameStatus, MoveRefusal> play(base::ByteView game, Side side,
                                                                     base::ByteView move) const = 0;

    /// The question at the root: the first thing asked is the root itself.
    /// docs/formats/questions.md.
    [[nodiscard]] virtual QuestionStatus open_question(const QuestionSubject& subject) const = 0;
    /// The answer to what is asked: hashes, or the bytes of tiles, that hash up to what was known.
    /// By anybody. `wrong_move` when nothing is asked, `wrong_count` for another size than the one
    /// it must have, `wrong_hash` when it does not hash up, or has a NaN that is not canonical.
    [[nodiscard]] virtual tl::expected<QuestionStatus, MoveRefusal> answer(
        base::ByteView question, base::ByteView bytes) const = 0;
    /// The asker names one descendant of the last answer. `wrong_move` when there are none,
    /// `wrong_place` for one that does not exist.
    [[nodiscard]] virtual tl::expected<QuestionStatus, MoveRefusal> ask(
        base::ByteView question, std::uint32_t child) const = 0;
    /// Whether the 1 KiB leaf `leaf` of the blob (with these bytes, whose place in the blob the
    /// rules have checked) differs from what is known at their common canonical place: the blob's
    /// front, which follows from the subject alone, at any time; and the tiles, once they are
    /// shown. `wrong_place` when they have none in common, `wrong_count` when no such leaf has so
    /// many bytes.
    [[nodiscard]] virtual tl::expected<bool, MoveRefusal> leaf_differs(
        base::ByteView question, std::uint64_t leaf, base::ByteView bytes) const = 0;
    /// Canonical size of the blob of such a state or payload.
    [[nodiscard]] virtual std::uint64_t blob_bytes(const QuestionSubject& subject) const = 0;
};

}  // namespace assay::market
