#include "shapes.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "commit/dataset.h"

namespace assay::bench {

namespace {

constexpr std::uint32_t kGpt2Vocabulary = 50'257;
constexpr std::uint32_t kRoundSteps = 10'000;  // more than any run takes
constexpr std::uint32_t kSegmentSteps = 20;    // as scripts/demo_market.py

struct Sizes {
    const char* name;
    std::uint32_t layers, heads, width, context, batch;
    std::uint64_t learning_rate_ppb;
    bool words;  // token ids of GPT-2's vocabulary instead of characters
};
// A job trains on sequences as long as its context, so GPT-2's table has 64 positions here, not
// 1,024.
constexpr Sizes kSizes[] = {
    {"demo", 4, 4, 128, 64, 12, 2'000'000, false},
    {"small", 6, 6, 384, 256, 8, 1'000'000, false},
    {"gpt2", 12, 12, 768, 64, 4, 300'000, true},
};

tl::expected<std::string, std::string> read_all(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return tl::unexpected(file.string() + ": cannot be opened");
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

tl::expected<std::string, std::string> bible() {
    std::FILE* pipe = ::popen("bible -f Gen1:1-Rev22:21", "r");
    std::string text;
    char piece[65536];
    if (pipe != nullptr) {
        for (std::size_t n; (n = std::fread(piece, 1, sizeof piece, pipe)) > 0;)
            text.append(piece, n);
    }
    if (pipe == nullptr || ::pclose(pipe) != 0 || text.empty())
        return tl::unexpected(
            std::string("the program `bible` gave no text: install the Debian package bible-kjv, "
                        "or give --text FILE"));
    return text;
}

/// GPT-2's own tokeniser needs files that no Debian package has. What a step costs depends on which
/// rows of the table are read and how often, so each run of letters and each other byte becomes an
/// id by a hash: a distribution of real words over the whole vocabulary.
std::vector<std::uint16_t> hashed_words(std::string_view text) {
    std::vector<std::uint16_t> ids;
    const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
    for (std::size_t i = 0; i < text.size();) {
        std::uint64_t hash = 14695981039346656037U;  // FNV-1a
        const bool word = is_letter(text[i]);
        do {
            hash = (hash ^ static_cast<unsigned char>(text[i])) * 1099511628211U;
            ++i;
        } while (word && i < text.size() && is_letter(text[i]));
        ids.push_back(static_cast<std::uint16_t>(hash % kGpt2Vocabulary));
    }
    return ids;
}

tl::expected<void, std::string> write_file(const std::filesystem::path& file, const void* data,
                                           std::size_t bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    out.close();
    if (!out) return tl::unexpected(file.string() + ": cannot be written");
    return {};
}

tl::expected<commit::PreparedData, std::string> prepare_data(const Sizes& sizes,
                                                             const std::string& text,
                                                             const std::filesystem::path& folder) {
    commit::ImportOptions options;
    const auto source = folder / (sizes.words ? "words.bin" : "text.txt");
    const auto blob = folder / "dataset.bin";
    if (sizes.words) {
        const auto ids = hashed_words(text);
        options.format = "bin16";
        options.vocabulary = kGpt2Vocabulary;
        if (auto written = write_file(source, ids.data(), ids.size() * sizeof ids[0]); !written)
            return tl::unexpected(written.error());
    } else {
        options.format = "text";
        if (auto written = write_file(source, text.data(), text.size()); !written)
            return tl::unexpected(written.error());
    }
    return commit::import_data(source, options, blob);
}

}  // namespace

std::vector<std::string> shape_names() {
    std::vector<std::string> names;
    for (const Sizes& sizes : kSizes) names.emplace_back(sizes.name);
    return names;
}

tl::expected<Shape, std::string> make_shape(std::string_view name,
                                            const std::filesystem::path& text_file,
                                            const std::filesystem::path& folder,
                                            std::uint32_t batch) {
    const Sizes* sizes = nullptr;
    for (const Sizes& candidate : kSizes) {
        if (candidate.name == name) sizes = &candidate;
    }
    if (sizes == nullptr) return tl::unexpected("there is no shape " + std::string(name));
    const auto text = text_file.empty() ? bible() : read_all(text_file);
    if (!text) return tl::unexpected(text.error());
    auto data = prepare_data(*sizes, *text, folder);
    if (!data) return tl::unexpected(data.error());

    market::GptModel model;
    model.layers = sizes->layers;
    model.heads = sizes->heads;
    model.width = sizes->width;
    model.context = sizes->context;
    market::JobSpec spec;
    spec.model = model;
    spec.data = std::move(data->spec);
    spec.batch = batch == 0 ? sizes->batch : batch;
    spec.seed = 1;
    spec.optimizer.learning_rate_ppb = sizes->learning_rate_ppb;
    spec.optimizer.learning_rate_min_ppb = sizes->learning_rate_ppb / 10;
    spec.optimizer.warmup_steps = 20;
    spec.round_steps = kRoundSteps;
    spec.segment_steps = kSegmentSteps;
    if (const auto refused = market::check_spec(spec))
        return tl::unexpected(refused->path + " " + refused->reason);
    return Shape{std::move(spec), std::move(data->blob)};
}

ScratchFolder::ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        std::perror(pattern.c_str());
        std::exit(1);
    }
    path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace assay::bench
