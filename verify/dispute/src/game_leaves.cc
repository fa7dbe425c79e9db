#include <algorithm>

#include "base/merkle.h"
#include "dispute/game.h"
#include "dispute/trace.h"

/// The game's end about what follows from the outputs: a root over what they wrote.
namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::TensorClass;

namespace {

bool under(const Hash& root, const Hash& leaf, std::uint64_t index, std::uint64_t size,
           const Path& path) {
    return base::merkle_verify(MerkleFamily::blake2b, leaf, {index, size, path}, root);
}

}  // namespace

Game::Error Game::play(const PostLeaves& move) {
    if (phase_ != Phase::leaves) return MoveRefusal::wrong_move;
    if (move.leaves.empty() || move.leaves.size() > kLeavesMax) return MoveRefusal::wrong_count;
    const bool state = !in_unit_ && facts_.stage != Stage::payload;
    const Hash target = in_unit_ ? accumulators_ : high_root_;
    if (base::merkle_root(MerkleFamily::blake2b, move.leaves) != target)
        return MoveRefusal::wrong_hash;
    if (state && move.leaves.front() != next_descriptor()) return MoveRefusal::wrong_hash;
    posted_ = move.leaves;
    phase_ = Phase::objection;
    return std::nullopt;
}

/// Descriptor leaf of the state that the stage leads to.
Hash Game::next_descriptor() const {
    switch (facts_.stage) {
        case Stage::init:
            return commit::descriptor_leaf(commit::opening_descriptor(terms_.job, 0, {}));
        case Stage::step:
            return commit::descriptor_leaf(descriptor_after(terms_, high_));
        case Stage::merge:
            return commit::descriptor_leaf(
                commit::opening_descriptor(terms_.job, terms_.round + 1, terms_.start_root));
        case Stage::payload:
            break;
    }
    return {};
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
        return MoveRefusal::wrong_record;
    }
    id = static_cast<program::TensorId>(source.tensor.leaf - frame.tensor_leaf(0));
    const TensorClass cls = in_unit_                         ? TensorClass::accumulator
                            : facts_.stage == Stage::payload ? TensorClass::payload
                                                             : TensorClass::state;
    if (tensor->cls != cls) return MoveRefusal::wrong_record;
    root = commit::tensor_root_of_tree(*tensor, source.tree);
    if (!source.writer) {
        const bool has_before =
            !in_unit_ && (facts_.stage == Stage::step || facts_.stage == Stage::merge);
        return has_before &&
                       base::merkle_verify(MerkleFamily::blake2b, root, source.proof, low_root_)
                   ? Error{}
                   : Error{MoveRefusal::wrong_hash};
    }
    const Unit here = last_unit();
    const auto [first, last] = frame.range(here.part);
    const auto instruction = decode_instruction_record(source.writer->record);
    if (!stands(frame, *source.writer) || !instruction || instruction->out.tensor != id ||
        source.writer->leaf < frame.instruction_leaf(first) ||
        source.writer->leaf >= frame.instruction_leaf(last)) {
        return MoveRefusal::wrong_record;
    }
    const Hash unit = unit_root(facts_.descriptor, here, source.outputs);
    const std::uint64_t count = facts_.unit_count();
    const bool stands_in_stage =
        in_unit_ ? unit == facts_.unit_root && source.unit_path.empty()
                 : under(facts_.stage_root, unit, count - 1, count, source.unit_path);
    const std::uint64_t index = source.writer->leaf - frame.instruction_leaf(first);
    if (!stands_in_stage || source.proof.index != index || source.proof.size != last - first ||
        !base::merkle_verify(MerkleFamily::blake2b, root, source.proof, source.outputs)) {
        return MoveRefusal::wrong_hash;
    }
    return std::nullopt;
}

/// The challenger has conceded the outputs, and both sides the state before. A right root covers
/// every tensor that has a writer, and every other as it was.
Game::Error Game::play(const ShowAbsent& move) {
    if (phase_ != Phase::objection) return MoveRefusal::wrong_move;
    program::TensorId id = 0;
    Hash root;
    if (const Error error = check_source(move.source, id, root)) return error;
    if (std::ranges::find(posted_, root) != posted_.end()) return MoveRefusal::wrong_place;
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
    if (phase_ != Phase::writer) return MoveRefusal::wrong_move;
    const auto [first, last] = facts_.frame.range(last_unit().part);
    const auto instruction = decode_instruction_record(move.instruction.record);
    if (!stands(facts_.frame, move.instruction) || !instruction ||
        instruction->out.tensor != unwritten_ ||
        move.instruction.leaf < facts_.frame.instruction_leaf(first) ||
        move.instruction.leaf >= facts_.frame.instruction_leaf(last)) {
        return MoveRefusal::wrong_record;
    }
    end(Side::asserter);
    return std::nullopt;
}

Game::Error Game::play(const ShowExtra& move) {
    if (phase_ != Phase::objection) return MoveRefusal::wrong_move;
    const bool descriptor = !in_unit_ && facts_.stage != Stage::payload;
    if (move.leaf >= posted_.size() || (descriptor && move.leaf == 0))
        return MoveRefusal::wrong_place;
    extra_ = move.leaf;
    phase_ = Phase::source;
    return std::nullopt;
}

Game::Error Game::play(const PostSource& move) {
    if (phase_ != Phase::source) return MoveRefusal::wrong_move;
    program::TensorId id = 0;
    Hash root;
    if (const Error error = check_source(move.source, id, root)) return error;
    if (root != posted_[extra_]) return MoveRefusal::wrong_hash;
    end(Side::asserter);
    return std::nullopt;
}

Game::Error Game::play(const ShowMisplaced& move) {
    if (phase_ != Phase::objection) return MoveRefusal::wrong_move;
    if (move.first >= move.second || move.second >= posted_.size()) return MoveRefusal::wrong_place;
    program::TensorId first = 0, second = 0;
    Hash first_root, second_root;
    if (const Error error = check_source(move.first_source, first, first_root)) return error;
    if (const Error error = check_source(move.second_source, second, second_root)) return error;
    if (first_root != posted_[move.first] || second_root != posted_[move.second])
        return MoveRefusal::wrong_hash;
    if (first < second) return MoveRefusal::wrong_place;
    end(Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
