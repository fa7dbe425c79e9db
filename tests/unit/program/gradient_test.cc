#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "double_machine.h"
#include "program/builder.h"
#include "reference_machine.h"
#include "specs.h"

namespace assay::program {
namespace {

/// Gradient accumulators after one step through the reference, against central differences of the
/// loss in binary64. Every weight tensor is checked at every element, so every layer's backward
/// pass is.
class GradientCheck {
  public:
    GradientCheck(const market::JobSpec& spec, exact::DatasetWords dataset)
        : program_(build(spec)), dataset_(dataset), exact_(program_), real_(program_) {}

    void run(double scale_of_start) {
        exact_.run_init();
        spread_weights(scale_of_start);
        for (const TensorId id : program_.state_tensors()) {
            if (program_.tensors[id].dtype != DType::f32) continue;
            const auto values = exact_.f32(id);
            for (std::size_t i = 0; i < values.size(); ++i)
                real_.values(id)[i] = static_cast<double>(values[i]);
        }
        const double tokens = static_cast<double>(program_.batch) * program_.sequence_rows;
        const double loss = real_.loss_sum(dataset_, 0) / tokens;
        exact_.run_step(dataset_, 0, 0, 0);
        EXPECT_NEAR(static_cast<double>(exact_.f32(program_.loss)[0]), loss,
                    2e-6 * (1 + std::fabs(loss)));
        double square = 0;
        for (const TensorId weight : program_.weight_tensors())
            check_tensor(weight, tokens, square);
        const double norm = static_cast<double>(exact_.f32(program_.norm)[0]);
        EXPECT_NEAR(norm, std::sqrt(square), 1e-4 * std::sqrt(square));
    }

  private:
    static Program build(const market::JobSpec& spec) {
        auto program = build_program(spec);
        EXPECT_TRUE(program.has_value())
            << (program ? "" : program.error().path + ": " + program.error().reason);
        return std::move(*program);
    }

    /// Larger, irregular weights, so that no term of a derivative hides below the noise.
    void spread_weights(double scale) {
        std::uint32_t state = 7;
        for (const TensorId id : program_.weight_tensors()) {
            for (float& w : exact_.f32(id)) {
                state = state * 1664525U + 1013904223U;
                w += static_cast<float>(scale *
                                        (static_cast<double>(state >> 8U) / 16777216.0 - 0.5));
            }
        }
    }

    [[nodiscard]] TensorId gradient_of(TensorId weight) const {
        const std::string& name = program_.tensors[weight].name;
        const auto sum = program_.find("grad_sum." + name);
        return sum ? *sum : program_.find("grad." + name).value();
    }

    void check_tensor(TensorId weight, double tokens, double& square) {
        const auto gradient = exact_.f32(gradient_of(weight));
        double largest = 0;
        std::vector<double> differences;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            double& w = real_.values(weight)[i];
            const double start = w, h = 1e-5;
            w = start + h;
            const double above = real_.loss_sum(dataset_, 0);
            w = start - h;
            const double below = real_.loss_sum(dataset_, 0);
            w = start;
            differences.push_back((above - below) / (2 * h) / tokens);
            largest = std::max(largest, std::fabs(differences.back()));
            square += differences.back() * differences.back();
        }
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            ASSERT_NEAR(static_cast<double>(gradient[i]), differences[i], 2e-5 * largest + 2e-8)
                << program_.tensors[weight].name << " element " << i;
        }
    }

    Program program_;
    exact::DatasetWords dataset_;
    exact::ReferenceMachine exact_;
    DoubleMachine real_;
};

void check_gpt(const market::JobSpec& spec) {
    const auto& data = std::get<market::TokenData>(spec.data);
    const auto tokens = some_tokens(data.tokens, data.vocabulary);
    GradientCheck(spec, {tokens, data.train_tokens, 1}).run(0.6);
}

void check_mlp(const market::JobSpec& spec) {
    const auto& data = std::get<market::TableData>(spec.data);
    std::vector<std::uint32_t> words;
    const auto draws = some_tokens(data.rows * (data.features + 1), 1000);
    for (std::size_t i = 0; i < draws.size(); ++i) {
        const bool label = i % (data.features + 1) == data.features;
        const float value = label ? static_cast<float>(draws[i] % data.classes)
                                  : static_cast<float>(draws[i]) / 300.0F - 1.5F;
        words.push_back(std::bit_cast<std::uint32_t>(value));
    }
    GradientCheck(spec, {words, data.train_rows, data.features + 1}).run(0.2);
}

TEST(Gradients, GptWithBias) { check_gpt(tiny_gpt()); }

TEST(Gradients, GptWithoutBias) {
    market::JobSpec spec = tiny_gpt();
    std::get<market::GptModel>(spec.model).bias = false;
    check_gpt(spec);
}

TEST(Gradients, GptWithDropout) {
    market::JobSpec spec = tiny_gpt();
    std::get<market::GptModel>(spec.model).dropout_ppb = 300'000'000;
    check_gpt(spec);
}

TEST(Gradients, GptWithErfAndOneHead) {
    market::JobSpec spec = tiny_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model.activation = market::Activation::gelu_erf;
    model.heads = 1;
    model.layers = 1;
    check_gpt(spec);
}

TEST(Gradients, MlpWithEveryActivation) {
    for (const auto kind : {market::Activation::gelu_tanh, market::Activation::gelu_erf,
                            market::Activation::relu, market::Activation::tanh}) {
        market::JobSpec spec = tiny_mlp();
        std::get<market::MlpModel>(spec.model).activation = kind;
        check_mlp(spec);
    }
}

TEST(Gradients, MlpWithDropoutAndWithoutHiddenLayers) {
    market::JobSpec spec = tiny_mlp();
    std::get<market::MlpModel>(spec.model).dropout_ppb = 250'000'000;
    check_mlp(spec);
    std::get<market::MlpModel>(spec.model).hidden.clear();
    check_mlp(spec);
}

}  // namespace
}  // namespace assay::program
