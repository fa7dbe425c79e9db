#include "prover/tracing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "../program/tiny_program.h"
#include "base/merkle.h"
#include "fixture.h"
#include "prover/evidence.h"

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

/// Weights and moments of which some are subnormal, or so small that products are.
void make_subnormal(Fixture& fixture) {
    const auto ids = fixture.program.state_tensors();
    for (commit::State* state : {&fixture.start, &fixture.stepped}) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const program::Tensor& tensor = fixture.program.tensors[ids[i]];
            const std::size_t elements = std::size_t{tensor.rows} * tensor.cols;
            if (tensor.dtype != program::DType::f32 || elements == 1) continue;
            float* x = state->tensors[i].f32();
            for (std::size_t e = 0; e < elements; ++e) {
                if (e % 3 == 1) x[e] *= 0x1p-100F;
                if (e % 5 == 2) x[e] *= 0x1p-126F;
            }
        }
    }
}

/// NaN of two payloads and an infinity where only part of what follows turns to NaN.
void make_nan(Fixture& fixture) {
    const auto ids = fixture.program.state_tensors();
    std::size_t places = 0;
    for (commit::State* state : {&fixture.start, &fixture.stepped}) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const program::Tensor& tensor = fixture.program.tensors[ids[i]];
            const std::size_t elements = std::size_t{tensor.rows} * tensor.cols;
            const bool late = tensor.name.starts_with("moment") || tensor.name == "wte.weight" ||
                              tensor.name == "head.weight";
            if (tensor.dtype != program::DType::f32 || elements < 20 || !late) continue;
            auto* words = reinterpret_cast<std::uint32_t*>(state->tensors[i].data());
            words[3] = 0xffc01234U;
            words[elements / 2] = 0x7fa00001U;
            words[elements - 5] = 0x7f800000U;
            ++places;
        }
    }
    EXPECT_GT(places, 4U);
    for (commit::Payload& payload : fixture.payloads) {
        const std::vector<std::uint16_t> nan = {0x7fc1, 0xff81};  // bf16
        commit::Buffer& moments = payload.tensors.back();
        ASSERT_GE(moments.size(), 8U);
        std::memcpy(moments.data() + 4, nan.data(), 4);
    }
}

std::vector<Engine> fast_engines() {
    std::vector<Engine> engines;
    for (const std::string& name : runtime::available_targets()) {
        for (const unsigned threads : {1U, 3U}) {
            runtime::ExecutorOptions options;
            options.target = *runtime::target_from_name(name);
            options.threads = threads;
            options.recompute = threads == 3;
            engines.push_back({options});
        }
    }
    return engines;
}

/// Every trace of every stage of the fixture by every fast engine.
void expect_engines_agree(const Fixture& fixture, const std::vector<Stage>& stages) {
    for (const Stage stage : stages) {
        const StageInputs inputs = fixture.inputs(stage);
        const StageTrace whole = trace_stage(inputs);
        std::vector<UnitTrace> units;
        for (std::size_t unit = 0; unit < whole.units.size(); ++unit)
            units.push_back(trace_unit(inputs, unit));
        for (const Engine& engine : fast_engines()) {
            SCOPED_TRACE("stage " + std::to_string(static_cast<int>(stage)) + ", target " +
                         std::to_string(static_cast<int>(engine.fast->target)) + ", threads " +
                         std::to_string(engine.fast->threads));
            EXPECT_EQ(trace_stage(inputs, engine), whole);
            for (std::size_t unit = 0; unit < whole.units.size(); ++unit) {
                const UnitTrace fast = trace_unit(inputs, unit, engine);
                ASSERT_EQ(fast.unit, units[unit].unit);
                ASSERT_EQ(fast.outputs.size(), units[unit].outputs.size());
                const std::uint32_t first = fixture.program.range(fast.unit.part).first;
                for (std::size_t i = 0; i < fast.outputs.size(); ++i) {
                    const auto number = first + static_cast<std::uint32_t>(i);
                    ASSERT_EQ(fast.outputs[i], units[unit].outputs[i])
                        << "instruction " << number << ", "
                        << fixture.program.tensors[fixture.program.instructions[number].out.tensor]
                               .name;
                }
            }
        }
    }
}

