#include "dispute/trace.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../program/tiny_program.h"
#include "base/merkle.h"
#include "fixture.h"

namespace assay::dispute {
namespace {

using program::TensorClass;
using program::TensorId;
using testing::Fixture;

/// The tensor root that instruction number `position` of a unit has for the tensor it defines.
base::Hash output_of(const program::Program& program, const UnitTrace& trace, TensorId tensor) {
    const auto [first, last] = program.range(trace.unit.part);
    for (std::uint32_t i = first; i < last; ++i) {
        if (program.instructions[i].out.tensor == tensor) return trace.outputs[i - first];
    }
    ADD_FAILURE() << program.tensors[tensor].name << " has no writer";
    return {};
}

void expect_ends_in_what_the_reference_computes(const Fixture& fixture, Stage stage) {
    const StageInputs inputs = fixture.inputs(stage);
    const StageTrace trace = trace_stage(inputs);
    const UnitTrace last = trace_unit(inputs, trace.units.size() - 1);
    EXPECT_EQ(trace.leaves.back(), last.root(inputs.descriptor));
    const auto expected = fixture.expected(stage);
    const TensorClass cls = stage == Stage::payload ? TensorClass::payload : TensorClass::state;
    std::size_t at = 0;
    for (TensorId id = 0; id < fixture.program.tensors.size(); ++id) {
        if (fixture.program.tensors[id].cls != cls) continue;
        const std::vector<std::byte>& bytes = expected[at++];
        // The step writes all state but the outer momentum.
        if (stage == Stage::step && fixture.program.tensors[id].name.starts_with("outer."))
            continue;
        EXPECT_EQ(output_of(fixture.program, last, id),
                  commit::tensor_root(fixture.program.tensors[id], bytes.data()))
            << fixture.program.tensors[id].name;
    }
    EXPECT_EQ(at, expected.size());
}

TEST(StageTrace, EndsInWhatTheReferenceComputes) {
    const Fixture gpt(testing::ragged_gpt()), mlp(testing::wide_mlp());
    for (const Stage stage : {Stage::init, Stage::step, Stage::payload, Stage::merge}) {
        expect_ends_in_what_the_reference_computes(gpt, stage);
        expect_ends_in_what_the_reference_computes(mlp, stage);
    }
}

TEST(StageTrace, HasALeafPerSequenceAndOneForTheUpdate) {
    const Fixture fixture(testing::ragged_gpt());
    const StageTrace trace = trace_stage(fixture.inputs(Stage::step));
    using program::Part;
    EXPECT_EQ(trace.units,
              (std::vector<Unit>{{Part::sequence, 0}, {Part::sequence, 1}, {Part::update, 0}}));
    const StageTrace merge = trace_stage(fixture.inputs(Stage::merge));
    EXPECT_EQ(merge.units,
              (std::vector<Unit>{{Part::merge_lane, 0}, {Part::merge_lane, 1}, {Part::merge, 0}}));
    EXPECT_EQ(trace_stage(fixture.inputs(Stage::payload)).units,
              (std::vector<Unit>{{Part::payload, 0}}));
    EXPECT_EQ(trace_stage(fixture.inputs(Stage::init)).units, (std::vector<Unit>{{Part::init, 0}}));
}

TEST(UnitTrace, ContributionsAreTheAccumulatorsAfterTheSequence) {
    const Fixture fixture(testing::ragged_gpt());
    const StageInputs inputs = fixture.inputs(Stage::step);
    const StageTrace stage = trace_stage(inputs);
    for (std::size_t unit = 0; unit < 2; ++unit) {
        const UnitTrace trace = trace_unit(inputs, unit);
        std::vector<base::Hash> roots;
        for (TensorId id = 0; id < fixture.program.tensors.size(); ++id) {
            const auto [first, last] = fixture.program.range(program::Part::sequence);
            for (std::uint32_t i = first; i < last; ++i) {
                if (fixture.program.tensors[id].cls == TensorClass::accumulator &&
                    fixture.program.instructions[i].out.tensor == id)
                    roots.push_back(trace.outputs[i - first]);
            }
        }
        EXPECT_EQ(roots, stage.accumulators[unit]);
        const base::Hash tree = base::merkle_root(base::MerkleFamily::blake2b, roots);
        EXPECT_EQ(loop_leaf(inputs.descriptor, stage.units[unit], tree), stage.leaves[unit]);
    }
    EXPECT_NE(stage.accumulators[0], stage.accumulators[1]);
}

/// Executors skip the steps after a fault; the trace runs them, to the same state.
TEST(StageTrace, IsAnIdentityAfterAFault) {
    Fixture fixture(testing::ragged_gpt());
    const auto ids = fixture.program.state_tensors();
    const auto fault = std::ranges::find(ids, fixture.program.fault) - ids.begin();
    fixture.stepped.tensors[static_cast<std::size_t>(fault)].i32()[0] = 1;
    const StageInputs inputs = fixture.inputs(Stage::step);
    const UnitTrace update = trace_unit(inputs, 2);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const program::Tensor& tensor = fixture.program.tensors[ids[i]];
        if (tensor.name.starts_with("outer.")) continue;  // no step writes it
        EXPECT_EQ(output_of(fixture.program, update, ids[i]),
                  commit::tensor_root(tensor, fixture.stepped.tensors[i].data()))
            << tensor.name;
    }
}

TEST(UnitTrace, CoversDescriptorPartAndIndex) {
    const UnitTrace trace{{program::Part::sequence, 3}, {base::blake2b("assay.test", {})}};
    const base::Hash zero, other = base::blake2b("assay.other", {});
    EXPECT_NE(trace.root(zero), trace.root(other));
    UnitTrace moved = trace;
    moved.unit.index = 4;
    EXPECT_NE(trace.root(zero), moved.root(zero));
    moved.unit = {program::Part::update, 3};
    EXPECT_NE(trace.root(zero), moved.root(zero));
    moved = trace;
    moved.outputs.push_back(trace.outputs[0]);
    EXPECT_NE(trace.root(zero), moved.root(zero));
}

/// One step of the program that docs/formats/program.md writes out, over the tokens 5, 6, 7, 8.
TEST(Formats, TracePageShowsWhatTheCodeComputes) {
    const program::Program program = program::TinyProgram::make();
    const std::vector<std::uint32_t> tokens = {5, 6, 7, 8};
    StageInputs inputs;
    inputs.program = &program;
    inputs.stage = Stage::init;
    const UnitTrace init = trace_unit(inputs, 0);
    commit::State state = commit::State::zeros(program);
    state.tensors[0].f32()[0] = 2.0F;
    commit::StateDescriptor descriptor;
    descriptor.program_root = program::program_root(program);
    descriptor.lane = commit::kOpeningLane;
    inputs.stage = Stage::step;
    inputs.start = &state;
    inputs.dataset = {tokens, 4, 1};
    inputs.descriptor = commit::descriptor_leaf(descriptor);
    const StageTrace step = trace_stage(inputs);
    const auto golden = testing::golden_of("trace.md");
    EXPECT_EQ(golden.at("init_unit_root"), init.root({}).hex());
    EXPECT_EQ(golden.at("descriptor"), inputs.descriptor.hex());
    EXPECT_EQ(golden.at("sequence_leaf"), step.leaves.at(0).hex());
    EXPECT_EQ(golden.at("sequence_unit_root"), trace_unit(inputs, 0).root(inputs.descriptor).hex());
    EXPECT_EQ(golden.at("update_leaf"), step.leaves.at(1).hex());
    EXPECT_EQ(golden.at("step_root"), step.root().hex());
}

}  // namespace
}  // namespace assay::dispute
