#include "dispute/game.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/merkle.h"
#include "dispute/referee.h"
#include "dispute/trace.h"
#include "opened.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::TensorClass;

namespace {

void split(std::uint64_t count, unsigned levels, std::vector<std::uint64_t>& counts) {
    if (levels == 0 || count == 1) {
        counts.push_back(count);
        return;
    }
    const std::uint64_t left = std::bit_floor(count - 1);
    split(left, levels - 1, counts);
    split(count - left, levels - 1, counts);
}

/// The node over `count` leaves; takes its children from the front of `rest`.
Hash join(std::uint64_t count, unsigned levels, std::span<const Hash>& rest) {
    if (levels == 0 || count == 1) {
        const Hash node = rest.front();
        rest = rest.subspan(1);
        return node;
    }
    const std::uint64_t left = std::bit_floor(count - 1);
    const Hash a = join(left, levels - 1, rest);
    const Hash b = join(count - left, levels - 1, rest);
    return base::merkle_node(MerkleFamily::blake2b, a, b);
}

unsigned levels_of(std::uint32_t fan_out) {
    return static_cast<unsigned>(std::countr_zero(fan_out));
}

bool under(const Hash& root, const Hash& leaf, std::uint64_t index, std::uint64_t size,
           const Path& path) {
    return base::merkle_verify(MerkleFamily::blake2b, leaf, {index, size, path}, root);
}

}  // namespace

std::string_view name_of(MoveError error) {
    switch (error) {
        case MoveError::over:
            return "over";
        case MoveError::not_your_turn:
            return "not_your_turn";
        case MoveError::wrong_move:
            return "wrong_move";
        case MoveError::wrong_count:
            return "wrong_count";
        case MoveError::wrong_hash:
            return "wrong_hash";
        case MoveError::wrong_place:
            return "wrong_place";
        case MoveError::wrong_record:
            return "wrong_record";
        case MoveError::refused:
            return "refused";
    }
    return "unknown";
}

std::vector<std::uint64_t> child_counts(std::uint64_t count, std::uint32_t fan_out) {
    std::vector<std::uint64_t> counts;
    split(count, levels_of(fan_out), counts);
    return counts;
}

Hash join_children(std::uint64_t count, std::uint32_t fan_out, std::span<const Hash> children) {
    return join(count, levels_of(fan_out), children);
}

Game::Game(const Dispute& dispute, std::uint64_t now_ms)
    : dispute_(dispute),
      facts_(dispute.facts),
      high_(dispute.steps),
      low_root_(dispute.facts.state_root),
      high_root_(dispute.end_root),
      left_ms_{dispute.clock_ms, dispute.clock_ms},
      since_ms_(now_ms) {
    ASSAY_CHECK(std::has_single_bit(dispute.fan_out) && dispute.fan_out >= 2 &&
                dispute.fan_out <= kFanOutMax);
    ASSAY_CHECK(dispute.steps > 0 && (dispute.facts.stage == Stage::step || dispute.steps == 1));
    begin_run();
}

Side Game::turn() const {
    switch (phase_) {
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
        case Phase::writer:
        case Phase::over:
            return Side::asserter;
        case Phase::pick_root:
        case Phase::contest:
        case Phase::pick_child:
        case Phase::cell:
        case Phase::objection:
            return Side::challenger;
    }
    return Side::asserter;
}

void Game::end(Side winner) {
    winner_ = winner;
    phase_ = Phase::over;
}

void Game::expire(std::uint64_t now_ms) {
    if (winner_) return;
    const Side side = turn();
    const std::size_t slot = side == Side::asserter ? 0 : 1;
    if (now_ms - since_ms_ > left_ms_[slot])
        end(side == Side::asserter ? Side::challenger : Side::asserter);
}

std::optional<MoveError> Game::apply(Side side, const Move& move, std::uint64_t now_ms) {
    ASSAY_CHECK(now_ms >= since_ms_);
    expire(now_ms);
    if (winner_) return MoveError::over;
    if (std::holds_alternative<Resign>(move)) {
        end(side == Side::asserter ? Side::challenger : Side::asserter);
        return std::nullopt;
    }
    if (side != turn()) return MoveError::not_your_turn;
    const Error error = std::visit([this](const auto& m) { return play(m); }, move);
    if (error) return error;
    left_ms_[side == Side::asserter ? 0 : 1] -= now_ms - since_ms_;
    since_ms_ = now_ms;
    return std::nullopt;
}

Game::Error Game::play(const Resign&) {
    return MoveError::wrong_move;
}

// --- steps

