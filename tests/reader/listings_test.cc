#include <cctype>
#include <set>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "option_specs.h"
#include "pages.h"
#include "program/builder.h"

namespace assay::reader {
namespace {

using market::Activation;

struct Listing {
    std::string title;
    program::Program program;
};

market::JobSpec base_spec(std::uint32_t lanes, std::uint32_t rounds) {
    market::JobSpec spec;
    spec.batch = 2;
    spec.seed = 11;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.optimizer.learning_rate_min_ppb = 100'000;
    spec.optimizer.warmup_steps = 2;
    spec.optimizer.clip_norm_ppb = 500'000'000;
    spec.lanes = lanes;
    spec.rounds = rounds;
    spec.round_steps = 4;
    spec.segment_steps = 2;
    return spec;
}

program::Program gpt(market::GptModel model, std::uint32_t vocabulary, market::JobSpec spec) {
    market::TokenData data;
    data.tokens = data.train_tokens = 1'000'000;
    data.vocabulary = vocabulary;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.model = model;
    spec.data = data;
    return *program::build_program(spec);
}

program::Program mlp(std::vector<std::uint32_t> hidden, Activation activation,
                     std::uint32_t dropout_ppb, market::JobSpec spec) {
    market::TableData data;
    data.rows = 40;
    data.train_rows = 30;
    data.features = 4;
    data.classes = 3;
    spec.model = market::MlpModel{std::move(hidden), activation, 5, dropout_ppb};
    spec.data = data;
    return *program::build_program(spec);
}

market::JobSpec without_clip(market::JobSpec spec) {
    spec.optimizer.clip_norm_ppb = 0;
    return spec;
}

market::JobSpec with_reset(market::JobSpec spec) {
    spec.merge.moments = market::MomentRule::reset;
    return spec;
}

std::vector<Listing> listings() {
    std::vector<Listing> all;
    all.push_back(
        {"A GPT with every option: 1 block, 2 heads, width 64, context 48, 65 tokens, "
         "biases, dropout 0.1, gelu_tanh, clipping, batch 2, two lanes, three rounds, "
         "moments averaged",
         gpt({1, 2, 64, 48, true, Activation::gelu_tanh, 100'000'000}, 65, base_spec(2, 3))});
    all.push_back(
        {"A GPT with none: 2 blocks, 1 head, width 8, context 5, 7 tokens, relu, one "
         "lane and round, no biases, dropout or clipping",
         gpt({2, 1, 8, 5, false, Activation::relu, 0}, 7, without_clip(base_spec(1, 1)))});
    all.push_back(
        {"An MLP with every option: 4 features, hidden widths 9 and 6, 3 classes, 5 "
         "rows, gelu_erf, dropout 0.25, clipping, two lanes, two rounds, moments reset",
         mlp({9, 6}, Activation::gelu_erf, 250'000'000, with_reset(base_spec(2, 2)))});
    all.push_back({"An MLP with none: hidden width 9, tanh, one lane and round",
                   mlp({9}, Activation::tanh, 0, without_clip(base_spec(1, 1)))});
    all.push_back({"An MLP without hidden layers, one lane, two rounds, moments averaged",
                   mlp({}, Activation::relu, 0, base_spec(1, 2))});
    return all;
}

TEST(Listings, LayersPageIsGenerated) {
    std::string text;
    for (const Listing& listing : listings())
        text += "## " + listing.title + "\n\n" + program::describe(listing.program);
    expect_stretch("docs/layers.md", "<!-- generated -->\n", "", text);
}

/// Lines of a listing without numbers: what forms of instruction it has.
std::set<std::string> forms_of(program::Program program) {
    for (program::Tensor& tensor : program.tensors) tensor.name = base::to_word(tensor.cls);
    std::set<std::string> forms;
    std::istringstream lines(program::describe(program));
    const auto is = [](int (*test)(int), char c) {
        return test(static_cast<unsigned char>(c)) != 0;
    };
    for (std::string line; std::getline(lines, line);) {
        std::string form;
        char before = ' ';
        bool in_number = false;
        for (const char c : line) {
            const bool starts = is(std::isdigit, c) && !is(std::isalnum, before);
            in_number = starts ||
                        (in_number && (is(std::isxdigit, c) || c == 'x' || c == 'p' || c == '.' ||
                                       (c == '-' && before == 'p') || (c == '+' && before == 'p')));
            if (starts && !form.ends_with('#')) form += '#';
            if (!in_number) form += c;
            before = c;
        }
        // One head is an item too; the lists tell only of more.
        forms.insert(form.substr(0, form.find("   items")));
    }
    return forms;
}

TEST(Listings, HaveEveryFormThatAnyOptionEmits) {
    std::set<std::string> listed;
    for (Listing& listing : listings()) listed.merge(forms_of(std::move(listing.program)));
    for (const OptionJob& job : OptionJobs::all()) {
        const auto program = program::build_program(job.spec);
        ASSERT_TRUE(program.has_value()) << job.name << ": " << program.error().path;
        for (const std::string& form : forms_of(*program))
            EXPECT_TRUE(listed.contains(form)) << job.name << ": " << form;
    }
}

}  // namespace
}  // namespace assay::reader
