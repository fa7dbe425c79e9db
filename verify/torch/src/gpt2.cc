#include "torch_executor/gpt2.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "commit/safetensors.h"

namespace assay::torch_executor {

namespace {

struct Block {
    at::Tensor ln_1_weight, ln_1_bias, attn_weight, attn_bias, attn_out_weight, attn_out_bias;
    at::Tensor ln_2_weight, ln_2_bias, fc_weight, fc_bias, fc_out_weight, fc_out_bias;
};

enum class Activation : std::uint8_t { gelu_tanh, gelu_erf, relu, tanh };

}  // namespace

struct Gpt2::Impl {
    std::int64_t layers = 0, heads = 0, width = 0, context = 0, vocabulary = 0;
    double epsilon = 1e-5;
    Activation activation = Activation::gelu_tanh;
    at::Tensor wte, wpe, ln_f_weight, ln_f_bias;
    std::vector<Block> blocks;

    [[nodiscard]] at::Tensor activate(const at::Tensor& x) const {
        switch (activation) {
            case Activation::gelu_tanh:
                return at::gelu(x, "tanh");
            case Activation::gelu_erf:
                return at::gelu(x, "none");
            case Activation::relu:
                return at::relu(x);
            case Activation::tanh:
                return at::tanh(x);
        }
        return x;
    }

    /// Logits (rows, vocabulary) of one sequence of token ids (rows).
    [[nodiscard]] at::Tensor logits(const at::Tensor& ids) const {
        const std::int64_t rows = ids.size(0);
        const at::Tensor future = at::ones({rows, rows}, at::kBool).triu(1);
        at::Tensor x = wte.index_select(0, ids) + wpe.slice(0, 0, rows);
        for (const Block& block : blocks) {
            const at::Tensor y =
                at::layer_norm(x, {width}, block.ln_1_weight, block.ln_1_bias, epsilon);
            const std::vector<at::Tensor> qkv =
                (at::matmul(y, block.attn_weight) + block.attn_bias).split(width, 1);
            const auto by_head = [&](const at::Tensor& t) {
                return t.reshape({rows, heads, width / heads}).transpose(0, 1);
            };
            const double scale = 1.0 / std::sqrt(static_cast<double>(width / heads));
            at::Tensor scores =
                at::matmul(by_head(qkv[0]), by_head(qkv[1]).transpose(1, 2)) * scale;
            scores = scores.masked_fill(future, -std::numeric_limits<float>::infinity());
            const at::Tensor mixed = at::matmul(at::softmax(scores, 2), by_head(qkv[2]))
                                         .transpose(0, 1)
                                         .reshape({rows, width});
            x = x + at::matmul(mixed, block.attn_out_weight) + block.attn_out_bias;
            const at::Tensor z =
                at::layer_norm(x, {width}, block.ln_2_weight, block.ln_2_bias, epsilon);
            x = x +
                at::matmul(activate(at::matmul(z, block.fc_weight) + block.fc_bias),
                           block.fc_out_weight) +
                block.fc_out_bias;
        }
        return at::matmul(at::layer_norm(x, {width}, ln_f_weight, ln_f_bias, epsilon), wte.t());
    }
};

Gpt2::Gpt2() : impl_(std::make_unique<Impl>()) {}
Gpt2::Gpt2(Gpt2&&) noexcept = default;
Gpt2& Gpt2::operator=(Gpt2&&) noexcept = default;
Gpt2::~Gpt2() = default;

std::uint32_t Gpt2::context() const { return static_cast<std::uint32_t>(impl_->context); }
std::uint32_t Gpt2::vocabulary() const { return static_cast<std::uint32_t>(impl_->vocabulary); }

namespace {

using Tensors = std::map<std::string, at::Tensor>;

tl::expected<Tensors, std::string> load_tensors(const std::filesystem::path& file) {
    const auto read = commit::read_safetensors(file);
    if (!read) return tl::make_unexpected(file.string() + ": " + read.error());
    Tensors tensors;
    for (const commit::SafeTensor& entry : read->tensors) {
        if (entry.dtype != program::DType::f32)
            return tl::make_unexpected(file.string() + ": " + entry.name + " is not F32");
        std::vector<std::int64_t> shape(entry.shape.begin(), entry.shape.end());
        at::Tensor tensor = at::empty(shape, at::kFloat);
        std::memcpy(tensor.data_ptr(), entry.data.data(), entry.data.size());
        // Files come with and without the prefix of the language-model head class.
        const std::string prefix = "transformer.";
        tensors[entry.name.starts_with(prefix) ? entry.name.substr(prefix.size()) : entry.name] =
            std::move(tensor);
    }
    return tensors;
}

/// Takes tensors by name and checks their shapes; remembers the first problem.
class Taker {
  public:
    explicit Taker(const Tensors& tensors) : tensors_(tensors) {}
    at::Tensor take(const std::string& name, std::vector<std::int64_t> shape) {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) {
            fail(name + " is missing");
            return at::zeros(shape);
        }
        if (found->second.sizes() != at::IntArrayRef(shape))
            fail(name + " has another shape than config.json says");
        return found->second;
    }
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    void fail(std::string text) {
        if (problem_.empty()) problem_ = std::move(text);
    }
    const Tensors& tensors_;
    std::string problem_;
};

std::string read_config(const std::filesystem::path& file, std::int64_t& layers,
                        std::int64_t& heads, std::int64_t& width, std::int64_t& context,
                        std::int64_t& vocabulary, double& epsilon, std::string& activation) {
    std::ifstream in(file);
    if (!in) return "cannot be opened";
    const nlohmann::json config = nlohmann::json::parse(in, nullptr, false);
    if (!config.is_object()) return "is not a JSON object";
    const auto number = [&](const char* key) -> std::int64_t {
        const auto found = config.find(key);
        return found != config.end() && found->is_number_unsigned() ? found->get<std::int64_t>()
                                                                    : 0;
    };
    layers = number("n_layer");
    heads = number("n_head");
    width = number("n_embd");
    context = number("n_positions");
    vocabulary = number("vocab_size");
    epsilon = config.value("layer_norm_epsilon", 1e-5);
    activation = config.value("activation_function", "gelu_new");
    if (layers <= 0 || heads <= 0 || width <= 0 || context <= 0 || vocabulary <= 0 ||
        width % heads != 0)
        return "n_layer, n_head, n_embd, n_positions and vocab_size must be positive, and n_head "
               "must divide n_embd";
    return {};
}

}  // namespace

