#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "dispute/claim.h"
#include "dispute/openings.h"

/// The game between an asserter and a challenger about one segment's steps, one payload or one
/// merge: from roots to one step of one cell. Pure: moves and the time are arguments. A move that
/// does not fit is refused and changes nothing; a side loses by a judgement, by the clock, or by
/// resigning.
namespace assay::dispute {

enum class Side : std::uint8_t { asserter = 1, challenger = 2 };

/// Which move comes next, and whose it is.
enum class Phase : std::uint8_t {
    roots = 1,   ///< asserter: state roots inside the disputed run of steps
    pick_root,   ///< challenger: the first root that it disputes
    stage,       ///< asserter: the root of the stage's trace
    unit,        ///< asserter: what the disputed leaf of the stage stands for
    tensor,      ///< asserter: what the disputed output stands for
    contest,     ///< challenger: disputes the list just posted, or what follows from it
    children,    ///< asserter: the nodes below the disputed one
    pick_child,  ///< challenger: the first node that it disputes
    tile,        ///< asserter: the elements of the disputed tile
    cell,        ///< challenger: which item of the disputed tile, and which row
    partial,     ///< asserter: the root of the cell's partial states
    openings,    ///< asserter: openings for the referee
    leaves,      ///< asserter: all leaves of the root that should follow from the outputs
    objection,   ///< challenger: what is wrong with them
    source,      ///< asserter: where a leaf comes from
    writer,      ///< asserter: the instruction that writes a tensor
    over,
};

struct PostRoots {
    std::vector<base::Hash> roots;
};
struct PostRoot {
    base::Hash root;
};  ///< stage, partial
struct PostUnit {
    base::Hash outputs;       ///< tree over the unit's outputs
    base::Hash accumulators;  ///< tree over the accumulators after it; zeros unless it is of a loop
};
struct PostTensor {
    RecordOpening instruction, tensor;  ///< of the disputed output
    base::Hash tree;                    ///< over its tiles
};
struct PostChildren {
    std::vector<base::Hash> nodes;
};
struct PostOpenings {
    base::Bytes bytes;
};
struct PostTile {
    base::Bytes elements;
};
struct PostLeaves {
    std::vector<base::Hash> leaves;
};
struct Pick {
    std::uint32_t index = 0;
};  ///< pick_root, pick_child
struct Contest {
    bool list = true;
};  ///< false: the list is right, what should follow from it is not
struct PickCell {
    std::uint32_t item = 0, row = 0;
};  ///< row: direct kinds only, else 0
/// Where a leaf of a root that follows from outputs comes from: its one writer in the stage's last
/// part (or in the loop's unit), or, for a state tensor that is not written, the state before.
struct Source {
    RecordOpening tensor;
    base::Hash tree;  ///< over the tensor's tiles
    std::optional<RecordOpening> writer;
    base::Hash outputs;          ///< tree over the unit's outputs; zeros without a writer
    Path unit_path;              ///< of the unit under the stage root; empty for a loop's unit
    base::InclusionProof proof;  ///< of the tensor root under `outputs`, or the state before
};
struct ShowAbsent {
    Source source;
};  ///< a source that is not among the leaves
struct ShowExtra {
    std::uint32_t leaf = 0;
};  ///< a leaf without source
/// Two leaves, `first` before `second`, whose tensors do not ascend.
struct ShowMisplaced {
    std::uint32_t first = 0, second = 0;
    Source first_source, second_source;
};
struct PostSource {
    Source source;
};
struct PostWriter {
    RecordOpening instruction;
};
struct Resign {};
using Move = std::variant<PostRoots, PostRoot, PostUnit, PostTensor, PostChildren, PostTile,
                          PostOpenings, PostLeaves, PostSource, PostWriter, Pick, Contest, PickCell,
                          ShowAbsent, ShowExtra, ShowMisplaced, Resign>;

enum class MoveError : std::uint8_t {
    over,  ///< the game has ended
    not_your_turn,
    wrong_move,    ///< the phase asks for another
    wrong_count,   ///< too many or too few hashes
    wrong_hash,    ///< what is posted does not hash to what it stands for
    wrong_place,   ///< an index, item or row that does not exist
    wrong_record,  ///< a record that is not at its place, or not the one needed
    refused,       ///< the referee refused the openings: Game::refusal says why
};
std::string_view name_of(MoveError error);

/// What the game is about. Everything is settled but `end_root`, which the asserter has committed
/// to.
struct Dispute {
    Facts facts;  ///< of the first stage; unit and posted roots are filled in by the game
    commit::StateDescriptor descriptor;  ///< of the state at the start
    base::Hash end_root;  ///< state root after `steps` steps; payload or state root in other stages
    std::uint32_t steps = 1;     ///< 1 unless the stage is a step
    std::uint32_t fan_out = 16;  ///< a power of two: children per move
    std::uint64_t clock_ms = 0;  ///< of each side, for all its moves
};
inline constexpr std::size_t kFanOutMax = 256;
/// As many hashes as fit into one move.
inline constexpr std::size_t kLeavesMax = kOpeningBytesMax / 32;

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
    Game(const Dispute& dispute, std::uint64_t now_ms);

