#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "commit/state.h"
#include "exact/kernels.h"
#include "exact/matmul.h"
#include "map_code.h"
#include "places.h"
#include "program/program.h"

namespace assay::runtime {

/// What one thread needs to run any instruction. Allocated once.
struct ThreadScratch {
    ThreadScratch(std::size_t row_floats, std::size_t operands);
    Places places;                     ///< the plan's, with this thread's local values
    commit::Buffer local;              ///< memory of local values
    std::vector<float> map;            ///< kMapScratchFloats
    std::vector<float> rows[2];        ///< a gathered row of each operand of a reduction
    std::vector<std::uint32_t> words;  ///< Philox
    std::vector<Rectangle> operands;
    [[nodiscard]] std::size_t bytes() const;
};

/// One instruction ready to run with vectorised kernels. Immutable. The pieces it can be cut into
/// never change a bit.
class InstructionCode {
  public:
    InstructionCode(const program::Program& program, const program::Instruction& instruction,
                    const exact::Kernels& kernels);

    [[nodiscard]] const program::Instruction& instruction() const { return *instruction_; }
    /// False: only run_reference can do it (kinds and types that no job of builder version 1 runs
    /// in quantity).
    [[nodiscard]] bool fast() const { return fast_; }
    /// Each output row depends on the same row of the operands or on what other instructions do not
    /// write row by row.
    [[nodiscard]] bool by_rows() const;

    /// Rows [first, last) of one item in one slot, operands at scratch.places; by_rows() only.
    void run_rows(const Moment& moment, std::uint32_t item, std::size_t slot, std::uint32_t first,
                  std::uint32_t last, ThreadScratch& scratch) const;
    /// The matmul of one item in one slot, as a problem for exact::matmul. `chained`: one chain per
    /// slot of the moment, into one C, which starts from +0 with the step's first sequence.
    [[nodiscard]] exact::Matmul problem(const Places& places, const Moment& moment,
                                        std::uint32_t item, std::size_t slot, bool chained) const;
    /// All slots of a matmul as the rows of one, where memory allows it.
    [[nodiscard]] bool stackable(const Places& places) const;
    /// The reference, whole, in one slot.
    void run_reference(const Places& places, const Moment& moment, std::size_t slot) const;
    /// Sets the elements of the output outside all items to +0.
    void clear_padding(const Places& places, std::size_t slot) const;

  private:
    void run_reduce(const Rectangle& out, const std::vector<Rectangle>& in, std::uint32_t first,
                    std::uint32_t last, ThreadScratch& scratch) const;
    void run_gather(const Rectangle& out, const std::vector<Rectangle>& in, std::uint32_t first,
                    std::uint32_t last) const;
    void run_random(const Rectangle& out, const Moment& moment, std::size_t slot,
                    std::uint32_t first, std::uint32_t last, ThreadScratch& scratch) const;

    const program::Program* program_;
    const program::Instruction* instruction_;
    const exact::Kernels* kernels_;
    std::unique_ptr<MapCode> map_;
    bool fast_ = true;
};

}  // namespace assay::runtime
