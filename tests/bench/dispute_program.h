#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "program/program.h"

/// The program and data that dispute_bench measures with.
namespace assay::dispute {

using program::Program;

inline constexpr std::uint64_t kTokens = 1'000'000, kTrainTokens = kTokens / 10 * 9;
inline constexpr std::uint32_t kVocabulary = 50'257;

/// A GPT-2 of 124 million parameters with dropout, several lanes and rounds.
Program gpt2(std::uint32_t batch, std::uint32_t context);

/// A fixed linear congruence.
class Numbers {
  public:
    std::uint32_t next() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state_ >> 33U);
    }

  private:
    std::uint64_t state_ = 7;
};

std::vector<std::uint32_t> some_tokens();
/// The first instruction of a part whose output has that name.
std::uint32_t instruction_of(const Program& program, program::Part part, std::string_view output);

}  // namespace assay::dispute
