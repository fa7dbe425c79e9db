#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "commit/state.h"
#include "dispute/claim.h"
#include "dispute/moves.h"
#include "market/referee.h"

/// The game between an asserter and a challenger about one segment, one merge, the initial state,
/// or a cell of what one of these computes: from what was asserted to one step of one cell. Pure:
/// moves are arguments, and the rules keep the clocks. A move that does not fit is refused and
/// changes nothing; a side loses by a judgement, by resigning, or when the rules say that its time
/// is up.
namespace assay::dispute {

using market::MoveRefusal;
using market::Side;

/// Which move comes next, and whose it is. Numbers are those of the encoding.
enum class Phase : std::uint8_t {
    statement = 1,  ///< asserter: what the asserted field stands for, and the frame of the program
    half,           ///< challenger: the stated state, or what is said to follow from it
    roots,          ///< asserter: state roots inside the disputed run of steps
    pick_root,      ///< challenger: the first root that it disputes
    stage,          ///< asserter: the root of the stage's trace
    unit,           ///< asserter: what the disputed leaf of the stage stands for
    tensor,         ///< asserter: what the disputed output stands for
    contest,        ///< challenger: disputes the list just posted, or what follows from it
    children,       ///< asserter: the nodes below the disputed one
    pick_child,     ///< challenger: the first node that it disputes
    tile,           ///< asserter: the elements of the disputed tile
    cell,           ///< challenger: which item of the disputed tile, and which row
    partial,        ///< asserter: the root of the cell's partial states
    openings,       ///< asserter: openings for the referee
    leaves,         ///< asserter: how many leaves the root has that should follow from the outputs
    objection,      ///< challenger: disputes a leaf, or shows a tensor after the last one
    source,         ///< asserter: where the disputed leaf comes from
    reply,          ///< challenger: a writer of it, or a tensor that it skips
    spot,           ///< asserter: the disputed cell under a conceded output
    over,
};

inline constexpr std::uint32_t kFanOut = 16;

/// A cell that two replays differ in.
struct DisputedCell {
    Unit unit;
    std::uint32_t steps = 0;        ///< done of the segment before the cell's stage
    std::uint32_t instruction = 0;  ///< number in the program
    std::uint32_t tile = 0;
    [[nodiscard]] Stage stage() const;
    bool operator==(const DisputedCell&) const = default;
};

/// What a game is about: its subject, and instead of the spec what moves need of it.
struct Terms {
    commit::JobIdentity job;
    base::BlobRoot data_root;
    std::uint64_t data_bytes = 0;
    std::uint64_t train_count = 0;  ///< tokens, or rows
    std::uint32_t row_words = 1;
    market::GameStage stage = market::GameStage::segment;
    std::uint32_t round = 0, lane = 0;
    std::uint32_t first_step = 0;  ///< within the round
    std::uint32_t steps = 1;       ///< 1 unless the game is about a segment
    base::Hash round_start_root, previous_round_root, start_root, asserted;
    bool closes_round = false;
    std::vector<base::Hash> payload_roots;
    market::GameStage about = market::GameStage::segment;  ///< of a cell's game: the stage it is in
    DisputedCell cell;                                     ///< stage cell only
    std::uint32_t fan_out = kFanOut;                       ///< a power of two: children per move
    [[nodiscard]] bool is_about_cell() const { return stage == market::GameStage::cell; }
    /// What is replayed: the stage, or that in which the cell is.
    [[nodiscard]] market::GameStage replayed() const { return is_about_cell() ? about : stage; }
    /// Whether the state that the cell's stage reads has to be agreed on first.
    [[nodiscard]] bool cell_follows_steps() const {
        return is_about_cell() && about == market::GameStage::segment && cell.steps > 0;
    }
    bool operator==(const Terms&) const = default;
};
/// What every game's terms are.
bool are_sound(const Terms& terms);
/// Requires a spec that decode_spec accepts and a subject as the rules make them. About a cell, the
/// program is built to find it: as long as that takes.
Terms terms_of(const market::GameSubject& subject);
/// The descriptor of the segment's state after so many of its steps.
commit::StateDescriptor descriptor_after(const Terms& terms, std::uint32_t steps);
/// The end root that a statement stands for: to be compared with the asserted one.
base::Hash end_of(const Terms& terms, const PostStatement& statement);

/// Nodes of a tree in which the disputed leaf lies.
struct Search {
    base::Hash node;
    std::uint64_t first = 0, count = 0;
};
/// How many leaves each child of a node has, `fan_out` levels taken at once.
std::vector<std::uint64_t> child_counts(std::uint64_t count, std::uint32_t fan_out);
/// The node above children that child_counts describes.
base::Hash join_children(std::uint64_t count, std::uint32_t fan_out,
                         std::span<const base::Hash> children);

class Game {
  public:
    explicit Game(const Terms& terms);

