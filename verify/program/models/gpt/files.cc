#include "../file_layout.h"
#include "gpt.h"

namespace assay::program {
namespace {

void gpt_block(FileLayout& layout, const market::GptModel& model, std::uint32_t index) {
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

}  // namespace

std::vector<ModelEntry> GptFamily::files(const Program& program) const {
    FileLayout layout(program);
    layout.matrix("transformer.wte.weight", {"wte.weight"});
    layout.matrix("transformer.wpe.weight", {"wpe.weight"});
    for (std::uint32_t i = 0; i < model_.layers; ++i) gpt_block(layout, model_, i);
    layout.vector("transformer.ln_f.weight", {"ln_f.weight"});
    layout.bias("transformer.ln_f.bias", model_.bias, {"ln_f.bias"}, model_.width);
    return layout.take();
}

std::string GptFamily::config() const {
    const std::string dropout = decimal(model_.dropout_ppb);
    return json_object({{"activation_function", quoted(activation_word(model_.activation))},
                        {"architectures", "[\"GPT2LMHeadModel\"]"},
                        {"attn_pdrop", dropout},
                        {"bos_token_id", "null"},
                        {"embd_pdrop", dropout},
                        {"eos_token_id", "null"},
                        {"initializer_range", "0.02"},
                        {"layer_norm_epsilon", "1e-05"},
                        {"model_type", "\"gpt2\""},
                        {"n_ctx", std::to_string(model_.context)},
                        {"n_embd", std::to_string(model_.width)},
                        {"n_head", std::to_string(model_.heads)},
                        {"n_inner", "null"},
                        {"n_layer", std::to_string(model_.layers)},
                        {"n_positions", std::to_string(model_.context)},
                        {"reorder_and_upcast_attn", "false"},
                        {"resid_pdrop", dropout},
                        {"scale_attn_by_inverse_layer_idx", "false"},
                        {"scale_attn_weights", "true"},
                        {"tie_word_embeddings", "true"},
                        {"torch_dtype", "\"float32\""},
                        {"use_cache", "true"},
                        {"vocab_size", std::to_string(data_->vocabulary)}});
}

}  // namespace assay::program
