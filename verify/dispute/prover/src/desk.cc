#include "desk.h"

#include <algorithm>

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::TensorClass;
using program::TensorId;

Place place_of(const Game& game) {
    const Stage stage = game.facts().stage;
    if (stage == Stage::step) return {stage, game.steps().first};
    return {stage, stage == Stage::payload ? game.terms().steps : 0};
}

std::vector<PartialState> Desk::states() {
    const auto cell = cell_of(instruction(), output(), game_.claim().tile, game_.claim().item);
    return partial_states(history_.program(), history_.records(), evidence(), game_.facts(), *cell);
}

std::vector<Hash> Desk::list() {
    switch (game_.list()) {
        case Game::List::units:
            return history_.stage().leaves;
        case Game::List::outputs:
            return history_.unit(game_.facts().unit).outputs;
        case Game::List::tiles:
            return tile_leaves(output(), evidence().output.data());
        case Game::List::states: {
            std::vector<Hash> leaves;
            for (const PartialState& state : states())
                leaves.push_back(base::merkle_leaf(MerkleFamily::blake2b, encode_partial(state)));
            return leaves;
        }
    }
    return {};
}

std::vector<Hash> Desk::children() {
    const std::vector<Hash> all = list();
    const Search& search = game_.search();
    std::vector<Hash> nodes;
    std::size_t at = search.first;
    for (const std::uint64_t count : child_counts(search.count, game_.terms().fan_out)) {
        nodes.push_back(
            base::merkle_root(MerkleFamily::blake2b, std::span(all).subspan(at, count)));
        at += count;
    }
    return nodes;
}

std::uint32_t Desk::last_position() {
    return in_unit() ? game_.facts().unit
                     : static_cast<std::uint32_t>(history_.stage().units.size() - 1);
}

std::vector<Covered> Desk::covered() {
    const program::Program& program = history_.program();
    const UnitTrace& unit = history_.unit(last_position());
    const auto [first, last] = program.range(unit.unit.part);
    const bool state = !in_unit() && game_.facts().stage != Stage::payload;
    const TensorClass cls = in_unit() ? TensorClass::accumulator
                            : state   ? TensorClass::state
                                      : TensorClass::payload;
    const std::vector<Hash>& before = history_.leaves_before();
    std::vector<Covered> all;
    std::size_t rank = 0;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls != cls) continue;
        ++rank;  // the descriptor is leaf 0
        Covered entry;
        entry.id = id;
        for (std::uint32_t i = first; i < last; ++i) {
            if (program.instructions[i].out.tensor == id) entry.writer = i;
        }
        if (state && !before.empty()) entry.before = before[rank];
        if (!entry.writer && !state) continue;  // of the other loop
        entry.root = entry.writer ? unit.outputs[*entry.writer - first] : entry.before;
        all.push_back(entry);
    }
    return all;
}

std::vector<Hash> Desk::leaves() {
    std::vector<Hash> leaves;
    if (!in_unit() && game_.facts().stage != Stage::payload)
        leaves.push_back(game_.next_descriptor());
    for (const Covered& entry : covered()) leaves.push_back(entry.root);
    return leaves;
}

Source Desk::source_of(const Covered& entry, bool as_it_was) {
    const program::Program& program = history_.program();
    const ProgramRecords& records = history_.records();
    const program::Tensor& tensor = program.tensors[entry.id];
    Source source;
    source.tensor = open_record(records, records.frame.tensor_leaf(entry.id));
    if (as_it_was) {
        const std::vector<Hash>& leaves = history_.leaves_before();
        source.tree = tree_of(tile_leaves(tensor, history_.before(entry.id)));
        const auto place = std::ranges::find(leaves, entry.before);
        source.proof = base::merkle_prove(MerkleFamily::blake2b, leaves,
                                          static_cast<std::uint64_t>(place - leaves.begin()));
        return source;
    }
    const std::uint32_t position = last_position();
    const UnitTrace& unit = history_.unit(position);
    const std::uint32_t first = program.range(unit.unit.part).first;
    source.writer = open_record(records, records.frame.instruction_leaf(*entry.writer));
    source.outputs = tree_of(unit.outputs);
    source.proof = base::merkle_prove(MerkleFamily::blake2b, unit.outputs, *entry.writer - first);
    source.tree =
        tree_of(tile_leaves(tensor, history_.evidence(position, *entry.writer).output.data()));
    if (!in_unit())
        source.unit_path =
            base::merkle_prove(MerkleFamily::blake2b, history_.stage().leaves, position).path;
    return source;
}

}  // namespace assay::dispute
