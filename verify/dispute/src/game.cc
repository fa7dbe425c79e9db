#include "dispute/game.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/merkle.h"
#include "commit/dataset.h"
#include "dispute/referee.h"
#include "dispute/trace.h"
#include "game_cell.h"
#include "market/commitment.h"
#include "market/job_spec.h"
#include "opened.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;

namespace {

/// More than any job has: units are numbered by 32 bits.
constexpr std::uint32_t kBatchMax = 1U << 30U;

}  // namespace

Terms terms_of(const market::GameSubject& subject) {
    const auto spec = market::decode_spec(subject.spec);
    ASSAY_CHECK(spec.has_value());
    const commit::DataExtent data = commit::extent_of(spec->data);
    Terms terms;
    terms.job = {market::spec_root(subject.spec), subject.program_root, spec->profile};
    terms.data_root = data.blob;
    terms.data_bytes = data.words * sizeof(std::uint32_t);
    terms.train_count = data.train_count;
    terms.row_words = data.row_words;
    terms.stage = subject.stage;
    terms.round = subject.round;
    terms.lane = subject.lane;
    terms.first_step = subject.first_step;
    if (terms.is_about_cell()) terms.about = subject.about;
    terms.steps = terms.replayed() == market::GameStage::segment ? subject.steps : 1;
    terms.round_start_root = subject.round_start_root;
    terms.previous_round_root = subject.previous_round_root;
    terms.start_root = subject.start_root;
    terms.asserted = subject.asserted;
    terms.closes_round = subject.closes_round;
    terms.payload_roots = subject.payload_roots;
    if (terms.is_about_cell()) terms.cell = cell_of(*spec, subject);
    return terms;
}

commit::StateDescriptor descriptor_after(const Terms& terms, std::uint32_t steps) {
    const std::uint32_t step = terms.first_step + steps;
    if (step == 0)
        return commit::opening_descriptor(terms.job, terms.round, terms.previous_round_root);
    return commit::lane_descriptor(terms.job, terms.round, terms.lane, step,
                                   terms.round_start_root);
}

Hash end_of(const Terms& terms, const PostStatement& statement) {
    if (!terms.closes_round) return statement.state_root;
    return market::round_end_root(statement.state_root, statement.payload_root);
}

bool are_sound(const Terms& terms) {
    const bool segment = terms.replayed() == market::GameStage::segment;
    return terms.replayed() != market::GameStage::cell && has_sound_cell(terms) &&
           std::has_single_bit(terms.fan_out) && terms.fan_out >= 2 &&
           terms.fan_out <= kFanOutMax && terms.steps > 0 && (segment || terms.steps == 1) &&
           (segment || !terms.closes_round) &&
           terms.payload_roots.empty() == (terms.replayed() != market::GameStage::merge) &&
           std::uint64_t{terms.first_step} + terms.steps <= UINT32_MAX;
}

Game::Game(const Terms& terms) : terms_(terms), high_(terms.steps), low_root_(terms.start_root) {
    ASSAY_CHECK(are_sound(terms));
}

Side Game::turn() const {
    switch (phase_) {
        case Phase::statement:
        case Phase::roots:
        case Phase::stage:
        case Phase::unit:
        case Phase::tensor:
        case Phase::tile:
        case Phase::children:
        case Phase::partial:
        case Phase::openings:
        case Phase::leaves:
        case Phase::source:
        case Phase::spot:
        case Phase::over:
            return Side::asserter;
        case Phase::half:
        case Phase::pick_root:
        case Phase::contest:
        case Phase::pick_child:
        case Phase::cell:
        case Phase::objection:
        case Phase::reply:
            return Side::challenger;
    }
    return Side::asserter;
}

void Game::end(Side winner) {
    winner_ = winner;
    phase_ = Phase::over;
    posted_.clear();
    tile_.clear();
}

std::optional<MoveRefusal> Game::apply(Side side, const Move& move) {
    if (winner_) return MoveRefusal::over;
    if (std::holds_alternative<Resign>(move)) {
        end(side == Side::asserter ? Side::challenger : Side::asserter);
        return std::nullopt;
    }
    if (side != turn()) return MoveRefusal::not_your_turn;
    return std::visit([this](const auto& m) { return play(m); }, move);
}

Game::Error Game::play(const Resign&) { return MoveRefusal::wrong_move; }

