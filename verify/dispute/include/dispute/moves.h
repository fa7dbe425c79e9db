#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "base/merkle.h"
#include "dispute/openings.h"
#include "market/referee.h"

/// The moves of the game between an asserter and a challenger, and their bytes
/// (docs/formats/game.md).
namespace assay::dispute {

/// Most children of a node, and most points of a run of steps plus one.
inline constexpr std::size_t kFanOutMax = 256;

/// What the asserted root stands for, and the frame of the program.
struct PostStatement {
    base::Bytes frame;        ///< open_frame
    base::Hash state_root;    ///< what is asserted; about a cell, the state that its stage reads
    base::Hash payload_root;  ///< zeros unless the segment closes a round
    bool operator==(const PostStatement&) const = default;
};
/// What is disputed of a state root and what is stated to follow from it: the payload of a round's
/// end, or a cell. The second only by conceding the first.
struct PickHalf {
    bool second = false;
    bool operator==(const PickHalf&) const = default;
};
struct PostRoots {
    std::vector<base::Hash> roots;
    bool operator==(const PostRoots&) const = default;
};
/// Of the stage's trace, or of a cell's partial states.
struct PostRoot {
    base::Hash root;
    bool operator==(const PostRoot&) const = default;
};
struct PostUnit {
    base::Hash outputs;       ///< tree over the unit's outputs
    base::Hash accumulators;  ///< tree over the accumulators after it; zeros unless it is of a loop
    bool operator==(const PostUnit&) const = default;
};
struct PostTensor {
    RecordOpening instruction, tensor;  ///< of the disputed output
    base::Hash tree;                    ///< over its tiles
    bool operator==(const PostTensor&) const = default;
};
struct PostChildren {
    std::vector<base::Hash> nodes;
    bool operator==(const PostChildren&) const = default;
};
struct PostOpenings {
    base::Bytes bytes;
    bool operator==(const PostOpenings&) const = default;
};
struct PostTile {
    base::Bytes elements;
    bool operator==(const PostTile&) const = default;
};
/// A leaf left of the one in question: by the tensor it is of.
struct Neighbour {
    RecordOpening tensor;
    base::Hash tree;  ///< over the tensor's tiles
    Path path;        ///< of the tensor root, under a node whose last leaf it is
    bool operator==(const Neighbour&) const = default;
};
/// How many leaves are under the root that should follow from the outputs, and the last of them.
struct PostLeaves {
    std::uint32_t count = 0;        ///< with the descriptor of a state
    std::optional<Neighbour> last;  ///< under the root; none where the descriptor is the only leaf
    bool operator==(const PostLeaves&) const = default;
};
/// The first root, or the first child, that the challenger disputes.
struct Pick {
    std::uint32_t index = 0;
    bool operator==(const Pick&) const = default;
};
struct Contest {
    bool list = true;  ///< false: the list is right, what should follow from it is not
    bool operator==(const Contest&) const = default;
};
struct PickCell {
    std::uint32_t item = 0, row = 0;  ///< row: direct kinds only, else 0
    bool operator==(const PickCell&) const = default;
};
/// Where a leaf of a root that follows from outputs comes from: its one writer in the stage's last
/// part (or in the loop's unit), or, for a state tensor that is not written, the state before.
struct Source {
    RecordOpening tensor;
    base::Hash tree;  ///< over the tensor's tiles
    std::optional<RecordOpening> writer;
    base::Hash outputs;  ///< tree over the unit's outputs; zeros without a writer
    Path unit_path;      ///< of the unit under the stage root; empty without a writer or for
                         ///< a loop's unit
    base::InclusionProof proof;  ///< of the tensor root under `outputs`, or the state before
    bool operator==(const Source&) const = default;
};
/// A tensor that the root should cover, between two that it has side by side or after its last.
struct ShowSkipped {
    RecordOpening tensor;
    std::optional<RecordOpening> writer;  ///< that it is of this loop, or of the payload; no state
    bool operator==(const ShowSkipped&) const = default;
};
/// Where the disputed leaf comes from, and the leaf left of it.
struct PostSource {
    Source source;
    std::optional<Neighbour> left;  ///< under the node conceded last; none of a first tensor
    bool operator==(const PostSource&) const = default;
};
/// The instruction that writes a tensor of which it was said that it is as it was.
struct ShowWriter {
    RecordOpening instruction;
    bool operator==(const ShowWriter&) const = default;
};
struct Resign {
    bool operator==(const Resign&) const = default;
};
/// The disputed cell, under the output of its instruction.
struct PostSpot {
    RecordOpening instruction, tensor;
    base::Hash tree;  ///< over the output's tiles
    Path output;      ///< of the tensor root under the tree over the unit's outputs
    base::Hash leaf;  ///< of the tile: what the cell's hash is
    Path tile;        ///< of the leaf under `tree`
    bool operator==(const PostSpot&) const = default;
};
/// In the order of their numbers in the encoding, from 1.
using Move = std::variant<PostStatement, PickHalf, PostRoots, Pick, PostRoot, Contest, PostUnit,
                          PostTensor, PostChildren, PostTile, PickCell, PostOpenings, PostLeaves,
                          ShowSkipped, PostSource, ShowWriter, Resign, PostSpot>;

/// At most market::kMoveBytesMax for every move that a game takes.
base::Bytes encode_move(const Move& move);
/// Strict and bounded: one move has one encoding. Nothing for bytes that are none, or too many.
std::optional<Move> decode_move(base::ByteView bytes);

}  // namespace assay::dispute
