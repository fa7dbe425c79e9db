#include "model_layout.h"

#include "base/check.h"

namespace assay::commit {

namespace {

using market::Activation;
using market::GptModel;
using market::MlpModel;
using program::Program;
using program::TensorId;

/// Adds entries; the names on the left are the file's, those on the right the program's.
class Layout {
  public:
    explicit Layout(const Program& program) : program_(program) {}

    void matrix(const std::string& name, const std::vector<std::string>& sources) {
        ModelEntry entry{name, {}, {0, 0}};
        for (const std::string& source : sources) {
            const TensorId id = need(source);
            entry.parts.push_back(id);
            entry.shape[0] = program_.tensors[id].rows;
            entry.shape[1] += program_.tensors[id].cols;
        }
        entries_.push_back(std::move(entry));
    }
    void vector(const std::string& name, const std::vector<std::string>& sources) {
        matrix(name, sources);
        ModelEntry& entry = entries_.back();
        ASSAY_CHECK(entry.shape[0] == 1);
        entry.shape.erase(entry.shape.begin());
    }
    void zeros(const std::string& name, std::uint64_t size) {
        entries_.push_back({name, {}, {size}});
    }
    /// A bias that may be absent from the program.
    void bias(const std::string& name, bool present, const std::vector<std::string>& sources,
              std::uint64_t size) {
        present ? vector(name, sources) : zeros(name, size);
    }
    std::vector<ModelEntry> take() {
        std::size_t placed = 0;
        for (const ModelEntry& entry : entries_) placed += entry.parts.size();
        ASSAY_CHECK(placed == program_.weight_tensors().size());
        return std::move(entries_);
    }

