#include <algorithm>

#include "commit/digest.h"
#include "desk.h"

/// Either side's moves about a step digest: from the own state after the step, without a trace.
namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::TensorId;

namespace {

MoveResult no_move(const char* detail) {
    return tl::unexpected(PlayFailure{PlayError::no_move, detail});
}

std::uint32_t tiles_of(const program::Tensor& tensor) {
    const auto along = [](std::uint32_t elements) { return (elements - 1) / kTileSide + 1; };
    return along(tensor.rows) * along(tensor.cols);
}

std::vector<WeightTiles> weights_of(const program::Program& program) {
    std::vector<WeightTiles> weights;
    for (const TensorId id : program.weight_tensors())
        weights.push_back({id, tiles_of(program.tensors[id])});
    return weights;
}

/// A tensor of the own state with its place under the state root.
struct Stands {
    std::vector<Hash> tiles;
    base::InclusionProof proof;
};
History::Result<Stands> stands_in(const Game& game, History& history, TensorId id) {
    const program::Program& program = history.program();
    const std::uint32_t steps = game.steps().second;
    const auto state = history.state_after(steps);
    if (!state) return tl::unexpected(state.error());
    const Hash descriptor = commit::descriptor_leaf(descriptor_after(game.terms(), steps));
    const std::vector<Hash> leaves = state_leaves(program, **state, descriptor, history.threads());
    const std::vector<TensorId> ids = program.state_tensors();
    const auto place = static_cast<std::size_t>(std::ranges::find(ids, id) - ids.begin());
    return Stands{tile_leaves(program.tensors[id], (*state)->tensors[place].data()),
                  base::merkle_prove(MerkleFamily::blake2b, leaves, place + 1)};
}

MoveResult scalar_move(const Game& game, History& history) {
    const program::Program& program = history.program();
    const TensorId id = game.part() == kLossPart ? program.loss : program.norm;
    auto stands = stands_in(game, history, id);
    if (!stands) return tl::unexpected(stands.error());
    const ProgramRecords& records = history.records();
    return plays(PostScalar{open_record(records, 0),
                            open_record(records, records.frame.tensor_leaf(id)),
                            std::move(stands->proof)});
}

MoveResult place_move(const Game& game, History& history) {
    const Terms& terms = game.terms();
    PostPlace post;
    post.weights = weights_of(history.program());
    std::uint64_t tiles = 0;
    for (const WeightTiles& weight : post.weights) tiles += weight.tiles;
    std::uint64_t tile = commit::digest_tile(
        terms.job.spec_root, terms.round, terms.lane,
        terms.first_step + terms.shown[game.shown()].step, game.part() - kTilePart, tiles);
    const auto weight = std::ranges::find_if(post.weights, [&tile](const WeightTiles& w) {
        if (tile < w.tiles) return true;
        tile -= w.tiles;
        return false;
    });
    auto stands = stands_in(game, history, weight->tensor);
    if (!stands) return tl::unexpected(stands.error());
    const ProgramRecords& records = history.records();
    post.tensor = open_record(records, records.frame.tensor_leaf(weight->tensor));
    post.tree = tree_of(stands->tiles);
    post.proof = std::move(stands->proof);
    post.path = base::merkle_prove(MerkleFamily::blake2b, stands->tiles, tile).path;
    return plays(std::move(post));
}

MoveResult first_shown(const Game& game, History& history) {
    const std::vector<market::ShownDigest>& shown = game.terms().shown;
    for (std::uint32_t i = 0; i < shown.size(); ++i) {
        const auto parts = history.digest_parts(shown[i].step);
        if (!parts) return tl::unexpected(parts.error());
        if (commit::digest_of(*parts) != shown[i].digest) return plays(Pick{i});
    }
    return resigns(Ground::own_root);
}

MoveResult first_part(const Game& game, History& history) {
    const auto own = history.digest_parts(game.terms().shown[game.shown()].step);
    if (!own) return tl::unexpected(own.error());
    const commit::DigestParts& posted = game.parts();
    if (own->loss_bits != posted.loss_bits) return plays(Pick{kLossPart});
    if (own->norm_bits != posted.norm_bits) return plays(Pick{kNormPart});
    for (std::uint32_t j = 0; j < commit::kDigestTiles; ++j) {
        if (own->tiles[j] != posted.tiles[j]) return plays(Pick{kTilePart + j});
    }
    return resigns(Ground::own_root);
}

MoveResult wrong_weight(const Game& game, History& history) {
    const std::vector<WeightTiles> own = weights_of(history.program());
    const std::vector<WeightTiles>& posted = game.weights();
    const auto [a, b] = std::ranges::mismatch(own, posted);
    if (a == own.end() && b == posted.end()) return resigns(Ground::own_root);
    const bool missing = b == posted.end() || (a != own.end() && a->tensor <= b->tensor);
    const TensorId id = missing ? a->tensor : b->tensor;
    const ProgramRecords& records = history.records();
    return plays(ShowWeight{open_record(records, records.frame.tensor_leaf(id))});
}

}  // namespace

MoveResult assert_digest(const Game& game, History& history) {
    const std::uint32_t step = game.terms().shown[game.shown()].step;
    const auto parts = history.digest_parts(step);
    if (!parts) return tl::unexpected(parts.error());
    const auto root = history.root_after(step + 1);
    if (!root) return tl::unexpected(root.error());
    if (game.phase() == Phase::digest) {
        if (commit::digest_of(*parts) != game.terms().shown[game.shown()].digest)
            return resigns(Ground::own_root);
        return plays(PostDigest{open_frame(history.records()), *root, *parts});
    }
    if (*root != game.disputed_root() || *parts != game.parts())
        return no_move("the state has another digest");
    return game.part() < kTilePart ? scalar_move(game, history) : place_move(game, history);
}

MoveResult challenge_digest(const Game& game, History& history) {
    if (game.phase() == Phase::shown) return first_shown(game, history);
    if (game.phase() == Phase::part) return first_part(game, history);
    return wrong_weight(game, history);
}

}  // namespace assay::dispute
