// The same program on stock kernels equals the exact executor within tolerance, with and without
// dropout.

#include <gtest/gtest.h>

#include <cmath>

#include "commit/state.h"
#include "market/job_spec.h"
#include "program/builder.h"
#include "runtime/executor.h"
#include "torch_executor/backend.h"

namespace assay {
namespace {

market::JobSpec small_gpt(std::uint32_t dropout_ppb) {
    market::JobSpec spec;
    spec.model = market::GptModel{.layers = 2,
                                  .heads = 2,
                                  .width = 32,
                                  .context = 40,
                                  .bias = true,
                                  .dropout_ppb = dropout_ppb};
    market::TokenData data;
    data.tokens = 3000;
    data.train_tokens = 2700;
    data.vocabulary = 61;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.data = data;
    spec.batch = 4;
    spec.seed = 11;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.optimizer.learning_rate_min_ppb = 100'000;
    spec.round_steps = spec.segment_steps = 20;
    return spec;
}

void compare_losses(std::uint32_t dropout_ppb) {
    const market::JobSpec spec = small_gpt(dropout_ppb);
    const auto program = program::build_program(spec);
    ASSERT_TRUE(program.has_value()) << program.error().path << ": " << program.error().reason;
    std::vector<std::uint32_t> words(3000);
    for (std::uint32_t i = 0; i < words.size(); ++i) words[i] = (i * i + i / 7) % 61;

    runtime::Executor exact(*program, {.threads = 1, .micro_batch = 2});
    runtime::Executor stock(*program, torch_executor::make_backend(*program, 1));
    commit::State exact_state = commit::State::zeros(*program),
                  stock_state = commit::State::zeros(*program);
    exact.run_init(exact_state);
    stock.run_init(stock_state);
    for (std::uint32_t h = 0; h < 20; ++h) {
        const auto ours = exact.run_step(exact_state, {words, 2700, 1}, 0, 0, h);
        const auto theirs = stock.run_step(stock_state, {words, 2700, 1}, 0, 0, h);
        ASSERT_NEAR(ours.loss, theirs.loss, 2e-3 * std::abs(ours.loss)) << "step " << h;
        ASSERT_NEAR(ours.norm, theirs.norm, 2e-2 * std::abs(ours.norm)) << "step " << h;
        EXPECT_EQ(theirs.fault, 0);
    }
}

TEST(TorchExecutor, FollowsTheExactLossWithoutDropout) { compare_losses(0); }

TEST(TorchExecutor, FollowsTheExactLossWithDropout) { compare_losses(200'000'000); }

}  // namespace
}  // namespace assay
