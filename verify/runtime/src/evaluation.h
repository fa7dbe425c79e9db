#pragma once

#include "program/program.h"

namespace assay::runtime {

/// A program's copy for evaluation: masks keep everything and the 1/keep that goes with them is 1,
/// so dropout is the identity. Same tensors, same instructions, otherwise equal.
class Evaluation {
  public:
    explicit Evaluation(const program::Program& program);
    [[nodiscard]] const program::Program& program() const { return program_; }

  private:
    program::Program program_;
};

}  // namespace assay::runtime
