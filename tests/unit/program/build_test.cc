#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "expression.h"
#include "program/builder.h"
#include "program/record.h"
#include "specs.h"

namespace assay::program {
namespace {

View view_of(TensorId id) {
    View view;
    view.tensor = id;
    view.rows = view.cols = 1;
    return view;
}

TEST(Expression, NumbersNodesFromLeftToRightAndSharesEqualOnes) {
    const Term a(view_of(3)), b(view_of(5));
    const Linear linear = linearise((b * 2.0F) - (a * 2.0F) * (b * 2.0F));
    ASSERT_EQ(linear.operands.size(), 2U);
    EXPECT_EQ(linear.operands[0].tensor, 5U);
    const Expression expected = {
        {Op::operand, 0, 0, 0, 0}, {Op::constant_f32, 0, 0, 0, 0x40000000U},
        {Op::mul, 0, 1, 0, 0},     {Op::operand, 1, 0, 0, 0},
        {Op::mul, 3, 1, 0, 0},     {Op::mul, 4, 2, 0, 0},
        {Op::sub, 2, 5, 0, 0}};
    EXPECT_EQ(linear.expression, expected);
}

TEST(Expression, TellsTheZerosApart) {
    const Linear linear = linearise(Term(0.0F) + Term(-0.0F));
    EXPECT_EQ(linear.expression.size(), 3U);
}

struct Refusal {
    std::function<void(market::JobSpec&)> change;
    std::string path;
};

void expect_refusals(const market::JobSpec& spec, const std::vector<Refusal>& refusals) {
    ASSERT_TRUE(build_program(spec).has_value());
    for (const Refusal& refusal : refusals) {
        market::JobSpec changed = spec;
        refusal.change(changed);
        const auto program = build_program(changed);
        ASSERT_FALSE(program.has_value()) << refusal.path;
        EXPECT_EQ(program.error().path, refusal.path) << program.error().reason;
        EXPECT_FALSE(program.error().reason.empty());
        const auto tensors = build_tensors(changed);
        ASSERT_FALSE(tensors.has_value()) << refusal.path;
        EXPECT_EQ(tensors.error().path, refusal.path);
    }
}

TEST(BuildProgram, RefusesBadGptJobs) {
    using market::GptModel;
    using market::JobSpec;
    using market::TokenData;
    expect_refusals(
        tiny_gpt(),
        {
            {[](JobSpec& s) { s.builder_version = 2; }, "builder_version"},
            {[](JobSpec& s) { s.profile = "f16"; }, "profile"},
            {[](JobSpec& s) { s.batch = 0; }, "batch"},
            {[](JobSpec& s) { s.lanes = 0; }, "lanes"},
            {[](JobSpec& s) { s.rounds = 0; }, "round_steps"},
            {[](JobSpec& s) { s.round_steps = 0; }, "round_steps"},
            {[](JobSpec& s) { s.rounds = s.round_steps = 65536; }, "rounds"},
            {[](JobSpec& s) { s.optimizer.beta1_ppb = 1'000'000'000; }, "optimizer.beta1_ppb"},
            {[](JobSpec& s) { s.optimizer.beta2_ppb = 1'000'000'000; }, "optimizer.beta2_ppb"},
            {[](JobSpec& s) { s.optimizer.learning_rate_min_ppb = 2'000'000; },
             "optimizer.learning_rate_min_ppb"},
            {[](JobSpec& s) { s.data = market::TableData{}; }, "data"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).layers = 0; }, "model.layers"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).heads = 0; }, "model.heads"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).heads = 3; }, "model.width"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).width = 0; }, "model.width"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).context = 0; }, "model.context"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).dropout_ppb = 1'000'000'000; },
             "model.dropout_ppb"},
            {[](JobSpec& s) { std::get<GptModel>(s.model).width = 1U << 20U; }, "model"},
            {[](JobSpec& s) { std::get<TokenData>(s.data).vocabulary = 0; }, "data.vocabulary"},
            {[](JobSpec& s) { std::get<TokenData>(s.data).train_tokens = 5; }, "data.train_tokens"},
        });
}

