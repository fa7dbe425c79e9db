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
    merge = 3,    ///< each member's turn, then the merge part
};

/// What an audit replays.
struct CellScope {
    CellStage stage = CellStage::segment;
    std::uint32_t steps = 1;  ///< of the segment; not read in init and merge
    /// Segment: it ends with the payload part (last of its round, in a job with merges).
    bool closes_round = false;
    std::uint32_t members = 0;  ///< merge: payloads that are merged
    bool operator==(const CellScope&) const = default;
};

/// One tile of what one instruction defined, in the part of that instruction.
struct CellPlace {
    std::uint32_t step = 0;  ///< within the segment, from 0; 0 in init and merge
    /// Segment: the sequence b < batch; batch: the update; batch + 1: the payload part (only in the
    /// last step). Merge: the member m < members, ascending by lane; members: the merge part.
    /// Init: 0.
    std::uint32_t unit = 0;
    std::uint32_t instruction = 0;  ///< number in the program
    std::uint32_t tile = 0;         ///< row-major among the 32 x 32 tiles of the output
    auto operator<=>(const CellPlace&) const = default;
};

/// kCells places, in the order drawn; they may repeat. `spot` is the auditor's VRF output over the
/// audit and the committed root. Requires a program that check_program accepts, a scope that fits
/// it (steps and members above 0), and a drawable instruction, which every program of build_program
/// has in every stage.
std::vector<CellPlace> choose_cells(const Program& program, const CellScope& scope,
                                    const base::VrfOutput& spot);

/// Whether choose_cells could give the place.
bool is_cell(const Program& program, const CellScope& scope, const CellPlace& place);

/// The instructions of a part that may be drawn, ascending: those whose output is no accumulator
/// and, outside init, depends on a state or a payload. How many sequences an accumulator holds at
/// one moment is the executor's affair, and what follows from seed, data and tables alone is known
/// without a replay.
std::vector<std::uint32_t> cell_instructions(const Program& program, Part part);

}  // namespace assay::program
