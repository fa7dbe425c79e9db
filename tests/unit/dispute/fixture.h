#pragma once

#include <map>
#include <string>
#include <vector>

#include "dispute/trace.h"
#include "market/job_spec.h"

/// Small jobs run by the reference up to the stage that a test disputes.
namespace assay::dispute::testing {

/// Ragged everywhere, several heads in one tile, dropout, two lanes and rounds.
market::JobSpec ragged_gpt();
/// Sequences, vocabulary and hidden widths of more than one tile and more than one block of 256.
market::JobSpec deep_gpt();
/// Table rows, more than 256 hidden units, two lanes and rounds.
market::JobSpec wide_mlp();

/// A compiled job, its data, and states that its lanes reach.
class Fixture {
  public:
    explicit Fixture(const market::JobSpec& job);
    /// A program that no job spec describes, with one lane and one round, over tokens.
    Fixture(program::Program other, std::vector<std::uint32_t> tokens, std::uint64_t train_tokens);
    Fixture(const Fixture&) = delete;  // inputs point into it
    Fixture& operator=(const Fixture&) = delete;

    /// Inputs of one stage; they point into the fixture. `step` runs from the state after one step
    /// of lane 1, so that moments and norms are not zero.
    [[nodiscard]] StageInputs inputs(Stage stage) const;
    /// State tensors and payload tensors that the reference itself reaches at the stage's end.
    [[nodiscard]] std::vector<std::vector<std::byte>> expected(Stage stage) const;

    /// Descriptor leaf of the state that opened the round.
    [[nodiscard]] base::Hash opening_leaf() const;
    [[nodiscard]] base::BlobRoot data_root() const;

    std::uint32_t lanes = 1;
    program::Program program;
    std::vector<std::uint32_t> words;
    exact::DatasetWords dataset;
    base::Hash spec_root, program_root;
    commit::StateDescriptor opening, after_step;
    commit::State start, stepped;           ///< opening of round 0; after one step of lane 1
    std::vector<commit::Payload> payloads;  ///< of both lanes after one step, in jobs with merges
    std::vector<const commit::Payload*> members;

  private:
    void run();
};

/// One step with what no preset has: an i8 matmul, a band on either side, f16, u16 and bf16 values,
/// uniform draws, a max over two blocks, items stacked with padding.
program::Program odd_program();

/// What distinguishes instructions for a referee: everything but names, places and sizes.
std::string signature(const program::Program& program, const program::Instruction& instruction);
/// Lines "name hex" of the ```golden blocks of a page in docs/formats.
std::map<std::string, std::string> golden_of(const std::string& page);

}  // namespace assay::dispute::testing