    [[nodiscard]] Phase phase() const { return phase_; }
    [[nodiscard]] Side turn() const;
    /// Set when the game is over.
    [[nodiscard]] std::optional<Side> winner() const { return winner_; }
    /// Whether a move was made that rests on the trace of a step.
    [[nodiscard]] bool traced() const { return traced_; }
    /// Where the game stands, for whoever prepares the next move.
    [[nodiscard]] const Terms& terms() const { return terms_; }
    [[nodiscard]] const Facts& facts() const { return facts_; }
    [[nodiscard]] const Claim& claim() const { return claim_; }
    [[nodiscard]] const Search& search() const { return search_; }
    /// What the asserter posted last as a list: roots, children; the elements of a tile.
    [[nodiscard]] const std::vector<base::Hash>& posted() const { return posted_; }
    [[nodiscard]] const base::Bytes& tile() const { return tile_; }
    /// What the asserter's statement says the round's end consists of; zeros where it is no end.
    [[nodiscard]] const base::Hash& stated_payload_root() const { return payload_root_; }
    /// The node conceded last: its leaves end where the disputed ones begin. None at the left edge.
    [[nodiscard]] const Search& conceded() const { return left_; }
    /// Tensors [first, second) that the root should cover would have been skipped.
    [[nodiscard]] std::pair<program::TensorId, program::TensorId> gap() const {
        return {gap_first_, gap_end_};
    }
    /// Whether the source in question says that nothing writes its tensor, which is number gap's
    /// end.
    [[nodiscard]] bool as_it_was() const { return as_it_was_; }
    /// Of a game about a cell: whether the state that its stage reads is agreed on, and whether all
    /// units before its own are; where its unit stands among those of its stage.
    [[nodiscard]] bool in_cell_stage() const;
    [[nodiscard]] bool in_cell_unit() const;
    [[nodiscard]] std::uint64_t cell_position() const;
    /// Whether leaves, objection, source and reply are about a loop's unit, not the stage.
    [[nodiscard]] bool in_unit() const { return in_unit_; }
    /// Whether the first of the leaves is a descriptor.
    [[nodiscard]] bool has_descriptor() const {
        return !in_unit_ && facts_.stage != Stage::payload;
    }
    /// Steps done at the agreed start and at the disputed end of the run of steps, and the roots
    /// there. Of a stage without steps: 0 and 1.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> steps() const { return {low_, high_}; }
    [[nodiscard]] const base::Hash& agreed_root() const { return low_root_; }
    [[nodiscard]] const base::Hash& disputed_root() const { return high_root_; }
    /// What is searched: the units of the stage, outputs of a unit, tiles of an output, states of a
    /// cell, leaves of a root that follows from outputs.
    enum class List : std::uint8_t { units = 1, outputs, tiles, states, leaves };
    [[nodiscard]] List list() const { return list_; }
    /// Points inside the run of steps whose roots are asked for.
    [[nodiscard]] std::vector<std::uint32_t> points() const;
    /// Descriptor leaf of the state that the disputed stage leads to; zeros for a payload.
    [[nodiscard]] base::Hash next_descriptor() const;
    /// Why the referee refused the last openings. Not part of the game: its encoding lacks it.
    [[nodiscard]] std::optional<OpeningError> refusal() const { return refusal_; }

