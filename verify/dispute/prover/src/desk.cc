#include "desk.h"

#include <algorithm>
#include <map>

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
        case Game::List::leaves:
            return leaves();
    }
    return {};
}

std::vector<std::optional<Hash>> Desk::children() {
    const std::vector<Hash> all = list();
    const Search& search = game_.search();
    std::vector<std::optional<Hash>> nodes;
    std::size_t at = search.first;
    for (const std::uint64_t count : child_counts(search.count, game_.terms().fan_out)) {
        std::optional<Hash>& node = nodes.emplace_back();
        if (at + count <= all.size())
            node = base::merkle_root(MerkleFamily::blake2b, std::span(all).subspan(at, count));
        at += count;
    }
    return nodes;
}

std::uint32_t Desk::last_position() {
    return game_.in_unit() ? game_.facts().unit
                           : static_cast<std::uint32_t>(history_.stage().units.size() - 1);
}

std::vector<Covered> Desk::covered() {
    const program::Program& program = history_.program();
    const UnitTrace& unit = history_.unit(last_position());
    const auto [first, last] = program.range(unit.unit.part);
    const bool state = game_.has_descriptor();
    const TensorClass cls = game_.in_unit() ? TensorClass::accumulator
                            : state         ? TensorClass::state
                                            : TensorClass::payload;
    std::map<TensorId, std::uint32_t> writers;
    for (std::uint32_t i = first; i < last; ++i)
        writers.emplace(program.instructions[i].out.tensor, i);
    const std::vector<Hash>& before = history_.leaves_before();
    std::vector<Covered> all;
    std::size_t rank = 0;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls != cls) continue;
        ++rank;  // the descriptor is leaf 0
        Covered entry;
        entry.id = id;
        if (const auto found = writers.find(id); found != writers.end())
            entry.writer = found->second;
        if (state && !before.empty()) entry.before = before[rank];
        if (!entry.writer && !state) continue;  // of the other loop
        entry.root = entry.writer ? unit.outputs[*entry.writer - first] : entry.before;
        all.push_back(entry);
    }
    return all;
}

std::vector<Hash> Desk::leaves() {
    std::vector<Hash> leaves;
    if (game_.has_descriptor()) leaves.push_back(game_.next_descriptor());
    for (const Covered& entry : covered()) leaves.push_back(entry.root);
    return leaves;
}

Hash Desk::tiles_of(const Covered& entry, bool as_it_was) {
    const program::Tensor& tensor = history_.program().tensors[entry.id];
    if (as_it_was) return tree_of(tile_leaves(tensor, history_.before(entry.id)));
    const Evidence& evidence = history_.evidence(last_position(), *entry.writer);
    return tree_of(tile_leaves(tensor, evidence.output.data()));
}

Source Desk::source_of(const Covered& entry, bool as_it_was) {
    const ProgramRecords& records = history_.records();
    Source source;
    source.tensor = open_record(records, records.frame.tensor_leaf(entry.id));
    if (as_it_was) {
        const std::vector<Hash>& leaves = history_.leaves_before();
        source.tree = tiles_of(entry, true);
        const auto place = std::ranges::find(leaves, entry.before);
        source.proof = base::merkle_prove(MerkleFamily::blake2b, leaves,
                                          static_cast<std::uint64_t>(place - leaves.begin()));
        return source;
    }
    const std::uint32_t position = last_position();
    const UnitTrace& unit = history_.unit(position);
    const std::uint32_t first = history_.program().range(unit.unit.part).first;
    source.writer = open_record(records, records.frame.instruction_leaf(*entry.writer));
    source.outputs = tree_of(unit.outputs);
    source.proof = base::merkle_prove(MerkleFamily::blake2b, unit.outputs, *entry.writer - first);
    source.tree = tiles_of(entry, false);
    if (!game_.in_unit())
        source.unit_path =
            base::merkle_prove(MerkleFamily::blake2b, history_.stage().leaves, position).path;
    return source;
}

std::optional<Neighbour> Desk::last_under(const Search& node) {
    const std::vector<Hash> all = leaves();
    const std::size_t descriptor = game_.has_descriptor() ? 1 : 0;
    const std::size_t end = node.first + node.count;
    if (end <= descriptor || end > all.size()) return std::nullopt;
    const Covered entry = covered()[end - 1 - descriptor];
    const ProgramRecords& records = history_.records();
    Neighbour last;
    last.tensor = open_record(records, records.frame.tensor_leaf(entry.id));
    last.tree = tiles_of(entry, !entry.writer);
    last.path = base::merkle_prove(MerkleFamily::blake2b,
                                   std::span(all).subspan(node.first, node.count), node.count - 1)
                    .path;
    return last;
}

}  // namespace assay::dispute
