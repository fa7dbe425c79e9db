#include <bit>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "exact/environment.h"
#include "exact/math.h"
#include "pages.h"
#include "program/program.h"

namespace assay::reader {
namespace {

std::string hex_of(float x) {
    char text[9];
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    std::snprintf(text, sizeof text, "%08x", x == x ? bits : 0x7fc00000U);
    return text;
}

/// Edges of range reductions, special values, and a spread over the exponents.
std::vector<float> arguments() {
    std::vector<float> all = {0.0F,
                              0x1p-149F,
                              0x1p-126F,
                              0x1.6a09e6p-1F,
                              0x1.6a09e8p-1F,
                              0x1p-1F,
                              0x1.fffffep-2F,
                              0x1p+0F,
                              0x1.fffffep-1F,
                              0x1.8p+0F,
                              0x1.f9999ap+1F,
                              0x1.4p+3F,
                              0x1p-3F,
                              0x1.8p-2F,
                              0x1.2p+22F,
                              0x1p+23F,
                              0x1.fffffep+127F,
                              0x1.5d589cp+6F,
                              0x1.5d589ep+6F,
                              0x1.5d58ap+6F,
                              0x1.62e42ep+6F,
                              0x1.62e43p+6F,
                              std::numeric_limits<float>::infinity()};
    for (int exponent = -30; exponent <= 30; exponent += 3)
        all.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23U |
                                           static_cast<std::uint32_t>(exponent + 31) * 123457U));
    const std::size_t positive = all.size();
    for (std::size_t i = 0; i < positive; ++i) all.push_back(exact::neg_f32(all[i]));
    all.push_back(std::numeric_limits<float>::quiet_NaN());
    return all;
}

TEST(Pages, NumericsHasVectors) {
    const exact::FloatEnvironment environment;
    std::string text = "x exp log tanh erf sin2pi cos2pi\n";
    for (const float x : arguments()) {
        text += hex_of(x) + " " + hex_of(exact::exp_f32(x)) + " " + hex_of(exact::log_f32(x)) +
                " " + hex_of(exact::tanh_f32(x)) + " " + hex_of(exact::erf_f32(x)) + " " +
                hex_of(exact::sin2pi_f32(x)) + " " + hex_of(exact::cos2pi_f32(x)) + "\n";
    }
    expect_stretch("docs/numerics.md", "```golden\n", "```", text);
}

template <base::Worded E>
std::string row_of(const std::string& name) {
    std::string row = "| " + name + " | ";
    for (std::size_t i = 0; i < base::kWordsOf<E>.size(); ++i) {
        row += (i == 0 ? "" : ", ") + std::to_string(i + base::kFirstOf<E>) + " " +
               std::string(base::kWordsOf<E>[i]);
    }
    return row + " |\n";
}

TEST(Pages, ProgramHasEveryNumber) {
    using namespace program;
    std::string text = "| field | numbers |\n| --- | --- |\n";
    text += row_of<TensorClass>("class") + row_of<DType>("type") + row_of<Part>("part") +
            row_of<Kind>("kind") + row_of<LoadSource>("source") +
            row_of<Distribution>("distribution") + row_of<ReduceOp>("reduce") +
            row_of<MatmulStart>("start");
    text +=
        "\n| operation | number | arguments | result | in listings |\n"
        "| --- | --- | --- | --- | --- |\n";
    for (const OpFacts& facts : kOps) {
        const std::string types(facts.types);
        text += "| " + std::string(facts.word) + " | " +
                std::to_string(static_cast<int>(facts.op)) + " | " + types.substr(2) + " | " +
                types.substr(0, 1) + " | " + std::string(facts.symbol) + " |\n";
    }
    expect_stretch("docs/formats/program.md", "<!-- generated: numbers -->\n\n", "\n<!-- end -->",
                   text);
}

}  // namespace
}  // namespace assay::reader