    /// Applies a move. Nothing when it was applied.
    std::optional<MoveRefusal> apply(Side side, const Move& move);

  private:
    using Error = std::optional<MoveRefusal>;
    Error play(const PostStatement& move);
    Error play(const PickHalf& move);
    Error play(const PostRoots& move);
    Error play(const PostRoot& move);
    Error play(const PostUnit& move);
    Error play(const PostTensor& move);
    Error play(const PostChildren& move);
    Error play(const PostTile& move);
    Error play(const PostOpenings& move);
    Error play(const PostLeaves& move);
    Error play(const Pick& move);
    Error play(const Contest& move);
    Error play(const PickCell& move);
    Error play(const ShowSkipped& move);
    Error play(const PostSource& move);
    Error play(const ShowWriter& move);
    Error play(const Resign& move);
    Error play(const PostSpot& move);
    Error check_source(const Source& source, program::TensorId& id, base::Hash& root) const;
    Error check_writer(const RecordOpening& writer, program::TensorId id) const;
    Error read_tensor(const RecordOpening& record, program::TensorId& id,
                      program::Tensor& tensor) const;
    Error read_covered(const RecordOpening& record, program::TensorId& id,
                       program::Tensor& tensor) const;
    [[nodiscard]] std::uint64_t first_tensor_leaf() const;
    /// The number after that of the last tensor under a node; 0 where no tensor is there.
    Error next_tensor(const std::optional<Neighbour>& last, const Search& in,
                      program::TensorId& next) const;
    [[nodiscard]] std::optional<ProgramFrame> check_posted_frame(base::ByteView frame) const;
    Error pick_root(std::uint32_t index);
    Error pick_child(std::uint32_t index);
    void begin_run();
    void begin_search(List list, const base::Hash& root, std::uint64_t count);
    void go_on_searching();
    void reach_leaf();
    [[nodiscard]] std::uint64_t search_end() const;
    void concede_to_cell();
    struct Output {
        program::Instruction instruction;
        program::Tensor tensor;
    };
    Error read_output(const RecordOpening& instruction, const RecordOpening& tensor,
                      Output& output) const;
    Error state_cell(const PostStatement& move);
    void begin_cell_stage();
    void settle_facts();
    [[nodiscard]] Unit unit() const;
    [[nodiscard]] Unit last_unit() const;
    void end(Side winner);
    friend class GameCodec;

    Terms terms_;
    Facts facts_;  // follows from the terms, but for the frame, the unit and the posted roots
    Phase phase_ = Phase::statement;
    std::optional<Side> winner_;
    bool traced_ = false;
    bool payload_ = false;     // the payload half is disputed
    base::Hash payload_root_;  // as stated
    std::uint32_t low_ = 0, high_ = 0;
    base::Hash low_root_, high_root_;
    std::vector<base::Hash> posted_;
    base::Bytes tile_;
    List list_ = List::units;
    Search search_;
    Search left_;      // conceded left of the disputed node, side by side with it
    base::Hash leaf_;  // the disputed leaf of the search that ended
    program::TensorId gap_first_ = 0, gap_end_ = 0;
    bool as_it_was_ = false;
    base::Hash outputs_, accumulators_;  // of the disputed unit
    bool in_unit_ = false;               // contest and absent: about a loop's unit, not the stage
    Claim claim_;
    std::optional<Output> output_;  // the disputed one
    std::optional<OpeningError> refusal_;
};

/// At most market::kGameBytesMax (docs/formats/game.md).
base::Bytes encode_game(const Game& game);
/// Strict and bounded. Nothing for bytes that no game has.
std::optional<Game> decode_game(base::ByteView bytes);

}  // namespace assay::dispute
