#pragma once

#include <cstdint>
#include <vector>

#include "exact/reference.h"
#include "program/program.h"

/// An independent reading of a program in real arithmetic (binary64, libm, plain sums): what the
/// formulas mean, without the order of rounding that the reference defines. Only for tests of
/// gradients. Loads and random words come from the reference.
namespace assay::program {

class DoubleMachine {
  public:
    explicit DoubleMachine(const Program& program);
    [[nodiscard]] std::vector<double>& values(TensorId id) { return values_[id]; }
    /// Forward passes of all sequences: the loss sum.
    double loss_sum(const exact::DatasetWords& dataset, std::uint32_t step);

  private:
    void run(const Instruction& instruction, const exact::DatasetWords& dataset, std::uint32_t step,
             std::uint32_t sequence);
    void run_item(const Instruction& instruction, std::uint32_t item);
    void run_indexed(const Instruction& instruction);
    void run_from_reference(const Instruction& instruction, const exact::DatasetWords& dataset,
                            std::uint32_t step, std::uint32_t sequence);
    double evaluate(const Instruction& instruction, std::uint32_t item, std::uint32_t row,
                    std::uint32_t col);
    double matmul_element(const Instruction& instruction, std::uint32_t item, std::uint32_t row,
                          std::uint32_t col);
    double reduce_row(const Instruction& instruction, std::uint32_t item, std::uint32_t row);
    double& at(const View& view, std::uint32_t item, std::uint32_t row, std::uint32_t col);

    const Program& program_;
    std::vector<std::vector<double>> values_;
};

}  // namespace assay::program