tl::expected<Gpt2, std::string> Gpt2::open(const std::filesystem::path& model_dir,
                                           unsigned threads) {
    at::set_num_threads(static_cast<int>(threads));
    Gpt2 model;
    Impl& m = *model.impl_;
    std::string activation;
    if (std::string problem = read_config(model_dir / "config.json", m.layers, m.heads, m.width,
                                          m.context, m.vocabulary, m.epsilon, activation);
        !problem.empty())
        return tl::make_unexpected((model_dir / "config.json").string() + ": " + problem);
    if (activation == "gelu_new" || activation == "gelu_pytorch_tanh")
        m.activation = Activation::gelu_tanh;
    else if (activation == "gelu")
        m.activation = Activation::gelu_erf;
    else if (activation == "relu")
        m.activation = Activation::relu;
    else if (activation == "tanh")
        m.activation = Activation::tanh;
    else
        return tl::make_unexpected((model_dir / "config.json").string() +
                                   ": unknown activation_function " + activation);

    const auto tensors = load_tensors(model_dir / "model.safetensors");
    if (!tensors) return tl::make_unexpected(tensors.error());
    Taker taker(*tensors);
    m.wte = taker.take("wte.weight", {m.vocabulary, m.width});
    m.wpe = taker.take("wpe.weight", {m.context, m.width});
    m.ln_f_weight = taker.take("ln_f.weight", {m.width});
    m.ln_f_bias = taker.take("ln_f.bias", {m.width});
    for (std::int64_t i = 0; i < m.layers; ++i) {
        const std::string h = "h." + std::to_string(i) + ".";
        Block block;
        block.ln_1_weight = taker.take(h + "ln_1.weight", {m.width});
        block.ln_1_bias = taker.take(h + "ln_1.bias", {m.width});
        block.attn_weight = taker.take(h + "attn.c_attn.weight", {m.width, 3 * m.width});
        block.attn_bias = taker.take(h + "attn.c_attn.bias", {3 * m.width});
        block.attn_out_weight = taker.take(h + "attn.c_proj.weight", {m.width, m.width});
        block.attn_out_bias = taker.take(h + "attn.c_proj.bias", {m.width});
        block.ln_2_weight = taker.take(h + "ln_2.weight", {m.width});
        block.ln_2_bias = taker.take(h + "ln_2.bias", {m.width});
        block.fc_weight = taker.take(h + "mlp.c_fc.weight", {m.width, 4 * m.width});
        block.fc_bias = taker.take(h + "mlp.c_fc.bias", {4 * m.width});
        block.fc_out_weight = taker.take(h + "mlp.c_proj.weight", {4 * m.width, m.width});
        block.fc_out_bias = taker.take(h + "mlp.c_proj.bias", {m.width});
        m.blocks.push_back(std::move(block));
    }
    if (!taker.problem().empty())
        return tl::make_unexpected((model_dir / "model.safetensors").string() + ": " +
                                   taker.problem());
    return model;
}

