#include "base/merkle.h"
#include "desk.h"

namespace assay::dispute {

using base::Hash;

namespace {

MoveResult no_move(const char* detail) {
    return tl::unexpected(PlayFailure{PlayError::no_move, detail});
}

PostUnit unit_of(Desk& desk) {
    StageHistory& history = desk.history();
    const std::uint32_t position = desk.game().facts().unit;
    const std::vector<Hash>& accumulators = history.stage().accumulators[position];
    const bool loop = is_loop(history.stage().units[position].part) && !desk.game().in_cell_unit();
    return {tree_of(history.unit(position).outputs), loop ? tree_of(accumulators) : Hash{}};
}

PostTensor tensor_of(Desk& desk) {
    const ProgramRecords& records = desk.history().records();
    const auto at = [&](std::uint64_t leaf) { return open_record(records, leaf); };
    return {at(records.frame.instruction_leaf(desk.game().claim().instruction)),
            at(records.frame.tensor_leaf(desk.instruction().out.tensor)),
            tree_of(tile_leaves(desk.output(), desk.evidence().output.data()))};
}

PostSpot spot_of(Desk& desk) {
    const Game& game = desk.game();
    const PostTensor tensor = tensor_of(desk);
    const std::vector<Hash> tiles = tile_leaves(desk.output(), desk.evidence().output.data());
    const UnitTrace& unit = desk.history().unit(game.facts().unit);
    const std::uint32_t first = desk.history().program().range(unit.unit.part).first;
    const auto path = [](const std::vector<Hash>& leaves, std::uint64_t at) {
        return base::merkle_prove(base::MerkleFamily::blake2b, leaves, at).path;
    };
    const std::uint32_t tile = game.terms().cell.tile;
    return {tensor.instruction, tensor.tensor,
            tensor.tree,        path(unit.outputs, game.claim().instruction - first),
            tiles[tile],        path(tiles, tile)};
}

PostOpenings openings_of(Desk& desk) {
    const Game& game = desk.game();
    const bool narrowing = narrows(desk.instruction().kind) && game.claim().item != kPaddingItem;
    const auto states = narrowing ? desk.states() : std::vector<PartialState>{};
    StageHistory& history = desk.history();
    return {encode_openings(open_claim(history.program(), history.records(), desk.evidence(),
                                       game.facts(), game.claim(), states))};
}

PostLeaves leaves_of(Desk& desk) {
    const auto count = static_cast<std::uint32_t>(desk.leaves().size());
    return {count, desk.last_under({{}, 0, count})};
}

MoveResult source_move(Desk& desk) {
    const Game& game = desk.game();
    const std::vector<Covered> all = desk.covered();
    const std::size_t at = game.search().first - (game.has_descriptor() ? 1 : 0);
    if (at >= all.size()) return no_move("the leaf has no source");
    return plays(
        PostSource{desk.source_of(all[at], !all[at].writer), desk.last_under(game.conceded())});
}

PostChildren children_of(Desk& desk) {
    PostChildren post;
    for (const auto& node : desk.children()) post.nodes.push_back(node.value_or(Hash{}));
    return post;
}

}  // namespace

MoveResult assert_by_trace(Desk& desk) {
    const Game& game = desk.game();
    switch (game.phase()) {
        case Phase::stage:
            return plays(PostRoot{desk.history().stage().root()});
        case Phase::unit:
            return plays(unit_of(desk));
        case Phase::tensor:
            return plays(tensor_of(desk));
        case Phase::children:
            return plays(children_of(desk));
        case Phase::tile:
            return plays(PostTile{
                tile_bytes(desk.output(), desk.evidence().output.data(), game.claim().tile)});
        case Phase::partial:
            return plays(PostRoot{partial_root(desk.states())});
        case Phase::openings:
            return plays(openings_of(desk));
        case Phase::spot:
            return plays(spot_of(desk));
        case Phase::leaves:
            return plays(leaves_of(desk));
        case Phase::source:
            return source_move(desk);
        case Phase::statement:
        case Phase::half:
        case Phase::roots:
        case Phase::pick_root:
        case Phase::contest:
        case Phase::pick_child:
        case Phase::cell:
        case Phase::objection:
        case Phase::reply:
        case Phase::over:
            break;
    }
    return no_move("the phase is not the asserter's");
}

}  // namespace assay::dispute
