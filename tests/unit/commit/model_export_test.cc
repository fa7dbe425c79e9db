#include "commit/model_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "commit/safetensors.h"
#include "fixtures.h"

namespace assay::commit {
namespace {

State numbered(const program::Program& program) {
    State state = State::zeros(program);
    float next = 1.0F;
    for (Buffer& buffer : state.tensors) {
        for (std::size_t i = 0; i < buffer.size() / 4; ++i) buffer.f32()[i] = next++;
    }
    return state;
}

const float* weight(const program::Program& program, const State& state, const std::string& name) {
    const auto ids = program.state_tensors();
    const auto found = std::find(ids.begin(), ids.end(), program.find(name).value());
    return state.tensors[static_cast<std::size_t>(found - ids.begin())].f32();
}

float value(const SafeTensor& tensor, std::size_t index) {
    float result = 0;
    std::memcpy(&result, tensor.data.data() + index * 4, 4);
    return result;
}

class ModelExport : public ::testing::TestWithParam<int> {
  protected:
    ModelExport()
        : spec_(GetParam() == 2 ? small_mlp() : small_gpt(GetParam() == 0)),
          program_(program_of(spec_)),
          state_(numbered(program_)) {}
    TemporaryFolder folder_;
    market::JobSpec spec_;
    program::Program program_;
    State state_;
};

TEST_P(ModelExport, ComesBackAndRebuildsTheStateRoot) {
    const auto root = export_model(program_, spec_, state_, folder_ / "m");
    ASSERT_TRUE(root.has_value()) << root.error();
    EXPECT_EQ(*root, *model_root(folder_ / "m"));
    EXPECT_EQ(*root, *export_model(program_, spec_, state_, folder_ / "again"));
    const auto weights = import_weights(program_, spec_, folder_ / "m");
    ASSERT_TRUE(weights.has_value()) << weights.error();
    ASSERT_EQ(weights->size(), program_.weight_tensors().size());
    StateDescriptor descriptor;
    descriptor.round = 5;
    const auto others = non_weight_tensor_roots(program_, state_, 2);
    const auto rebuilt =
        state_root_from_model(program_, spec_, folder_ / "m", descriptor, others, 2);
    ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error();
    EXPECT_EQ(*rebuilt, state_root(program_, state_, descriptor));
    EXPECT_FALSE(state_root_from_model(program_, spec_, folder_ / "m", descriptor,
                                       std::span(others).subspan(1))
                     .has_value());
}

TEST_P(ModelExport, RefusesEveryChangedByte) {
    ASSERT_TRUE(export_model(program_, spec_, state_, folder_ / "m").has_value());
    const base::Hash root = *model_root(folder_ / "m");
    const auto others = non_weight_tensor_roots(program_, state_);
    const base::Hash rebuilt = *state_root_from_model(program_, spec_, folder_ / "m", {}, others);
    for (const char* name : {"model.safetensors", "config.json"}) {
        const auto file = folder_ / "m" / name;
        const base::Bytes bytes = read_file(file);
        const std::size_t header = std::string(name) == "config.json" ? bytes.size() : 1500;
        for (std::size_t i = 0; i < bytes.size(); i += i < header ? 7 : 1 + bytes.size() / 29) {
            base::Bytes changed = bytes;
            changed[i] ^= 1U;
            write_file(file, changed);
            EXPECT_NE(*model_root(folder_ / "m"), root);
            const auto again = state_root_from_model(program_, spec_, folder_ / "m", {}, others);
            EXPECT_TRUE(!again || *again != rebuilt) << name << " byte " << i;
        }
        base::Bytes longer = bytes;
        longer.push_back(' ');
        write_file(file, longer);
        EXPECT_FALSE(import_weights(program_, spec_, folder_ / "m").has_value());
        write_file(file, base::ByteView(bytes).first(bytes.size() - 1));
        EXPECT_FALSE(import_weights(program_, spec_, folder_ / "m").has_value());
        std::filesystem::remove(file);
        EXPECT_FALSE(import_weights(program_, spec_, folder_ / "m").has_value());
        EXPECT_FALSE(model_root(folder_ / "m").has_value());
        write_file(file, bytes);
    }
    EXPECT_TRUE(import_weights(program_, spec_, folder_ / "m").has_value());
}

INSTANTIATE_TEST_SUITE_P(Models, ModelExport, ::testing::Values(0, 1, 2));

TEST(ModelExportGpt2, JoinsQueryKeyAndValueInConv1dLayout) {
    const market::JobSpec spec = small_gpt();
    const program::Program program = program_of(spec);
    const State state = numbered(program);
    TemporaryFolder folder;
    ASSERT_TRUE(export_model(program, spec, state, folder / "m").has_value());
    const auto file = read_safetensors(folder / "m" / "model.safetensors");
    ASSERT_TRUE(file.has_value()) << file.error();
    const SafeTensor* joined = file->find("transformer.h.1.attn.c_attn.weight");
    ASSERT_NE(joined, nullptr);
    EXPECT_EQ(joined->shape, (std::vector<std::uint64_t>{32, 96}));
    const char* parts[] = {"h.1.attn.q.weight", "h.1.attn.k.weight", "h.1.attn.v.weight"};
    for (std::size_t part = 0; part < 3; ++part) {
        const float* from = weight(program, state, parts[part]);
        for (std::size_t row = 0; row < 32; ++row) {
            for (std::size_t col = 0; col < 32; ++col)
                EXPECT_EQ(value(*joined, row * 96 + part * 32 + col), from[row * 32 + col]);
        }
    }
    EXPECT_EQ(file->find("transformer.wte.weight")->shape, (std::vector<std::uint64_t>{24, 32}));
    EXPECT_EQ(file->find("transformer.wpe.weight")->shape, (std::vector<std::uint64_t>{16, 32}));
    EXPECT_EQ(file->find("transformer.h.0.mlp.c_fc.weight")->shape,
              (std::vector<std::uint64_t>{32, 128}));
    EXPECT_EQ(file->find("transformer.ln_f.bias")->shape, (std::vector<std::uint64_t>{32}));
    EXPECT_EQ(file->find("lm_head.weight"), nullptr) << "tied";
    EXPECT_EQ(file->tensors.size(), 2U + 2 * 12 + 2);
}

TEST(ModelExportGpt2, WritesZeroBiasesForJobsWithoutBias) {
    const market::JobSpec spec = small_gpt(false);
    const program::Program program = program_of(spec);
    TemporaryFolder folder;
    ASSERT_TRUE(export_model(program, spec, numbered(program), folder / "m").has_value());
    auto file = read_safetensors(folder / "m" / "model.safetensors");
    ASSERT_TRUE(file.has_value());
    const SafeTensor* bias = file->find("transformer.h.0.attn.c_attn.bias");
    ASSERT_NE(bias, nullptr);
    EXPECT_TRUE(std::all_of(bias->data.begin(), bias->data.end(),
                            [](std::uint8_t byte) { return byte == 0; }));
    base::Bytes changed = file->bytes;
    changed[static_cast<std::size_t>(bias->data.data() - file->bytes.data())] = 1;
    write_file(folder / "m" / "model.safetensors", changed);
    EXPECT_FALSE(import_weights(program, spec, folder / "m").has_value());
}

TEST(ModelExportGpt2, RefusesTheFilesOfAnotherModel) {
    const market::JobSpec spec = small_gpt(), other = small_gpt(false);
    const program::Program program = program_of(spec), other_program = program_of(other);
    TemporaryFolder folder;
    ASSERT_TRUE(export_model(program, spec, numbered(program), folder / "m").has_value());
    EXPECT_FALSE(import_weights(other_program, other, folder / "m").has_value());
    market::JobSpec wider = spec;
    std::get<market::GptModel>(wider.model).layers = 1;
    EXPECT_FALSE(import_weights(program_of(wider), wider, folder / "m").has_value());
}

TEST(ModelExportGpt2, GoldenConfig) {
    const market::JobSpec spec = small_gpt();
    const program::Program program = program_of(spec);
    TemporaryFolder folder;
    State state = State::zeros(program);
    for (Buffer& buffer : state.tensors) {
        for (std::size_t i = 0; i < buffer.size() / 4; ++i)
            buffer.f32()[i] = static_cast<float>(i % 97) / 32.0F;
    }
    const auto root = export_model(program, spec, state, folder / "m");
    ASSERT_TRUE(root.has_value());
    const base::Bytes expected =
        read_file(std::string(ASSAY_SOURCE_DIR) + "/tests/golden/model_config_gpt.json");
    EXPECT_EQ(read_file(folder / "m" / "config.json"), expected);
    EXPECT_EQ(golden_of("model.md").at("model_root"), root->hex());
}

TEST(ModelExportGpt2, GoldenConfigOfAnMlp) {
    const market::JobSpec spec = small_mlp();
    const program::Program program = program_of(spec);
    TemporaryFolder folder;
    ASSERT_TRUE(export_model(program, spec, State::zeros(program), folder / "m").has_value());
    const base::Bytes expected =
        read_file(std::string(ASSAY_SOURCE_DIR) + "/tests/golden/model_config_mlp.json");
    EXPECT_EQ(read_file(folder / "m" / "config.json"), expected);
}

}  // namespace
}  // namespace assay::commit