// --- what is asserted

std::optional<ProgramFrame> Game::check_posted_frame(base::ByteView frame) const {
    const auto checked = check_frame(terms_.job.program_root, frame);
    if (!checked || checked->batch > kBatchMax) return std::nullopt;
    return *checked;
}

Game::Error Game::play(const PostStatement& move) {
    if (phase_ != Phase::statement) return MoveRefusal::wrong_move;
    const auto frame = check_posted_frame(move.frame);
    if (!frame) return MoveRefusal::wrong_record;
    facts_.frame = *frame;
    const bool pair = terms_.closes_round && !terms_.is_about_cell();
    if (!pair && !move.payload_root.is_zero()) return MoveRefusal::wrong_hash;
    if (terms_.is_about_cell()) return state_cell(move);
    if (end_of(terms_, move) != terms_.asserted) return MoveRefusal::wrong_hash;
    high_root_ = move.state_root;
    payload_root_ = move.payload_root;
    if (terms_.closes_round) {
        phase_ = Phase::half;
    } else {
        begin_run();
    }
    return std::nullopt;
}

Game::Error Game::play(const PickHalf& move) {
    if (phase_ != Phase::half) return MoveRefusal::wrong_move;
    if (move.second && terms_.is_about_cell()) {
        low_root_ = high_root_;
        begin_cell_stage();
        return std::nullopt;
    }
    if (move.second) {
        payload_ = true;
        low_ = 0;
        high_ = 1;
        low_root_ = high_root_;
        high_root_ = payload_root_;
    }
    begin_run();
    return std::nullopt;
}

// --- steps

std::vector<std::uint32_t> Game::points() const {
    const std::uint32_t length = high_ - low_;
    const std::uint32_t parts = std::min(length, terms_.fan_out);
    std::vector<std::uint32_t> points;
    for (std::uint32_t i = 1; i < parts; ++i)
        points.push_back(low_ + static_cast<std::uint32_t>(std::uint64_t{length} * i / parts));
    return points;
}

void Game::begin_run() {
    posted_.clear();
    settle_facts();
    phase_ = high_ - low_ > 1 ? Phase::roots : Phase::stage;
}

/// What the facts owe to the terms and to what was conceded: of the first stage of the run.
void Game::settle_facts() {
    facts_.round = terms_.round;
    facts_.lane = terms_.lane;
    facts_.step = facts_.members = 0;
    facts_.descriptor = facts_.round_start_root = facts_.payload_root = {};
    facts_.state_root = low_root_;
    facts_.data_root = terms_.data_root;
    facts_.data_bytes = terms_.data_bytes;
    facts_.train_count = terms_.train_count;
    facts_.row_words = terms_.row_words;
    switch (terms_.replayed()) {
        case market::GameStage::cell:
            return;
        case market::GameStage::init:
            facts_.stage = Stage::init;
            return;
        case market::GameStage::segment:
            if (payload_) {
                facts_.stage = Stage::payload;
                facts_.round_start_root = terms_.round_start_root;
                facts_.descriptor = commit::descriptor_leaf(descriptor_after(terms_, terms_.steps));
            } else {
                facts_.stage = Stage::step;
                facts_.step = terms_.first_step + low_;
                facts_.descriptor = commit::descriptor_leaf(descriptor_after(terms_, low_));
            }
            return;
        case market::GameStage::merge:
            facts_.stage = Stage::merge;
            facts_.members = static_cast<std::uint32_t>(terms_.payload_roots.size());
            facts_.descriptor = commit::descriptor_leaf(
                commit::opening_descriptor(terms_.job, terms_.round, terms_.previous_round_root));
            if (const auto here = facts_.unit_at(facts_.unit);
                here && here->part == program::Part::merge_lane) {
                facts_.payload_root = terms_.payload_roots[here->index];
            }
            return;
    }
}

Game::Error Game::play(const PostRoots& move) {
    if (phase_ != Phase::roots) return MoveRefusal::wrong_move;
    if (move.roots.size() != points().size()) return MoveRefusal::wrong_count;
    posted_ = move.roots;
    phase_ = Phase::pick_root;
    return std::nullopt;
}

