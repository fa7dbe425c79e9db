#include "layers.h"

namespace assay::program {
namespace {

// GELU, tanh form: u = (0.5 x) (1 + tanh(k (x + c x^3))), k = f32(sqrt(2 / pi)), c = f32(0.044715).
constexpr float kTanhScale = 0x1.988454p-1F;
constexpr float kTanhCubic = 0x1.6e4e26p-5F;
constexpr float kTanhCubic3 = 0x1.12ba9ep-3F;  // f32(3 x 0.044715)
// GELU, erf form: u = (0.5 x) (1 + erf(x / sqrt 2)); density 1 / sqrt(2 pi).
constexpr float kInverseSqrt2 = 0x1.6a09e6p-1F;
constexpr float kInverseSqrt2Pi = 0x1.988454p-2F;

Term tanh_of(const Term& x) { return tanh(kTanhScale * fma(Term(kTanhCubic) * (x * x), x, x)); }

Term forward(market::Activation kind, const Term& x) {
    switch (kind) {
        case market::Activation::gelu_tanh:
            return (0.5F * x) * (1.0F + tanh_of(x));
        case market::Activation::gelu_erf:
            return (0.5F * x) * (1.0F + erf(x * kInverseSqrt2));
        case market::Activation::relu:
            return select(less(0.0F, x), x, 0.0F);
        case market::Activation::tanh:
            return tanh(x);
    }
    return x;
}

Term backward(market::Activation kind, const Term& x, const Term& y, const Term& dy) {
    switch (kind) {
        case market::Activation::gelu_tanh: {
            const Term t = tanh_of(x);
            const Term slope = kTanhScale * fma(Term(kTanhCubic3), x * x, 1.0F);
            return dy * fma((0.5F * x) * (1.0F - t * t), slope, 0.5F * (1.0F + t));
        }
        case market::Activation::gelu_erf: {
            const Term density = exp(-0.5F * (x * x)) * kInverseSqrt2Pi;
            return dy * fma(x, density, 0.5F * (1.0F + erf(x * kInverseSqrt2)));
        }
        case market::Activation::relu:
            return select(less(0.0F, x), dy, 0.0F);
        case market::Activation::tanh:
            return dy * (1.0F - y * y);
    }
    return dy;
}

bool is_gelu(market::Activation kind) {
    return kind == market::Activation::gelu_tanh || kind == market::Activation::gelu_erf;
}

}  // namespace

TensorId activation(LayerContext& context, market::Activation kind, const std::string& name,
                    TensorId x) {
    Emitter& e = context.emitter;
    e.begin_group(is_gelu(kind) ? "gelu" : "activation");
    const TensorId out = e.map_like(name, x, forward(kind, e.term(x)));
    e.end_group();
    return out;
}

TensorId activation_backward(LayerContext& context, market::Activation kind,
                             const std::string& name, TensorId x, TensorId y, TensorId dy) {
    Emitter& e = context.emitter;
    e.begin_group(is_gelu(kind) ? "gelu_backward" : "activation_backward");
    const TensorId out = e.map_like(name, x, backward(kind, e.term(x), e.term(y), e.term(dy)));
    e.end_group();
    return out;
}

}  // namespace assay::program
