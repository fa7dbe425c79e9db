#include "prover/evidence.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "exact/environment.h"
#include "exact/item_view.h"
#include "machine.h"
#include "opened.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::Instruction;
using program::Kind;
using program::LoadSource;
using program::Part;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

namespace {

commit::Buffer copy_of(const Tensor& tensor, const std::byte* data) {
    commit::Buffer copy(std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype));
    std::memcpy(copy.data(), data, copy.size());
    return copy;
}

std::vector<Hash> roots_of(const Program& program, TensorClass cls,
                           const std::vector<commit::Buffer>& buffers, unsigned threads) {
    std::vector<commit::TensorElements> tensors;
    for (const Tensor& tensor : program.tensors) {
        if (tensor.cls == cls) tensors.push_back({&tensor, buffers[tensors.size()].data()});
    }
    ASSAY_CHECK(tensors.size() == buffers.size());
    return commit::tensor_roots(tensors, threads);
}

Hash tree(const std::vector<Hash>& leaves) {
    return base::merkle_root(MerkleFamily::blake2b, leaves);
}

/// Whether what an instruction over the tensors `ids` computes in a unit can depend on the units
/// before it: through an accumulator.
bool needs_units_before(const Program& program, const Unit& unit,
                        const std::vector<TensorId>& ids) {
    if (!is_loop(unit.part)) return true;
    const auto accumulates = [&](TensorId id) {
        return program.tensors[id].cls == TensorClass::accumulator;
    };
    if (std::ranges::any_of(ids, accumulates)) return true;
    // Contributions add to accumulators; only who reads one otherwise passes it on.
    const auto [first, last] = program.range(unit.part);
    for (std::uint32_t i = first; i < last; ++i) {
        const Instruction& instruction = program.instructions[i];
        if (program.tensors[instruction.out.tensor].cls == TensorClass::value &&
            std::ranges::any_of(instruction.in, accumulates, &program::View::tensor))
            return true;
    }
    return program.range(Part::prologue).first != program.range(Part::prologue).second;
}

}  // namespace

std::vector<Hash> state_leaves(const Program& program, const commit::State& state,
                               const Hash& descriptor, unsigned threads) {
    std::vector<Hash> leaves = roots_of(program, TensorClass::state, state.tensors, threads);
    leaves.insert(leaves.begin(), descriptor);
    return leaves;
}

base::Bytes tile_bytes(const Tensor& tensor, const std::byte* data, std::uint32_t tile) {
    const TilePlace place = *tile_place(tensor, tile);
    const std::size_t element = program::size_of(tensor.dtype), row = place.cols * element;
    base::Bytes bytes(place.rows * row);
    for (std::size_t i = 0; i < place.rows; ++i) {
        const auto* from = reinterpret_cast<const std::uint8_t*>(data) +
                           ((place.row + i) * std::size_t{tensor.cols} + place.col) * element;
        base::copy_canonical_words(words_of(tensor.dtype), from, bytes.data() + i * row, row);
    }
    return bytes;
}

std::vector<Hash> tile_leaves(const Tensor& tensor, const std::byte* data) {
    return commit::tensor_leaves({&tensor, data});
}

namespace {

/// The opened instruction over whole tensors in memory.
struct Whole {
    Local local;
    exact::ReferenceContext context;
    std::vector<exact::TensorMemory> memory;
};

const commit::Buffer& elements_of(const Evidence& evidence, TensorId id) {
    for (const Evidence::Operand& operand : evidence.operands) {
        if (operand.tensor == id) return operand.elements;
    }
    base::fail_check("the evidence has every operand", __FILE__, __LINE__);
}

Whole whole_of(const Program& program, const ProgramRecords& records, const Evidence& evidence,
               const Facts& facts, commit::Buffer& output) {
    const Instruction& instruction = program.instructions[evidence.instruction];
    const std::vector<program::View> operands = operands_of(instruction);
    std::vector<Tensor> tensors = {program.tensors[instruction.out.tensor]};
    for (const program::View& view : operands) tensors.push_back(program.tensors[view.tensor]);
    auto local = localise(records.frame, instruction, tensors);
    ASSAY_CHECK(local.has_value());
    Whole whole{std::move(*local), {}, {}};
    whole.memory.push_back({output.data(), tensors[0].rows, tensors[0].cols, tensors[0].dtype});
    for (std::size_t i = 0; i < operands.size(); ++i) {
        // The reference only reads operands.
        auto* data = const_cast<std::byte*>(elements_of(evidence, operands[i].tensor).data());
        whole.memory.push_back(
            {data, tensors[i + 1].rows, tensors[i + 1].cols, tensors[i + 1].dtype});
    }
    whole.context = context_of(facts.stage, evidence.unit.unit, facts.round, facts.lane, facts.step,
                               facts.frame.round_steps, facts.members);
    whole.context.tensors = whole.memory;
    whole.context.dataset = evidence.dataset;
    return whole;
}

/// Builds one claim's openings.
class Opener {
  public:
    Opener(const Program& program, const ProgramRecords& records, const Evidence& evidence,
           const Facts& facts, const Claim& claim, const std::vector<PartialState>& states)
        : program_(program),
          records_(records),
          evidence_(evidence),
          facts_(facts),
          claim_(claim),
          states_(states),
          instruction_(program.instructions[claim.instruction]),
          ids_(tensors_of(instruction_)) {}

