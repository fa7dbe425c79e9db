#pragma once

#include <optional>
#include <vector>

#include "dispute/claim.h"
#include "dispute/openings.h"
#include "local.h"

namespace assay::dispute {

/// A rectangle of whole tiles of one tensor in memory; what was not opened is +0.
struct Window {
    std::vector<std::byte> bytes;
    exact::TensorMemory memory;  ///< its data are `bytes`
};

/// The tile of a tensor that holds its element (32 row, 32 col).
struct TilePlace {
    std::uint32_t row = 0, col = 0, rows = 0, cols = 0;  ///< in elements
};
/// Nothing when the tensor has no such tile.
std::optional<TilePlace> tile_place(const program::Tensor& tensor, std::uint32_t tile);
std::uint32_t tile_count(const program::Tensor& tensor);
/// How elements of a type are made canonical.
base::MessageWords words_of(program::DType dtype);

/// Openings checked against the facts, piece by piece, as a judgement asks for them. Holds
/// references; one judgement long.
class Opened {
  public:
    Opened(const Facts& facts, const Claim& claim, const Unit& unit, const Openings& openings);

    using Error = std::optional<OpeningError>;
    /// The instruction's record; its part is the unit's.
    Error read_instruction(program::Instruction& instruction);
    /// The records of the tensors it names.
    Error read_tensors(const program::Instruction& instruction);
    /// The record of a tensor that the instruction names.
    [[nodiscard]] const program::Tensor& tensor(program::TensorId id) const;
    /// The claimed tile's elements.
    Error read_claimed(base::Bytes& elements);
    /// The tiles of an operand under `rect`, taken from where the instruction reads the tensor.
    Error read_window(program::TensorId id, const Rect& rect, Window& window);
    /// Words [first, first + count) of the dataset.
    Error read_words(std::uint64_t first, std::uint32_t count, std::vector<std::uint32_t>& words);
    /// The partial state after `step`: its bytes, or its leaf.
    Error read_before(std::uint32_t step, std::uint32_t steps, std::size_t bytes);
    Error read_after(std::uint32_t step, std::uint32_t steps);
    /// That nothing else is opened.
    Error check_all_used() const;

  private:
    Error read_slot(std::size_t slot);
    Error read_state_slot(const TensorOpening& opening, Origin& origin,
                          std::optional<std::uint32_t>& writer);
    Error check_root(std::size_t slot, std::optional<std::uint32_t> writer);
    Error check_contents(const TensorOpening& opening, program::TensorId id);
    Error check_outputs();
    Error check_loop();
    Error read_tile(std::size_t slot, std::uint32_t tile, const TileOpening*& found);
    [[nodiscard]] std::uint32_t first() const { return facts_.frame.range(unit_.part).first; }
    [[nodiscard]] std::uint32_t outputs() const;

    const Facts& facts_;
    const Claim& claim_;
    const Unit unit_;
    const Openings& openings_;
    std::vector<program::TensorId> ids_;
    std::vector<program::Tensor> tensors_;
    std::vector<bool> slots_used_, tiles_used_;
    bool outputs_used_ = false, loop_used_ = false, data_used_ = false, before_used_ = false,
         after_used_ = false;
};

}  // namespace assay::dispute
