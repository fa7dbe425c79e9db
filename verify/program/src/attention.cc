#include <cmath>
#include <limits>

#include "layers.h"

namespace assay::program {
namespace {

std::uint32_t round_up_32(std::uint32_t n) { return (n + 31U) / 32U * 32U; }

const Band kUpTo{std::nullopt, 0};  ///< k <= row, or col <= row
const Band kFrom{0, std::nullopt};  ///< k >= row

/// The shapes of one attention layer: scores are stacked by head, T' rows apart; q, k, v and O hold
/// a head's columns side by side.
struct Shapes {
    std::uint32_t heads, head_width, rows, stride;
    [[nodiscard]] View stacked(const View& whole) const { return row_items(whole, rows, stride); }
    [[nodiscard]] View columns(const View& whole) const { return column_items(whole, head_width); }
};

Shapes shapes_of(const LayerContext& context, const Attention& layer) {
    return {layer.heads, layer.head_width, context.rows, round_up_32(context.rows)};
}

Emitter::MatmulOptions batched(std::uint32_t items, Band k_band, Band out_band) {
    Emitter::MatmulOptions options;
    options.items = items;
    options.k_band = k_band;
    options.out_band = out_band;
    return options;
}

Term below_diagonal() { return less_equal(Term::col_index(), Term::row_index()); }

}  // namespace

Attention make_attention(Parameters& parameters, const std::string& name, std::uint32_t heads,
                         std::uint32_t width, bool bias, float deviation, float output_deviation) {
    Attention layer;
    layer.query = make_linear(parameters, name + ".q", width, width, bias, deviation);
    layer.key = make_linear(parameters, name + ".k", width, width, bias, deviation);
    layer.value = make_linear(parameters, name + ".v", width, width, bias, deviation);
    layer.output = make_linear(parameters, name + ".c_proj", width, width, bias, output_deviation);
    layer.heads = heads;
    layer.head_width = width / heads;
    return layer;
}

AttentionValues attention(LayerContext& context, const Attention& layer, const std::string& name,
                          TensorId y) {
    Emitter& e = context.emitter;
    const Shapes shapes = shapes_of(context, layer);
    const std::uint32_t stacked_rows = shapes.heads * shapes.stride;
    const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(layer.head_width)));
    const auto stacked = [&](TensorId id) { return shapes.stacked(e.all(id)); };
    const auto columns = [&](TensorId id) { return shapes.columns(e.all(id)); };
    const auto stacked_map = [&](const std::string& suffix, std::uint32_t cols, const Term& term) {
        const TensorId out = e.value(name + suffix, stacked_rows, cols);
        e.map(stacked(out), term, shapes.heads);
        return out;
    };
    const auto stacked_reduce = [&](ReduceOp op, const std::string& suffix, TensorId x) {
        const TensorId out = e.value(name + suffix, stacked_rows, 1);
        e.reduce(op, stacked(out), {stacked(x)}, shapes.heads);
        return out;
    };

    AttentionValues values;
    values.y = y;
    e.begin_group("qkv");
    values.q = linear(context, layer.query, name + ".query", y);
    values.k = linear(context, layer.key, name + ".key", y);
    values.v = linear(context, layer.value, name + ".value", y);
    e.end_group();

    e.begin_group("attention_forward");
    const TensorId scores = e.value(name + ".scores", stacked_rows, context.rows);
    e.matmul(stacked(scores), columns(values.q), transposed(columns(values.k)),
             batched(shapes.heads, {}, kUpTo));
    const TensorId z = stacked_map(".scaled", context.rows,
                                   select(below_diagonal(), Term(stacked(scores)) * scale,
                                          -std::numeric_limits<float>::infinity()));
    const TensorId m = stacked_reduce(ReduceOp::max, ".max", z);
    const Term t = exp(Term(stacked(z)) - Term(stacked(m)));
    const TensorId exponent = stacked_map(".exp", context.rows, select(less(t, 0x1p-63F), 0.0F, t));
    const TensorId s = stacked_reduce(ReduceOp::sum, ".sum", exponent);
    const TensorId r = stacked_map(".reciprocal", 1, 1.0F / Term(stacked(s)));
    values.probabilities =
        stacked_map(".probabilities", context.rows, Term(stacked(exponent)) * Term(stacked(r)));
    values.dropped = values.probabilities;
    if (context.drops()) {
        values.mask = e.random_mask_items(name + ".mask", shapes.heads, shapes.stride, context.rows,
                                          context.rows, context.keep_ppb());
        values.dropped =
            stacked_map(".dropped", context.rows,
                        select(Term(stacked(values.mask)),
                               Term(stacked(values.probabilities)) * context.keep_inverse(), 0.0F));
    }
    values.mixed = e.value(name + ".mixed", context.rows, e.record(y).cols);
    e.matmul(columns(values.mixed), stacked(values.dropped), columns(values.v),
             batched(shapes.heads, kUpTo, {}));
    e.end_group();

    e.begin_group("linear");
    values.out = linear(context, layer.output, name + ".out", values.mixed);
    e.end_group();
    return values;
}

