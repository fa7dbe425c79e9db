#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emitter.h"

namespace assay::program {

/// A trained matrix or vector: its state tensor and, once the backward pass has been emitted, where
/// its gradient is.
struct Parameter {
    TensorId weight = kNoTensor;
    TensorId gradient = kNoTensor;  ///< accumulator, or the update part's sum of several
    [[nodiscard]] bool present() const { return weight != kNoTensor; }
};

/// The trained tensors of a model in program order. Adding one emits its initialisation
/// (Part::init) and declares its accumulator.
class Parameters {
  public:
    explicit Parameters(Emitter& emitter) : emitter_(emitter) {}

    /// N(0, deviation); decays.
    Parameter matrix(const std::string& name, std::uint32_t rows, std::uint32_t cols,
                     float deviation);
    /// 1 x cols filled with `value`; does not decay.
    Parameter vector(const std::string& name, std::uint32_t cols, float value);
    /// Replaces the gradient of a tensor that is used twice (tied head).
    void set_gradient(const Parameter& parameter, TensorId gradient);
    [[nodiscard]] const std::vector<Parameter>& list() const { return list_; }

  private:
    Parameter add(TensorId weight);
    Emitter& emitter_;
    std::vector<Parameter> list_;
};

}  // namespace assay::program