    [[nodiscard]] Phase phase() const { return phase_; }
    [[nodiscard]] Side turn() const;
    /// Set when the game is over.
    [[nodiscard]] std::optional<Side> winner() const { return winner_; }
    /// Where the game stands, for whoever prepares the next move.
    [[nodiscard]] const Facts& facts() const { return facts_; }
    [[nodiscard]] const Claim& claim() const { return claim_; }
    [[nodiscard]] const Search& search() const { return search_; }
    /// What the asserter posted last as a list: roots, children, leaves; the elements of a tile.
    [[nodiscard]] const std::vector<base::Hash>& posted() const { return posted_; }
    [[nodiscard]] const base::Bytes& tile() const { return tile_; }
    /// The leaf whose source is asked for; the tensor whose writer is.
    [[nodiscard]] std::uint32_t extra() const { return extra_; }
    [[nodiscard]] program::TensorId unwritten() const { return unwritten_; }
    /// Steps done at the agreed start and at the disputed end of the run of steps.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> steps() const { return {low_, high_}; }
    /// What is searched: the units of the stage, outputs of a unit, tiles of an output, states of a
    /// cell.
    enum class List : std::uint8_t { units = 1, outputs, tiles, states };
    [[nodiscard]] List list() const { return list_; }
    /// Points inside the run of steps whose roots are asked for.
    [[nodiscard]] std::vector<std::uint32_t> points() const;
    [[nodiscard]] std::optional<OpeningError> refusal() const { return refusal_; }

    /// Applies a move made at `now_ms` (never before the last). Nothing when it was applied.
    std::optional<MoveError> apply(Side side, const Move& move, std::uint64_t now_ms);
    /// Ends the game when the side to move has used up its clock.
    void expire(std::uint64_t now_ms);

  private:
    using Error = std::optional<MoveError>;
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
    Error play(const ShowAbsent& move);
    Error play(const ShowExtra& move);
    Error play(const ShowMisplaced& move);
    Error play(const PostSource& move);
    Error play(const PostWriter& move);
    Error check_source(const Source& source, program::TensorId& id, base::Hash& root) const;
    [[nodiscard]] Unit last_unit() const;
    Error play(const Resign& move);
    Error pick_root(std::uint32_t index);
    Error pick_child(std::uint32_t index);
    void begin_run();
    void begin_search(List list, const base::Hash& root, std::uint64_t count);
    void go_on_searching();
    void reach_leaf();
    [[nodiscard]] commit::StateDescriptor descriptor_after(std::uint32_t steps) const;
    [[nodiscard]] base::Hash next_descriptor() const;
    [[nodiscard]] Unit unit() const;
    void end(Side winner);

    Dispute dispute_;
    Facts facts_;
    Phase phase_ = Phase::roots;
    std::optional<Side> winner_;
    std::uint32_t low_ = 0, high_ = 0;
    base::Hash low_root_, high_root_;
    std::vector<base::Hash> posted_;
    base::Bytes tile_;
    std::uint32_t extra_ = 0;          // the leaf whose source is asked for
    program::TensorId unwritten_ = 0;  // the tensor whose writer is asked for
    List list_ = List::units;
    Search search_;
    base::Hash leaf_;                    // the disputed leaf of the search that ended
    base::Hash outputs_, accumulators_;  // of the disputed unit
    bool in_unit_ = false;               // contest and absent: about a loop's unit, not the stage
    Claim claim_;
    program::Instruction instruction_;  // of the disputed output
    program::Tensor tensor_;
    std::optional<OpeningError> refusal_;
    std::array<std::uint64_t, 2> left_ms_{};
    std::uint64_t since_ms_ = 0;
};

}  // namespace assay::dispute
