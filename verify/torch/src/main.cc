// assay-torch: evaluation, sampling and the training baseline on stock libtorch. The other programs
// start it as a process.

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/signature.h"
#include "commit/dataset.h"
#include "market/job_spec.h"
#include "program/builder.h"
#include "runtime/executor.h"
#include "torch_executor/backend.h"
#include "torch_executor/gpt2.h"

namespace {

using namespace assay;

constexpr int kExitUsage = 2, kExitInput = 3;

struct Options {
    std::string model, data, spec, prompt = "\n";
    std::uint32_t windows = 200, tokens = 300, steps = 10;
    double temperature = 0.8;
    std::uint64_t seed = 1;
    /// One window at a time is too little work for several threads, which then mostly wait for each
    /// other.
    unsigned threads = 1;
    bool json = false, interactive = false;
};

int fail(const std::string& reason) {
    std::cerr << "assay-torch: " << reason << "\n";
    return kExitInput;
}

tl::expected<market::JobSpec, std::string> read_spec(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return tl::make_unexpected(file + ": cannot be opened");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto spec = market::decode_spec(base::view_of(text));
    if (!spec)
        return tl::make_unexpected(file + ": " + spec.error().path + ": " + spec.error().reason);
    return std::move(*spec);
}

int evaluate(const Options& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(spec.error());
    const auto* tokens = std::get_if<market::TokenData>(&spec->data);
    if (tokens == nullptr) return fail("evaluate needs a job over tokens");
    const auto data = commit::Dataset::open(options.data, spec->data);
    if (!data) return fail(data.error());
    auto model = torch_executor::Gpt2::open(options.model, options.threads);
    if (!model) return fail(model.error());
    const auto loss = model->loss(data->words(), tokens->train_tokens, options.windows);
    if (!loss) return fail(loss.error());
    if (options.json)
        std::cout << nlohmann::json{{"validation_loss", *loss}, {"windows", options.windows}}.dump()
                  << "\n";
    else
        std::cout << "validation loss " << *loss << " nats per token\n";
    return 0;
}

int sample(const Options& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(spec.error());
    const auto* tokens = std::get_if<market::TokenData>(&spec->data);
    if (tokens == nullptr) return fail("sample needs a job over tokens");
    auto model = torch_executor::Gpt2::open(options.model, options.threads);
    if (!model) return fail(model.error());
    auto prompt = commit::tokenise(*tokens, options.prompt);
    if (!prompt) return fail("--prompt: " + prompt.error());
    const auto ids =
        model->sample(std::move(*prompt), options.tokens, options.temperature, options.seed);
    if (!ids) return fail(ids.error());
    const std::string text = commit::detokenise(*tokens, *ids);
    if (options.json)
        std::cout << nlohmann::json{{"text", text}}.dump(-1, ' ', false,
                                                         nlohmann::json::error_handler_t::replace)
                  << "\n";
    else
        std::cout << text << "\n";
    return 0;
}

int train(const Options& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(spec.error());
    const auto data = commit::Dataset::open(options.data, spec->data);
    if (!data) return fail(data.error());
    const auto program = program::build_program(*spec);
    if (!program) return fail(program.error().path + ": " + program.error().reason);
    std::uint64_t train_count = 0;
    std::uint32_t row_words = 1;
    if (const auto* tokens = std::get_if<market::TokenData>(&spec->data))
        train_count = tokens->train_tokens;
    else if (const auto* table = std::get_if<market::TableData>(&spec->data)) {
        train_count = table->train_rows;
        row_words = table->features + 1;
    }
    runtime::Executor executor(*program, torch_executor::make_backend(*program, options.threads));
    const runtime::DataView view{data->words(), train_count, row_words};
    commit::State state = commit::State::zeros(*program);
    executor.run_init(state);
    double milliseconds = 0;
    const auto step = [&](std::uint32_t h) {
        const auto begin = std::chrono::steady_clock::now();
        const auto values = executor.run_step(state, view, 0, 0, h);
        milliseconds =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                .count();
        return values;
    };
    if (options.interactive) {
        std::cout << nlohmann::json{{"ready",
                                     {{"contestant", "torch_executor"},
                                      {"unit", "ms"},
                                      {"threads", options.threads}}}}
                         .dump()
                  << std::endl;
        std::uint32_t h = 0;
        std::string verb;
        for (std::uint32_t count = 0; std::cin >> verb;) {
            if (verb != "run" || !(std::cin >> count)) return fail("expected `run N`");
            nlohmann::json answer{{"values", nlohmann::json::array()}};
            for (std::uint32_t i = 0; i < count; ++i) {
                answer["loss"] = step(h).loss;
                answer["values"].push_back(milliseconds);
                h = (h + 1) % spec->round_steps;
            }
            std::cout << answer.dump() << std::endl;
        }
        return 0;
    }
    const std::uint32_t steps = std::min(options.steps, spec->round_steps);
    for (std::uint32_t h = 0; h < steps; ++h) {
        const auto values = step(h);
        if (options.json)
            std::cout << nlohmann::json{{"step", h},
                                        {"loss", values.loss},
                                        {"norm", values.norm},
                                        {"fault", values.fault},
                                        {"ms", milliseconds}}
                             .dump()
                      << "\n";
        else
            std::cout << "step " << h << "  loss " << values.loss << "  norm " << values.norm
                      << "  " << milliseconds << " ms\n";
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Evaluates, samples and trains Assay models on stock libtorch: a second opinion that none "
        "of Assay's kernels touched."};
    app.require_subcommand(1);
    Options options;
    const auto common = [&](CLI::App* command) {
        command
            ->add_option("--spec", options.spec,
                         "canonical job spec (the bytes of /v1/jobs/ID/spec)")
            ->required()
            ->check(CLI::ExistingFile);
        command->add_option("--threads", options.threads, "libtorch threads")
            ->check(CLI::Range(1U, 1024U))
            ->capture_default_str();
        command->add_flag("--json", options.json, "machine-readable output");
    };
    CLI::App* evaluate_command =
        app.add_subcommand("evaluate", "validation loss of a model directory");
    common(evaluate_command);
    evaluate_command
        ->add_option("--model", options.model, "directory with model.safetensors and config.json")
        ->required();
    evaluate_command->add_option("--data", options.data, "dataset blob")->required();
    evaluate_command
        ->add_option("--windows", options.windows, "consecutive windows of the validation split")
        ->check(CLI::Range(1U, 1000000U));
    CLI::App* sample_command = app.add_subcommand("sample", "text from a model directory");
    common(sample_command);
    sample_command
        ->add_option("--model", options.model, "directory with model.safetensors and config.json")
        ->required();
    sample_command->add_option("--prompt", options.prompt, "text to continue");
    sample_command->add_option("--tokens", options.tokens, "how many tokens to add")
        ->check(CLI::Range(1U, 100000U));
    sample_command
        ->add_option("--temperature", options.temperature, "0: always the most likely token")
        ->check(CLI::Range(0.0, 10.0));
    sample_command->add_option("--seed", options.seed, "of the sampling");
    CLI::App* train_command = app.add_subcommand(
        "train", "steps of a job's first round, lane 0, as a baseline and oracle");
    common(train_command);
    train_command->add_option("--data", options.data, "dataset blob")->required();
    train_command->add_option("--steps", options.steps, "at most one round")
        ->check(CLI::Range(1U, 1000000U));
    train_command->add_flag(
        "--interactive", options.interactive,
        "say when ready, then answer each line `run N` of stdin with N step times (tests/bench)");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    if (const auto failed = base::crypto_self_test()) return fail("self-test failed: " + *failed);
    try {
        if (*evaluate_command) return evaluate(options);
        if (*sample_command) return sample(options);
        return train(options);
    } catch (const std::exception& error) {  // libtorch reports everything by exceptions
        return fail(error.what());
    }
}
