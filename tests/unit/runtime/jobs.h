#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "market/job_spec.h"

/// Small jobs for the executor's tests.
namespace assay::runtime::testing {

/// A GPT whose sizes are multiples of nothing: ragged tiles, padding rows between heads, a
/// vocabulary that is no lane count.
inline market::JobSpec ragged_gpt() {
    market::GptModel model;
    model.layers = 2;
    model.heads = 3;
    model.width = 33;
    model.context = 19;
    market::TokenData data;
    data.tokens = 500;
    data.train_tokens = 400;
    data.vocabulary = 37;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = 5;
    spec.seed = 11;
    spec.optimizer.learning_rate_ppb = 3'000'000;
    spec.optimizer.learning_rate_min_ppb = 300'000;
    spec.optimizer.warmup_steps = 2;
    spec.lanes = 2;
    spec.rounds = 2;
    spec.round_steps = 40;
    spec.segment_steps = 10;
    return spec;
}

inline market::JobSpec with_dropout(market::JobSpec spec) {
    std::get<market::GptModel>(spec.model).dropout_ppb = 200'000'000;
    return spec;
}

inline market::JobSpec small_mlp() {
    market::JobSpec spec = ragged_gpt();
    market::MlpModel model;
    model.hidden = {21, 40};
    model.rows_per_sequence = 7;
    market::TableData data;
    data.rows = 60;
    data.train_rows = 50;
    data.features = 9;
    data.classes = 4;
    spec.model = model;
    spec.data = data;
    return spec;
}

/// The dataset's words from a fixed linear congruence: tokens, or table rows with their labels
/// last.
inline std::vector<std::uint32_t> words_for(const market::JobSpec& spec) {
    std::vector<std::uint32_t> words;
    std::uint64_t state = 12345;
    const auto draw = [&state](std::uint32_t below) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>((state >> 33U) % below);
    };
    if (const auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        for (std::uint64_t i = 0; i < tokens->tokens; ++i)
            words.push_back(draw(tokens->vocabulary));
        return words;
    }
    const auto& table = std::get<market::TableData>(spec.data);
    for (std::uint64_t row = 0; row < table.rows; ++row) {
        for (std::uint32_t f = 0; f < table.features; ++f) {
            words.push_back(
                std::bit_cast<std::uint32_t>(static_cast<float>(draw(2001)) / 1000.0F - 1.0F));
        }
        words.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(draw(table.classes))));
    }
    return words;
}

}  // namespace assay::runtime::testing
