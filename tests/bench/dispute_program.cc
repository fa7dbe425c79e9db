#include "dispute_program.h"

#include "base/check.h"
#include "program/builder.h"

namespace assay::dispute {

Program gpt2(std::uint32_t batch, std::uint32_t context) {
    market::GptModel model;
    model.layers = 12;
    model.heads = 12;
    model.width = 768;
    model.context = context;
    model.dropout_ppb = 100'000'000;
    market::TokenData data;
    data.tokens = kTokens;
    data.train_tokens = kTrainTokens;
    data.vocabulary = kVocabulary;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = batch;
    spec.lanes = 4;
    spec.rounds = 10;
    spec.round_steps = 100;
    spec.segment_steps = 10;
    auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value());
    return std::move(*program);
}

std::vector<std::uint32_t> some_tokens() {
    Numbers numbers;
    std::vector<std::uint32_t> tokens(kTokens);
    for (std::uint32_t& token : tokens) token = numbers.next() % kVocabulary;
    return tokens;
}

std::uint32_t instruction_of(const Program& program, program::Part part, std::string_view output) {
    const auto [first, last] = program.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        if (program.tensors[program.instructions[i].out.tensor].name == output) return i;
    }
    base::fail_check("the program has such an output", __FILE__, __LINE__);
}

}  // namespace assay::dispute
