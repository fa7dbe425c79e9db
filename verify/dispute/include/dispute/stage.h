#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "commit/state.h"
#include "exact/reference.h"
#include "program/program.h"

/// What is traced at once: everything between two roots that the protocol names.
namespace assay::dispute {

enum class Stage : std::uint8_t {
    init = 1,     ///< from the spec to the first state
    step = 2,     ///< from one state to the next
    payload = 3,  ///< from a round's last state to what its lane gives to the merge
    merge = 4,    ///< from payloads to the state that opens the next round
};

/// One run of one part: a sequence, a member's turn in the merge, or a part that runs once.
struct Unit {
    program::Part part = program::Part::sequence;
    std::uint32_t index = 0;  ///< of the sequence or member; 0 where the part runs once
    bool operator==(const Unit&) const = default;
};

/// Whether a part runs once per sequence or member, and leaves accumulators.
bool is_loop(program::Part part);
/// The part that `stage` repeats, if any.
std::optional<program::Part> loop_of(Stage stage);

/// The units of a stage in the order in which they run: `runs` sequences or members, then the part
/// that uses the accumulators. `prologue`: whether the program's prologue has instructions.
std::vector<Unit> units_of(Stage stage, std::uint32_t runs, bool prologue);
std::vector<Unit> units_of(const program::Program& program, Stage stage, std::uint32_t members);

/// Everything that the results of a stage depend on. Does not own; the program must be checked.
struct StageInputs {
    const program::Program* program = nullptr;
    Stage stage = Stage::step;
    /// The state that the stage reads: before the step; at the round's end (payload); the one that
    /// opened the round (merge). Null in init.
    const commit::State* start = nullptr;
    const commit::State* round_start = nullptr;         ///< payload only
    std::span<const commit::Payload* const> members{};  ///< merge only, ascending by lane
    exact::DatasetWords dataset{};                      ///< step only
    std::uint32_t round = 0, lane = 0, step = 0;        ///< step within the round, from 0
    /// descriptor_leaf of the state that the stage reads; zeros in init.
    base::Hash descriptor;
};

/// Numbers that random instructions and tables read, and nothing in memory.
exact::ReferenceContext context_of(Stage stage, const Unit& unit, std::uint32_t round,
                                   std::uint32_t lane, std::uint32_t step,
                                   std::uint32_t round_steps, std::uint32_t members);

}  // namespace assay::dispute
