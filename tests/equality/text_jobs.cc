#include "text_jobs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "market/job_spec.h"
#include "program/builder.h"

namespace assay::equality {

namespace {

constexpr std::uint32_t kMlpCharacters = 6;

std::vector<std::uint32_t> characters_of(std::string_view text) {
    std::set<std::uint32_t> present;
    for (const char c : text) present.insert(static_cast<std::uint8_t>(c));
    return {present.begin(), present.end()};
}

std::vector<std::uint32_t> tokens_of(std::string_view text,
                                     const std::vector<std::uint32_t>& characters) {
    std::vector<std::uint32_t> tokens;
    tokens.reserve(text.size());
    for (const char c : text) {
        const auto at = std::ranges::lower_bound(characters, static_cast<std::uint8_t>(c));
        tokens.push_back(static_cast<std::uint32_t>(at - characters.begin()));
    }
    return tokens;
}

base::Bytes bytes_of(const std::vector<std::uint32_t>& words) {
    base::Bytes bytes(words.size() * 4);
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

market::JobSpec common_spec(std::uint32_t steps) {
    market::JobSpec spec;
    spec.seed = 7;
    spec.batch = 4;
    spec.optimizer.learning_rate_ppb = 2'000'000;
    spec.optimizer.learning_rate_min_ppb = 200'000;
    spec.optimizer.warmup_steps = 10;
    spec.round_steps = steps;
    spec.segment_steps = steps;
    spec.price_ceiling = base::Amount::of(1);
    spec.audit_rate_ppm = 1'000'000;
    return spec;
}

TextJob finish(TextJob job) {
    const base::BlobRoot root = base::blob_root(bytes_of(job.words));
    std::visit([&root](auto& data) { data.blob = root; }, job.spec.data);
    const auto error = market::check_spec(job.spec);
    if (error) base::fail_check((error->path + ": " + error->reason).c_str(), __FILE__, __LINE__);
    auto program = program::build_program(job.spec);
    ASSAY_CHECK(program.has_value());
    job.program = std::move(*program);
    return job;
}

market::TokenData token_data(std::string_view text, TextJob& job) {
    market::TokenData data;
    data.tokeniser = market::Tokeniser::characters;
    data.characters = characters_of(text);
    data.vocabulary = static_cast<std::uint32_t>(data.characters.size());
    job.words = tokens_of(text, data.characters);
    data.tokens = job.words.size();
    data.train_tokens = data.tokens * 9 / 10;
    return data;
}

}  // namespace

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    ASSAY_CHECK(text.size() >= 1000);
    return text;
}

std::string genesis() {
    return text_of(std::filesystem::path(ASSAY_SOURCE_DIR) / "tests/equality/genesis.txt");
}

runtime::DataView TextJob::data() const {
    runtime::DataView view;
    view.words = words;
    if (const auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        view.train_count = tokens->train_tokens;
    } else {
        const auto& table = std::get<market::TableData>(spec.data);
        view.train_count = table.train_rows;
        view.row_words = table.features + 1;
    }
    return view;
}

void TextJob::write_blob(const std::filesystem::path& file) const {
    const base::Bytes bytes = bytes_of(words);
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    out.close();
    ASSAY_CHECK(out.good());
}

TextJob gpt_on_text(std::string_view text, std::uint32_t steps) {
    TextJob job;
    job.name = "gpt";
    job.spec = common_spec(steps);
    market::GptModel model;
    model.layers = 2;
    model.heads = 2;
    model.width = 64;
    model.context = 32;
    job.spec.model = model;
    job.spec.data = token_data(text, job);
    return finish(std::move(job));
}

TextJob ragged_gpt_on_text(std::string_view text, std::uint32_t steps) {
    TextJob job;
    job.name = "ragged";
    job.spec = common_spec(steps);
    market::GptModel model;
    model.layers = 2;
    model.heads = 3;
    model.width = 33;
    model.context = 19;
    model.dropout_ppb = 150'000'000;
    model.activation = market::Activation::gelu_erf;
    job.spec.model = model;
    job.spec.batch = 5;
    job.spec.lanes = 2;
    job.spec.rounds = 2;
    job.spec.data = token_data(text, job);
    return finish(std::move(job));
}

TextJob mlp_on_text(std::string_view text, std::uint32_t steps) {
    TextJob job;
    job.name = "mlp";
    job.spec = common_spec(steps);
    const std::vector<std::uint32_t> characters = characters_of(text);
    const std::vector<std::uint32_t> tokens = tokens_of(text, characters);
    const auto classes = static_cast<std::uint32_t>(characters.size());
    market::TableData data;
    data.classes = classes;
    data.features = kMlpCharacters * classes;
    // A table of the whole text would be large: its first rows do.
    constexpr std::size_t kRowsMax = 12'000;
    data.rows = std::min(tokens.size() - kMlpCharacters, kRowsMax);
    data.train_rows = data.rows * 9 / 10;
    const std::uint32_t one = std::bit_cast<std::uint32_t>(1.0F);
    job.words.assign(data.rows * (data.features + 1), 0U);
    for (std::size_t row = 0; row < data.rows; ++row) {
        std::uint32_t* words = job.words.data() + row * (data.features + 1);
        for (std::uint32_t i = 0; i < kMlpCharacters; ++i)
            words[i * classes + tokens[row + i]] = one;
        words[data.features] =
            std::bit_cast<std::uint32_t>(static_cast<float>(tokens[row + kMlpCharacters]));
    }
    market::MlpModel model;
    model.hidden = {48, 40};
    model.rows_per_sequence = 24;
    model.dropout_ppb = 100'000'000;
    job.spec.model = model;
    job.spec.optimizer.beta1_ppb = 600'000'000;
    job.spec.optimizer.beta2_ppb = 700'000'000;
    job.spec.data = data;
    return finish(std::move(job));
}

base::Hash root_after(const TextJob& job, const commit::State& state, std::uint32_t lane,
                      std::uint32_t step) {
    commit::StateDescriptor descriptor;
    descriptor.spec_root = market::spec_root(market::encode_spec(job.spec));
    descriptor.program_root = program::program_root(job.program);
    descriptor.lane = lane;
    descriptor.step = step;
    return commit::state_root(job.program, state, descriptor);
}

float loss_of(const TextJob& job, const commit::State& state) {
    const std::vector<program::TensorId> ids = job.program.state_tensors();
    const auto at = std::ranges::find(ids, job.program.loss);
    return state.tensors[static_cast<std::size_t>(at - ids.begin())].f32()[0];
}

MomentCount count_moments(const TextJob& job, const commit::State& state) {
    MomentCount count;
    const std::vector<program::TensorId> ids = job.program.state_tensors();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!job.program.tensors[ids[i]].name.starts_with("moment")) continue;
        const std::size_t n = state.tensors[i].size() / sizeof(float);
        for (std::size_t e = 0; e < n; ++e) {
            const float x = std::fabs(state.tensors[i].f32()[e]);
            ++(x == 0.0F ? count.zero : x < 0x1p-90F ? count.near_cut : count.above);
        }
    }
    return count;
}

std::string first_difference(const program::Program& program, const commit::State& a,
                             const commit::State& b) {
    const std::vector<program::TensorId> ids = program.state_tensors();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const program::Tensor& tensor = program.tensors[ids[i]];
        const std::size_t n = std::size_t{tensor.rows} * tensor.cols;
        for (std::size_t e = 0; e < n; ++e) {
            std::uint32_t x = 0, y = 0;
            std::memcpy(&x, a.tensors[i].data() + 4 * e, 4);
            std::memcpy(&y, b.tensors[i].data() + 4 * e, 4);
            const auto nan = [](std::uint32_t w) { return (w & 0x7fffffffU) > 0x7f800000U; };
            if (x == y || (tensor.dtype == program::DType::f32 && nan(x) && nan(y))) continue;
            return tensor.name + " at " + std::to_string(e / tensor.cols) + ", " +
                   std::to_string(e % tensor.cols);
        }
    }
    return "";
}

}  // namespace assay::equality
