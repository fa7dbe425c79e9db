#include "base/merkle.h"
#include "dispute/game.h"
#include "dispute/trace.h"

/// The game's end about what follows from the outputs: a root over what they wrote. Its leaves are
/// searched for the first that is disputed; a right one is that of the next tensor in order.
namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

namespace {

bool under(const Hash& root, const Hash& leaf, std::uint64_t index, std::uint64_t size,
           const Path& path) {
    return base::merkle_verify(MerkleFamily::blake2b, leaf, {index, size, path}, root);
}

}  // namespace

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

/// The unit whose outputs the leaves should cover.
Unit Game::last_unit() const {
    return in_unit_ ? unit() : *facts_.unit_at(facts_.unit_count() - 1);
}

/// How many leaves stand before those of tensors.
std::uint64_t Game::first_tensor_leaf() const { return has_descriptor() ? 1 : 0; }

// --- tensors and where they come from

Game::Error Game::read_tensor(const RecordOpening& record, TensorId& id, Tensor& tensor) const {
    const ProgramFrame& frame = facts_.frame;
    auto decoded = decode_tensor_record(record.record);
    if (!stands(frame, record) || !decoded || record.leaf < frame.tensor_leaf(0) ||
        record.leaf >= frame.tensor_leaf(frame.tensors)) {
        return MoveRefusal::wrong_record;
    }
    id = static_cast<TensorId>(record.leaf - frame.tensor_leaf(0));
    tensor = std::move(*decoded);
    return std::nullopt;
}

/// A tensor of the class whose tensors the root covers.
Game::Error Game::read_covered(const RecordOpening& record, TensorId& id, Tensor& tensor) const {
    if (const Error error = read_tensor(record, id, tensor)) return error;
    const TensorClass cls = in_unit_                         ? TensorClass::accumulator
                            : facts_.stage == Stage::payload ? TensorClass::payload
                                                             : TensorClass::state;
    return tensor.cls == cls ? Error{} : Error{MoveRefusal::wrong_record};
}

/// That an instruction of the last unit writes the tensor.
Game::Error Game::check_writer(const RecordOpening& writer, TensorId id) const {
    const auto [first, last] = facts_.frame.range(last_unit().part);
    const auto instruction = decode_instruction_record(writer.record);
    const bool right = stands(facts_.frame, writer) && instruction &&
                       instruction->out.tensor == id &&
                       writer.leaf >= facts_.frame.instruction_leaf(first) &&
                       writer.leaf < facts_.frame.instruction_leaf(last);
    return right ? Error{} : Error{MoveRefusal::wrong_record};
}

/// The tensor that a source is about and the root that it gives.
Game::Error Game::check_source(const Source& source, TensorId& id, Hash& root) const {
    Tensor tensor;
    if (const Error error = read_covered(source.tensor, id, tensor)) return error;
    root = commit::tensor_root_of_tree(tensor, source.tree);
    if (!source.writer) {
        const bool has_before =
            !in_unit_ && (facts_.stage == Stage::step || facts_.stage == Stage::merge);
        return has_before &&
                       base::merkle_verify(MerkleFamily::blake2b, root, source.proof, low_root_)
                   ? Error{}
                   : Error{MoveRefusal::wrong_hash};
    }
    if (const Error error = check_writer(*source.writer, id)) return error;
    const Unit here = last_unit();
    const auto [first, last] = facts_.frame.range(here.part);
    const Hash unit = unit_root(facts_.descriptor, here, source.outputs);
    const std::uint64_t count = facts_.unit_count();
    const bool stands_in_stage =
        in_unit_ ? unit == facts_.unit_root && source.unit_path.empty()
                 : under(facts_.stage_root, unit, count - 1, count, source.unit_path);
    const std::uint64_t index = source.writer->leaf - facts_.frame.instruction_leaf(first);
    if (!stands_in_stage || source.proof.index != index || source.proof.size != last - first ||
        !base::merkle_verify(MerkleFamily::blake2b, root, source.proof, source.outputs)) {
        return MoveRefusal::wrong_hash;
    }
    return std::nullopt;
}

Game::Error Game::next_tensor(const std::optional<Neighbour>& last, const Search& in,
                              TensorId& next) const {
    next = 0;
    const bool any = in.first + in.count > first_tensor_leaf();
    if (last.has_value() != any) return MoveRefusal::wrong_count;
    if (!any) return std::nullopt;
    Tensor tensor;
    TensorId id = 0;
    if (const Error error = read_tensor(last->tensor, id, tensor)) return error;
    const Hash leaf = commit::tensor_root_of_tree(tensor, last->tree);
    if (!under(in.node, leaf, in.count - 1, in.count, last->path)) return MoveRefusal::wrong_hash;
    next = id + 1;
    return std::nullopt;
}

// --- moves

Game::Error Game::play(const PostLeaves& move) {
    if (phase_ != Phase::leaves) return MoveRefusal::wrong_move;
    if (move.count == 0 || move.count > first_tensor_leaf() + facts_.frame.tensors)
        return MoveRefusal::wrong_count;
    const Search all = {in_unit_ ? accumulators_ : high_root_, 0, move.count};
    TensorId next = 0;
    if (const Error error = next_tensor(move.last, all, next)) return error;
    search_ = all;
    gap_first_ = next;
    gap_end_ = facts_.frame.tensors;
    list_ = List::leaves;
    phase_ = Phase::objection;
    return std::nullopt;
}

/// The leaves left of this one are conceded, and so is the last of them: of which tensor it is, is
/// therefore known, and the disputed leaf must be that of a later one.
Game::Error Game::play(const PostSource& move) {
    if (phase_ != Phase::source) return MoveRefusal::wrong_move;
    TensorId id = 0, next = 0;
    Hash root;
    if (const Error error = check_source(move.source, id, root)) return error;
    if (root != leaf_) return MoveRefusal::wrong_hash;
    if (const Error error = next_tensor(move.left, left_, next)) return error;
    if (id < next) return MoveRefusal::wrong_place;
    gap_first_ = next;
    gap_end_ = id;
    as_it_was_ = !move.source.writer.has_value();
    phase_ = Phase::reply;
    return std::nullopt;
}

/// A right root covers every state tensor, and of the other classes those that the unit writes.
Game::Error Game::play(const ShowSkipped& move) {
    if (phase_ != Phase::objection && phase_ != Phase::reply) return MoveRefusal::wrong_move;
    TensorId id = 0;
    Tensor tensor;
    if (const Error error = read_covered(move.tensor, id, tensor)) return error;
    if (move.writer.has_value() == (tensor.cls == TensorClass::state))
        return MoveRefusal::wrong_record;
    if (move.writer) {
        if (const Error error = check_writer(*move.writer, id)) return error;
    }
    if (id < gap_first_ || id >= gap_end_) return MoveRefusal::wrong_place;
    end(Side::challenger);
    return std::nullopt;
}

/// A tensor with a writer is not as it was.
Game::Error Game::play(const ShowWriter& move) {
    if (phase_ != Phase::reply) return MoveRefusal::wrong_move;
    if (!as_it_was_) return MoveRefusal::wrong_place;
    if (const Error error = check_writer(move.instruction, gap_end_)) return error;
    end(Side::challenger);
    return std::nullopt;
}

}  // namespace assay::dispute
