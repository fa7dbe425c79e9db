// The hand-written backward passes against libtorch's autograd, for every layer by way of whole
// models: a GPT in its variants and an MLP.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>

#include "commit/state.h"
#include "exact/reference.h"
#include "market/job_spec.h"
#include "program/builder.h"

namespace assay {
namespace {

using program::Part;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

/// All tensors of a program in memory, and the definition run over them.
class Bench {
  public:
    Bench(const Program& program, std::vector<std::uint32_t> words, std::uint64_t train_count,
          std::uint32_t row_words)
        : program_(program), words_(std::move(words)), memories_(program.tensors.size()) {
        context_.dataset = {words_, train_count, row_words};
        for (const Tensor& tensor : program.tensors)
            buffers_.emplace_back(
                std::max<std::size_t>(std::size_t{4} * tensor.rows * tensor.cols, 4));
        for (TensorId id = 0; id < program.tensors.size(); ++id) {
            const Tensor& tensor = program.tensors[id];
            memories_[id] = {buffers_[id].data(), tensor.rows, tensor.cols, tensor.dtype};
        }
        for (const program::Table& table : program.tables)
            std::memcpy(buffers_[table.tensor].data(), table.values.data(),
                        table.values.size() * 4);
        for (const program::Constant& constant : program.constants)
            std::memcpy(buffers_[constant.tensor].data(), constant.bits.data(),
                        constant.bits.size() * 4);
        context_.tensors = memories_;
        context_.lane = exact::kInitLane;
        run(Part::init);
        context_.lane = 0;
    }

    void run_sequence(std::uint32_t b) {
        context_.sequence = b;
        run(Part::prologue);
        run(Part::sequence);
    }
    void run_update() { run(Part::update); }

    [[nodiscard]] at::Tensor tensor(const std::string& name) const {
        const auto id = program_.find(name);
        EXPECT_TRUE(id.has_value()) << name;
        const Tensor& record = program_.tensors[*id];
        const auto type = record.dtype == program::DType::i32 ? at::kInt : at::kFloat;
        return at::from_blob(const_cast<std::byte*>(buffers_[*id].data()),
                             {record.rows, record.cols}, type)
            .clone();
    }

  private:
    void run(Part part) {
        const auto [first, last] = program_.range(part);
        for (std::uint32_t i = first; i < last; ++i)
            exact::run_reference(program_, program_.instructions[i], context_);
    }
    const Program& program_;
    std::vector<std::uint32_t> words_;
    std::vector<commit::Buffer> buffers_;
    std::vector<exact::TensorMemory> memories_;
    exact::ReferenceContext context_;
};

/// Weights as autograd leaves, by name.
class Weights {
  public:
    Weights(const Program& program, const Bench& bench) {
        for (const TensorId id : program.weight_tensors()) {
            const std::string& name = program.tensors[id].name;
            leaves_[name] = bench.tensor(name).requires_grad_(true);
        }
    }
    [[nodiscard]] at::Tensor operator()(const std::string& name) const { return leaves_.at(name); }
    [[nodiscard]] at::Tensor vector_or(const std::string& name, std::int64_t size) const {
        const auto found = leaves_.find(name);
        return found == leaves_.end() ? at::zeros({size}) : found->second.reshape({-1});
    }
    [[nodiscard]] const std::map<std::string, at::Tensor>& all() const { return leaves_; }

