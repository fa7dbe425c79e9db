#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "dispute/records.h"
#include "dispute/stage.h"

/// What a referee is asked.
namespace assay::dispute {

/// What both sides and the ledger hold as settled when one cell is judged, and what the asserter
/// has posted. The caller has checked frame and posted roots against each other.
struct Facts {
    ProgramFrame frame;
    Stage stage = Stage::step;
    std::uint32_t round = 0, lane = 0, step = 0, members = 0;
    base::Hash descriptor;        ///< leaf of the state that the stage reads; zeros in init
    base::Hash state_root;        ///< that state's root
    base::Hash round_start_root;  ///< of the state that opened the round; payload only
    base::Hash payload_root;      ///< of the unit's member; merge_lane only
    base::BlobRoot data_root;     ///< the dataset: address, bytes, and the training split
    std::uint64_t data_bytes = 0;
    std::uint64_t train_count = 0;
    std::uint32_t row_words = 1;

    std::uint32_t unit = 0;  ///< position in the stage
    base::Hash stage_root;   ///< the asserter's; leaves before `unit` are conceded
    base::Hash unit_root;    ///< the asserter's; outputs before the claimed one are conceded

    /// Units of the stage and the one at a position: units_of without the list, whose length is
    /// whatever a header says.
    [[nodiscard]] std::uint64_t unit_count() const;
    [[nodiscard]] std::optional<Unit> unit_at(std::uint64_t position) const;
};

inline constexpr std::uint32_t kTileSide = 32;
/// In place of a batch item: the elements of a tile outside all items.
inline constexpr std::uint32_t kPaddingItem = 0xffffffffU;

/// One step of one cell. Direct kinds (load, random, gather, map): `step` is a row of the cell, and
/// the row of the claimed tile is judged. Narrowing kinds (reduce, matmul, scatter_add): `step` is
/// a step of the running state, judged against the tree over the cell's partial states; the step
/// after the last compares the final state with the claimed tile.
struct Claim {
    std::uint32_t instruction = 0;  ///< number in the program
    std::uint32_t tile = 0;         ///< of the output tensor, row-major
    std::uint32_t item = 0;         ///< or kPaddingItem
    std::uint32_t step = 0;         ///< 0 for padding
    base::Hash partial_root;        ///< narrowing kinds: the asserter's tree over the cell's states
};

bool narrows(program::Kind kind);
/// The part of a tile that one item covers, in the item's own rows and columns. Nothing where the
/// item does not touch the tile, or there is no such tile or item.
std::optional<exact::Cell> cell_of(const program::Instruction& instruction,
                                   const program::Tensor& out, std::uint32_t tile,
                                   std::uint32_t item);
/// Steps of the running state; 0 for direct kinds.
std::uint32_t state_steps(const program::Instruction& instruction);
/// How many steps a claim about the cell can name.
std::uint32_t steps_of(const program::Instruction& instruction, const exact::Cell& cell);

}  // namespace assay::dispute
