#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "exact/kernels.h"
#include "places.h"
#include "program/program.h"

namespace assay::runtime {

/// The causal softmax of attention as one kernel: scaled scores, row maximum, exponentials, row
/// sum, reciprocal, probabilities. A row passes through the first cache three times instead of
/// seven, and what lies above the diagonal is not computed. Bits are those of the six instructions.
class FusedSoftmax {
  public:
    static constexpr std::size_t kInstructions = 6;

    /// Whether these are the six instructions, reading each other's results as they stand. That
    /// nobody else reads what lies between is for the caller to know.
    static std::optional<FusedSoftmax> match(
        const program::Program& program,
        std::span<const program::Instruction* const, kInstructions> instructions,
        const exact::Kernels& kernels);

    /// Rows [first, last) of one item in one slot.
    void run(const program::Program& program, const Places& places, const Moment& moment,
             std::uint32_t item, std::size_t slot, std::uint32_t first, std::uint32_t last) const;

  private:
    program::View scores_, probabilities_;
    float scale_ = 0;
    void (*kernel_)(const float* scores, std::size_t row, std::size_t cols, float scale,
                    float* out) = nullptr;
};

}  // namespace assay::runtime
