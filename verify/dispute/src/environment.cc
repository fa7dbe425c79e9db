#include "dispute/environment.h"

#include <array>
#include <string_view>

#include "dispute/job_facts.h"
#include "exact/environment.h"

namespace assay::dispute {

namespace {

/// A transformer with everything that a table or a constant is computed for: dropout, warm-up,
/// cosine, restarts of the bias corrections, a grid of two rounds.
market::JobSpec transformer() {
    market::JobSpec spec;
    market::GptModel gpt;
    gpt.layers = 3;
    gpt.heads = 3;
    gpt.width = 39;
    gpt.context = 17;
    gpt.dropout_ppb = 123'456'789;
    market::TokenData data;
    data.tokens = 1'000;
    data.train_tokens = 900;
    data.vocabulary = 67;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.model = gpt;
    spec.data = data;
    spec.batch = 7;
    spec.seed = 5;
    spec.optimizer.learning_rate_ppb = 3'141'593;
    spec.optimizer.learning_rate_min_ppb = 314'159;
    spec.optimizer.warmup_steps = 11;
    spec.merge.moments = market::MomentRule::reset;
    spec.lanes = 3;
    spec.rounds = 2;
    spec.round_steps = 300;
    spec.segment_steps = 100;
    return spec;
}

/// A perceptron without merges, whose long schedule has every part of the cosine.
market::JobSpec perceptron() {
    market::JobSpec spec;
    market::MlpModel mlp;
    mlp.hidden = {37, 5};
    mlp.activation = market::Activation::tanh;
    mlp.rows_per_sequence = 9;
    market::TableData data;
    data.rows = 100;
    data.train_rows = 90;
    data.features = 41;
    data.classes = 3;
    spec.model = mlp;
    spec.data = data;
    spec.batch = 3;
    spec.optimizer.learning_rate_ppb = 700'000'001;
    spec.optimizer.beta1_ppb = 876'543'210;
    spec.optimizer.beta2_ppb = 999'999'999;
    spec.optimizer.weight_decay_ppb = 1;
    spec.round_steps = 4'999;
    spec.segment_steps = 4'999;
    return spec;
}

struct Golden {
    std::string_view name;
    market::JobSpec (*spec)();
    std::string_view root;
};
constexpr std::array<Golden, 2> kGolden = {{
    {"transformer", transformer,
     "03cf7d55233d6014beea2c8db29e010f39d733d3d6141ac753d324d24a702215"},
    {"perceptron", perceptron, "dc1d641e58155b7f6111d005bf0a5b50f4c14a2904fd7a4ed16dc80e83314653"},
}};

}  // namespace

std::optional<std::string> check_environment() {
    // Put back on return is what was there before, so that is made exact first.
    exact::make_float_environment_exact();
    for (const Golden& golden : kGolden) {
        const auto built = build_job(golden.spec());
        const std::string name(golden.name);
        if (!built) return "the " + name + " is refused: " + built.error().reason;
        const std::string root = built->facts.program_root.hex();
        if (root != golden.root)
            return "the " + name + "'s program root is " + root + " here and " +
                   std::string(golden.root) + " everywhere else: wrong floats or a wrong build";
    }
    return std::nullopt;
}

}  // namespace assay::dispute
