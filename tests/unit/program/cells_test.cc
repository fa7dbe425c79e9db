#include "program/cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/hash.h"
#include "program/builder.h"
#include "specs.h"
#include "tiny_program.h"

namespace assay::program {
namespace {

base::VrfOutput spot_of(std::uint32_t number) {
    base::VrfOutput spot{};
    for (std::uint32_t half = 0; half < 2; ++half) {
        const base::Hash hash = base::Hasher("assay.test").add_u32(number).add_u32(half).finish();
        std::ranges::copy(hash.bytes, spot.begin() + 32 * half);
    }
    return spot;
}

Program built(const market::JobSpec& spec) {
    auto program = build_program(spec);
    EXPECT_TRUE(program.has_value());
    return std::move(*program);
}

constexpr CellScope kInit{CellStage::init, 1, false};
constexpr CellScope kInside{CellStage::segment, 20, false};
constexpr CellScope kLast{CellStage::segment, 3, true};
constexpr CellScope kMerge{CellStage::merge, 1, false};

Part part_of(const Program& program, const CellPlace& place) {
    return program.instructions[place.instruction].part;
}

TEST(ChooseCells, GivesEightPlacesOfTheScope) {
    for (const market::JobSpec& spec : {with_merge(tiny_gpt()), with_merge(tiny_mlp())}) {
        const Program program = built(spec);
        for (const CellScope& scope : {kInit, kInside, kLast, kMerge}) {
            for (std::uint32_t n = 0; n < 200; ++n) {
                const auto places = choose_cells(program, scope, spot_of(n));
                ASSERT_EQ(places.size(), kCells);
                for (const CellPlace& place : places) EXPECT_TRUE(is_cell(program, scope, place));
            }
        }
    }
}

TEST(ChooseCells, DependsOnTheSpotAlone) {
    const Program program = built(with_merge(tiny_gpt()));
    const auto places = choose_cells(program, kInside, spot_of(1));
    EXPECT_EQ(places, choose_cells(program, kInside, spot_of(1)));
    EXPECT_NE(places, choose_cells(program, kInside, spot_of(2)));
    for (const std::size_t byte : {0U, 31U, 32U, 63U}) {
        base::VrfOutput other = spot_of(1);
        other[byte] ^= 1U;
        EXPECT_NE(places, choose_cells(program, kInside, other)) << byte;
    }
}

/// Steps, then units of a step, then instructions are equally likely, each within about five
/// standard deviations.
TEST(ChooseCells, IsUniformOverStepsUnitsAndInstructions) {
    const Program program = built(with_merge(tiny_gpt()));
    std::map<std::uint32_t, std::uint32_t> steps, units, last_units, instructions;
    std::uint32_t in_last = 0, in_update = 0;
    constexpr std::uint32_t kSpots = 3'000, kDrawn = kSpots * kCells;
    for (std::uint32_t n = 0; n < kSpots; ++n) {
        for (const CellPlace& place : choose_cells(program, kLast, spot_of(n))) {
            ++steps[place.step];
            ++(place.step == 2 ? last_units : units)[place.unit];
            if (place.step == 2) ++in_last;
            if (part_of(program, place) != Part::update) continue;
            ++in_update;
            ++instructions[place.instruction];
        }
    }
    const auto near = [](std::uint32_t count, double expected) {
        return std::abs(count - expected) < 5 * std::sqrt(expected);
    };
    ASSERT_EQ(steps.size(), 3U);
    for (const auto& [step, count] : steps) EXPECT_TRUE(near(count, kDrawn / 3.0)) << step;
    ASSERT_EQ(units.size(), program.batch + 1);
    for (const auto& [unit, count] : units)
        EXPECT_TRUE(near(count, (kDrawn - in_last) / (program.batch + 1.0))) << unit;
    ASSERT_EQ(last_units.size(), program.batch + 2);
    for (const auto& [unit, count] : last_units)
        EXPECT_TRUE(near(count, in_last / (program.batch + 2.0))) << unit;
    const auto drawable = cell_instructions(program, Part::update);
    ASSERT_EQ(instructions.size(), drawable.size());
    for (const auto& [instruction, count] : instructions)
        EXPECT_TRUE(near(count, in_update / static_cast<double>(drawable.size()))) << instruction;
}

TEST(CellInstructions, LeaveOutWhatNeedsNoReplay) {
    const Program program = built(with_merge(tiny_gpt()));
    std::map<Part, std::set<Kind>> left_out;
    for (const Part part : {Part::init, Part::sequence, Part::update, Part::payload, Part::merge}) {
        const auto drawable = cell_instructions(program, part);
        EXPECT_FALSE(drawable.empty());
        const auto [first, last] = program.range(part);
        for (std::uint32_t i = first; i < last; ++i) {
            const Instruction& instruction = program.instructions[i];
            const TensorClass cls = program.tensors[instruction.out.tensor].cls;
            const bool drawn = std::ranges::binary_search(drawable, i);
            const bool known =
                instruction.in.empty() && (part != Part::init || instruction.kind != Kind::random);
            if (known || cls == TensorClass::accumulator) {
                EXPECT_FALSE(drawn) << i;
            }
            if (part == Part::init && instruction.kind == Kind::random) {
                EXPECT_TRUE(drawn) << i;
            }
            if (!drawn) left_out[part].insert(instruction.kind);
        }
    }
    EXPECT_TRUE(left_out[Part::sequence].contains(Kind::load));
    EXPECT_TRUE(left_out[Part::sequence].contains(Kind::scatter_add));
    EXPECT_FALSE(left_out[Part::sequence].contains(Kind::reduce));
}

/// In the tiny program token = load is data, x = f32(token) * w follows from w, loss_sum is an
/// accumulator; the update reads both.
TEST(CellInstructions, OfTheTinyProgram) {
    const Program program = TinyProgram::make();
    EXPECT_TRUE(cell_instructions(program, Part::init).empty());  // constants
    EXPECT_EQ(cell_instructions(program, Part::sequence), (std::vector<std::uint32_t>{5}));
    EXPECT_EQ(cell_instructions(program, Part::update), (std::vector<std::uint32_t>{7, 8}));
    EXPECT_TRUE(cell_instructions(program, Part::payload).empty());
}

TEST(IsCell, RefusesWhatCannotBeDrawn) {
    const Program program = built(with_merge(tiny_gpt()));
    const std::uint32_t batch = program.batch;
    const auto first_of = [&](Part part) { return cell_instructions(program, part).front(); };
    const CellPlace sequence{0, 0, first_of(Part::sequence), 0},
        update{0, batch, first_of(Part::update), 0},
        payload{2, batch + 1, first_of(Part::payload), 0}, merge{0, 0, first_of(Part::merge), 0},
        init{0, 0, first_of(Part::init), 0};
    EXPECT_TRUE(is_cell(program, kLast, sequence));
    EXPECT_TRUE(is_cell(program, kLast, update));
    EXPECT_TRUE(is_cell(program, kLast, payload));
    EXPECT_TRUE(is_cell(program, kMerge, merge));
    EXPECT_TRUE(is_cell(program, kInit, init));

    const auto with = [](CellPlace place, auto member, std::uint32_t value) {
        place.*member = value;
        return place;
    };
    EXPECT_FALSE(is_cell(program, kLast, with(sequence, &CellPlace::step, 3)));
    EXPECT_FALSE(is_cell(program, kInside, payload));
    EXPECT_FALSE(is_cell(program, kLast, with(payload, &CellPlace::step, 1)));
    EXPECT_FALSE(is_cell(program, kLast, with(payload, &CellPlace::unit, batch + 2)));
    EXPECT_FALSE(is_cell(program, kLast, with(sequence, &CellPlace::unit, batch)));
    EXPECT_FALSE(is_cell(program, kLast, with(update, &CellPlace::unit, 0)));
    EXPECT_FALSE(is_cell(program, kLast, with(update, &CellPlace::tile, 1U << 30U)));
    EXPECT_FALSE(is_cell(program, kLast, with(update, &CellPlace::instruction, ~0U)));
    const std::uint32_t load = program.range(Part::sequence).first;
    EXPECT_FALSE(is_cell(program, kLast, with(sequence, &CellPlace::instruction, load)));
    const std::uint32_t lane = program.range(Part::merge_lane).first;
    EXPECT_FALSE(is_cell(program, kMerge, with(merge, &CellPlace::unit, 1)));
    EXPECT_FALSE(is_cell(program, kMerge, with(merge, &CellPlace::step, 1)));
    EXPECT_FALSE(is_cell(program, kMerge, with(merge, &CellPlace::instruction, lane)));
    EXPECT_FALSE(is_cell(program, kMerge, init));
    EXPECT_FALSE(is_cell(program, kInit, with(init, &CellPlace::unit, 1)));
    EXPECT_FALSE(is_cell(program, kInit, sequence));
}

}  // namespace
}  // namespace assay::program
