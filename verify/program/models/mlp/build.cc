#include <cmath>
#include <string>
#include <vector>

#include "layers.h"
#include "mlp.h"

namespace assay::program {
namespace {

struct HiddenValues {
    TensorId x = kNoTensor, f = kNoTensor, u = kNoTensor, mask = kNoTensor;
};

/// Deviation sqrt(2 / fan in) before rectifiers and GELUs (He et al. 2015), sqrt(1 / fan in)
/// elsewhere.
float deviation_of(std::uint32_t fan_in, bool rectified) {
    return static_cast<float>(std::sqrt((rectified ? 2.0 : 1.0) / static_cast<double>(fan_in)));
}

struct Mlp {
    std::vector<Affine> layers;
    Affine head;
};

Mlp make_mlp(Parameters& parameters, const market::MlpModel& model, const market::TableData& data) {
    const bool rectified = model.activation != market::Activation::tanh;
    Mlp mlp;
    std::uint32_t width = data.features;
    for (std::size_t i = 0; i < model.hidden.size(); ++i) {
        mlp.layers.push_back(make_linear(parameters, "l." + std::to_string(i), width,
                                         model.hidden[i], true, deviation_of(width, rectified)));
        width = model.hidden[i];
    }
    mlp.head =
        make_linear(parameters, "head", width, data.classes, true, deviation_of(width, false));
    return mlp;
}

}  // namespace

std::uint32_t MlpFamily::sequence_rows() const { return model_.rows_per_sequence; }

void MlpFamily::declare(Parameters& parameters) const { make_mlp(parameters, model_, *data_); }

void MlpFamily::emit(Emitter& e, Parameters& parameters, std::uint32_t batch) const {
    const auto [layers, head] = make_mlp(parameters, model_, *data_);

    e.part(Part::sequence);
    LayerContext context = make_context(e, model_.rows_per_sequence, model_.dropout_ppb);
    const TensorId features =
        e.load("features", LoadSource::table_features, data_->features, DType::f32);
    const TensorId labels = e.load("labels", LoadSource::table_labels, 1, DType::i32);

    std::vector<HiddenValues> values(layers.size());
    TensorId x = features;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const std::string name = "l." + std::to_string(i);
        HiddenValues& layer = values[i];
        layer.x = x;
        e.begin_group("linear");
        layer.f = linear(context, layers[i], name + ".f", x);
        e.end_group();
        layer.u = activation(context, model_.activation, name + ".u", layer.f);
        x = layer.u;
        if (context.drops()) {
            e.begin_group("dropout");
            layer.mask = e.random(name + ".mask", Distribution::mask, e.record(x).rows,
                                  e.record(x).cols, context.keep_ppb());
            x = e.map_like(name + ".dropped", x, context.drop(layer.mask, e.term(x)));
            e.end_group();
        }
    }
    e.begin_group("head_loss");
    const TensorId logits = linear(context, head, "head.logits", x);
    TensorId d =
        cross_entropy(context, logits, labels, std::uint64_t{batch} * model_.rows_per_sequence);

    d = linear_backward(context, head, "head.dx", x, d, !layers.empty());
    for (std::size_t i = layers.size(); i-- > 0;) {
        const std::string name = "l." + std::to_string(i);
        d = dropout_backward(context, name + ".du", values[i].mask, d);
        d = activation_backward(context, model_.activation, name + ".df", values[i].f, values[i].u,
                                d);
        d = linear_backward(context, layers[i], name + ".dx", values[i].x, d, i > 0);
    }
}

}  // namespace assay::program