TEST(BuildProgram, RefusesBadMlpJobs) {
    using market::JobSpec;
    using market::MlpModel;
    using market::TableData;
    expect_refusals(
        tiny_mlp(),
        {
            {[](JobSpec& s) { s.data = market::TokenData{}; }, "data"},
            {[](JobSpec& s) { std::get<TableData>(s.data).features = 0; }, "data.features"},
            {[](JobSpec& s) { std::get<TableData>(s.data).classes = 0; }, "data.classes"},
            {[](JobSpec& s) { std::get<TableData>(s.data).train_rows = 0; }, "data.train_rows"},
            {[](JobSpec& s) { std::get<MlpModel>(s.model).rows_per_sequence = 0; },
             "model.rows_per_sequence"},
            {[](JobSpec& s) { std::get<MlpModel>(s.model).hidden[1] = 0; }, "model.hidden"},
            {[](JobSpec& s) {
                 std::get<MlpModel>(s.model).hidden = {1U << 16U, 1U << 16U};
             },
             "model.hidden"},
            {[](JobSpec& s) { std::get<TableData>(s.data).classes = 0xffffffffU; }, "data.classes"},
            {[](JobSpec& s) { std::get<MlpModel>(s.model).dropout_ppb = 1'000'000'000; },
             "model.dropout_ppb"},
        });
}

TEST(BuildProgram, HasNoMergeWithOneLaneAndOneRound) {
    const Program alone = *build_program(tiny_gpt());
    for (const Part part : {Part::payload, Part::merge_lane, Part::merge})
        EXPECT_EQ(alone.range(part).first, alone.range(part).second);
    EXPECT_FALSE(alone.find("outer.wte.weight").has_value());
    EXPECT_FALSE(alone.find("grid").has_value());
    const Program merged = *build_program(with_merge(tiny_gpt()));
    for (const Part part : {Part::payload, Part::merge_lane, Part::merge})
        EXPECT_LT(merged.range(part).first, merged.range(part).second);
    EXPECT_TRUE(merged.find("outer.wte.weight").has_value());
}

std::vector<base::Bytes> records_of(const std::vector<Tensor>& tensors) {
    std::vector<base::Bytes> records;
    for (const Tensor& tensor : tensors) records.push_back(tensor_record(tensor));
    return records;
}

TEST(BuildTensors, AreThoseOfTheProgram) {
    market::JobSpec reset = with_merge(tiny_gpt());
    reset.merge.moments = market::MomentRule::reset;
    market::JobSpec dropping = with_merge(tiny_gpt());
    std::get<market::GptModel>(dropping.model).bias = false;
    std::get<market::GptModel>(dropping.model).dropout_ppb = 100'000'000;
    market::JobSpec rounds = tiny_mlp();
    rounds.rounds = 5;
    market::JobSpec shallow = with_merge(tiny_mlp());
    std::get<market::MlpModel>(shallow.model).hidden.clear();
    for (const market::JobSpec& spec : {tiny_gpt(), tiny_mlp(), with_merge(tiny_gpt()),
                                        with_merge(tiny_mlp()), reset, dropping, rounds, shallow}) {
        std::vector<Tensor> state, payload;
        const Program program = *build_program(spec);
        for (Tensor tensor : program.tensors) {
            tensor.start_of = kNoTensor;
            if (tensor.cls == TensorClass::state) state.push_back(tensor);
            if (tensor.cls == TensorClass::payload) payload.push_back(tensor);
        }
        const auto tensors = build_tensors(spec);
        ASSERT_TRUE(tensors.has_value());
        EXPECT_EQ(records_of(tensors->state), records_of(state));
        EXPECT_EQ(records_of(tensors->payload), records_of(payload));
        EXPECT_EQ(tensors->payload.empty(), !spec.has_merge());
    }
}

TEST(BuildProgram, DrawsMasksOnlyWithDropout) {
    const auto masks = [](const Program& program) {
        return std::ranges::count_if(program.instructions, [](const Instruction& i) {
            return i.kind == Kind::random && i.distribution == Distribution::mask;
        });
    };
    EXPECT_EQ(masks(*build_program(tiny_gpt())), 0);
    market::JobSpec spec = tiny_gpt();
    std::get<market::GptModel>(spec.model).dropout_ppb = 100'000'000;
    EXPECT_EQ(masks(*build_program(spec)), 1 + 3 * 2);
}

TEST(BuildProgram, DecaysMatricesOnlyAndOrdersTheState) {
    const Program program = *build_program(with_merge(tiny_gpt()));
    std::vector<std::string> names;
    for (const TensorId id : program.state_tensors()) {
        const Tensor& tensor = program.tensors[id];
        names.push_back(tensor.name);
        EXPECT_EQ(tensor.decay, tensor.weight && tensor.rows > 1) << tensor.name;
    }
    const std::size_t weights = program.weight_tensors().size();
    EXPECT_EQ(weights, 2U + 2U * 16U + 2U);
    ASSERT_EQ(names.size(), 4 * weights + 3);
    EXPECT_EQ(names[0], "wte.weight");
    EXPECT_EQ(names[1], "wpe.weight");
    EXPECT_EQ(names[2], "h.0.ln_1.weight");
    EXPECT_EQ(names[weights], "moment1.wte.weight");
    EXPECT_EQ(names[weights + 1], "moment2.wte.weight");
    EXPECT_EQ(names[weights + 2], "outer.wte.weight");
    EXPECT_EQ(names[names.size() - 3], "loss");
    EXPECT_EQ(names.back(), "fault");
}

TEST(BuildProgram, WithoutBiasHasNoVectorsButGains) {
    market::JobSpec spec = tiny_gpt();
    std::get<market::GptModel>(spec.model).bias = false;
    const Program program = *build_program(spec);
    for (const Tensor& tensor : program.tensors)
        EXPECT_EQ(tensor.name.find("bias"), std::string::npos) << tensor.name;
    EXPECT_EQ(program.weight_tensors().size(), 2U + 2U * 8U + 1U);
}

TEST(BuildProgram, NumbersTensorsByFirstUse) {
    const Program program = *build_program(with_merge(tiny_gpt()));
    TensorId next = 0;
    const auto use = [&](const View& view) {
        ASSERT_LE(view.tensor, next);
        if (view.tensor == next) ++next;
    };
    for (const Instruction& instruction : program.instructions) {
        use(instruction.out);
        for (const View& view : instruction.in) use(view);
    }
    EXPECT_EQ(next, program.tensors.size());
}

TEST(BuildProgram, AcceptsShapesOfKnownModels) {
    for (const auto& [layers, heads, width, context] :
         std::vector<std::array<std::uint32_t, 4>>{{6, 6, 384, 256},
                                                   {12, 12, 768, 1024},
                                                   {3, 5, 100, 33},
                                                   {1, 1, 1, 1},
                                                   {2, 8, 136, 96}}) {
        market::JobSpec spec = with_merge(tiny_gpt());
        std::get<market::TokenData>(spec.data).train_tokens = 100'000;
        auto& model = std::get<market::GptModel>(spec.model);
        model.layers = layers;
        model.heads = heads;
        model.width = width;
        model.context = context;
        model.dropout_ppb = 200'000'000;
        const auto program = build_program(spec);
        EXPECT_TRUE(program.has_value()) << width << ": " << program.error().reason;
    }
}

TEST(Cost, CountsAMatmulAsTwoPerMultiplyAddWithinItsBands) {
    market::JobSpec spec = tiny_gpt();
    const Program program = *build_program(spec);
    Program only;
    only.tensors = program.tensors;
    only.batch = 3;
    for (const Instruction& instruction : program.instructions) {
        if (program.tensors[instruction.out.tensor].name == "h.0.attn.scores")
            only.instructions.push_back(instruction);
    }
    // Two heads of width 4, 15 pairs in the triangle of 5 rows.
    EXPECT_EQ(cost_of(only).flops_per_sequence, 2U * 2 * 4 * 15);
    EXPECT_EQ(cost_of(only).flops_per_step, 3U * 2 * 2 * 4 * 15);
}

TEST(Cost, CountsWeightsStateAndPayload) {
    const Program program = *build_program(with_merge(tiny_gpt()));
    const Cost cost = cost_of(program);
    const std::uint64_t block = 4 * (8 * 8 + 8) + (8 * 32 + 32) + (32 * 8 + 8) + 4 * 8;
    const std::uint64_t weights = 7 * 8 + 5 * 8 + 2 * block + 16;
    EXPECT_EQ(cost.weights, weights);
    EXPECT_EQ(cost.state_bytes, 4 * (4 * weights) + 12);
    EXPECT_EQ(cost.payload_bytes, weights + 4 * weights);
    EXPECT_EQ(cost.peak_bytes(4) - cost.peak_bytes(3), cost.sequence_bytes);
    EXPECT_GT(cost.fixed_bytes, cost.state_bytes + cost.payload_bytes);
}

TEST(Cost, OfGpt2IsNearSixTimesWeightsPerToken) {
    market::JobSpec spec = tiny_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model = {12, 12, 768, 1024, true, market::Activation::gelu_tanh, 0};
    auto& data = std::get<market::TokenData>(spec.data);
    data.vocabulary = 50257;
    data.train_tokens = 1'000'000;
    const Cost cost = cost_of(*build_program(spec));
    EXPECT_EQ(cost.weights, 124'439'808U);
    const double per_token =
        static_cast<double>(cost.flops_per_sequence) / 1024 / static_cast<double>(cost.weights);
    EXPECT_GT(per_token, 6.0);
    EXPECT_LT(per_token, 7.5);
}

}  // namespace
}  // namespace assay::program