    Openings run() {
        result_.instruction =
            open_record(records_, records_.frame.instruction_leaf(claim_.instruction));
        for (const TensorId id : ids_) {
            TensorOpening opening;
            opening.record = open_record(records_, records_.frame.tensor_leaf(id));
            result_.tensors.push_back(opening);
        }
        if (claim_.item == kPaddingItem) {
            open_claimed();
        } else {
            open_step();
        }
        std::ranges::sort(result_.tiles, {}, [](const TileOpening& tile) {
            return std::pair(tile.tensor, tile.tile);
        });
        return std::move(result_);
    }

  private:
    void open_step() {
        const auto cell = cell_of(instruction_, program_.tensors[instruction_.out.tensor],
                                  claim_.tile, claim_.item);
        ASSAY_CHECK(cell.has_value() && claim_.step < steps_of(instruction_, *cell));
        open_operands(*cell);
        const std::uint32_t steps = state_steps(instruction_);
        const bool running = claim_.step < steps;
        if (!running) open_claimed();
        if (instruction_.kind == Kind::load) open_data(*cell);
        if (!narrows(instruction_.kind)) return;
        std::vector<Hash> leaves;
        for (const PartialState& state : states_)
            leaves.push_back(base::merkle_leaf(MerkleFamily::blake2b, encode_partial(state)));
        if (claim_.step > 0) {
            const std::uint32_t before = claim_.step - 1;
            result_.before = StateOpening{encode_partial(states_[before]), path(leaves, before)};
        }
        if (running) result_.after = StateLeaf{leaves[claim_.step], path(leaves, claim_.step)};
    }

    void open_operands(const exact::Cell& cell) {
        commit::Buffer scratch;  // the output is not written here
        const Whole whole = whole_of(program_, records_, evidence_, facts_, scratch);
        const auto source = gathered_row(whole.local, whole.context, cell, claim_.step);
        const std::vector<program::View> operands = operands_of(instruction_);
        for (std::size_t i = 0; i < operands.size(); ++i) {
            const auto rect =
                read_by(whole.local, i, cell, claim_.step, whole.context.table_row, source);
            if (!rect) continue;
            const auto slot = static_cast<std::size_t>(
                std::find(ids_.begin() + 1, ids_.end(), operands[i].tensor) - ids_.begin());
            open_tensor(slot);
            if (result_.tensors[slot].origin != Origin::none) open_tiles(slot, *rect);
        }
    }

    void open_tensor(std::size_t slot) {
        TensorOpening& opening = result_.tensors[slot];
        const TensorId id = ids_[slot];
        const Tensor& tensor = program_.tensors[id];
        const Part part = evidence_.unit.unit.part;
        if (opening.origin != Origin::none) return;
        switch (tensor.cls) {
            case TensorClass::value:
                return from_output(opening, id, writer_of(id));
            case TensorClass::accumulator:
                return from_accumulators(opening, id);
            case TensorClass::state: {
                if (part == Part::init) return from_output(opening, id, writer_of(id));
                if (part == Part::update || part == Part::merge) {
                    const std::uint32_t writer = writer_of(id);
                    opening.related =
                        open_record(records_, records_.frame.instruction_leaf(writer));
                    if (writer < claim_.instruction) return from_output(opening, id, writer);
                }
                return from_leaves(opening, Origin::state, id, id, evidence_.state);
            }
            case TensorClass::round_start:
                opening.related =
                    open_record(records_, records_.frame.tensor_leaf(tensor.start_of));
                return from_leaves(opening, Origin::round_start, id, tensor.start_of,
                                   evidence_.round_start);
            case TensorClass::payload:
                return from_leaves(opening, Origin::payload, id, id, evidence_.payload);
            case TensorClass::table:
            case TensorClass::constant:
                return from_contents(opening, id);
            case TensorClass::frozen:
            case TensorClass::data:
                break;
        }
        base::fail_check("instructions read no such tensor", __FILE__, __LINE__);
    }

