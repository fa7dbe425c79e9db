#include "dispute/bounds.h"

#include <gtest/gtest.h>

#include "../program/tiny_program.h"
#include "fixture.h"
#include "program/builder.h"

namespace assay::dispute {
namespace {

market::JobSpec gpt(std::uint32_t layers, std::uint32_t heads, std::uint32_t width,
                    std::uint32_t context, std::uint32_t vocabulary) {
    market::JobSpec spec = testing::ragged_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = layers;
    model.heads = heads;
    model.width = width;
    model.context = context;
    auto& data = std::get<market::TokenData>(spec.data);
    data.vocabulary = vocabulary;
    data.tokens = std::uint64_t{1} << 32U;
    data.train_tokens = data.tokens - 100'000;
    spec.batch = 512;
    return spec;
}

/// As many lanes as there may be, and a job's last round, payload and merge.
market::JobSpec with_merges(market::JobSpec spec) {
    spec.lanes = 1'024;
    spec.rounds = 50;
    return spec;
}

TEST(CheckJudgeable, AcceptsModelsOfEverySize) {
    const market::JobSpec specs[] = {
        testing::ragged_gpt(), testing::deep_gpt(), testing::wide_mlp(),
        gpt(12, 12, 768, 1024, 50'257), gpt(48, 25, 1600, 1024, 50'257),
        // About eight billion weights: deep, wide, and with merges.
        gpt(32, 32, 4544, 2048, 50'257), gpt(128, 16, 2240, 8192, 128'256),
        with_merges(gpt(32, 32, 4544, 2048, 50'257)), gpt(3, 3, 33, 19, 128'256),
        gpt(4, 100, 5000, 4096, 200'000)};
    for (const market::JobSpec& spec : specs) {
        const auto program = program::build_program(spec);
        ASSERT_TRUE(program.has_value()) << program.error().reason;
        const ProgramRecords records(*program);
        EXPECT_EQ(check_judgeable(*program, records.frame), std::nullopt);
        EXPECT_LE(open_frame(records).size(), kOpeningBytesMax);
        for (const std::uint64_t bytes : move_bytes_max(*program, records.frame))
            EXPECT_LE(bytes, market::kMoveBytesMax);
    }
    const program::Program odd = testing::odd_program();
    EXPECT_EQ(check_judgeable(odd, ProgramRecords(odd).frame), std::nullopt);
}

TEST(CheckJudgeable, RefusesAStateTensorThatTheUpdateReadsButDoesNotWrite) {
    program::Program program = testing::odd_program();
    // norm is written in init only; let the update's loss read it.
    for (program::Instruction& instruction : program.instructions) {
        if (instruction.part == program::Part::update && instruction.out.tensor == program.loss)
            instruction.in[0].tensor = program.norm;
    }
    ASSERT_EQ(program::check_program(program), std::nullopt);
    const auto reason = check_judgeable(program, ProgramRecords(program).frame);
    ASSERT_TRUE(reason.has_value());
    EXPECT_NE(reason->find("does not write it"), std::string::npos);
}

/// No move lists what the program has: a hundred times the tensors take the same moves but for
/// longer paths, at most twenty, by the seven levels that a hundred times the leaves need.
TEST(CheckJudgeable, MovesDoNotGrowWithTheModel) {
    const auto moves = [](std::uint32_t layers) {
        const auto program = program::build_program(gpt(layers, 2, 32, 16, 100));
        return move_bytes_max(*program, ProgramRecords(*program).frame);
    };
    const MoveBytes few = moves(1), many = moves(128);
    for (std::size_t i = 0; i < few.size(); ++i) {
        EXPECT_GT(few[i], 0U) << i;
        EXPECT_LE(many[i], few[i] + 20 * 7 * 32) << "move " << i + 1;
    }
}

/// An update that adds six state tensors with names of `name_bytes`, five of them at unaligned
/// columns: as many tiles as the rules of programs allow, and a writer's record for each.
program::Program wide_update(std::size_t name_bytes) {
    using T = program::TinyProgram;
    program::Program p = testing::odd_program();
    const auto add = [&](std::string name, program::TensorClass cls, std::uint32_t cols) {
        const program::TensorId id = T::add(p, name + std::string(name_bytes, 'x'), cls);
        p.tensors[id].rows = 65'536;
        p.tensors[id].cols = cols;
        return id;
    };
    program::Instruction sum;
    sum.part = program::Part::update;
    sum.out = T::all(p, add("sum", program::TensorClass::value, 64));
    std::vector<program::Instruction> first, last;
    for (std::uint32_t i = 0; i < 6; ++i) {
        const program::TensorId id = add(std::to_string(i), program::TensorClass::state, 96);
        program::Instruction zero;
        zero.part = program::Part::init;
        zero.out = T::all(p, id);
        zero.expression = {T::real(0.0F)};
        first.push_back(zero);
        program::Instruction keep = zero;
        keep.part = program::Part::update;
        keep.in = {keep.out};
        keep.expression = {T::operand(0)};
        last.push_back(keep);
        program::View view = zero.out;
        view.col = i == 0 ? 0 : 5;
        view.cols = 64;
        sum.in.push_back(view);
        sum.expression.push_back(T::operand(i));
    }
    for (std::uint32_t i = 1; i < 6; ++i)
        sum.expression.push_back({program::Op::add, i == 1 ? 0 : i + 4, i, 0, 0});
    p.instructions.insert(p.instructions.begin(), first.begin(), first.end());
    p.instructions.push_back(sum);
    p.instructions.insert(p.instructions.end(), last.begin(), last.end());
    p.forward_end += 6;
    return p;
}

TEST(CheckJudgeable, RefusesOpeningsAbove64KiB) {
    program::Program program = wide_update(10);
    ASSERT_EQ(program::check_program(program), std::nullopt);
    EXPECT_EQ(check_judgeable(program, ProgramRecords(program).frame), std::nullopt);
    program = wide_update(900);
    ASSERT_EQ(program::check_program(program), std::nullopt);
    const auto reason = check_judgeable(program, ProgramRecords(program).frame);
    ASSERT_TRUE(reason.has_value());
    EXPECT_NE(reason->find("64 KiB"), std::string::npos);
}

}  // namespace
}  // namespace assay::dispute
