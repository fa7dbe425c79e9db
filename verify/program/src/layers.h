#pragma once

#include <cstdint>
#include <string>

#include "emitter.h"
#include "market/job_spec.h"
#include "parameters.h"

/// The layers: each emits its forward instructions and, by hand, its vector-Jacobian product.
/// Formulas and their order of rounding are those of docs/layers.md. Group names are listed in
/// README.md. All run in Part::sequence over T rows.
namespace assay::program {

/// What every layer needs: where to emit, T, the constant row of ones, and dropout.
struct LayerContext {
    Emitter& emitter;
    std::uint32_t rows = 0;     ///< T
    TensorId ones = kNoTensor;  ///< constant 1 x T
    std::uint32_t dropout_ppb = 0;
    [[nodiscard]] bool drops() const { return dropout_ppb > 0; }
    [[nodiscard]] std::uint32_t keep_ppb() const { return 1'000'000'000U - dropout_ppb; }
    /// f32(1 / keep)
    [[nodiscard]] float keep_inverse() const;
    /// select(mask, x * ik, +0), or x when nothing is dropped (mask is kNoTensor).
    [[nodiscard]] Term drop(TensorId mask, const Term& x) const;
};

LayerContext make_context(Emitter& emitter, std::uint32_t rows, std::uint32_t dropout_ppb);

struct LayerNorm {
    Parameter gain, bias;  ///< bias may be absent
};
struct LayerNormValues {
    TensorId reciprocal = kNoTensor;  ///< rs, T x 1
    TensorId normalised = kNoTensor;  ///< xh
    TensorId y = kNoTensor;
};
LayerNorm make_layer_norm(Parameters& parameters, const std::string& name, std::uint32_t width,
                          bool bias);
LayerNormValues layer_norm(LayerContext& context, const LayerNorm& layer, const std::string& name,
                           TensorId x);
/// dx = dR + vjp(dy); `residual` (dR) may be kNoTensor.
TensorId layer_norm_backward(LayerContext& context, const LayerNorm& layer,
                             const LayerNormValues& values, const std::string& name, TensorId dy,
                             TensorId residual);

struct Affine {
    Parameter weight, bias;  ///< bias may be absent; y = x W + b, W is in x out as in GPT-2's files
};
Affine make_linear(Parameters& parameters, const std::string& name, std::uint32_t in,
                   std::uint32_t out, bool bias, float deviation);
/// One matmul, no group: callers group it.
TensorId linear(LayerContext& context, const Affine& layer, const std::string& name, TensorId x);
/// Group "linear_backward": GW += x' dy ; Gb += 1' dy ; dx = dy W' (none when `needs_dx` is false).
TensorId linear_backward(LayerContext& context, const Affine& layer, const std::string& name,
                         TensorId x, TensorId dy, bool needs_dx = true);

/// Elementwise; group "gelu" / "gelu_backward" for the GELUs, "activation" / "activation_backward"
/// for the others.
TensorId activation(LayerContext& context, market::Activation kind, const std::string& name,
                    TensorId x);
/// dy * f'(x); `y` is the forward result.
TensorId activation_backward(LayerContext& context, market::Activation kind,
                             const std::string& name, TensorId x, TensorId y, TensorId dy);

struct Attention {
    Affine query, key, value, output;
    std::uint32_t heads = 1, head_width = 0;
};
struct AttentionValues {
    TensorId y = kNoTensor;  ///< input
    TensorId q = kNoTensor, k = kNoTensor, v = kNoTensor;
    TensorId probabilities = kNoTensor;  ///< P
    TensorId dropped = kNoTensor;        ///< D; P itself without dropout
    TensorId mask = kNoTensor;           ///< k1
    TensorId mixed = kNoTensor;          ///< O
    TensorId out = kNoTensor;            ///< A
};
Attention make_attention(Parameters& parameters, const std::string& name, std::uint32_t heads,
                         std::uint32_t width, bool bias, float deviation, float output_deviation);
AttentionValues attention(LayerContext& context, const Attention& layer, const std::string& name,
                          TensorId y);
/// Everything from dA to dy.
TensorId attention_backward(LayerContext& context, const Attention& layer,
                            const AttentionValues& values, const std::string& name, TensorId d_out);

struct Residual {
    TensorId mask = kNoTensor;
    TensorId x = kNoTensor;
};
/// x + drop(a): group "residual".
Residual residual(LayerContext& context, const std::string& name, TensorId x, TensorId a);
/// drop(mask, dx): `dx` itself without dropout; group "dropout_backward".
TensorId dropout_backward(LayerContext& context, const std::string& name, TensorId mask,
                          TensorId dx);

/// Cross-entropy of logits that the caller has just emitted inside the open group "head_loss";
/// closes the group. Adds to the loss accumulator, marks the end of the forward pass and returns
/// dl, the gradient of the mean over `tokens` (the lane's whole batch).
TensorId cross_entropy(LayerContext& context, TensorId logits, TensorId labels,
                       std::uint64_t tokens);

}  // namespace assay::program
