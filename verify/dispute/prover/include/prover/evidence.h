#pragma once

#include <optional>
#include <vector>

#include "dispute/claim.h"
#include "dispute/openings.h"
#include "dispute/partial.h"
#include "prover/tracing.h"

/// What a party computes to make and defend claims: the other side of the referee.
namespace assay::dispute {

/// One instruction of one unit with everything that claims about it are opened from. Holds the
/// instruction's own tensors and no others.
struct Evidence {
    StageTrace stage;
    UnitTrace unit;
    std::size_t position = 0;  ///< of the unit in the stage
    std::uint32_t instruction = 0;
    struct Operand {
        program::TensorId tensor = program::kNoTensor;
        commit::Buffer elements;  ///< as the instruction reads them
    };
    std::vector<Operand> operands;  ///< by first mention; a continued output as it was before
    commit::Buffer output;          ///< after the instruction
    /// Leaves under the roots that the stage reads: the state (descriptor first), the state that
    /// opened the round, the member's payload. Empty where the stage has none.
    std::vector<base::Hash> state, round_start, payload;
    exact::DatasetWords dataset;  ///< does not own
};

/// Runs the stage up to the instruction, without the units that it cannot depend on.
/// `round_start_descriptor`: of the state that opened the round; payload only. `stage` and `unit`
/// are traces of the same inputs.
Evidence collect_evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                          std::size_t position, std::uint32_t instruction,
                          const base::Hash& round_start_descriptor, const Engine& engine = {});

/// Leaves under a state root: the descriptor, and the roots of the state's tensors.
std::vector<base::Hash> state_leaves(const program::Program& program, const commit::State& state,
                                     const base::Hash& descriptor, unsigned threads);
/// A tile's elements as they are hashed; of a tile that exists.
base::Bytes tile_bytes(const program::Tensor& tensor, const std::byte* data, std::uint32_t tile);
/// Leaves of a tensor's tree over its tiles.
std::vector<base::Hash> tile_leaves(const program::Tensor& tensor, const std::byte* data);

/// What a referee takes as settled, for an honest asserter with this evidence.
Facts facts_of(const program::Program& program, const ProgramRecords& records,
               const StageInputs& inputs, const Evidence& evidence,
               const base::BlobRoot& data_root);

/// The states of a cell of a narrowing kind after each of its steps.
std::vector<PartialState> partial_states(const program::Program& program,
                                         const ProgramRecords& records, const Evidence& evidence,
                                         const Facts& facts, const exact::Cell& cell);
base::Hash partial_root(const std::vector<PartialState>& states);

/// Opens what the claim needs. `states` are the asserter's; empty for direct kinds. The claim must
/// name a place that exists.
Openings open_claim(const program::Program& program, const ProgramRecords& records,
                    const Evidence& evidence, const Facts& facts, const Claim& claim,
                    const std::vector<PartialState>& states);

}  // namespace assay::dispute