namespace {

struct ProjectionGradients {
    TensorId dq, dk, dv;
};

/// Group "qkv_backward": six accumulations and dy = dQ Wq', continued by dK Wk', continued by dV
/// Wv'.
TensorId projections_backward(LayerContext& context, const Attention& layer,
                              const AttentionValues& values, const std::string& name,
                              const ProjectionGradients& gradients) {
    Emitter& e = context.emitter;
    const Affine* layers[] = {&layer.query, &layer.key, &layer.value};
    const TensorId upstream[] = {gradients.dq, gradients.dk, gradients.dv};
    const char* suffixes[] = {".dy_q", ".dy_k", ".dy"};
    e.begin_group("qkv_backward");
    for (int i = 0; i < 3; ++i) {
        e.accumulate(layers[i]->weight.gradient, transposed(e.all(values.y)), e.all(upstream[i]));
    }
    for (int i = 0; i < 3; ++i) {
        if (layers[i]->bias.present())
            e.accumulate(layers[i]->bias.gradient, e.all(context.ones), e.all(upstream[i]));
    }
    TensorId dy = kNoTensor;
    for (int i = 0; i < 3; ++i) {
        const TensorId out = e.value(name + suffixes[i], context.rows, e.record(values.y).cols);
        Emitter::MatmulOptions options;
        if (dy != kNoTensor) {
            options.start = MatmulStart::continues;
            options.third = e.all(dy);
        }
        e.matmul(e.all(out), e.all(upstream[i]), transposed(e.all(layers[i]->weight.weight)),
                 options);
        dy = out;
    }
    e.end_group();
    return dy;
}

}  // namespace

TensorId attention_backward(LayerContext& context, const Attention& layer,
                            const AttentionValues& values, const std::string& name,
                            TensorId d_out) {
    Emitter& e = context.emitter;
    const Shapes shapes = shapes_of(context, layer);
    const std::uint32_t stacked_rows = shapes.heads * shapes.stride;
    const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(layer.head_width)));
    const auto stacked = [&](TensorId id) { return shapes.stacked(e.all(id)); };
    const auto columns = [&](TensorId id) { return shapes.columns(e.all(id)); };

    const TensorId d_mixed =
        linear_backward(context, layer.output, name + ".dmixed", values.mixed, d_out);

    e.begin_group("attention_backward");
    const std::uint32_t width = e.record(values.y).cols;
    ProjectionGradients gradients{};
    gradients.dv = e.value(name + ".dvalue", context.rows, width);
    e.matmul(columns(gradients.dv), transposed(stacked(values.dropped)), columns(d_mixed),
             batched(shapes.heads, kFrom, {}));
    const TensorId d_dropped = e.value(name + ".ddropped", stacked_rows, context.rows);
    e.matmul(stacked(d_dropped), columns(d_mixed), transposed(columns(values.v)),
             batched(shapes.heads, {}, kUpTo));
    const TensorId dd = e.value(name + ".dot", stacked_rows, 1);
    e.reduce(ReduceOp::dot, stacked(dd), {columns(d_mixed), columns(values.mixed)}, shapes.heads);

    Term d_probabilities = Term(stacked(d_dropped));
    if (context.drops()) {
        d_probabilities =
            select(Term(stacked(values.mask)), d_probabilities * context.keep_inverse(), 0.0F);
    }
    const TensorId ds = e.value(name + ".dscores", stacked_rows, context.rows);
    e.map(stacked(ds),
          select(
              below_diagonal(),
              (Term(stacked(values.probabilities)) * (d_probabilities - Term(stacked(dd)))) * scale,
              0.0F),
          shapes.heads);
    gradients.dq = e.value(name + ".dquery", context.rows, width);
    e.matmul(columns(gradients.dq), stacked(ds), columns(values.k),
             batched(shapes.heads, kUpTo, {}));
    gradients.dk = e.value(name + ".dkey", context.rows, width);
    e.matmul(columns(gradients.dk), transposed(stacked(ds)), columns(values.q),
             batched(shapes.heads, kFrom, {}));
    e.end_group();
    return projections_backward(context, layer, values, name, gradients);
}

}  // namespace assay::program