std::vector<std::uint32_t> Game::points() const {
    const std::uint32_t length = high_ - low_;
    const std::uint32_t parts = std::min(length, dispute_.fan_out);
    std::vector<std::uint32_t> points;
    for (std::uint32_t i = 1; i < parts; ++i)
        points.push_back(low_ + static_cast<std::uint32_t>(std::uint64_t{length} * i / parts));
    return points;
}

void Game::begin_run() {
    posted_.clear();
    if (high_ - low_ > 1) {
        phase_ = Phase::roots;
        return;
    }
    commit::StateDescriptor descriptor = dispute_.descriptor;
    if (facts_.stage == Stage::step) {
        // The state that opened the round belongs to no lane; a step's own state does.
        facts_.step = dispute_.facts.step + low_;
        if (low_ > 0) descriptor = descriptor_after(low_);
    }
    if (facts_.stage != Stage::init) facts_.descriptor = commit::descriptor_leaf(descriptor);
    facts_.state_root = low_root_;
    phase_ = Phase::stage;
}

/// The descriptor of the state after `steps` steps of the run.
commit::StateDescriptor Game::descriptor_after(std::uint32_t steps) const {
    commit::StateDescriptor descriptor = dispute_.descriptor;
    if (descriptor.lane == commit::kOpeningLane) {
        // The run starts where the round does.
        descriptor.round_start_root = dispute_.facts.state_root;
        descriptor.lane = facts_.lane;
        descriptor.step = 0;
    }
    descriptor.step += steps;
    return descriptor;
}

Game::Error Game::play(const PostRoots& move) {
    if (phase_ != Phase::roots) return MoveError::wrong_move;
    if (move.roots.size() != points().size()) return MoveError::wrong_count;
    posted_ = move.roots;
    phase_ = Phase::pick_root;
    return std::nullopt;
}

Game::Error Game::pick_root(std::uint32_t index) {
    const std::vector<std::uint32_t> at = points();
    if (index > at.size()) return MoveError::wrong_place;
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
    }
}

Game::Error Game::play(const PostChildren& move) {
    if (phase_ != Phase::children) return MoveError::wrong_move;
    if (move.nodes.size() != child_counts(search_.count, dispute_.fan_out).size())
        return MoveError::wrong_count;
    if (join_children(search_.count, dispute_.fan_out, move.nodes) != search_.node)
        return MoveError::wrong_hash;
    posted_ = move.nodes;
    phase_ = Phase::pick_child;
    return std::nullopt;
}

Game::Error Game::pick_child(std::uint32_t index) {
    if (index >= posted_.size()) return MoveError::wrong_place;
    const std::vector<std::uint64_t> counts = child_counts(search_.count, dispute_.fan_out);
    for (std::uint32_t i = 0; i < index; ++i) search_.first += counts[i];
    search_.count = counts[index];
    search_.node = posted_[index];
    go_on_searching();
    return std::nullopt;
}

Game::Error Game::play(const Pick& move) {
    if (phase_ == Phase::pick_root) return pick_root(move.index);
    if (phase_ == Phase::pick_child) return pick_child(move.index);
    return MoveError::wrong_move;
}

// --- what is searched

Unit Game::unit() const {
    return *facts_.unit_at(facts_.unit);
}

Game::Error Game::play(const PostRoot& move) {
    if (phase_ == Phase::stage) {
        facts_.stage_root = move.root;
        list_ = List::units;
        in_unit_ = false;
        phase_ = Phase::contest;
        return std::nullopt;
    }
    if (phase_ != Phase::partial) return MoveError::wrong_move;
    claim_.partial_root = move.root;
    list_ = List::states;
    phase_ = Phase::contest;
    return std::nullopt;
}

