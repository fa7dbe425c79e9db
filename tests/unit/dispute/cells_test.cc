#include "program/cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/merkle.h"
#include "exact/environment.h"
#include "fixture.h"
#include "machine.h"
#include "prover/tracing.h"
#include "runtime/cell_watch.h"

namespace assay::dispute {
namespace {

using base::Hash;
using program::CellPlace;
using program::CellScope;
using program::CellStage;
using program::Part;
using program::TensorId;
using testing::Fixture;

using Cells = std::map<CellPlace, Hash>;

/// The number that cells have for a unit of a trace.
std::uint32_t unit_number(const program::Program& program, const Unit& unit) {
    if (unit.part == Part::update) return program.batch;
    return unit.part == Part::payload ? program.batch + 1 : unit.index;
}

/// Every cell of a stage by the scalar definition. Each is checked to be a leaf under the output
/// that the unit's trace has, so a game can end in opening it.
Cells by_definition(const StageInputs& inputs, std::uint32_t step) {
    const exact::FloatEnvironment environment;
    const program::Program& program = *inputs.program;
    Cells cells;
    Machine machine(inputs, {});
    for (std::size_t position = 0; position < machine.units().size(); ++position) {
        const Unit unit = machine.units()[position];
        const UnitTrace trace = trace_unit(inputs, position);
        const std::vector<std::uint32_t> drawable = program::cell_instructions(program, unit.part);
        const auto after = [&](std::uint32_t i) {
            if (!std::ranges::binary_search(drawable, i)) return;
            const program::Tensor& out = program.tensors[program.instructions[i].out.tensor];
            const std::byte* data = machine.data(program.instructions[i].out.tensor);
            const std::vector<Hash> leaves = tile_leaves(out, data);
            const Hash tree = base::merkle_root(base::MerkleFamily::blake2b, leaves);
            EXPECT_EQ(commit::tensor_root_of_tree(out, tree),
                      trace.outputs[i - program.range(unit.part).first]);
            for (std::uint32_t tile = 0; tile < leaves.size(); ++tile) {
                EXPECT_EQ(leaves[tile], base::merkle_leaf(base::MerkleFamily::blake2b,
                                                          tile_bytes(out, data, tile)));
                cells[{step, unit_number(program, unit), i, tile}] = leaves[tile];
            }
        };
        machine.run(unit, {}, after);
    }
    return cells;
}

std::vector<CellPlace> places_of(const Cells& cells) {
    std::vector<CellPlace> places;
    for (const auto& [place, hash] : cells) places.push_back(place);
    return places;
}

/// What the watch finds at the places when it runs a stage, and the state or payload after it.
struct Found {
    std::vector<Hash> cells;
    std::vector<commit::Buffer> after;
};

Found watch(const StageInputs& inputs, const runtime::ExecutorOptions& options,
            const std::vector<CellPlace>& places) {
    const program::Program& program = *inputs.program;
    runtime::Executor executor(program, options);
    runtime::CellWatch watch(program, executor, options, places);
    commit::State state = inputs.start != nullptr && inputs.stage != Stage::init
                              ? inputs.start->clone()
                              : commit::State::zeros(program);
    const runtime::DataView data{inputs.dataset.words, inputs.dataset.train_count,
                                 inputs.dataset.row_words};
    Found found;
    switch (inputs.stage) {
        case Stage::init:
            watch.run_init(state);
            break;
        case Stage::step:
            watch.run_step(state, data, inputs.round, inputs.lane, inputs.step, inputs.step);
            break;
        case Stage::payload: {
            commit::Payload payload = commit::Payload::zeros(program);
            watch.run_payload(*inputs.round_start, state, inputs.round, payload);
            found.after = std::move(payload.tensors);
            break;
        }
        case Stage::merge:
            watch.run_merge(state, inputs.members, inputs.round);
            break;
    }
    if (inputs.stage != Stage::payload) found.after = std::move(state.tensors);
    found.cells = watch.cells();
    return found;
}

void expect_equal(const std::vector<commit::Buffer>& a,
                  const std::vector<std::vector<std::byte>>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_EQ(std::memcmp(a[i].data(), b[i].data(), b[i].size()), 0) << "tensor " << i;
}

void expect_cells(const Cells& expected, const std::vector<CellPlace>& places,
                  const std::vector<Hash>& found) {
    ASSERT_EQ(found.size(), places.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
        ASSERT_EQ(found[i], expected.at(places[i]))
            << "unit " << places[i].unit << ", instruction " << places[i].instruction << ", tile "
            << places[i].tile;
    }
}

std::vector<runtime::ExecutorOptions> all_options() {
    std::vector<runtime::ExecutorOptions> all;
    for (const std::string& name : runtime::available_targets()) {
        const runtime::Target target = *runtime::target_from_name(name);
        all.push_back({1, 1, target, false});
        all.push_back({3, 2, target, true});
    }
    all.push_back({2, 0, runtime::Target::best, false});
    return all;
}

constexpr std::array kStages = {Stage::init, Stage::step, Stage::payload, Stage::merge};

void expect_every_cell(const Fixture& fixture, std::span<const Stage> stages) {
    for (const Stage stage : stages) {
        const StageInputs inputs = fixture.inputs(stage);
        const Cells expected = by_definition(inputs, inputs.step);
        const std::vector<CellPlace> places = places_of(expected);
        ASSERT_GT(places.size(), 4U);
        for (const runtime::ExecutorOptions& options : all_options()) {
            SCOPED_TRACE("stage " + std::to_string(static_cast<int>(stage)) + ", target " +
                         std::to_string(static_cast<int>(options.target)) + ", threads " +
                         std::to_string(options.threads));
            const Found found = watch(inputs, options, places);
            expect_cells(expected, places, found.cells);
            expect_equal(found.after, fixture.expected(stage));
        }
    }
}

TEST(CellWatch, FindsEveryCellOfAGptWithDropout) {
    expect_every_cell(Fixture(testing::ragged_gpt()), kStages);
}

TEST(CellWatch, FindsEveryCellOfAnMlp) { expect_every_cell(Fixture(testing::wide_mlp()), kStages); }

TEST(CellWatch, FindsEveryCellOverSeveralTilesAndBlocks) {
    expect_every_cell(Fixture(testing::deep_gpt()), std::array{Stage::init, Stage::step});
}

TEST(CellWatch, FindsEveryCellOfWhatNoPresetHas) {
    std::vector<std::uint32_t> tokens(200);
    for (std::size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = static_cast<std::uint32_t>(i * 7 % 45);
    expect_every_cell(Fixture(testing::odd_program(), tokens, 200), std::array{Stage::step});
}

/// One sequence, and of it no more than the chosen instruction needs; then the executor's step.
TEST(CellWatch, FindsOneCellAlone) {
    const Fixture fixture(testing::ragged_gpt());
    const StageInputs inputs = fixture.inputs(Stage::step);
    const Cells expected = by_definition(inputs, inputs.step);
    const auto after = fixture.expected(Stage::step);
    std::size_t number = 0;
    for (const auto& [place, hash] : expected) {
        if (++number % 5 != 0) continue;
        for (const bool recompute : {false, true}) {
            const Found found =
                watch(inputs, {2, 2, runtime::Target::best, recompute}, {place, place});
            ASSERT_EQ(found.cells, (std::vector<Hash>{hash, hash}));
            expect_equal(found.after, after);
        }
    }
}

TEST(CellWatch, LeavesOtherStepsToTheExecutor) {
    const Fixture fixture(testing::ragged_gpt());
    const StageInputs inputs = fixture.inputs(Stage::step);
    const Cells expected = by_definition(inputs, inputs.step + 1);
    const Found found = watch(inputs, {}, places_of(expected));
    EXPECT_TRUE(std::ranges::all_of(found.cells, &Hash::is_zero));
    expect_equal(found.after, fixture.expected(Stage::step));
}

/// Executors skip the steps after a fault; cells are still those of the trace.
TEST(CellWatch, GoesOnAfterAFault) {
    Fixture fixture(testing::ragged_gpt());
    const auto ids = fixture.program.state_tensors();
    const auto fault = std::ranges::find(ids, fixture.program.fault) - ids.begin();
    fixture.stepped.tensors[static_cast<std::size_t>(fault)].i32()[0] = 1;
    const StageInputs inputs = fixture.inputs(Stage::step);
    const Cells expected = by_definition(inputs, inputs.step);
    const Found found = watch(inputs, {2, 2}, places_of(expected));
    expect_cells(expected, places_of(expected), found.cells);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const commit::Buffer& before = fixture.stepped.tensors[i];
        EXPECT_EQ(std::memcmp(found.after[i].data(), before.data(), before.size()), 0);
    }
}

/// The instruction with other arithmetic, where the form allows it and the output shows it.
bool corrupt(program::Program& program, std::uint32_t number) {
    program::Instruction& instruction = program.instructions[number];
    const program::Tensor& out = program.tensors[instruction.out.tensor];
    if (out.dtype != program::DType::f32) return false;
    switch (instruction.kind) {
        case program::Kind::map: {
            if (instruction.expression.size() >= program::kNodesMax) return false;
            const auto last = static_cast<std::uint32_t>(instruction.expression.size() - 1);
            instruction.expression.push_back({program::Op::neg, last, 0, 0, 0});
            return true;
        }
        case program::Kind::reduce:
            if (instruction.reduce != program::ReduceOp::sum) return false;
            instruction.reduce = program::ReduceOp::max;
            return true;
        case program::Kind::matmul:
            if (!instruction.k_band.open() || instruction.out.rows == 1) return false;
            instruction.k_band.lo = 1;
            return true;
        case program::Kind::load:
        case program::Kind::random:
        case program::Kind::gather:
        case program::Kind::scatter_add:
            break;
    }
    return false;
}

/// Whoever computes an instruction otherwise shows another cell where it is looked at, and the same
/// ones before it.
TEST(CellWatch, ShowsAFaultInTheInstructionThatHasIt) {
    const Fixture fixture(testing::ragged_gpt());
    StageInputs inputs = fixture.inputs(Stage::step);
    const Cells honest = by_definition(inputs, inputs.step);
    std::map<program::Kind, std::size_t> shown;
    for (const Part part : {Part::sequence, Part::update}) {
        const std::uint32_t unit = part == Part::sequence ? 1 : fixture.program.batch;
        for (const std::uint32_t number : program::cell_instructions(fixture.program, part)) {
            if (number % 3 != 0) continue;
            program::Program other = fixture.program;
            if (!corrupt(other, number)) continue;
            inputs.program = &other;
            std::vector<CellPlace> places;
            for (const auto& [place, hash] : honest) {
                if (place.unit == unit && place.instruction <= number) places.push_back(place);
            }
            const Found found = watch(inputs, {1, 1}, places);
            std::size_t differ = 0;
            for (std::size_t i = 0; i < places.size(); ++i) {
                const bool same = found.cells[i] == honest.at(places[i]);
                if (places[i].instruction < number) {
                    EXPECT_TRUE(same) << places[i].instruction << " before " << number;
                } else if (!same) {
                    ++differ;
                }
            }
            EXPECT_GT(differ, 0U) << "instruction " << number;
            ++shown[fixture.program.instructions[number].kind];
        }
    }
    EXPECT_GT(shown[program::Kind::map], 10U);
    EXPECT_GT(shown[program::Kind::reduce], 2U);
    EXPECT_GT(shown[program::Kind::matmul], 3U);
}

}  // namespace
}  // namespace assay::dispute