tl::expected<double, std::string> Gpt2::loss(std::span<const std::uint32_t> tokens,
                                             std::uint64_t first, std::uint32_t windows) {
    const at::NoGradGuard no_grad;
    const auto context_length = static_cast<std::uint64_t>(impl_->context);
    double sum = 0;
    std::uint32_t done = 0;
    for (; done < windows && first + done * context_length + context_length < tokens.size();
         ++done) {
        const std::uint64_t start = first + done * context_length;
        at::Tensor ids = at::empty({impl_->context + 1}, at::kLong);
        for (std::uint64_t i = 0; i <= context_length; ++i) {
            if (tokens[start + i] >= vocabulary())
                return tl::make_unexpected("token " + std::to_string(start + i) +
                                           " lies outside the vocabulary");
            ids.data_ptr<std::int64_t>()[i] = tokens[start + i];
        }
        const at::Tensor logits = impl_->logits(ids.slice(0, 0, impl_->context));
        sum += at::cross_entropy_loss(logits, ids.slice(0, 1)).item<double>();
    }
    if (done == 0)
        return tl::make_unexpected("the tokens end before one window of " +
                                   std::to_string(context_length) + " is full");
    return sum / done;
}

tl::expected<std::vector<std::uint32_t>, std::string> Gpt2::sample(
    std::vector<std::uint32_t> prompt, std::uint32_t count, double temperature,
    std::uint64_t seed) {
    const at::NoGradGuard no_grad;
    if (prompt.empty()) prompt.push_back(0);
    for (const std::uint32_t id : prompt)
        if (id >= vocabulary())
            return tl::make_unexpected("the prompt has a token outside the vocabulary");
    at::Generator generator = at::detail::createCPUGenerator(seed);
    const auto context_length = static_cast<std::size_t>(impl_->context);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t rows = std::min(prompt.size(), context_length);
        at::Tensor ids = at::empty({static_cast<std::int64_t>(rows)}, at::kLong);
        for (std::size_t r = 0; r < rows; ++r)
            ids.data_ptr<std::int64_t>()[r] = prompt[prompt.size() - rows + r];
        const at::Tensor last = impl_->logits(ids)[static_cast<std::int64_t>(rows) - 1];
        const std::int64_t next =
            temperature <= 0
                ? last.argmax().item<std::int64_t>()
                : at::multinomial(at::softmax(last / temperature, 0), 1, false, generator)
                      .item<std::int64_t>();
        prompt.push_back(static_cast<std::uint32_t>(next));
    }
    return prompt;
}

}  // namespace assay::torch_executor
