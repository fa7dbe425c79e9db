#include <cmath>
#include <string>
#include <vector>

#include "gpt.h"
#include "layers.h"

namespace assay::program {
namespace {

constexpr double kDeviation = 0.02;

struct Block {
    LayerNorm norm1, norm2;
    Attention attention;
    Affine fc, projection;
};

struct Gpt {
    Parameter wte, wpe;
    std::vector<Block> blocks;
    LayerNorm final_norm;
};

/// What a block's backward pass reads of its forward pass.
struct BlockValues {
    LayerNormValues norm1, norm2;
    AttentionValues attention;
    TensorId f = kNoTensor, u = kNoTensor;
    TensorId mask2 = kNoTensor, mask3 = kNoTensor;
};

Gpt make_gpt(Parameters& parameters, const market::GptModel& model, std::uint32_t vocabulary) {
    const auto deviation = static_cast<float>(kDeviation);
    const auto residual_deviation =
        static_cast<float>(kDeviation / std::sqrt(2.0 * static_cast<double>(model.layers)));
    Gpt gpt;
    gpt.wte = parameters.matrix("wte.weight", vocabulary, model.width, deviation);
    gpt.wpe = parameters.matrix("wpe.weight", model.context, model.width, deviation);
    for (std::uint32_t i = 0; i < model.layers; ++i) {
        const std::string name = "h." + std::to_string(i);
        Block block;
        block.norm1 = make_layer_norm(parameters, name + ".ln_1", model.width, model.bias);
        block.attention = make_attention(parameters, name + ".attn", model.heads, model.width,
                                         model.bias, deviation, residual_deviation);
        block.norm2 = make_layer_norm(parameters, name + ".ln_2", model.width, model.bias);
        block.fc = make_linear(parameters, name + ".mlp.c_fc", model.width, 4 * model.width,
                               model.bias, deviation);
        block.projection = make_linear(parameters, name + ".mlp.c_proj", 4 * model.width,
                                       model.width, model.bias, residual_deviation);
        gpt.blocks.push_back(block);
    }
    gpt.final_norm = make_layer_norm(parameters, "ln_f", model.width, model.bias);
    return gpt;
}

/// One matmul as the group "linear".
TensorId grouped_linear(LayerContext& context, const Affine& layer, const std::string& name,
                        TensorId x) {
    context.emitter.begin_group("linear");
    const TensorId out = linear(context, layer, name, x);
    context.emitter.end_group();
    return out;
}

TensorId forward(LayerContext& context, const Block& block, BlockValues& values,
                 market::Activation kind, const std::string& name, TensorId x) {
    values.norm1 = layer_norm(context, block.norm1, name + ".ln_1", x);
    values.attention = attention(context, block.attention, name + ".attn", values.norm1.y);
    const Residual middle = residual(context, name + ".residual_1", x, values.attention.out);
    values.mask2 = middle.mask;
    values.norm2 = layer_norm(context, block.norm2, name + ".ln_2", middle.x);
    values.f = grouped_linear(context, block.fc, name + ".mlp.f", values.norm2.y);
    values.u = activation(context, kind, name + ".mlp.u", values.f);
    const TensorId m = grouped_linear(context, block.projection, name + ".mlp.m", values.u);
    const Residual end = residual(context, name + ".residual_2", middle.x, m);
    values.mask3 = end.mask;
    return end.x;
}

TensorId backward(LayerContext& context, const Block& block, const BlockValues& values,
                  market::Activation kind, const std::string& name, TensorId dx) {
    const TensorId dm = dropout_backward(context, name + ".mlp.dm", values.mask3, dx);
    const TensorId du = linear_backward(context, block.projection, name + ".mlp.du", values.u, dm);
    const TensorId df =
        activation_backward(context, kind, name + ".mlp.df", values.f, values.u, du);
    const TensorId dy2 = linear_backward(context, block.fc, name + ".mlp.dy", values.norm2.y, df);
    const TensorId middle =
        layer_norm_backward(context, block.norm2, values.norm2, name + ".ln_2", dy2, dx);
    const TensorId da = dropout_backward(context, name + ".attn.da", values.mask2, middle);
    const TensorId dy =
        attention_backward(context, block.attention, values.attention, name + ".attn", da);
    return layer_norm_backward(context, block.norm1, values.norm1, name + ".ln_1", dy, middle);
}

struct Embedded {
    TensorId tokens = kNoTensor, mask = kNoTensor, x = kNoTensor;
};

Embedded embed(LayerContext& context, const Gpt& gpt, TensorId tokens) {
    Emitter& e = context.emitter;
    Embedded result;
    result.tokens = tokens;
    e.begin_group("embedding");
    const TensorId e0 = e.gather("embedding.token", gpt.wte.weight, tokens);
    result.x = e.map_like("embedding.sum", e0, e.term(e0) + e.term(gpt.wpe.weight));
    if (context.drops()) {
        result.mask = e.random("embedding.mask", Distribution::mask, e.record(e0).rows,
                               e.record(e0).cols, context.keep_ppb());
        result.x = e.map_like("embedding.x", e0, context.drop(result.mask, e.term(result.x)));
    }
    e.end_group();
    return result;
}

/// Returns the accumulator of the token embedding's gradient.
TensorId embed_backward(LayerContext& context, const Gpt& gpt, const Embedded& embedded,
                        TensorId dx) {
    Emitter& e = context.emitter;
    const Tensor wte = e.record(gpt.wte.weight);
    const TensorId accumulator = e.accumulator("grad_embedding." + wte.name, wte.rows, wte.cols);
    e.begin_group("embedding_backward");
    if (embedded.mask != kNoTensor) {
        dx = e.map_like("embedding.dx", dx, context.drop(embedded.mask, e.term(dx)));
    }
    e.scatter_add(accumulator, dx, embedded.tokens);
    e.map(e.all(gpt.wpe.gradient), e.term(gpt.wpe.gradient) + e.term(dx));
    e.end_group();
    return accumulator;
}

}  // namespace

std::uint32_t GptFamily::sequence_rows() const { return model_.context; }

void GptFamily::declare(Parameters& parameters) const {
    make_gpt(parameters, model_, data_->vocabulary);
}

void GptFamily::emit(Emitter& e, Parameters& parameters, std::uint32_t batch) const {
    const Gpt gpt = make_gpt(parameters, model_, data_->vocabulary);
    e.part(Part::sequence);
    LayerContext context = make_context(e, model_.context, model_.dropout_ppb);
    const TensorId tokens = e.load("tokens", LoadSource::tokens, 1, DType::i32, 0);
    const TensorId labels = e.load("labels", LoadSource::tokens, 1, DType::i32, 1);

    const Embedded embedded = embed(context, gpt, tokens);
    TensorId x = embedded.x;
    std::vector<BlockValues> values(gpt.blocks.size());
    for (std::size_t i = 0; i < gpt.blocks.size(); ++i) {
        x = forward(context, gpt.blocks[i], values[i], model_.activation, "h." + std::to_string(i),
                    x);
    }
    const LayerNormValues last = layer_norm(context, gpt.final_norm, "ln_f", x);

    e.begin_group("head_loss");
    const TensorId logits =
        e.matmul("head.logits", e.all(last.y), transposed(e.all(gpt.wte.weight)));
    const TensorId dlogits =
        cross_entropy(context, logits, labels, std::uint64_t{batch} * model_.context);
    e.begin_group("head_backward");
    e.accumulate(gpt.wte.gradient, transposed(e.all(dlogits)), e.all(last.y));
    const TensorId dy = e.matmul("head.dy", e.all(dlogits), e.all(gpt.wte.weight));
    e.end_group();

    TensorId dx = layer_norm_backward(context, gpt.final_norm, last, "ln_f", dy, kNoTensor);
    for (std::size_t i = gpt.blocks.size(); i-- > 0;) {
        dx = backward(context, gpt.blocks[i], values[i], model_.activation,
                      "h." + std::to_string(i), dx);
    }
    const TensorId embedding_gradient = embed_backward(context, gpt, embedded, dx);

    // The tied tensor has two accumulators, added once per step.
    e.part(Part::update);
    e.begin_group("tied_gradient");
    const TensorId sum = e.map_like("grad_sum.wte.weight", gpt.wte.gradient,
                                    e.term(gpt.wte.gradient) + e.term(embedding_gradient));
    e.end_group();
    parameters.set_gradient(gpt.wte, sum);
}

}  // namespace assay::program