    void from_output(TensorOpening& opening, TensorId id, std::uint32_t writer) {
        const std::uint32_t first = program_.range(evidence_.unit.unit.part).first;
        opening.origin = Origin::output;
        opening.tree = tree_of(id);
        opening.proof =
            base::merkle_prove(MerkleFamily::blake2b, evidence_.unit.outputs, writer - first);
        result_.outputs = tree(evidence_.unit.outputs);
    }

    /// `leaf_of` is the tensor whose root stands among the leaves.
    void from_leaves(TensorOpening& opening, Origin origin, TensorId id, TensorId leaf_of,
                     const std::vector<Hash>& leaves) {
        opening.origin = origin;
        opening.tree = tree_of(id);
        const Hash root = commit::tensor_root_of_tree(program_.tensors[leaf_of], opening.tree);
        const auto place = std::ranges::find(leaves, root);
        ASSAY_CHECK(place != leaves.end());
        opening.proof = base::merkle_prove(MerkleFamily::blake2b, leaves,
                                           static_cast<std::uint64_t>(place - leaves.begin()));
    }

    void from_accumulators(TensorOpening& opening, TensorId id) {
        const Unit& unit = evidence_.unit.unit;
        if (is_loop(unit.part) && unit.index == 0) return;  // +0, and nothing to open
        const std::size_t before = evidence_.position - 1;
        const std::vector<Hash>& leaves = evidence_.stage.accumulators[before];
        from_leaves(opening, Origin::accumulators, id, id, leaves);
        result_.loop = LoopOpening{tree(leaves), path(evidence_.stage.leaves, before)};
    }

    void from_contents(TensorOpening& opening, TensorId id) {
        const bool table = program_.tensors[id].cls == TensorClass::table;
        opening.origin = table ? Origin::table : Origin::constant;
        opening.tree = tree_of(id);
        std::uint32_t number = 0;
        if (table) {
            while (program_.tables[number].tensor != id) ++number;
        } else {
            while (program_.constants[number].tensor != id) ++number;
            number += records_.frame.tables;
        }
        opening.proof = base::merkle_prove(MerkleFamily::blake2b, records_.leaves,
                                           records_.frame.table_leaf(number));
    }

    void open_claimed() {
        TensorOpening& opening = result_.tensors[0];
        const std::uint32_t first = program_.range(evidence_.unit.unit.part).first;
        opening.origin = Origin::claimed;
        opening.tree = tree_of_output();
        opening.proof = base::merkle_prove(MerkleFamily::blake2b, evidence_.unit.outputs,
                                           claim_.instruction - first);
        result_.outputs = tree(evidence_.unit.outputs);
        add_tile(0, claim_.tile);
    }

    void open_tiles(std::size_t slot, const Rect& rect) {
        const std::uint64_t across =
            (std::uint64_t{program_.tensors[ids_[slot]].cols} + kTileSide - 1) / kTileSide;
        for (std::uint64_t r = rect.row / kTileSide; r <= (rect.row + rect.rows - 1) / kTileSide;
             ++r) {
            for (std::uint64_t c = rect.col / kTileSide;
                 c <= (rect.col + rect.cols - 1) / kTileSide; ++c)
                add_tile(slot, static_cast<std::uint32_t>(r * across + c));
        }
    }

    void add_tile(std::size_t slot, std::uint32_t tile) {
        for (const TileOpening& opened : result_.tiles) {
            if (opened.tensor == slot && opened.tile == tile) return;
        }
        const TensorId id = ids_[slot];
        const commit::Buffer& elements = slot == 0 ? evidence_.output : elements_of(evidence_, id);
        TileOpening opening;
        opening.tensor = static_cast<std::uint8_t>(slot);
        opening.tile = tile;
        opening.elements = tile_bytes(program_.tensors[id], elements.data(), tile);
        opening.path = path(leaves_of(slot), tile);
        result_.tiles.push_back(std::move(opening));
    }