/// What follows from a list: from a stage, or a loop's unit, a root over what it wrote; from a
/// cell's states, the cell.
Game::Error Game::play(const Contest& move) {
    if (phase_ != Phase::contest) return MoveError::wrong_move;
    if (list_ == List::states) {
        if (move.list) {
            begin_search(List::states, claim_.partial_root, state_steps(instruction_));
        } else {
            claim_.step = state_steps(instruction_);
            phase_ = Phase::openings;
        }
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
    if (phase_ != Phase::unit) return MoveError::wrong_move;
    const Unit here = unit();
    const bool loop = is_loop(here.part);
    const Hash root = unit_root(facts_.descriptor, here, move.outputs);
    const Hash leaf = loop ? loop_leaf(facts_.descriptor, here, move.accumulators) : root;
    if (leaf != leaf_ || (!loop && !move.accumulators.is_zero())) return MoveError::wrong_hash;
    facts_.unit_root = root;
    outputs_ = move.outputs;
    accumulators_ = move.accumulators;
    list_ = List::outputs;
    in_unit_ = true;
    if (loop) {
        phase_ = Phase::contest;
        return std::nullopt;
    }
    const auto [first, last] = facts_.frame.range(here.part);
    begin_search(List::outputs, outputs_, last - first);
    return std::nullopt;
}

Game::Error Game::play(const PostTensor& move) {
    if (phase_ != Phase::tensor) return MoveError::wrong_move;
    if (move.instruction.leaf != facts_.frame.instruction_leaf(claim_.instruction) ||
        !stands(facts_.frame, move.instruction) || !stands(facts_.frame, move.tensor)) {
        return MoveError::wrong_record;
    }
    const auto instruction = decode_instruction_record(move.instruction.record);
    const auto tensor = decode_tensor_record(move.tensor.record);
    if (!instruction || !tensor || instruction->out.tensor >= facts_.frame.tensors ||
        move.tensor.leaf != facts_.frame.tensor_leaf(instruction->out.tensor)) {
        return MoveError::wrong_record;
    }
    if (commit::tensor_root_of_tree(*tensor, move.tree) != leaf_) return MoveError::wrong_hash;
    instruction_ = *instruction;
    tensor_ = *tensor;
    begin_search(List::tiles, move.tree, tile_count(tensor_));
    return std::nullopt;
}

Game::Error Game::play(const PostTile& move) {
    if (phase_ != Phase::tile) return MoveError::wrong_move;
    if (move.elements.size() > kTileBytesMax) return MoveError::wrong_count;
    if (base::merkle_leaf(MerkleFamily::blake2b, move.elements) != leaf_)
        return MoveError::wrong_hash;
    tile_ = move.elements;
    phase_ = Phase::cell;
    return std::nullopt;
}

Game::Error Game::play(const PickCell& move) {
    if (phase_ != Phase::cell) return MoveError::wrong_move;
    claim_.item = move.item;
    claim_.step = move.row;
    if (move.item == kPaddingItem) {
        if (move.row != 0) return MoveError::wrong_place;
        phase_ = Phase::openings;
        return std::nullopt;
    }
    const auto cell = cell_of(instruction_, tensor_, claim_.tile, move.item);
    if (!cell) return MoveError::wrong_place;
    if (narrows(instruction_.kind)) {
        if (move.row != 0) return MoveError::wrong_place;
        phase_ = Phase::partial;
        return std::nullopt;
    }
    if (move.row >= cell->rows) return MoveError::wrong_place;
    phase_ = Phase::openings;
    return std::nullopt;
}

Game::Error Game::play(const PostOpenings& move) {
    if (phase_ != Phase::openings) return MoveError::wrong_move;
    const auto verdict = judge(facts_, claim_, move.bytes);
    if (!verdict) {
        refusal_ = verdict.error();
        return MoveError::refused;
    }
    end(*verdict == Verdict::upheld ? Side::asserter : Side::challenger);
    return std::nullopt;
}

// --- what follows from the outputs

Game::Error Game::play(const PostLeaves& move) {
    if (phase_ != Phase::leaves) return MoveError::wrong_move;
    if (move.leaves.empty() || move.leaves.size() > kLeavesMax) return MoveError::wrong_count;
    const bool state = !in_unit_ && facts_.stage != Stage::payload;
    const Hash target = in_unit_ ? accumulators_ : high_root_;
    if (base::merkle_root(MerkleFamily::blake2b, move.leaves) != target)
        return MoveError::wrong_hash;
    if (state && move.leaves.front() != next_descriptor()) return MoveError::wrong_hash;
    posted_ = move.leaves;
    phase_ = Phase::objection;
    return std::nullopt;
}

/// Descriptor leaf of the state that the stage leads to.
Hash Game::next_descriptor() const {
    commit::StateDescriptor next = dispute_.descriptor;
    switch (facts_.stage) {
        case Stage::step:
            next = descriptor_after(high_);
            break;
        case Stage::merge:
            next.round_start_root = low_root_;
            next.round += 1;
            break;
        case Stage::init:
        case Stage::payload:
            break;
    }
    return commit::descriptor_leaf(next);
}

/// The unit whose outputs the posted leaves should cover.
Unit Game::last_unit() const {
    return in_unit_ ? unit() : *facts_.unit_at(facts_.unit_count() - 1);
}

/// The tensor that a source is about and the root that it gives.
Game::Error Game::check_source(const Source& source, program::TensorId& id, Hash& root) const {
    const ProgramFrame& frame = facts_.frame;
    const auto tensor = decode_tensor_record(source.tensor.record);
    if (!stands(frame, source.tensor) || !tensor || source.tensor.leaf < frame.tensor_leaf(0) ||
        source.tensor.leaf >= frame.tensor_leaf(frame.tensors)) {
        return MoveError::wrong_record;
    }
    id = static_cast<program::TensorId>(source.tensor.leaf - frame.tensor_leaf(0));
    const TensorClass cls = in_unit_                         ? TensorClass::accumulator
                            : facts_.stage == Stage::payload ? TensorClass::payload
                                                             : TensorClass::state;
    if (tensor->cls != cls) return MoveError::wrong_record;
    root = commit::tensor_root_of_tree(*tensor, source.tree);
    if (!source.writer) {
        const bool has_before =
            !in_unit_ && (facts_.stage == Stage::step || facts_.stage == Stage::merge);
        return has_before &&
                       base::merkle_verify(MerkleFamily::blake2b, root, source.proof, low_root_)
                   ? Error{}
                   : Error{MoveError::wrong_hash};
    }
    const Unit here = last_unit();
    const auto [first, last] = frame.range(here.part);
    const auto instruction = decode_instruction_record(source.writer->record);
    if (!stands(frame, *source.writer) || !instruction || instruction->out.tensor != id ||
        source.writer->leaf < frame.instruction_leaf(first) ||
        source.writer->leaf >= frame.instruction_leaf(last)) {
        return MoveError::wrong_record;
    }
    const Hash unit = unit_root(facts_.descriptor, here, source.outputs);
    const std::uint64_t count = facts_.unit_count();
    const bool stands_in_stage =
        in_unit_ ? unit == facts_.unit_root && source.unit_path.empty()
                 : under(facts_.stage_root, unit, count - 1, count, source.unit_path);
    const std::uint64_t index = source.writer->leaf - frame.instruction_leaf(first);
    if (!stands_in_stage || source.proof.index != index || source.proof.size != last - first ||
        !base::merkle_verify(MerkleFamily::blake2b, root, source.proof, source.outputs)) {
        return MoveError::wrong_hash;
    }
    return std::nullopt;
}

/// The challenger has conceded the outputs, and both sides the state before. A right root covers
/// every tensor that has a writer, and every other as it was.
Game::Error Game::play(const ShowAbsent& move) {
    if (phase_ != Phase::objection) return MoveError::wrong_move;
    program::TensorId id = 0;
    Hash root;
    if (const Error error = check_source(move.source, id, root)) return error;
    if (std::ranges::find(posted_, root) != posted_.end()) return MoveError::wrong_place;
    if (move.source.writer) {
        end(Side::challenger);
        return std::nullopt;
    }
    unwritten_ = id;
    phase_ = Phase::writer;
    return std::nullopt;
}

/// A tensor with a writer need not be as it was.
Game::Error Game::play(const PostWriter& move) {
    if (phase_ != Phase::writer) return MoveError::wrong_move;
    const auto [first, last] = facts_.frame.range(last_unit().part);
    const auto instruction = decode_instruction_record(move.instruction.record);
    if (!stands(facts_.frame, move.instruction) || !instruction ||
        instruction->out.tensor != unwritten_ ||
        move.instruction.leaf < facts_.frame.instruction_leaf(first) ||
        move.instruction.leaf >= facts_.frame.instruction_leaf(last)) {
        return MoveError::wrong_record;
    }
    end(Side::asserter);
    return std::nullopt;
}

Game::Error Game::play(const ShowExtra& move) {
    if (phase_ != Phase::objection) return MoveError::wrong_move;
    const bool descriptor = !in_unit_ && facts_.stage != Stage::payload;
    if (move.leaf >= posted_.size() || (descriptor && move.leaf == 0))
        return MoveError::wrong_place;
    extra_ = move.leaf;
    phase_ = Phase::source;
    return std::nullopt;
}

Game::Error Game::play(const PostSource& move) {
    if (phase_ != Phase::source) return MoveError::wrong_move;
    program::TensorId id = 0;
    Hash root;
    if (const Error error = check_source(move.source, id, root)) return error;
    if (root != posted_[extra_]) return MoveError::wrong_hash;
    end(Side::asserter);
    return std::nullopt;
}

Game::Error Game::play(const ShowMisplaced& move) {
    if (phase_ != Phase::objection) return MoveError::wrong_move;
    if (move.first >= move.second || move.second >= posted_.size()) return MoveError::wrong_place;
    program::TensorId first = 0, second = 0;
    Hash first_root, second_root;
    if (const Error error = check_source(move.first_source, first, first_root)) return error;
    if (const Error error = check_source(move.second_source, second, second_root)) return error;
    if (first_root != posted_[move.first] || second_root != posted_[move.second])
        return MoveError::wrong_hash;
    if (first < second) return MoveError::wrong_place;
    end(Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
