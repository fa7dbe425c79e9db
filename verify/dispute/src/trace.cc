#include "dispute/trace.h"

#include "base/check.h"
#include "base/merkle.h"
#include "exact/environment.h"
#include "machine.h"

namespace assay::dispute {

using base::Hash;
using program::Part;
using program::TensorId;

namespace {

Hash tree(const std::vector<Hash>& leaves) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

Hash tagged(std::string_view tag, const Hash& descriptor, const Unit& unit, const Hash& content) {
    base::Hasher hasher(tag);
    hasher.add(descriptor).add_u8(static_cast<std::uint8_t>(unit.part)).add_u32(unit.index);
    return hasher.add(content).finish();
}

/// Runs one unit and hashes each output before its memory can go.
UnitTrace run_traced(Machine& machine, const program::Program& program, const Unit& unit) {
    UnitTrace trace{unit, {}};
    machine.run(unit, {}, [&](std::uint32_t i) {
        trace.outputs.push_back(machine.roots({program.instructions[i].out.tensor}).front());
    });
    return trace;
}

}  // namespace

Hash unit_root(const Hash& descriptor, const Unit& unit, const Hash& outputs_tree) {
    return tagged("assay.unit", descriptor, unit, outputs_tree);
}

Hash loop_leaf(const Hash& descriptor, const Unit& unit, const Hash& accumulators_tree) {
    return tagged("assay.loop", descriptor, unit, accumulators_tree);
}

Hash StageTrace::root() const {
    return tree(leaves);
}

Hash UnitTrace::root(const Hash& descriptor) const {
    return unit_root(descriptor, unit, tree(outputs));
}

StageTrace trace_stage(const StageInputs& inputs, const Engine& engine) {
    const exact::FloatEnvironment environment;
    Machine machine(inputs, engine);
    StageTrace trace;
    trace.units = machine.units();
    for (const Unit& unit : trace.units) {
        std::vector<Hash> roots;
        if (!is_loop(unit.part)) {
            trace.leaves.push_back(
                run_traced(machine, *inputs.program, unit).root(inputs.descriptor));
        } else {
            machine.run(unit);
            roots = machine.roots(machine.accumulators(unit.part));
            trace.leaves.push_back(loop_leaf(inputs.descriptor, unit, tree(roots)));
        }
        trace.accumulators.push_back(std::move(roots));
    }
    return trace;
}

UnitTrace trace_unit(const StageInputs& inputs, std::size_t unit, const Engine& engine) {
    const exact::FloatEnvironment environment;
    Machine machine(inputs, engine);
    ASSAY_CHECK(unit < machine.units().size());
    for (std::size_t i = 0; i < unit; ++i) {
        if (is_loop(machine.units()[i].part) || machine.units()[i].part == Part::prologue)
            machine.run(machine.units()[i]);
    }
    return run_traced(machine, *inputs.program, machine.units()[unit]);
}

}  // namespace assay::dispute
