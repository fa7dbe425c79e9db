#include "layers.h"

#include <bit>
#include <vector>

#include "base/check.h"
#include "schedule.h"

namespace assay::program {
namespace {

constexpr float kNormEpsilon = 1e-5F;

}  // namespace

float LayerContext::keep_inverse() const { return static_cast<float>(1.0 / from_ppb(keep_ppb())); }

Term LayerContext::drop(TensorId mask, const Term& x) const {
    if (mask == kNoTensor) return x;
    return select(emitter.term(mask), x * keep_inverse(), 0.0F);
}

LayerContext make_context(Emitter& emitter, std::uint32_t rows, std::uint32_t dropout_ppb) {
    const TensorId ones = emitter.tensor("ones", TensorClass::constant, DType::f32, 1, rows);
    emitter.add_constant(ones,
                         std::vector<std::uint32_t>(rows, std::bit_cast<std::uint32_t>(1.0F)));
    return {emitter, rows, ones, dropout_ppb};
}

LayerNorm make_layer_norm(Parameters& parameters, const std::string& name, std::uint32_t width,
                          bool bias) {
    LayerNorm layer;
    layer.gain = parameters.vector(name + ".weight", width, 1.0F);
    if (bias) layer.bias = parameters.vector(name + ".bias", width, 0.0F);
    return layer;
}

LayerNormValues layer_norm(LayerContext& context, const LayerNorm& layer, const std::string& name,
                           TensorId x) {
    Emitter& e = context.emitter;
    const float rn = static_cast<float>(1.0 / static_cast<double>(e.record(x).cols));
    LayerNormValues values;
    e.begin_group("layer_norm");
    const TensorId s = e.reduce(ReduceOp::sum, name + ".sum", x);
    const TensorId centred = e.map_like(name + ".centred", x, e.term(x) - e.term(s) * rn);
    const TensorId q = e.dot(name + ".square", centred, centred);
    values.reciprocal =
        e.map_like(name + ".reciprocal", q, 1.0F / sqrt(e.term(q) * rn + kNormEpsilon));
    values.normalised =
        e.map_like(name + ".normalised", x, e.term(centred) * e.term(values.reciprocal));
    const Term gain = e.term(layer.gain.weight);
    values.y = e.map_like(name + ".y", x,
                          layer.bias.present()
                              ? fma(e.term(values.normalised), gain, e.term(layer.bias.weight))
                              : e.term(values.normalised) * gain);
    e.end_group();
    return values;
}

TensorId layer_norm_backward(LayerContext& context, const LayerNorm& layer,
                             const LayerNormValues& values, const std::string& name, TensorId dy,
                             TensorId residual) {
    Emitter& e = context.emitter;
    const float rn = static_cast<float>(1.0 / static_cast<double>(e.record(dy).cols));
    const Term normalised = e.term(values.normalised);
    e.begin_group("layer_norm_backward");
    const TensorId w = e.map_like(name + ".dgain", dy, e.term(dy) * normalised);
    e.accumulate(layer.gain.gradient, e.all(context.ones), e.all(w));
    if (layer.bias.present()) e.accumulate(layer.bias.gradient, e.all(context.ones), e.all(dy));
    const TensorId dh =
        e.map_like(name + ".dnormalised", dy, e.term(dy) * e.term(layer.gain.weight));
    const TensorId s1 = e.reduce(ReduceOp::sum, name + ".dsum", dh);
    const TensorId s2 = e.dot(name + ".ddot", dh, values.normalised);
    const Term through = e.term(values.reciprocal) *
                         ((e.term(dh) - e.term(s1) * rn) - normalised * (e.term(s2) * rn));
    const TensorId dx =
        e.map_like(name + ".dx", dy, residual == kNoTensor ? through : e.term(residual) + through);
    e.end_group();
    return dx;
}

Affine make_linear(Parameters& parameters, const std::string& name, std::uint32_t in,
                   std::uint32_t out, bool bias, float deviation) {
    Affine layer;
    layer.weight = parameters.matrix(name + ".weight", in, out, deviation);
    if (bias) layer.bias = parameters.vector(name + ".bias", out, 0.0F);
    return layer;
}

TensorId linear(LayerContext& context, const Affine& layer, const std::string& name, TensorId x) {
    Emitter& e = context.emitter;
    const TensorId out = e.value(name, context.rows, e.record(layer.weight.weight).cols);
    Emitter::MatmulOptions options;
    if (layer.bias.present()) {
        options.start = MatmulStart::bias;
        options.third = e.all(layer.bias.weight);
    }
    e.matmul(e.all(out), e.all(x), e.all(layer.weight.weight), options);
    return out;
}

TensorId linear_backward(LayerContext& context, const Affine& layer, const std::string& name,
                         TensorId x, TensorId dy, bool needs_dx) {
    Emitter& e = context.emitter;
    e.begin_group("linear_backward");
    e.accumulate(layer.weight.gradient, transposed(e.all(x)), e.all(dy));
    if (layer.bias.present()) e.accumulate(layer.bias.gradient, e.all(context.ones), e.all(dy));
    TensorId dx = kNoTensor;
    if (needs_dx) dx = e.matmul(name, e.all(dy), transposed(e.all(layer.weight.weight)));
    e.end_group();
    return dx;
}

Residual residual(LayerContext& context, const std::string& name, TensorId x, TensorId a) {
    Emitter& e = context.emitter;
    Residual result;
    e.begin_group("residual");
    if (context.drops()) {
        result.mask = e.random(name + ".mask", Distribution::mask, e.record(x).rows,
                               e.record(x).cols, context.keep_ppb());
    }
    result.x = e.map_like(name + ".x", x, e.term(x) + context.drop(result.mask, e.term(a)));
    e.end_group();
    return result;
}

TensorId dropout_backward(LayerContext& context, const std::string& name, TensorId mask,
                          TensorId dx) {
    if (mask == kNoTensor) return dx;
    Emitter& e = context.emitter;
    e.begin_group("dropout_backward");
    const TensorId out = e.map_like(name, dx, context.drop(mask, e.term(dx)));
    e.end_group();
    return out;
}

TensorId cross_entropy(LayerContext& context, TensorId logits, TensorId labels,
                       std::uint64_t tokens) {
    Emitter& e = context.emitter;
    const float scale = static_cast<float>(1.0 / static_cast<double>(tokens));
    const Term is_label = equal(Term::col_index(), e.term(labels));
    const TensorId m = e.reduce(ReduceOp::max, "head.max", logits);
    const Term t = exp(e.term(logits) - e.term(m));
    const TensorId exponent = e.map_like("head.exp", logits, select(less(t, 0x1p-63F), 0.0F, t));
    const TensorId s = e.reduce(ReduceOp::sum, "head.sum", exponent);
    const TensorId r = e.map_like("head.reciprocal", s, 1.0F / e.term(s));
    const TensorId only_label =
        e.map_like("head.label_logits", logits, select(is_label, e.term(logits), 0.0F));
    const TensorId label_logit = e.reduce(ReduceOp::sum, "head.label_logit", only_label);
    const TensorId loss =
        e.map_like("head.loss", s, (e.term(m) - e.term(label_logit)) + log(e.term(s)));
    const TensorId accumulator = e.accumulator("loss_sum", 1, 1);
    e.program().loss_accumulator = accumulator;
    e.accumulate(accumulator, e.all(context.ones), e.all(loss));
    e.mark_forward_end();
    const TensorId gradient =
        e.map_like("head.dlogits", logits,
                   (e.term(exponent) * e.term(r) - select(is_label, 1.0F, 0.0F)) * scale);
    e.end_group();
    return gradient;
}

}  // namespace assay::program
