#include <algorithm>

#include "base/encoding.h"
#include "base/merkle.h"
#include "dispute/game.h"
#include "opened.h"

/// The game's end about a step digest: whether the state after the step has what the digest is the hash of.
/// Both sides have agreed on that state's root; else the game is about the steps that lead there.
namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::Tensor;
using program::TensorClass;

namespace {

/// The record at the tensor's place under the program root, read.
std::optional<Tensor> tensor_at(const ProgramFrame& frame, program::TensorId id,
                                const RecordOpening& record) {
    if (id >= frame.tensors || record.leaf != frame.tensor_leaf(id) || !stands(frame, record))
        return std::nullopt;
    return decode_tensor_record(record.record);
}

bool is_weight(const Tensor& tensor) {
    return tensor.cls == TensorClass::state && tensor.weight;
}

/// Where the tile at a position among all tiles of the weights lies.
struct TileAt {
    WeightTiles weight;
    std::uint32_t tile = 0;
};

std::uint64_t tiles_of(const std::vector<WeightTiles>& weights) {
    std::uint64_t tiles = 0;
    for (const WeightTiles& weight : weights) tiles += weight.tiles;
    return tiles;
}

/// Requires a position below tiles_of.
TileAt find_tile(const std::vector<WeightTiles>& weights, std::uint64_t position) {
    for (const WeightTiles& weight : weights) {
        if (position < weight.tiles) return {weight, static_cast<std::uint32_t>(position)};
        position -= weight.tiles;
    }
    return {};
}

bool ascend(const std::vector<WeightTiles>& weights) {
    return std::ranges::adjacent_find(weights, [](const WeightTiles& a, const WeightTiles& b) {
               return a.tensor >= b.tensor;
           }) == weights.end();
}

}  // namespace

Game::Error Game::pick_shown(std::uint32_t index) {
    if (index >= terms_.shown.size()) return MoveRefusal::wrong_place;
    shown_ = index;
    phase_ = Phase::digest;
    return std::nullopt;
}

Game::Error Game::play(const PostDigest& move) {
    if (phase_ != Phase::digest) return MoveRefusal::wrong_move;
    const auto frame = check_posted_frame(move.frame);
    if (!frame) return MoveRefusal::wrong_record;
    const market::ShownDigest& shown = terms_.shown[shown_];
    if (commit::digest_of(move.parts) != shown.digest) return MoveRefusal::wrong_hash;
    facts_.frame = *frame;
    low_ = 0;
    high_ = shown.step + 1;
    high_root_ = move.state_root;
    parts_ = move.parts;
    phase_ = Phase::part;
    return std::nullopt;
}

Game::Error Game::pick_part(std::uint32_t index) {
    if (index >= kDigestPartsEnd) return MoveRefusal::wrong_place;
    part_ = index;
    if (index == kStatePart) {
        begin_run();
        return std::nullopt;
    }
    // What is left rests on the state: nothing is conceded cheaply any more.
    traced_ = true;
    phase_ = Phase::place;
    return std::nullopt;
}

Game::Error Game::play(const PostScalar& move) {
    if (phase_ != Phase::place || part_ >= kTilePart) return MoveRefusal::wrong_move;
    if (move.header.leaf != 0 || !stands(facts_.frame, move.header))
        return MoveRefusal::wrong_record;
    const auto scalars = decode_scalars(move.header.record);
    if (!scalars) return MoveRefusal::wrong_record;
    const bool loss = part_ == kLossPart;
    const auto tensor =
        tensor_at(facts_.frame, loss ? scalars->loss : scalars->norm, move.tensor);
    if (!tensor) return MoveRefusal::wrong_record;
    base::Encoder element;
    element.u32(loss ? parts_.loss_bits : parts_.norm_bits);
    const Hash tree = base::merkle_leaf(MerkleFamily::blake2b, element.view());
    const Hash root = commit::tensor_root_of_tree(*tensor, tree);
    if (!base::merkle_verify(MerkleFamily::blake2b, root, move.proof, high_root_))
        return MoveRefusal::wrong_hash;
    end(Side::asserter);
    return std::nullopt;
}

Game::Error Game::play(const PostPlace& move) {
    if (phase_ != Phase::place || part_ < kTilePart) return MoveRefusal::wrong_move;
    const std::uint64_t tiles = tiles_of(move.weights);
    if (tiles == 0 || move.weights.size() > kWeightsMax) return MoveRefusal::wrong_count;
    // One that no record could show to be wrong must not be listed.
    if (!ascend(move.weights) || move.weights.back().tensor >= facts_.frame.tensors)
        return MoveRefusal::wrong_place;
    const std::uint32_t j = part_ - kTilePart;
    const std::uint32_t step = terms_.first_step + terms_.shown[shown_].step;
    const TileAt at = find_tile(
        move.weights, commit::digest_tile(terms_.job.spec_root, terms_.round, terms_.lane, step, j,
                                          tiles));
    const auto tensor = tensor_at(facts_.frame, at.weight.tensor, move.tensor);
    if (!tensor || !is_weight(*tensor) || tile_count(*tensor) != at.weight.tiles)
        return MoveRefusal::wrong_record;
    const Hash root = commit::tensor_root_of_tree(*tensor, move.tree);
    if (!base::merkle_verify(MerkleFamily::blake2b, parts_.tiles[j],
                             {at.tile, at.weight.tiles, move.path}, move.tree) ||
        !base::merkle_verify(MerkleFamily::blake2b, root, move.proof, high_root_)) {
        return MoveRefusal::wrong_hash;
    }
    weights_ = move.weights;
    phase_ = Phase::layout;
    return std::nullopt;
}

/// With the right weights the state has this very tile at that place: the asserter has won unless the
/// challenger finds one that is missing, has another number of tiles, or is none.
Game::Error Game::play(const ShowWeight& move) {
    if (phase_ != Phase::layout) return MoveRefusal::wrong_move;
    const ProgramFrame& frame = facts_.frame;
    if (move.tensor.leaf < frame.tensor_leaf(0)) return MoveRefusal::wrong_record;
    const auto id = static_cast<program::TensorId>(move.tensor.leaf - frame.tensor_leaf(0));
    const auto tensor = tensor_at(frame, id, move.tensor);
    if (!tensor) return MoveRefusal::wrong_record;
    const auto listed =
        std::ranges::find_if(weights_, [&](const WeightTiles& w) { return w.tensor == id; });
    const bool right = listed == weights_.end()
                           ? !is_weight(*tensor)
                           : is_weight(*tensor) && tile_count(*tensor) == listed->tiles;
    if (right) return MoveRefusal::wrong_place;
    end(Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
