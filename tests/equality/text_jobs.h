#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "commit/state.h"
#include "market/job_spec.h"
#include "program/program.h"
#include "runtime/executor.h"

/// Small jobs on real text for proofs that executors agree. Real text because random tokens give
/// even gradients: only text has rare characters, whose moments decay to nothing.
namespace assay::equality {

/// Fourteen chapters of Genesis, King James Version (public domain).
std::string genesis();
/// The whole of another file. Aborts when it cannot be read: the caller checked.
std::string text_of(const std::filesystem::path& file);

/// A spec with the words of its dataset, and its program.
struct TextJob {
    std::string name;
    market::JobSpec spec;
    std::vector<std::uint32_t> words;
    program::Program program;

    [[nodiscard]] runtime::DataView data() const;
    /// Writes the dataset blob, as Job::open reads it.
    void write_blob(const std::filesystem::path& file) const;
};

/// A GPT of 2 layers, 2 heads, width 64, context 32, batch 4: about 0.05 GFMA a step. Characters.
TextJob gpt_on_text(std::string_view text, std::uint32_t steps);
/// Sizes that are multiples of nothing, dropout, batch 5, GELU by erf, two lanes and two rounds.
TextJob ragged_gpt_on_text(std::string_view text, std::uint32_t steps);
/// A perceptron that guesses the next character from the six before it. Each character at each
/// place has a weight row of its own, whose gradient is +0 in most steps; with fast moments
/// (0.6, 0.7) those of rare characters pass the cut at 2^-100 within 150 steps.
TextJob mlp_on_text(std::string_view text, std::uint32_t steps);

/// Root of the state after `step` steps of (round 0, lane): the spec, program and opening fields of
/// its descriptor are those of the job.
base::Hash root_after(const TextJob& job, const commit::State& state, std::uint32_t lane,
                      std::uint32_t step);

/// The loss that the state holds.
float loss_of(const TextJob& job, const commit::State& state);

/// Elements of the two moments by magnitude: how close a run came to the cut at 2^-100.
struct MomentCount {
    std::uint64_t zero = 0, near_cut = 0, above = 0;  ///< near: below 2^-90
};
MomentCount count_moments(const TextJob& job, const commit::State& state);

/// The first state tensor in which two states differ, with the element; empty when they are equal.
/// NaN equals NaN.
std::string first_difference(const program::Program& program, const commit::State& a,
                             const commit::State& b);

}  // namespace assay::equality
