#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "program/builder.h"
#include "program/record.h"
#include "specs.h"
#include "tiny_program.h"

namespace assay::program {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// True when the golden files are to be rewritten (ASSAY_REGENERATE=1): a protocol change, which
/// needs a record in docs/adr.
bool regenerates() { return std::getenv("ASSAY_REGENERATE") != nullptr; }

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(std::string(ASSAY_SOURCE_DIR) + "/" + path, std::ios::binary) << text;
}

/// The lines of the block that starts with ```hex in a document, without what follows two spaces.
std::vector<std::string> hex_lines(const std::string& document) {
    std::vector<std::string> lines;
    const std::size_t start = document.find("```hex\n");
    if (start == std::string::npos) return lines;
    std::istringstream block(
        document.substr(start + 7, document.find("```", start + 7) - start - 7));
    for (std::string line; std::getline(block, line);) {
        if (!line.empty()) lines.push_back(line.substr(0, line.find("  ")));
    }
    return lines;
}

std::vector<std::string> records_of(const Program& program) {
    std::vector<std::string> lines = {base::to_hex(header_record(program))};
    for (const Tensor& tensor : program.tensors)
        lines.push_back(base::to_hex(tensor_record(tensor)));
    for (const Instruction& instruction : program.instructions)
        lines.push_back(base::to_hex(instruction_record(instruction)));
    for (const Table& table : program.tables)
        lines.push_back(base::to_hex(table_record(program, table)));
    for (const Constant& constant : program.constants)
        lines.push_back(base::to_hex(constant_record(program, constant)));
    lines.push_back(program_root(program).hex());
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

TEST(ProgramRoot, TinyProgramIsTheOneInTheFormat) {
    const Program program = TinyProgram::make();
    ASSERT_EQ(check_program(program), std::nullopt);
    EXPECT_EQ(joined(hex_lines(read_file("docs/formats/program.md"))), joined(records_of(program)));
}

market::JobSpec gpt_of(std::uint32_t layers, std::uint32_t heads, std::uint32_t width,
                       std::uint32_t context, std::uint32_t vocabulary) {
    market::JobSpec spec = with_merge(tiny_gpt());
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = layers;
    model.heads = heads;
    model.width = width;
    model.context = context;
    auto& data = std::get<market::TokenData>(spec.data);
    data.vocabulary = vocabulary;
    data.tokens = data.train_tokens = 1'000'000;
    return spec;
}

market::JobSpec mlp_of(std::vector<std::uint32_t> hidden, std::uint32_t features,
                       std::uint32_t classes) {
    market::JobSpec spec = tiny_mlp();
    std::get<market::MlpModel>(spec.model).hidden = std::move(hidden);
    auto& data = std::get<market::TableData>(spec.data);
    data.features = features;
    data.classes = classes;
    return spec;
}

TEST(ProgramRoot, PresetsHaveTheirGoldenRoots) {
    const std::vector<std::pair<std::string, market::JobSpec>> presets = {
        {"gpt 2x2x12x5x7", gpt_of(2, 2, 12, 5, 7)},
        {"gpt 4x4x128x64x73", gpt_of(4, 4, 128, 64, 73)},
        {"gpt 12x12x768x1024x50257", gpt_of(12, 12, 768, 1024, 50257)},
        {"mlp 4-9-6-3", mlp_of({9, 6}, 4, 3)},
        {"mlp 30-64-2", mlp_of({64}, 30, 2)},
        {"mlp 784-512-256-128-10", mlp_of({512, 256, 128}, 784, 10)},
    };
    std::string roots;
    for (const auto& [name, spec] : presets) {
        const auto program = build_program(spec);
        ASSERT_TRUE(program.has_value())
            << name << ": " << program.error().path << " " << program.error().reason;
        roots += name + " " + program_root(*program).hex() + " spec " +
                 base::to_hex(market::encode_spec(spec)) + "\n";
    }
    if (regenerates()) write_file("tests/golden/program_roots.txt", roots);
    EXPECT_EQ(read_file("tests/golden/program_roots.txt"), roots);
}

TEST(ProgramRoot, LeavesHintsOut) {
    Program program = TinyProgram::make();
    const base::Hash root = program_root(program);
    program.groups.clear();
    EXPECT_EQ(program_root(program), root);
}

TEST(ProgramRoot, CoversEveryField) {
    const base::Hash root = program_root(TinyProgram::make());
    const std::vector<std::function<void(Program&)>> changes = {
        [](Program& p) { p.builder_version = 2; },
        [](Program& p) { p.profile = "i8"; },
        [](Program& p) { p.seed = 8; },
        [](Program& p) { p.lanes = 2; },
        [](Program& p) { p.rounds = 2; },
        [](Program& p) { p.round_steps = 4; },
        [](Program& p) { p.batch = 2; },
        [](Program& p) { p.sequence_rows = 2; },
        [](Program& p) { p.forward_end = 6; },
        [](Program& p) { std::swap(p.loss, p.norm); },
        [](Program& p) { p.fault = 0; },
        [](Program& p) { p.loss_accumulator = 0; },
        [](Program& p) { p.tensors[0].name = "v"; },
        [](Program& p) { p.tensors[0].cls = TensorClass::frozen; },
        [](Program& p) { p.tensors[0].dtype = DType::bf16; },
        [](Program& p) { p.tensors[0].rows = 2; },
        [](Program& p) { p.tensors[0].cols = 2; },
        [](Program& p) { p.tensors[0].start_of = 1; },
        [](Program& p) { p.tensors[0].decay = false; },
        [](Program& p) { p.tensors[0].weight = false; },
        [](Program& p) { p.tables[0].values[2] = 0.0F; },
        [](Program& p) { p.constants[0].bits[0] ^= 0x80000000U; },
        [](Program& p) { p.instructions[0].part = Part::prologue; },
        [](Program& p) { p.instructions[0].items = 2; },
        [](Program& p) { p.instructions[0].out.rows = 2; },
        [](Program& p) { p.instructions[0].expression[0].bits ^= 1U; },
        [](Program& p) { p.instructions[4].source = LoadSource::table_labels; },
        [](Program& p) { p.instructions[4].row_offset = 1; },
        [](Program& p) { p.instructions[4].stream = 1; },
        [](Program& p) { std::swap(p.instructions[5].in[0], p.instructions[5].in[1]); },
        [](Program& p) { p.instructions[5].expression[3].op = Op::add; },
        [](Program& p) { p.instructions[5].in[0].transposed = true; },
        [](Program& p) { p.instructions[5].in[0].item_row_stride = 1; },
        [](Program& p) { p.instructions[5].in[0].item_col_stride = 1; },
        [](Program& p) { p.instructions[5].in[0].row = 1; },
        [](Program& p) { p.instructions[5].in[0].col = 1; },
        [](Program& p) { p.instructions[6].start = MatmulStart::zero; },
        [](Program& p) { p.instructions[6].k_band.lo = 0; },
        [](Program& p) { p.instructions[6].k_band.hi = 0; },
        [](Program& p) { p.instructions[6].out_band.lo = 0; },
        [](Program& p) { p.instructions[8].in[0].row_from_step = false; },
        [](Program& p) { p.instructions.pop_back(); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Program program = TinyProgram::make();
        changes[i](program);
        EXPECT_NE(program_root(program), root) << "change " << i;
    }
}

TEST(ProgramRoot, IsAFunctionOfTheSpec) {
    const auto once = build_program(tiny_gpt()), again = build_program(tiny_gpt());
    EXPECT_EQ(program_root(*once), program_root(*again));
    market::JobSpec other = tiny_gpt();
    other.optimizer.learning_rate_ppb += 1000;
    EXPECT_NE(program_root(*build_program(other)), program_root(*once));
    other = tiny_gpt();
    other.seed += 1;
    EXPECT_NE(program_root(*build_program(other)), program_root(*once));
}

}  // namespace
}  // namespace assay::program
