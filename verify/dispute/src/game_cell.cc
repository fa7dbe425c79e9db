#include "game_cell.h"

#include "base/check.h"
#include "base/merkle.h"
#include "opened.h"
#include "program/builder.h"
#include "program/cells.h"

/// Games about a cell. The sides agree on where its stage starts or find the step that makes the
/// difference; then the units before the cell's, and the outputs before that of its instruction are
/// searched for one that they see differently; where there is none, the opened cell decides.
namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::CellStage;
using program::Part;

namespace {

bool under(const Hash& root, const Hash& leaf, std::uint64_t index, std::uint64_t size,
           const Path& path) {
    return base::merkle_verify(MerkleFamily::blake2b, leaf, {index, size, path}, root);
}

CellStage stage_of_cells(market::GameStage about) {
    switch (about) {
        case market::GameStage::init:
            return CellStage::init;
        case market::GameStage::segment:
            return CellStage::segment;
        case market::GameStage::merge:
            return CellStage::merge;
        case market::GameStage::cell:
            break;
    }
    base::fail_check("a cell is in a stage", __FILE__, __LINE__);
}

}  // namespace

Stage DisputedCell::stage() const {
    switch (unit.part) {
        case Part::init:
            return Stage::init;
        case Part::prologue:
        case Part::sequence:
        case Part::update:
            return Stage::step;
        case Part::payload:
            return Stage::payload;
        case Part::merge_lane:
        case Part::merge:
            return Stage::merge;
    }
    return Stage::step;
}

DisputedCell cell_of(const market::JobSpec& spec, const market::GameSubject& subject) {
    const auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value() && subject.cell < program::kCells);
    program::CellScope scope;
    scope.stage = stage_of_cells(subject.about);
    scope.closes_round = subject.closes_round;
    if (scope.stage == CellStage::segment) scope.steps = subject.steps;
    const program::CellPlace place =
        program::choose_cells(*program, scope, subject.spot)[subject.cell];
    DisputedCell cell;
    cell.unit.part = program->instructions[place.instruction].part;
    if (is_loop(cell.unit.part)) cell.unit.index = place.unit;
    // The payload is made of the state after all steps.
    cell.steps = place.step + (cell.unit.part == Part::payload ? 1 : 0);
    cell.instruction = place.instruction;
    cell.tile = place.tile;
    return cell;
}

bool has_sound_cell(const Terms& terms) {
    const DisputedCell& cell = terms.cell;
    if (!terms.is_about_cell()) return cell == DisputedCell{};
    switch (terms.about) {
        case market::GameStage::init:
            return cell.stage() == Stage::init && cell.steps == 0;
        case market::GameStage::merge:
            return cell.stage() == Stage::merge && cell.steps == 0;
        case market::GameStage::segment:
            if (cell.stage() == Stage::payload)
                return cell.steps == terms.steps && terms.closes_round;
            return cell.stage() == Stage::step && cell.steps < terms.steps;
        case market::GameStage::cell:
            break;
    }
    return false;
}

bool Game::in_cell_stage() const {
    if (!terms_.is_about_cell()) return false;
    if (terms_.cell.stage() == Stage::payload) return payload_;
    return low_ == terms_.cell.steps;
}

std::uint64_t Game::cell_position() const {
    const Unit& unit = terms_.cell.unit;
    if (!is_loop(unit.part)) return facts_.unit_count() - 1;
    const std::uint64_t runs = facts_.stage == Stage::merge ? facts_.members : facts_.frame.batch;
    return facts_.unit_count() - 1 - runs + unit.index;
}

/// No search ends at the cell's unit, so to be there is to have conceded the others.
bool Game::in_cell_unit() const { return in_cell_stage() && facts_.unit == cell_position(); }

/// A search need not go on from there: what is left of it is all that the cell depends on.
std::uint64_t Game::search_end() const {
    if (list_ == List::units && in_cell_stage()) return cell_position();
    if (list_ == List::outputs && in_cell_unit())
        return std::uint64_t{terms_.cell.instruction} - facts_.frame.range(unit().part).first + 1;
    return UINT64_MAX;
}

/// Nothing is disputed but the cell's unit, or nothing in it but the cell.
void Game::concede_to_cell() {
    posted_.clear();
    if (list_ == List::outputs) {
        claim_.instruction = terms_.cell.instruction;
        phase_ = Phase::spot;
        return;
    }
    facts_.unit = static_cast<std::uint32_t>(cell_position());
    settle_facts();
    phase_ = Phase::unit;
}

Game::Error Game::state_cell(const PostStatement& move) {
    const DisputedCell& cell = terms_.cell;
    const auto [first, last] = facts_.frame.range(cell.unit.part);
    if (cell.instruction < first || cell.instruction >= last ||
        (cell.unit.part == Part::sequence && cell.unit.index >= facts_.frame.batch)) {
        return MoveRefusal::wrong_record;
    }
    if (terms_.cell_follows_steps()) {
        high_ = cell.steps;
        high_root_ = move.state_root;
        phase_ = Phase::half;
        return std::nullopt;
    }
    if (move.state_root != terms_.start_root) return MoveRefusal::wrong_hash;
    begin_cell_stage();
    return std::nullopt;
}

/// From the state in `low_root_`, on which the sides agree.
void Game::begin_cell_stage() {
    payload_ = terms_.cell.stage() == Stage::payload;
    low_ = payload_ ? 0 : terms_.cell.steps;
    high_ = low_ + 1;
    high_root_ = {};
    begin_run();
    if (cell_position() > 0) return;
    list_ = List::units;
    concede_to_cell();
}

/// The output is conceded, so the cell is what stands under it.
Game::Error Game::play(const PostSpot& move) {
    if (phase_ != Phase::spot) return MoveRefusal::wrong_move;
    Output output;
    if (const Error error = read_output(move.instruction, move.tensor, output)) return error;
    const auto [first, last] = facts_.frame.range(unit().part);
    const Hash root = commit::tensor_root_of_tree(output.tensor, move.tree);
    if (!under(outputs_, root, claim_.instruction - first, last - first, move.output) ||
        !under(move.tree, move.leaf, terms_.cell.tile, tile_count(output.tensor), move.tile)) {
        return MoveRefusal::wrong_hash;
    }
    end(move.leaf == terms_.asserted ? Side::asserter : Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