  private:
    std::map<std::string, at::Tensor> leaves_;
};

at::Tensor activate(market::Activation kind, const at::Tensor& x) {
    switch (kind) {
        case market::Activation::gelu_tanh:
            return at::gelu(x, "tanh");
        case market::Activation::gelu_erf:
            return at::gelu(x, "none");
        case market::Activation::relu:
            return at::relu(x);
        case market::Activation::tanh:
            return at::tanh(x);
    }
    return x;
}

at::Tensor gpt_loss(const Weights& w, const market::GptModel& model, const at::Tensor& ids,
                    const at::Tensor& labels) {
    const std::int64_t rows = ids.size(0), width = model.width, heads = model.heads;
    const auto affine = [&](const std::string& name, const at::Tensor& x, std::int64_t out) {
        return at::matmul(x, w(name + ".weight")) + w.vector_or(name + ".bias", out);
    };
    const auto norm = [&](const std::string& name, const at::Tensor& x) {
        return at::layer_norm(x, {width}, w(name + ".weight").reshape({-1}),
                              w.vector_or(name + ".bias", width), 1e-5);
    };
    const auto by_head = [&](const at::Tensor& t) {
        return t.reshape({rows, heads, width / heads}).transpose(0, 1);
    };
    const at::Tensor future = at::ones({rows, rows}, at::kBool).triu(1);
    at::Tensor x = w("wte.weight").index_select(0, ids) + w("wpe.weight");
    for (std::uint32_t i = 0; i < model.layers; ++i) {
        const std::string h = "h." + std::to_string(i);
        const at::Tensor y = norm(h + ".ln_1", x);
        const at::Tensor q = by_head(affine(h + ".attn.q", y, width)),
                         k = by_head(affine(h + ".attn.k", y, width));
        const at::Tensor v = by_head(affine(h + ".attn.v", y, width));
        const at::Tensor scores =
            at::matmul(q, k.transpose(1, 2)) / std::sqrt(static_cast<double>(width / heads));
        const at::Tensor mixed =
            at::matmul(at::softmax(scores.masked_fill(future, -INFINITY), 2), v);
        x = x + affine(h + ".attn.c_proj", mixed.transpose(0, 1).reshape({rows, width}), width);
        const at::Tensor f = affine(h + ".mlp.c_fc", norm(h + ".ln_2", x), 4 * width);
        x = x + affine(h + ".mlp.c_proj", activate(model.activation, f), width);
    }
    return at::cross_entropy_loss(at::matmul(norm("ln_f", x), w("wte.weight").t()), labels);
}

at::Tensor mlp_loss(const Weights& w, const market::MlpModel& model, at::Tensor x,
                    const at::Tensor& labels) {
    for (std::size_t i = 0; i < model.hidden.size(); ++i) {
        const std::string name = "l." + std::to_string(i);
        x = activate(model.activation, at::matmul(x, w(name + ".weight")) + w(name + ".bias"));
    }
    return at::cross_entropy_loss(at::matmul(x, w("head.weight")) + w("head.bias"), labels);
}

void expect_close(const std::string& name, const at::Tensor& ours, const at::Tensor& autograd) {
    const double scale = std::max(autograd.abs().max().item<double>(), 1e-6);
    const double difference = (ours.reshape_as(autograd) - autograd).abs().max().item<double>();
    EXPECT_LT(difference / scale, 2e-4)
        << name << ": largest difference " << difference << " beside gradients up to " << scale;
}

std::vector<std::uint32_t> some_tokens(std::uint32_t count, std::uint32_t vocabulary) {
    std::vector<std::uint32_t> words(count);
    std::uint32_t x = 12345;
    for (std::uint32_t& word : words) word = ((x = x * 1664525U + 1013904223U) >> 16U) % vocabulary;
    return words;
}

market::JobSpec gpt_spec(const market::GptModel& model) {
    market::JobSpec spec;
    spec.model = model;
    market::TokenData data;
    data.tokens = 500;
    data.train_tokens = 450;
    data.vocabulary = 37;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.data = data;
    spec.batch = 3;
    spec.seed = 7;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.round_steps = spec.segment_steps = 4;
    return spec;
}

void check_gpt(const market::GptModel& model) {
    const market::JobSpec spec = gpt_spec(model);
    const auto program = program::build_program(spec);
    ASSERT_TRUE(program.has_value()) << program.error().path << ": " << program.error().reason;
    Bench bench(*program, some_tokens(500, 37), 450, 1);
    const Weights weights(*program, bench);
    at::Tensor loss = at::zeros({});
    for (std::uint32_t b = 0; b < spec.batch; ++b) {
        bench.run_sequence(b);
        loss = loss + gpt_loss(weights, model, bench.tensor("tokens").reshape({-1}).to(at::kLong),
                               bench.tensor("labels").reshape({-1}).to(at::kLong)) /
                          static_cast<double>(spec.batch);
    }
    bench.run_update();
    loss.backward();
    EXPECT_NEAR(bench.tensor(program->tensors[program->loss].name).item<float>(),
                loss.item<float>(), 1e-4);
    double square = 0;
    for (const auto& [name, leaf] : weights.all()) {
        expect_close(name,
                     bench.tensor(name == "wte.weight" ? "grad_sum.wte.weight" : "grad." + name),
                     leaf.grad());
        square += leaf.grad().square().sum().item<double>();
    }
    EXPECT_NEAR(bench.tensor(program->tensors[program->norm].name).item<float>(), std::sqrt(square),
                1e-3 * std::sqrt(square));
}

TEST(Gradients, GptEqualsAutograd) {
    check_gpt({.layers = 2, .heads = 3, .width = 24, .context = 17, .bias = true});
}

TEST(Gradients, GptWithoutBiasesEqualsAutograd) {
    check_gpt({.layers = 1, .heads = 2, .width = 32, .context = 33, .bias = false});
}

TEST(Gradients, EveryActivationEqualsAutograd) {
    for (const auto kind : {market::Activation::gelu_tanh, market::Activation::gelu_erf,
                            market::Activation::relu, market::Activation::tanh})
        check_gpt(
            {.layers = 1, .heads = 1, .width = 16, .context = 9, .bias = true, .activation = kind});
}

TEST(Gradients, MlpEqualsAutograd) {
    market::JobSpec spec = gpt_spec({});
    const market::MlpModel model{
        .hidden = {19, 8}, .activation = market::Activation::tanh, .rows_per_sequence = 11};
    spec.model = model;
    market::TableData data;
    data.rows = 60;
    data.train_rows = 50;
    data.features = 5;
    data.classes = 3;
    spec.data = data;
    const auto program = program::build_program(spec);
    ASSERT_TRUE(program.has_value()) << program.error().path << ": " << program.error().reason;
    std::vector<std::uint32_t> words;
    for (std::uint32_t row = 0; row < 60; ++row) {
        for (std::uint32_t column = 0; column < 5; ++column)
            words.push_back(std::bit_cast<std::uint32_t>(
                static_cast<float>((row * 7 + column * 13) % 17) / 8.0F - 1.0F));
        words.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(row % 3)));
    }
    Bench bench(*program, words, 50, 6);
    const Weights weights(*program, bench);
    at::Tensor loss = at::zeros({});
    for (std::uint32_t b = 0; b < spec.batch; ++b) {
        bench.run_sequence(b);
        loss = loss + mlp_loss(weights, model, bench.tensor("features"),
                               bench.tensor("labels").reshape({-1}).to(at::kLong)) /
                          static_cast<double>(spec.batch);
    }
    bench.run_update();
    loss.backward();
    for (const auto& [name, leaf] : weights.all())
        expect_close(name, bench.tensor("grad." + name), leaf.grad());
}

}  // namespace
}  // namespace assay
