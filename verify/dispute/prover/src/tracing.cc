#include "prover/tracing.h"

#include "base/check.h"
#include "base/merkle.h"
#include "exact/environment.h"
#include "machine.h"

namespace assay::dispute {

using base::Hash;
using program::Part;

namespace {

/// Runs one unit and hashes each output before its memory can go.
UnitTrace run_traced(Machine& machine, const program::Program& program, const Unit& unit) {
    UnitTrace trace{unit, {}};
    machine.run(unit, {}, [&](std::uint32_t i) {
        trace.outputs.push_back(machine.roots({program.instructions[i].out.tensor}).front());
    });
    return trace;
}

}  // namespace

StageTrace trace_stage(const StageInputs& inputs, const Engine& engine) {
    Machine machine(inputs, engine);
    return trace_stage(machine, inputs);
}

UnitTrace trace_unit(const StageInputs& inputs, std::size_t unit, const Engine& engine) {
    Machine machine(inputs, engine);
    return trace_unit(machine, inputs, unit);
}

StageTrace trace_stage(Machine& machine, const StageInputs& inputs) {
    const exact::FloatEnvironment environment;
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
            trace.leaves.push_back(loop_leaf(
                inputs.descriptor, unit, base::merkle_root(base::MerkleFamily::blake2b, roots)));
        }
        trace.accumulators.push_back(std::move(roots));
    }
    return trace;
}

UnitTrace trace_unit(Machine& machine, const StageInputs& inputs, std::size_t unit) {
    const exact::FloatEnvironment environment;
    ASSAY_CHECK(unit < machine.units().size());
    for (std::size_t i = 0; i < unit; ++i) {
        if (is_loop(machine.units()[i].part) || machine.units()[i].part == Part::prologue)
            machine.run(machine.units()[i]);
    }
    return run_traced(machine, *inputs.program, machine.units()[unit]);
}

}  // namespace assay::dispute