const std::vector<Stage> kStages = {Stage::init, Stage::step, Stage::payload, Stage::merge};

TEST(Engines, AgreeOnEveryStageOfAGpt) {
    expect_engines_agree(Fixture(testing::ragged_gpt()), kStages);
}

TEST(Engines, AgreeOnEveryStageOfAnMlp) {
    expect_engines_agree(Fixture(testing::wide_mlp()), kStages);
}

TEST(Engines, AgreeOverSeveralTilesAndBlocks) {
    expect_engines_agree(Fixture(testing::deep_gpt()), {Stage::init, Stage::step});
}

TEST(Engines, AgreeOnWhatNoPresetHas) {
    std::vector<std::uint32_t> tokens(200);
    for (std::size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = static_cast<std::uint32_t>(i * 7 % 45);
    expect_engines_agree(Fixture(testing::odd_program(), tokens, 200), {Stage::init, Stage::step});
}

TEST(Engines, AgreeOnSubnormals) {
    Fixture gpt(testing::ragged_gpt()), mlp(testing::wide_mlp());
    const base::Hash ordinary = trace_stage(gpt.inputs(Stage::step)).root();
    make_subnormal(gpt);
    make_subnormal(mlp);
    EXPECT_NE(trace_stage(gpt.inputs(Stage::step)).root(), ordinary);
    expect_engines_agree(gpt, {Stage::step, Stage::payload, Stage::merge});
    expect_engines_agree(mlp, {Stage::step, Stage::payload, Stage::merge});
}

TEST(Engines, AgreeOnNaN) {
    Fixture gpt(testing::ragged_gpt()), mlp(testing::wide_mlp());
    const base::Hash ordinary = trace_stage(gpt.inputs(Stage::step)).root();
    make_nan(gpt);
    make_nan(mlp);
    EXPECT_NE(trace_stage(gpt.inputs(Stage::step)).root(), ordinary);
    expect_engines_agree(gpt, {Stage::step, Stage::payload, Stage::merge});
    expect_engines_agree(mlp, {Stage::step, Stage::payload, Stage::merge});
}

void expect_equal(const program::Program& program, TensorId id, const commit::Buffer& a,
                  const commit::Buffer& b) {
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size()), 0) << program.tensors[id].name;
}

/// Evidence that skips the units before and ends early has the same operands and output.
TEST(Engines, GatherTheSameEvidenceAboutEveryInstruction) {
    const Fixture fixture(testing::ragged_gpt());
    Engine fast{runtime::ExecutorOptions{}};
    for (const Stage stage : kStages) {
        const StageInputs inputs = fixture.inputs(stage);
        const StageTrace whole = trace_stage(inputs);
        for (std::size_t unit = 0; unit < whole.units.size(); ++unit) {
            const UnitTrace trace = trace_unit(inputs, unit);
            const auto [first, last] = fixture.program.range(trace.unit.part);
            for (std::uint32_t i = first; i < last; i += 3) {
                const base::Hash start = fixture.opening_leaf();
                const Evidence slow = collect_evidence(inputs, whole, trace, unit, i, start);
                const Evidence quick = collect_evidence(inputs, whole, trace, unit, i, start, fast);
                const TensorId out = fixture.program.instructions[i].out.tensor;
                EXPECT_EQ(commit::tensor_root(fixture.program.tensors[out], quick.output.data()),
                          trace.outputs[i - first]);
                expect_equal(fixture.program, out, quick.output, slow.output);
                ASSERT_EQ(quick.operands.size(), slow.operands.size());
                for (std::size_t k = 0; k < quick.operands.size(); ++k) {
                    ASSERT_EQ(quick.operands[k].tensor, slow.operands[k].tensor);
                    expect_equal(fixture.program, quick.operands[k].tensor,
                                 quick.operands[k].elements, slow.operands[k].elements);
                }
                EXPECT_EQ(quick.state, slow.state);
                EXPECT_EQ(quick.round_start, slow.round_start);
                EXPECT_EQ(quick.payload, slow.payload);
            }
        }
    }
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
