#include <algorithm>

#include "base/merkle.h"
#include "desk.h"

namespace assay::dispute {

using base::Hash;

namespace {

MoveResult no_move(const char* detail) {
    return tl::unexpected(PlayFailure{PlayError::no_move, detail});
}

bool list_is_right(Desk& desk) {
    const Game& game = desk.game();
    const Facts& facts = game.facts();
    StageHistory& history = desk.history();
    switch (game.list()) {
        case Game::List::units:
            return facts.stage_root == history.stage().root();
        case Game::List::outputs:
            return facts.unit_root == history.unit(facts.unit).root(facts.descriptor);
        case Game::List::states:
            return game.claim().partial_root == partial_root(desk.states());
        case Game::List::tiles:
        case Game::List::leaves:
            break;  // nothing follows from these
    }
    return true;
}

Pick first_difference(Desk& desk) {
    const std::vector<std::optional<Hash>> own = desk.children();
    const std::vector<Hash>& posted = desk.game().posted();
    std::uint32_t i = 0;
    while (i + 1 < own.size() && posted[i] == own[i]) ++i;
    return {i};
}

/// The first element of the posted tile that differs: its item, and its row in the cell.
PickCell first_cell(Desk& desk) {
    const Claim& claim = desk.game().claim();
    const program::Instruction& in = desk.instruction();
    const program::Tensor& out = desk.output();
    const base::Bytes own = tile_bytes(out, desk.evidence().output.data(), claim.tile);
    const auto at =
        static_cast<std::size_t>(std::ranges::mismatch(own, desk.game().tile()).in1 - own.begin()) /
        program::size_of(out.dtype);
    const std::uint32_t across = (out.cols - 1) / kTileSide + 1;
    const std::uint32_t col0 = claim.tile % across * kTileSide;
    const std::uint32_t width = std::min(kTileSide, out.cols - col0);
    const auto row = claim.tile / across * kTileSide + static_cast<std::uint32_t>(at / width);
    const auto col = col0 + static_cast<std::uint32_t>(at % width);
    for (std::uint32_t item = 0; item < in.items; ++item) {
        const auto cell = cell_of(in, out, claim.tile, item);
        if (!cell) continue;
        const std::uint32_t cell_row = in.out.row + item * in.out.item_row_stride + cell->row;
        const std::uint32_t cell_col = in.out.col + item * in.out.item_col_stride + cell->col;
        if (row < cell_row || row >= cell_row + cell->rows || col < cell_col ||
            col >= cell_col + cell->cols) {
            continue;
        }
        return {item, narrows(in.kind) ? 0 : row - cell_row};
    }
    return {kPaddingItem, 0};  // also of a tile with more elements than there are
}

ShowSkipped skipped(Desk& desk, const Covered& entry) {
    const ProgramRecords& records = desk.history().records();
    ShowSkipped show{open_record(records, records.frame.tensor_leaf(entry.id)), std::nullopt};
    const bool state =
        desk.history().program().tensors[entry.id].cls == program::TensorClass::state;
    if (!state) show.writer = open_record(records, records.frame.instruction_leaf(*entry.writer));
    return show;
}

/// A tensor after the last one, where there are too few leaves and those there are are right.
MoveResult objection(Desk& desk) {
    const Search& posted = desk.game().search();
    const std::vector<Hash> own = desk.leaves();
    if (posted.count >= own.size() ||
        base::merkle_root(base::MerkleFamily::blake2b, std::span(own).first(posted.count)) !=
            posted.node) {
        return plays(Contest{true});
    }
    return plays(
        skipped(desk, desk.covered()[posted.count - (own.size() - desk.covered().size())]));
}

MoveResult reply(Desk& desk) {
    const ProgramRecords& records = desk.history().records();
    const auto [first, end] = desk.game().gap();
    for (const Covered& entry : desk.covered()) {
        if (entry.id >= first && entry.id < end) return plays(skipped(desk, entry));
        if (entry.id == end && entry.writer && desk.game().as_it_was())
            return plays(
                ShowWriter{open_record(records, records.frame.instruction_leaf(*entry.writer))});
    }
    return no_move("the leaf is right");
}

}  // namespace

MoveResult challenge_by_trace(Desk& desk) {
    switch (desk.game().phase()) {
        case Phase::contest:
            return plays(Contest{!list_is_right(desk)});
        case Phase::pick_child:
            return plays(first_difference(desk));
        case Phase::cell:
            return plays(first_cell(desk));
        case Phase::objection:
            return objection(desk);
        case Phase::reply:
            return reply(desk);
        case Phase::statement:
        case Phase::half:
        case Phase::roots:
        case Phase::pick_root:
        case Phase::stage:
        case Phase::unit:
        case Phase::tensor:
        case Phase::children:
        case Phase::tile:
        case Phase::partial:
        case Phase::openings:
        case Phase::leaves:
        case Phase::source:
        case Phase::spot:
        case Phase::over:
            break;
    }
    return no_move("the phase is not the challenger's");
}

}  // namespace assay::dispute