    /// Leaves of a tensor's tile tree, hashed once.
    const std::vector<Hash>& leaves_of(std::size_t slot) {
        if (leaves_.size() <= slot) leaves_.resize(ids_.size());
        std::vector<Hash>& leaves = leaves_[slot];
        if (!leaves.empty()) return leaves;
        const Tensor& tensor = program_.tensors[ids_[slot]];
        const commit::Buffer& elements =
            slot == 0 ? evidence_.output : elements_of(evidence_, ids_[slot]);
        leaves = tile_leaves(tensor, elements.data());
        return leaves;
    }
    Hash tree_of(TensorId id) {
        const auto slot =
            static_cast<std::size_t>(std::find(ids_.begin() + 1, ids_.end(), id) - ids_.begin());
        return tree(leaves_of(slot));
    }
    Hash tree_of_output() { return tree(leaves_of(0)); }

    void open_data(const exact::Cell& cell) {
        const std::uint32_t row = cell.row + claim_.step;
        const exact::DatasetWords& dataset = evidence_.dataset;
        exact::ReferenceContext context =
            context_of(facts_.stage, evidence_.unit.unit, facts_.round, facts_.lane, facts_.step,
                       facts_.frame.round_steps, facts_.members);
        context.dataset = dataset;
        std::uint64_t first = 0;
        std::uint32_t count = 1;
        switch (instruction_.source) {
            case LoadSource::tokens:
                first = exact::window_start(program_, instruction_.stream, context) +
                        instruction_.row_offset + row;
                break;
            case LoadSource::table_labels:
            case LoadSource::table_features:
                first = exact::drawn_row(program_, instruction_.stream, context, row) *
                        dataset.row_words;
                if (instruction_.source == LoadSource::table_labels) {
                    first += dataset.row_words - 1;
                } else {
                    first += cell.col;
                    count = cell.cols;
                }
                break;
            case LoadSource::payload:
            case LoadSource::member_count:
                return;
        }
        open_words(first, count);
    }

    void open_words(std::uint64_t first, std::uint32_t count) {
        constexpr std::uint64_t kWords = base::kBlobLeafBytes / sizeof(std::uint32_t);
        const auto leaf_bytes = [this](std::uint64_t leaf) {
            const std::span<const std::uint32_t> words = evidence_.dataset.words;
            base::Encoder encoder;
            for (std::uint64_t i = leaf * kWords;
                 i < std::min<std::uint64_t>((leaf + 1) * kWords, words.size()); ++i)
                encoder.u32(words[i]);
            return encoder.take();
        };
        std::vector<Hash> leaves;
        for (std::uint64_t leaf = 0; leaf * kWords < evidence_.dataset.words.size(); ++leaf)
            leaves.push_back(base::merkle_leaf(MerkleFamily::blake2b, leaf_bytes(leaf)));
        DataOpening opening{tree(leaves), {}};
        for (std::uint64_t leaf = first / kWords; leaf <= (first + count - 1) / kWords; ++leaf)
            opening.leaves.push_back(
                {static_cast<std::uint32_t>(leaf), leaf_bytes(leaf), path(leaves, leaf)});
        result_.data = std::move(opening);
    }

    [[nodiscard]] std::uint32_t writer_of(TensorId id) const {
        const auto [first, last] = program_.range(evidence_.unit.unit.part);
        for (std::uint32_t i = first; i < last; ++i) {
            if (program_.instructions[i].out.tensor == id) return i;
        }
        base::fail_check("what a part reads of its own it writes", __FILE__, __LINE__);
    }

    static Path path(const std::vector<Hash>& leaves, std::uint64_t index) {
        return base::merkle_prove(MerkleFamily::blake2b, leaves, index).path;
    }

    const Program& program_;
    const ProgramRecords& records_;
    const Evidence& evidence_;
    const Facts& facts_;
    const Claim& claim_;
    const std::vector<PartialState>& states_;
    const Instruction& instruction_;
    const std::vector<TensorId> ids_;
    std::vector<std::vector<Hash>> leaves_;
    Openings result_;
};

}  // namespace

Evidence collect_evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                          std::size_t position, std::uint32_t instruction,
                          const Hash& round_start_descriptor, const Engine& engine) {
    Machine machine(inputs, engine);
    return collect_evidence(machine, inputs, std::move(stage), std::move(unit), position,
                            instruction, round_start_descriptor, engine.threads());
}