Game::Error Game::pick_root(std::uint32_t index) {
    const std::vector<std::uint32_t> at = points();
    if (index > at.size()) return MoveRefusal::wrong_place;
    if (index < at.size()) {
        high_ = at[index];
        high_root_ = posted_[index];
    }
    if (index > 0) {
        low_ = at[index - 1];
        low_root_ = posted_[index - 1];
    }
    begin_run();
    return std::nullopt;
}

// --- searches

void Game::begin_search(List list, const Hash& root, std::uint64_t count) {
    list_ = list;
    search_ = {root, 0, count};
    left_ = {};
    go_on_searching();
}

void Game::go_on_searching() {
    posted_.clear();
    if (search_.count > 1) {
        phase_ = Phase::children;
        return;
    }
    leaf_ = search_.node;
    reach_leaf();
}

void Game::reach_leaf() {
    switch (list_) {
        case List::units:
            facts_.unit = static_cast<std::uint32_t>(search_.first);
            settle_facts();
            phase_ = Phase::unit;
            return;
        case List::outputs:
            claim_.instruction =
                facts_.frame.range(unit().part).first + static_cast<std::uint32_t>(search_.first);
            phase_ = Phase::tensor;
            return;
        case List::tiles:
            claim_.tile = static_cast<std::uint32_t>(search_.first);
            phase_ = Phase::tile;
            return;
        case List::states:
            claim_.step = static_cast<std::uint32_t>(search_.first);
            phase_ = Phase::openings;
            return;
        case List::leaves:
            if (has_descriptor() && search_.first == 0) {
                end(leaf_ == next_descriptor() ? Side::asserter : Side::challenger);
                return;
            }
            phase_ = Phase::source;
            return;
    }
}

Game::Error Game::play(const PostChildren& move) {
    if (phase_ != Phase::children) return MoveRefusal::wrong_move;
    if (move.nodes.size() != child_counts(search_.count, terms_.fan_out).size())
        return MoveRefusal::wrong_count;
    if (join_children(search_.count, terms_.fan_out, move.nodes) != search_.node)
        return MoveRefusal::wrong_hash;
    posted_ = move.nodes;
    phase_ = Phase::pick_child;
    return std::nullopt;
}

Game::Error Game::pick_child(std::uint32_t index) {
    if (index >= posted_.size()) return MoveRefusal::wrong_place;
    const std::uint64_t end = search_end();
    const std::vector<std::uint64_t> counts = child_counts(search_.count, terms_.fan_out);
    for (std::uint32_t i = 0; i < index; ++i) {
        left_ = {posted_[i], search_.first, counts[i]};
        search_.first += counts[i];
    }
    search_.count = counts[index];
    search_.node = posted_[index];
    if (search_.first >= end) {
        concede_to_cell();
    } else {
        go_on_searching();
    }
    return std::nullopt;
}

Game::Error Game::play(const Pick& move) {
    if (phase_ == Phase::pick_root) return pick_root(move.index);
    if (phase_ == Phase::pick_child) return pick_child(move.index);
    return MoveRefusal::wrong_move;
}

// --- what is searched

Unit Game::unit() const { return *facts_.unit_at(facts_.unit); }

Game::Error Game::play(const PostRoot& move) {
    if (phase_ == Phase::stage) {
        facts_.stage_root = move.root;
        traced_ = true;
        list_ = List::units;
        in_unit_ = false;
        phase_ = Phase::contest;
        return std::nullopt;
    }
    if (phase_ != Phase::partial) return MoveRefusal::wrong_move;
    claim_.partial_root = move.root;
    list_ = List::states;
    phase_ = Phase::contest;
    return std::nullopt;
}

/// What follows from a list: from a stage, or a loop's unit, a root over what it wrote; from a
/// cell's states, the cell.
Game::Error Game::play(const Contest& move) {
    if (phase_ == Phase::objection) {
        if (!move.list) return MoveRefusal::wrong_place;  // of leaves nothing follows
        begin_search(List::leaves, search_.node, search_.count);
        return std::nullopt;
    }
    if (phase_ != Phase::contest) return MoveRefusal::wrong_move;
    if (list_ == List::states) {
        if (move.list) {
            begin_search(List::states, claim_.partial_root, state_steps(output_->instruction));
        } else {
            claim_.step = state_steps(output_->instruction);
            phase_ = Phase::openings;
        }
        return std::nullopt;
    }
    if (!move.list && in_cell_stage() && (in_cell_unit() || !in_unit_)) {
        concede_to_cell();
        return std::nullopt;
    }
    if (!move.list) {
        phase_ = Phase::leaves;
        return std::nullopt;
    }
    if (in_unit_) {
        const auto [first, last] = facts_.frame.range(unit().part);
        begin_search(List::outputs, outputs_, last - first);
    } else {
        begin_search(List::units, facts_.stage_root, facts_.unit_count());
    }
    return std::nullopt;
}

