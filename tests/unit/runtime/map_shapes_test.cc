#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "exact/maps.h"
#include "jobs.h"
#include "program/builder.h"

/// verify/exact/src/map_shapes.h lists the maps that run as compiled code. It is generated from the
/// builders, here.
namespace assay::runtime {
namespace {

using program::DType;
using program::Instruction;
using program::Kind;
using program::Op;

const std::map<Op, std::string> kNames{{Op::operand, "operand"},
                                       {Op::constant_f32, "constant_f32"},
                                       {Op::constant_i32, "constant_i32"},
                                       {Op::row_index, "row_index"},
                                       {Op::col_index, "col_index"},
                                       {Op::add, "add"},
                                       {Op::sub, "sub"},
                                       {Op::mul, "mul"},
                                       {Op::div, "div"},
                                       {Op::fma, "fma"},
                                       {Op::sqrt, "sqrt"},
                                       {Op::neg, "neg"},
                                       {Op::abs, "abs"},
                                       {Op::min, "min"},
                                       {Op::max, "max"},
                                       {Op::equal, "equal"},
                                       {Op::less, "less"},
                                       {Op::less_equal, "less_equal"},
                                       {Op::select, "select"},
                                       {Op::exp, "exp"},
                                       {Op::log, "log"},
                                       {Op::tanh, "tanh"},
                                       {Op::erf, "erf"},
                                       {Op::sin2pi, "sin2pi"},
                                       {Op::cos2pi, "cos2pi"},
                                       {Op::to_f32, "to_f32"},
                                       {Op::to_i32, "to_i32"}};

struct Shape {
    program::Expression nodes;
    unsigned columns = 0, integers = 0;
};

/// The shape under which the executor looks a map up; nothing for maps that read or write narrower
/// storage, and for single elements, whose speed does not matter.
std::optional<Shape> shape_of(const program::Program& program, const Instruction& instruction) {
    const auto is_word = [&](const program::View& view) {
        const DType type = program.tensors[view.tensor].dtype;
        return (type == DType::f32 || type == DType::i32) && !view.transposed;
    };
    if (instruction.kind != Kind::map || !is_word(instruction.out)) return std::nullopt;
    if (instruction.out.rows == 1 && instruction.out.cols == 1) return std::nullopt;
    Shape shape;
    shape.nodes = instruction.expression;
    for (std::size_t i = 0; i < instruction.in.size(); ++i) {
        const program::View& view = instruction.in[i];
        if (!is_word(view)) return std::nullopt;
        if (view.cols == 1 && instruction.out.cols != 1) shape.columns |= 1U << i;
        if (program.tensors[view.tensor].dtype == DType::i32) shape.integers |= 1U << i;
    }
    return shape;
}

std::string text_of(const Shape& shape) {
    std::ostringstream out;
    out << "    {" << shape.nodes.size() << ", " << shape.columns << ", " << shape.integers
        << ", {{\n";
    for (const program::Node& node : shape.nodes) {
        out << "        {Op::" << kNames.at(node.op) << ", " << node.a << ", " << node.b << ", "
            << node.c << "},\n";
    }
    out << "    }}},\n";
    return out.str();
}

/// Jobs that between them have every option of every builder.
std::vector<market::JobSpec> jobs() {
    std::vector<market::JobSpec> all;
    for (const bool mlp : {false, true}) {
        for (const bool bias : {true, false}) {
            for (const auto activation :
                 {market::Activation::gelu_tanh, market::Activation::gelu_erf,
                  market::Activation::relu, market::Activation::tanh}) {
                for (const std::uint32_t dropout : {0U, 100'000'000U}) {
                    for (const std::uint64_t clip :
                         {std::uint64_t{1'000'000'000}, std::uint64_t{0}}) {
                        for (const auto moments :
                             {market::MomentRule::average, market::MomentRule::reset}) {
                            market::JobSpec spec =
                                mlp ? testing::small_mlp() : testing::ragged_gpt();
                            if (auto* gpt = std::get_if<market::GptModel>(&spec.model)) {
                                gpt->bias = bias;
                                gpt->activation = activation;
                                gpt->dropout_ppb = dropout;
                            } else {
                                auto& model = std::get<market::MlpModel>(spec.model);
                                model.activation = activation;
                                model.dropout_ppb = dropout;
                            }
                            spec.optimizer.clip_norm_ppb = clip;
                            spec.merge.moments = moments;
                            all.push_back(spec);
                        }
                    }
                }
            }
        }
    }
    return all;
}

std::string header() {
    std::map<std::string, std::string> shapes;  // body, name of the first instruction that has it
    std::vector<std::string> order;
    for (const market::JobSpec& spec : jobs()) {
        const auto program = program::build_program(spec);
        EXPECT_TRUE(program.has_value());
        for (const Instruction& instruction : program->instructions) {
            const auto shape = shape_of(*program, instruction);
            if (!shape) continue;
            const std::string body = text_of(*shape);
            const std::string& name = program->tensors[instruction.out.tensor].name;
            if (shapes.try_emplace(body, name).second) order.push_back(body);
        }
    }
    std::string text =
        "#pragma once\n\n#include \"exact/maps.h\"\n\n// clang-format off\n"
        "// Generated from the builders by `ASSAY_REGENERATE=1 "
        "build/release/bin/runtime_map_shapes_test`; "
        "without that variable the test fails\n// when a job's map is missing here. Each shape is "
        "named "
        "after an instruction that has it (docs/layers.md).\n"
        "namespace assay::exact {\n\nusing program::Op;\n\ninline constexpr MapShape kMapShapes[] "
        "= {\n";
    for (const std::string& body : order) text += "    // " + shapes.at(body) + "\n" + body;
    return text +
           "};\ninline constexpr std::size_t kMapShapeCount = sizeof kMapShapes / sizeof "
           "kMapShapes[0];\n\n}  // namespace assay::exact\n";
}

TEST(MapShapes, AreThoseOfTheBuilders) {
    const std::string file = std::string(ASSAY_SOURCE_DIR) + "/verify/exact/src/map_shapes.h";
    const std::string expected = header();
    if (std::getenv("ASSAY_REGENERATE") != nullptr) std::ofstream(file) << expected;
    std::ifstream in(file);
    const std::string actual{std::istreambuf_iterator<char>(in), {}};
    EXPECT_TRUE(actual == expected)
        << "map_shapes.h is not what the builders give; run "
           "ASSAY_REGENERATE=1 build/release/bin/runtime_map_shapes_test";
}

TEST(MapShapes, AreFoundByExpressionAndOperands) {
    const auto program = program::build_program(testing::ragged_gpt());
    ASSERT_TRUE(program.has_value());
    std::size_t found = 0;
    for (const Instruction& instruction : program->instructions) {
        const auto shape = shape_of(*program, instruction);
        if (!shape) continue;
        const auto columns = static_cast<std::uint8_t>(shape->columns);
        const auto integers = static_cast<std::uint8_t>(shape->integers);
        const auto index = exact::find_map_shape(shape->nodes, columns, integers);
        ASSERT_TRUE(index.has_value()) << program->tensors[instruction.out.tensor].name;
        const auto other = exact::find_map_shape(shape->nodes, columns,
                                                 static_cast<std::uint8_t>(~shape->integers));
        EXPECT_NE(other, index);
        ++found;
    }
    EXPECT_GT(found, 20U);
    EXPECT_FALSE(exact::find_map_shape({}, 0, 0).has_value());
}

}  // namespace
}  // namespace assay::runtime