  private:
    TensorId need(const std::string& name) const {
        const std::optional<TensorId> id = program_.find(name);
        ASSAY_CHECK(id && program_.tensors[*id].weight &&
                    program_.tensors[*id].dtype == program::DType::f32);
        return *id;
    }
    const Program& program_;
    std::vector<ModelEntry> entries_;
};

void gpt_block(Layout& layout, const GptModel& model, std::uint32_t index) {
    const std::string from = "h." + std::to_string(index) + ".";
    const std::string to = "transformer." + from;
    const std::uint64_t width = model.width;
    layout.vector(to + "ln_1.weight", {from + "ln_1.weight"});
    layout.bias(to + "ln_1.bias", model.bias, {from + "ln_1.bias"}, width);
    layout.matrix(to + "attn.c_attn.weight",
                  {from + "attn.q.weight", from + "attn.k.weight", from + "attn.v.weight"});
    layout.bias(to + "attn.c_attn.bias", model.bias,
                {from + "attn.q.bias", from + "attn.k.bias", from + "attn.v.bias"}, 3 * width);
    layout.matrix(to + "attn.c_proj.weight", {from + "attn.c_proj.weight"});
    layout.bias(to + "attn.c_proj.bias", model.bias, {from + "attn.c_proj.bias"}, width);
    layout.vector(to + "ln_2.weight", {from + "ln_2.weight"});
    layout.bias(to + "ln_2.bias", model.bias, {from + "ln_2.bias"}, width);
    layout.matrix(to + "mlp.c_fc.weight", {from + "mlp.c_fc.weight"});
    layout.bias(to + "mlp.c_fc.bias", model.bias, {from + "mlp.c_fc.bias"}, 4 * width);
    layout.matrix(to + "mlp.c_proj.weight", {from + "mlp.c_proj.weight"});
    layout.bias(to + "mlp.c_proj.bias", model.bias, {from + "mlp.c_proj.bias"}, width);
}

/// The name that common loaders give the activation.
std::string activation_word(Activation activation) {
    switch (activation) {
        case Activation::gelu_tanh:
            return "gelu_new";
        case Activation::gelu_erf:
            return "gelu";
        case Activation::relu:
            return "relu";
        case Activation::tanh:
            return "tanh";
    }
    return "";
}

/// Parts per billion as a decimal with at least one digit after the point.
std::string decimal(std::uint64_t ppb) {
    constexpr std::uint64_t kBillion = 1'000'000'000;
    std::string digits = std::to_string(ppb % kBillion);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
    return std::to_string(ppb / kBillion) + "." + digits;
}

/// An object with one member a line; values are already JSON.
std::string json_object(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string text = "{\n";
    for (std::size_t i = 0; i < members.size(); ++i) {
        text += "  \"" + members[i].first + "\": " + members[i].second +
                (i + 1 < members.size() ? ",\n" : "\n");
    }
    return text + "}\n";
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string gpt_config(const GptModel& model, std::uint32_t vocabulary) {
    const std::string dropout = decimal(model.dropout_ppb);
    return json_object({{"activation_function", quoted(activation_word(model.activation))},
                        {"architectures", "[\"GPT2LMHeadModel\"]"},
                        {"attn_pdrop", dropout},
                        {"bos_token_id", "null"},
                        {"embd_pdrop", dropout},
                        {"eos_token_id", "null"},
                        {"initializer_range", "0.02"},
                        {"layer_norm_epsilon", "1e-05"},
                        {"model_type", "\"gpt2\""},
                        {"n_ctx", std::to_string(model.context)},
                        {"n_embd", std::to_string(model.width)},
                        {"n_head", std::to_string(model.heads)},
                        {"n_inner", "null"},
                        {"n_layer", std::to_string(model.layers)},
                        {"n_positions", std::to_string(model.context)},
                        {"reorder_and_upcast_attn", "false"},
                        {"resid_pdrop", dropout},
                        {"scale_attn_by_inverse_layer_idx", "false"},
                        {"scale_attn_weights", "true"},
                        {"tie_word_embeddings", "true"},
                        {"torch_dtype", "\"float32\""},
                        {"use_cache", "true"},
                        {"vocab_size", std::to_string(vocabulary)}});
}

std::string mlp_config(const MlpModel& model, const market::TableData& data) {
    std::string hidden = "[";
    for (std::size_t i = 0; i < model.hidden.size(); ++i) {
        if (i > 0) hidden += ", ";
        hidden += std::to_string(model.hidden[i]);
    }
    return json_object({{"activation_function", quoted(activation_word(model.activation))},
                        {"architectures", "[\"AssayMlp\"]"},
                        {"classes", std::to_string(data.classes)},
                        {"dropout", decimal(model.dropout_ppb)},
                        {"features", std::to_string(data.features)},
                        {"hidden", hidden + "]"},
                        {"model_type", "\"assay_mlp\""},
                        {"torch_dtype", "\"float32\""}});
}

}  // namespace

std::vector<ModelEntry> model_layout(const Program& program, const market::JobSpec& spec) {
    Layout layout(program);
    if (const auto* gpt = std::get_if<GptModel>(&spec.model)) {
        layout.matrix("transformer.wte.weight", {"wte.weight"});
        layout.matrix("transformer.wpe.weight", {"wpe.weight"});
        for (std::uint32_t i = 0; i < gpt->layers; ++i) gpt_block(layout, *gpt, i);
        layout.vector("transformer.ln_f.weight", {"ln_f.weight"});
        layout.bias("transformer.ln_f.bias", gpt->bias, {"ln_f.bias"}, gpt->width);
        return layout.take();
    }
    for (const TensorId id : program.weight_tensors())
        layout.matrix(program.tensors[id].name, {program.tensors[id].name});
    return layout.take();
}

std::string model_config(const market::JobSpec& spec) {
    if (const auto* gpt = std::get_if<GptModel>(&spec.model))
        return gpt_config(*gpt, std::get<market::TokenData>(spec.data).vocabulary);
    return mlp_config(std::get<MlpModel>(spec.model), std::get<market::TableData>(spec.data));
}

}  // namespace assay::commit
