#pragma once

#include <cstdint>
#include <vector>

#include "market/job_spec.h"

/// Small job specs that the tests of this folder start from.
namespace assay::program {

inline market::JobSpec tiny_gpt() {
    market::GptModel model;
    model.layers = 2;
    model.heads = 2;
    model.width = 8;
    model.context = 5;
    market::TokenData data;
    data.tokens = 200;
    data.train_tokens = 160;
    data.vocabulary = 7;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = 2;
    spec.seed = 11;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.optimizer.learning_rate_min_ppb = 100'000;
    spec.optimizer.warmup_steps = 2;
    spec.lanes = 1;
    spec.rounds = 1;
    spec.round_steps = 8;
    spec.segment_steps = 2;
    return spec;
}

inline market::JobSpec tiny_mlp() {
    market::JobSpec spec = tiny_gpt();
    market::MlpModel model;
    model.hidden = {9, 6};
    model.rows_per_sequence = 5;
    model.activation = market::Activation::gelu_tanh;
    market::TableData data;
    data.rows = 40;
    data.train_rows = 30;
    data.features = 4;
    data.classes = 3;
    spec.model = model;
    spec.data = data;
    return spec;
}

/// Two lanes, three rounds.
inline market::JobSpec with_merge(market::JobSpec spec) {
    spec.lanes = 2;
    spec.rounds = 3;
    spec.round_steps = 4;
    return spec;
}

/// Token ids below `vocabulary` from a fixed linear congruence.
inline std::vector<std::uint32_t> some_tokens(std::size_t count, std::uint32_t vocabulary) {
    std::vector<std::uint32_t> tokens;
    std::uint64_t state = 12345;
    for (std::size_t i = 0; i < count; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        tokens.push_back(static_cast<std::uint32_t>((state >> 40U) % vocabulary));
    }
    return tokens;
}

}  // namespace assay::program