Evidence collect_evidence(Machine& machine, const StageInputs& inputs, StageTrace stage,
                          UnitTrace unit, std::size_t position, std::uint32_t instruction,
                          const Hash& round_start_descriptor, unsigned threads) {
    const exact::FloatEnvironment environment;
    const Program& program = *inputs.program;
    Evidence evidence;
    evidence.stage = std::move(stage);
    evidence.unit = std::move(unit);
    evidence.position = position;
    evidence.instruction = instruction;
    evidence.dataset = inputs.dataset;
    if (inputs.start != nullptr)
        evidence.state = state_leaves(program, *inputs.start, inputs.descriptor, threads);
    if (inputs.stage == Stage::payload) {
        evidence.round_start =
            state_leaves(program, *inputs.round_start, round_start_descriptor, threads);
    }
    const Unit here = machine.units().at(position);
    if (here.part == Part::merge_lane) {
        evidence.payload =
            roots_of(program, TensorClass::payload, inputs.members[here.index]->tensors, threads);
    }
    const std::vector<TensorId> ids = tensors_of(program.instructions[instruction]);
    if (needs_units_before(program, here, ids)) {
        for (std::size_t i = 0; i < position; ++i) machine.run(machine.units()[i]);
    }
    const auto before = [&](std::uint32_t i) {
        if (i != instruction) return;
        for (std::size_t k = 1; k < ids.size(); ++k)
            evidence.operands.push_back(
                {ids[k], copy_of(program.tensors[ids[k]], machine.data(ids[k]))});
    };
    const auto after = [&](std::uint32_t i) {
        if (i == instruction)
            evidence.output = copy_of(program.tensors[ids[0]], machine.data(ids[0]));
    };
    machine.run(here, before, after, instruction);
    return evidence;
}

Facts facts_of(const Program& program, const ProgramRecords& records, const StageInputs& inputs,
               const Evidence& evidence, const base::BlobRoot& data_root) {
    Facts facts;
    facts.frame = records.frame;
    facts.stage = inputs.stage;
    facts.round = inputs.round;
    facts.lane = inputs.lane;
    facts.step = inputs.step;
    facts.members = static_cast<std::uint32_t>(inputs.members.size());
    facts.descriptor = inputs.descriptor;
    if (!evidence.state.empty()) facts.state_root = tree(evidence.state);
    if (!evidence.round_start.empty()) facts.round_start_root = tree(evidence.round_start);
    if (!evidence.payload.empty()) facts.payload_root = tree(evidence.payload);
    facts.data_root = data_root;
    facts.data_bytes = evidence.dataset.words.size() * sizeof(std::uint32_t);
    facts.train_count = evidence.dataset.train_count;
    facts.row_words = evidence.dataset.row_words;
    facts.unit = static_cast<std::uint32_t>(evidence.position);
    facts.stage_root = evidence.stage.root();
    facts.unit_root = evidence.unit.root(inputs.descriptor);
    ASSAY_CHECK(records.frame.tensors == program.tensors.size());
    return facts;
}

std::vector<PartialState> partial_states(const Program& program, const ProgramRecords& records,
                                         const Evidence& evidence, const Facts& facts,
                                         const exact::Cell& cell) {
    const exact::FloatEnvironment environment;
    commit::Buffer scratch;  // states are not written into the output
    const Whole whole = whole_of(program, records, evidence, facts, scratch);
    const Instruction& instruction = whole.local.instruction;
    const program::View* start =
        whole.local.operands.size() > 2 ? &whole.local.operands[2] : nullptr;
    // The first unit of a loop finds accumulators of +0 in memory.
    PartialState state = start_partial(instruction, start, whole.context, cell);
    std::vector<PartialState> states;
    for (std::uint32_t step = 0; step < state_steps(instruction); ++step) {
        advance_partial(instruction, whole.context, cell, step, state);
        states.push_back(state);
    }
    return states;
}

Hash partial_root(const std::vector<PartialState>& states) {
    std::vector<Hash> leaves;
    for (const PartialState& state : states)
        leaves.push_back(base::merkle_leaf(MerkleFamily::blake2b, encode_partial(state)));
    return tree(leaves);
}

Openings open_claim(const Program& program, const ProgramRecords& records, const Evidence& evidence,
                    const Facts& facts, const Claim& claim,
                    const std::vector<PartialState>& states) {
    return Opener(program, records, evidence, facts, claim, states).run();
}

}  // namespace assay::dispute
