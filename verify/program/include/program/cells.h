#pragma once

#include <cstdint>
#include <vector>

#include "base/vrf.h"
#include "program/program.h"

/// Which cells the auditor of a segment, a merge or an initial state has to show besides its
/// verdict (docs/formats/cells.md). Rules, auditors and controllers choose alike; what captures the
/// values is runtime/cell_replay.h.
namespace assay::program {

/// Cells of one verdict.
inline constexpr std::uint32_t kCells = 8;

enum class CellStage : std::uint8_t {
    init = 1,     ///< the init part
    segment = 2,  ///< sequences and update of each step; at the end of a round the payload part
    merge = 3,    ///< the merge part, which uses the sums over the members
};

/// What an audit replays.
struct CellScope {
    CellStage stage = CellStage::segment;
    std::uint32_t steps = 1;  ///< of the segment; not read in init and merge
    /// Segment: it ends with the payload part (last of its round, in a job with merges).
    bool closes_round = false;
    bool operator==(const CellScope&) const = default;
};

/// One tile of what one instruction defined, in the part of that instruction.
struct CellPlace {
    std::uint32_t step = 0;  ///< within the segment, from 0; 0 in init and merge
    /// The sequence b < batch; batch: the update; batch + 1: the payload part, only in the last
    /// step. 0 in init and merge.
    std::uint32_t unit = 0;
    std::uint32_t instruction = 0;  ///< number in the program
    std::uint32_t tile = 0;         ///< row-major among the 32 x 32 tiles of the output
    auto operator<=>(const CellPlace&) const = default;
};

/// kCells places, in the order drawn; they may repeat. `spot` is the auditor's VRF output over the
/// audit and the committed root. Requires a program of build_program (each part that the scope
/// names has a drawable instruction) and steps above 0.
std::vector<CellPlace> choose_cells(const Program& program, const CellScope& scope,
                                    const base::VrfOutput& spot);

/// Whether choose_cells could give the place.
bool is_cell(const Program& program, const CellScope& scope, const CellPlace& place);

/// The instructions of a part that may be drawn, ascending: those whose output is no accumulator
/// and depends on a state or a payload, in init on a random draw. How many sequences an accumulator
/// holds at one moment is the executor's affair, and what follows from seed, data and tables alone
/// is known without a replay.
std::vector<std::uint32_t> cell_instructions(const Program& program, Part part);

}  // namespace assay::program