Game::Error Game::play(const PostUnit& move) {
    if (phase_ != Phase::unit) return MoveRefusal::wrong_move;
    const Unit here = unit();
    const bool cell = in_cell_unit();  // then no leaf is disputed
    const bool loop = is_loop(here.part) && !cell;
    const Hash root = unit_root(facts_.descriptor, here, move.outputs);
    const Hash leaf = loop ? loop_leaf(facts_.descriptor, here, move.accumulators) : root;
    if ((leaf != leaf_ && !cell) || (!loop && !move.accumulators.is_zero()))
        return MoveRefusal::wrong_hash;
    facts_.unit_root = root;
    outputs_ = move.outputs;
    accumulators_ = move.accumulators;
    list_ = List::outputs;
    in_unit_ = true;
    traced_ = true;
    if (loop || cell) {
        phase_ = Phase::contest;
        return std::nullopt;
    }
    const auto [first, last] = facts_.frame.range(here.part);
    begin_search(List::outputs, outputs_, last - first);
    return std::nullopt;
}

/// The claimed instruction and what it defines.
Game::Error Game::read_output(const RecordOpening& opened, const RecordOpening& opened_tensor,
                              Output& output) const {
    if (opened.leaf != facts_.frame.instruction_leaf(claim_.instruction) ||
        !stands(facts_.frame, opened) || !stands(facts_.frame, opened_tensor)) {
        return MoveRefusal::wrong_record;
    }
    const auto instruction = decode_instruction_record(opened.record);
    const auto tensor = decode_tensor_record(opened_tensor.record);
    if (!instruction || !tensor || instruction->out.tensor >= facts_.frame.tensors ||
        opened_tensor.leaf != facts_.frame.tensor_leaf(instruction->out.tensor)) {
        return MoveRefusal::wrong_record;
    }
    output = {*instruction, *tensor};
    return std::nullopt;
}

Game::Error Game::play(const PostTensor& move) {
    if (phase_ != Phase::tensor) return MoveRefusal::wrong_move;
    Output output;
    if (const Error error = read_output(move.instruction, move.tensor, output)) return error;
    if (commit::tensor_root_of_tree(output.tensor, move.tree) != leaf_)
        return MoveRefusal::wrong_hash;
    output_ = std::move(output);
    begin_search(List::tiles, move.tree, tile_count(output_->tensor));
    return std::nullopt;
}

Game::Error Game::play(const PostTile& move) {
    if (phase_ != Phase::tile) return MoveRefusal::wrong_move;
    if (move.elements.size() > kTileBytesMax) return MoveRefusal::wrong_count;
    if (base::merkle_leaf(MerkleFamily::blake2b, move.elements) != leaf_)
        return MoveRefusal::wrong_hash;
    tile_ = move.elements;
    phase_ = Phase::cell;
    return std::nullopt;
}

Game::Error Game::play(const PickCell& move) {
    if (phase_ != Phase::cell) return MoveRefusal::wrong_move;
    const bool padding = move.item == kPaddingItem;
    const bool narrowing = !padding && narrows(output_->instruction.kind);
    std::uint32_t rows = 1;
    if (!padding) {
        const auto cell = cell_of(output_->instruction, output_->tensor, claim_.tile, move.item);
        if (!cell) return MoveRefusal::wrong_place;
        if (!narrowing) rows = cell->rows;
    }
    if (move.row >= rows) return MoveRefusal::wrong_place;
    claim_.item = move.item;
    claim_.step = move.row;
    tile_.clear();
    phase_ = narrowing ? Phase::partial : Phase::openings;
    return std::nullopt;
}

Game::Error Game::play(const PostOpenings& move) {
    if (phase_ != Phase::openings) return MoveRefusal::wrong_move;
    const auto verdict = judge(facts_, claim_, move.bytes);
    if (!verdict) {
        refusal_ = verdict.error();
        return MoveRefusal::wrong_openings;
    }
    end(*verdict == Verdict::upheld ? Side::asserter : Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
