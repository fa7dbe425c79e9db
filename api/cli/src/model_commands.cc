#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "certificate/certificate.h"
#include "cli.h"
#include "client/json.h"
#include "commit/checkpoint.h"
#include "commit/model_export.h"
#include "runtime/segment.h"
#include "runtime/training.h"

namespace assay::cli {
namespace {

constexpr const char* kCertificateFile = "certificate.bin";
constexpr const char* kSpecFile = "job.spec";  // canonical bytes
constexpr std::size_t kTrustBytesMax = std::size_t{1} << 20U;
constexpr const char* kJobFile = "job.json";  // the same for people

struct ModelOptions {
    std::string job, chain, operator_key, prompt, replay;
    std::filesystem::path out, model, certificate, data, spec, trust, checkpoints,
        scratch = "assay-replay";
    std::uint32_t windows = 200, tokens = 300;
    std::uint64_t seed = 1;
    double temperature = 0.8;
    bool torch = false, init = false;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

/// A job that has just ended is in an epoch that is not drawn yet: the validators sign it within
/// moments, or somebody is missing for `grace`.
Result<evidence::Evidence> read_evidence(client::Client& client, const base::JobId& id) {
    constexpr std::chrono::seconds kWait{90};
    const auto until = std::chrono::steady_clock::now() + kWait;
    const std::string path = "/v1/jobs/" + id.hex() + "/evidence";
    auto bytes = client.get_bytes(path);
    for (bool told = false;
         !bytes && bytes.error().code == "not_ready" && std::chrono::steady_clock::now() < until;
         told = true) {
        if (!told) std::fputs("waiting for the validators to sign the job's end\n", stderr);
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        bytes = client.get_bytes(path);
    }
    if (!bytes) return tl::unexpected(failure_of(bytes.error()));
    base::Decoder in(*bytes);
    auto evidence = evidence::read(in);
    if (!in.finished())
        return tl::unexpected(Failure{Exit::refused, "the node's evidence is not readable"});
    return evidence;
}

Exit get_model(const Program& program, const ModelOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto job = client.job(base::JobId{*id});
    if (!job) return fail(program, failure_of(job.error()));
    if (!market::is_terminal(job->state))
        return fail(program,
                    {Exit::refused, "the job is " + std::string(market::to_word(job->state)) +
                                        ": wait for its end (assay watch)"});
    const auto spec_bytes = client.get_bytes("/v1/jobs/" + id->hex() + "/spec");
    if (!spec_bytes) return fail(program, failure_of(spec_bytes.error()));
    const auto spec = market::decode_spec(*spec_bytes);
    if (!spec) return fail(program, {Exit::refused, "the node's spec does not decode"});
    const auto evidence = read_evidence(client, base::JobId{*id});
    if (!evidence) return fail(program, evidence.error());
    std::error_code error;
    std::filesystem::create_directories(options.out, error);
    const std::filesystem::path checkpoint = options.out / "final.state";
    const auto got = client.get_blob(job->final_blob, checkpoint);
    if (!got) return fail(program, failure_of(got.error()));
    const auto made = certificate::make(*evidence, checkpoint, options.out, options.threads);
    std::filesystem::remove(checkpoint, error);
    if (!made)
        return fail(program,
                    {Exit::not_proved, std::string(certificate::to_word(made.error().problem)) +
                                           ": " + made.error().detail});
    const std::string text = client::spec_to_json(*spec).dump(2) + "\n";
    const bool written = commit::write_file_atomically(options.out / kCertificateFile, *made) &&
                         commit::write_file_atomically(options.out / kSpecFile, *spec_bytes) &&
                         commit::write_file_atomically(options.out / kJobFile, base::view_of(text));
    const auto root = commit::model_root(options.out);
    if (!written || !root)
        return fail(program, {Exit::refused, "cannot write into " + options.out.string()});
    const std::string certificate_file = (options.out / kCertificateFile).string();
    return print(program,
                 {{"job", id->hex()},
                  {"model", options.out.string()},
                  {"model_root", root->hex()},
                  {"certificate", certificate_file},
                  {"spec", (options.out / kSpecFile).string()},
                  {"job_file", (options.out / kJobFile).string()},
                  {"final_root", job->final_root.hex()}},
                 "model       " + options.out.string() + "/model.safetensors\nmodel root  " +
                     root->hex() + "\ncertificate " + certificate_file);
}

Json report_json(const certificate::Report& r) {
    const evidence::Facts& f = r.facts;
    Json json{{"chain_id", f.chain_id.hex()},
              {"operator_key", f.operator_key.hex()},
              {"height", std::to_string(f.height.value)},
              {"block_time_ms", std::to_string(f.time.value)},
              {"job", f.job.hex()},
              {"submitter", f.submitter.hex()},
              {"state", std::string(market::to_word(f.closed.state))},
              {"rounds", f.spec.rounds},
              {"final_rounds", f.closed.final_rounds},
              {"segments", std::to_string(r.segments)},
              {"audited", std::to_string(r.audited)},
              {"controls", std::to_string(f.controls)},
              {"slashes", std::to_string(f.slashes)},
              {"spec_root", f.spec_root.hex()},
              {"program_root", f.program_root.hex()},
              {"init_root", f.init_root.hex()},
              {"final_root", f.closed.final_root.hex()},
              {"model_root", r.model_root.hex()},
              {"model_checked", r.model_checked},
              {"proved", r.weighed.has_value()},
              {"statement", r.statement},
              {"not_proved", r.not_proved}};
    if (r.weighed)
        json["trust"] = {{"segments", std::to_string(r.weighed->vouched)},
                         {"attempts", std::to_string(r.weighed->attempts)}};
    return json;
}

/// The options of `verify` from the command line.
Result<certificate::VerifyOptions> wanted_by(const ModelOptions& options) {
    certificate::VerifyOptions wanted;
    wanted.threads = options.threads;
    if (!options.model.empty()) wanted.model = options.model;
    if (!options.chain.empty()) {
        const auto chain = parse_id(options.chain, "--chain");
        if (!chain) return tl::unexpected(chain.error());
        wanted.chain_id = *chain;
    }
    if (!options.job.empty()) {
        const auto job = parse_id(options.job, "--job");
        if (!job) return tl::unexpected(job.error());
        wanted.job = base::JobId{*job};
    }
    if (!options.operator_key.empty()) {
        const auto key = base::from_hex(options.operator_key);
        wanted.operator_key = key ? base::public_key_from_bytes(*key) : std::nullopt;
        if (!wanted.operator_key)
            return tl::unexpected(
                Failure{Exit::usage, "--operator must be a public key in hexadecimal"});
    }
    if (!options.trust.empty()) {
        const auto text = read_text(options.trust, kTrustBytesMax);
        if (!text) return tl::unexpected(text.error());
        auto trust = evidence::read_trust(*text);
        if (!trust)
            return tl::unexpected(
                Failure{Exit::usage, options.trust.string() + ": " + trust.error()});
        wanted.trust = std::move(*trust);
    }
    return wanted;
}

Failure not_valid(const certificate::Failure& failure) {
    return {Exit::not_proved, "NOT valid: " + std::string(certificate::to_word(failure.problem)) +
                                  ": " + failure.detail};
}

struct Recomputed {
    std::string text;
    bool complete = true;  ///< nothing that was chosen was missing
};

/// Runs the whole job as the certificate's merges did; the final root must be the certificate's.
Result<Recomputed> replay_all(const certificate::Report& report, const ModelOptions& options) {
    auto job = runtime::Job::open(report.facts.spec, options.data,
                                  {options.threads, 0, runtime::Target::best});
    if (!job) return tl::unexpected(Failure{Exit::refused, job.error()});
    runtime::TrainingOptions training;
    training.members = report.facts.members;
    training.directory = options.scratch / "run";
    training.model_directory = options.scratch / "model";
    const auto result = runtime::train(**job, training);
    if (!result) return tl::unexpected(Failure{Exit::refused, result.error()});
    if (!result->completed || result->final_root != report.facts.final_roots.back())
        return tl::unexpected(
            not_valid({certificate::Problem::replay, "the whole job, recomputed, ends elsewhere"}));
    return Recomputed{"recomputed  the whole job"};
}

/// Where what is missing was looked for.
std::string missing_text(const std::vector<base::BlobRoot>& missing, const std::string& place) {
    constexpr std::size_t kNamed = 8;
    std::string text = "; " + std::to_string(missing.size()) +
                       (missing.size() == 1 ? " checkpoint" : " checkpoints") +
                       " could not be had:";
    for (std::size_t i = 0; i < std::min(kNamed, missing.size()); ++i)
        text += (i == 0 ? " " : ", ") + place + missing[i].hex();
    return missing.size() > kNamed ? text + ", ..." : text;
}

Result<Recomputed> replay(const Program& program, const certificate::Report& report,
                          const ModelOptions& options) {
    if (options.data.empty()) return tl::unexpected(Failure{Exit::usage, "--replay needs --data"});
    if (options.replay == "all") return replay_all(report, options);
    if (options.replay.empty() || options.replay.size() > 9 ||
        options.replay.find_first_not_of("0123456789") != std::string::npos)
        return tl::unexpected(Failure{Exit::usage, "--replay is a number of segments, or all"});
    certificate::ReplayOptions wanted;
    wanted.dataset = options.data;
    wanted.segments = std::stoul(options.replay);
    wanted.scratch = options.scratch;
    wanted.threads = options.threads;
    // Of one's own choice, and nobody else's: a fresh key's public part.
    wanted.seed = base::sha256(base::SecretKey::generate().public_key().view());
    std::optional<client::Client> node;
    if (options.checkpoints.empty()) node.emplace(connect(program));
    wanted.fetch = [&](const base::BlobRoot& blob, const std::filesystem::path& file) {
        if (node) return node->get_blob(blob, file).has_value();
        std::error_code error;
        return std::filesystem::copy_file(options.checkpoints / blob.hex(), file,
                                          std::filesystem::copy_options::overwrite_existing, error);
    };
    const auto done = certificate::replay(report.facts, wanted);
    if (!done) return tl::unexpected(not_valid(done.error()));
    Recomputed out{"recomputed  " + certificate::to_text(*done), done->missing.empty()};
    const std::string place =
        node ? program.globals.node + "/v1/blobs/" : options.checkpoints.string() + "/";
    if (!out.complete) out.text += missing_text(done->missing, place);
    return out;
}

Exit verify_certificate(const Program& program, const ModelOptions& options) {
    const auto bytes = read_text(options.certificate, certificate::kCertificateBytesMax);
    if (!bytes) return fail(program, bytes.error());
    const auto wanted = wanted_by(options);
    if (!wanted) return fail(program, wanted.error());
    const auto report = certificate::verify(base::view_of(*bytes), *wanted);
    if (!report) return fail(program, not_valid(report.error()));
    const evidence::Facts& facts = report->facts;
    std::string text =
        report->statement + "\njob         " + facts.job.hex() + "\nmodel root  " +
        report->model_root.hex() +
        (report->model_checked ? ", that of " + options.model.string() : "") + "\nchain       " +
        facts.chain_id.hex() + ", height " + std::to_string(facts.height.value) + "\noperator    " +
        facts.operator_key.hex() + "\nsegments    " + std::to_string(report->segments) +
        ", recomputed by auditors " + std::to_string(report->audited) + ", controls " +
        std::to_string(facts.controls) + ", slashes " + std::to_string(facts.slashes);
    Json json = report_json(*report);
    bool complete = true;
    if (!options.replay.empty()) {
        const auto replayed = replay(program, *report, options);
        if (!replayed) return fail(program, replayed.error());
        complete = replayed->complete;
        text += "\n" + replayed->text;
        if (!complete) text += "\nNOT proved: what could not be had was not recomputed";
        json["replay"] = replayed->text;
        json["replay_complete"] = complete;
    }
    for (const std::string& sentence : report->not_proved) text += "\nnot proved: " + sentence;
    const Exit printed = print(program, json, text);
    return complete ? printed : Exit::not_proved;
}

/// Replaces this process by assay-torch, which stands beside it or in PATH.
Exit run_torch(const Program& program, std::vector<std::string> arguments) {
    if (program.globals.json) arguments.emplace_back("--json");
    std::error_code error;
    const std::filesystem::path beside =
        std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "assay-torch";
    arguments.insert(arguments.begin(),
                     std::filesystem::exists(beside, error) ? beside.string() : "assay-torch");
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    ::execvp(raw[0], raw.data());
    return fail(program,
                {Exit::refused, "cannot start assay-torch (is it built? it needs libtorch)"});
}

std::filesystem::path spec_of(const ModelOptions& options) {
    return options.spec.empty() ? options.model / kSpecFile : options.spec;
}

/// A state whose weights are those of a model folder; moments are zeros.
Result<commit::State> state_of_model(const program::Program& code, const market::JobSpec& spec,
                                     const std::filesystem::path& model) {
    auto weights = commit::import_weights(code, spec, model);
    if (!weights) return tl::unexpected(Failure{Exit::refused, weights.error()});
    commit::State state = commit::State::zeros(code);
    const auto tensors = code.state_tensors();
    const auto wanted = code.weight_tensors();
    for (std::size_t w = 0; w < wanted.size() && w < weights->size(); ++w) {
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            if (tensors[t] == wanted[w]) state.tensors[t] = std::move((*weights)[w]);
        }
    }
    return state;
}

Exit evaluate(const Program& program, const ModelOptions& options) {
    if (options.model.empty() != options.init)
        return fail(program, {Exit::usage, "either --model DIR or --init is needed"});
    if (options.init && (options.torch || options.spec.empty()))
        return fail(program, {Exit::usage, "--init needs --spec and runs on the exact executor"});
    if (options.torch) {
        return run_torch(program, {"evaluate", "--spec", spec_of(options).string(), "--model",
                                   options.model.string(), "--data", options.data.string(),
                                   "--windows", std::to_string(options.windows)});
    }
    const auto spec = read_spec(spec_of(options));
    if (!spec) return fail(program, spec.error());
    auto job = runtime::Job::open(*spec, options.data, {options.threads, 1, runtime::Target::best});
    if (!job) return fail(program, {Exit::refused, job.error()});
    const auto state = options.init ? Result<commit::State>((*job)->initial_state())
                                    : state_of_model((*job)->program(), *spec, options.model);
    if (!state) return fail(program, state.error());
    const double loss = runtime::validation_loss(**job, *state, options.windows);
    std::array<char, 64> number{};
    std::snprintf(number.data(), number.size(), "%.6f", loss);
    return print(
        program, {{"validation_loss", loss}, {"windows", options.windows}, {"executor", "exact"}},
        "validation loss " + std::string(number.data()) + " (nats per token, exact executor)");
}

Exit sample(const Program& program, const ModelOptions& options) {
    return run_torch(
        program,
        {"sample", "--spec", spec_of(options).string(), "--model", options.model.string(),
         "--prompt", options.prompt, "--tokens", std::to_string(options.tokens), "--temperature",
         std::to_string(options.temperature), "--seed", std::to_string(options.seed)});
}

void add_threads(CLI::App* command, ModelOptions& options) {
    command->add_option("--threads", options.threads, "Threads")->check(CLI::Range(1U, 1024U));
}

void add_get(CLI::App& app, Program& program, const std::shared_ptr<ModelOptions>& options) {
    auto* model = app.add_subcommand("model", "Finished models");
    model->require_subcommand(1);
    auto* get_command =
        model->add_subcommand("get", "Fetch a finished job's model and make its certificate");
    get_command->add_option("job", options->job, "Job id")->required();
    get_command
        ->add_option(
            "--out", options->out,
            "Folder for model.safetensors, config.json, certificate.bin, job.json and job.spec")
        ->required();
    add_threads(get_command, *options);
    program.on(get_command, [&program, options] { return get_model(program, *options); });
}

void add_verify(CLI::App& app, Program& program, const std::shared_ptr<ModelOptions>& options) {
    auto* certificate = app.add_subcommand("certificate", "Certificates");
    certificate->require_subcommand(1);
    auto* verify_command =
        certificate->add_subcommand("verify", "Check offline that a model came from a job");
    verify_command->add_option("file", options->certificate, "Certificate")
        ->required()
        ->check(CLI::ExistingFile);
    verify_command->add_option("--model", options->model,
                               "Folder with model.safetensors and config.json");
    verify_command
        ->add_option("--trust", options->trust,
                     "File with lines: chain-id public-key, of validators that you trust; refuses "
                     "what they do not prove")
        ->check(CLI::ExistingFile);
    verify_command->add_option("--replay", options->replay,
                               "Recompute so many segments, chosen at random, and the same share "
                               "of the merges (that of the last round always), or all: the "
                               "whole job. The initial state is always recomputed. Ends with 4 "
                               "when a checkpoint of what was chosen cannot be had");
    verify_command->add_option("--data", options->data, "With --replay: the dataset blob")
        ->check(CLI::ExistingFile);
    verify_command
        ->add_option(
            "--checkpoints", options->checkpoints,
            "With --replay: folder of blobs named by their roots (default: the node's store)")
        ->check(CLI::ExistingDirectory);
    verify_command->add_option("--scratch", options->scratch, "With --replay: folder for states")
        ->capture_default_str();
    verify_command->add_option("--chain", options->chain, "Refuse certificates of other chains");
    verify_command->add_option("--operator", options->operator_key,
                               "Refuse certificates of other operators");
    verify_command->add_option("--job", options->job, "Refuse certificates of other jobs");
    add_threads(verify_command, *options);
    program.on(verify_command,
               [&program, options] { return verify_certificate(program, *options); });
}

void add_evaluate(CLI::App& app, Program& program, const std::shared_ptr<ModelOptions>& options) {
    auto* evaluate_command = app.add_subcommand("evaluate", "Validation loss of a model");
    evaluate_command->add_option("--model", options->model, "Model folder");
    evaluate_command->add_flag("--init", options->init,
                               "The job's initial state instead of a model");
    evaluate_command->add_option("--data", options->data, "Dataset blob")
        ->required()
        ->check(CLI::ExistingFile);
    evaluate_command->add_option(
        "--spec", options->spec,
        "Job spec, JSON or canonical (default: job.spec in the model folder)");
    evaluate_command
        ->add_option("--windows", options->windows, "Consecutive windows of the validation split")
        ->check(CLI::Range(1U, 1'000'000U))
        ->capture_default_str();
    evaluate_command->add_flag("--torch", options->torch,
                               "With stock libtorch kernels instead of ours");
    add_threads(evaluate_command, *options);
    program.on(evaluate_command, [&program, options] { return evaluate(program, *options); });
}

void add_sample(CLI::App& app, Program& program, const std::shared_ptr<ModelOptions>& options) {
    auto* sample_command =
        app.add_subcommand("sample", "Text from a model (started with libtorch)");
    sample_command->add_option("--model", options->model, "Model folder")->required();
    sample_command->add_option("--spec", options->spec,
                               "Canonical job spec (default: job.spec in the model folder)");
    sample_command->add_option("--prompt", options->prompt, "Text to continue");
    sample_command->add_option("--tokens", options->tokens, "How many tokens to add")
        ->check(CLI::Range(1U, 100'000U))
        ->capture_default_str();
    sample_command
        ->add_option("--temperature", options->temperature, "0: always the most likely token")
        ->check(CLI::Range(0.0, 10.0))
        ->capture_default_str();
    sample_command->add_option("--seed", options->seed, "Of the sampling")->capture_default_str();
    program.on(sample_command, [&program, options] { return sample(program, *options); });
}

}  // namespace

void add_model_commands(CLI::App& app, Program& program) {
    const auto options = std::make_shared<ModelOptions>();
    add_get(app, program, options);
    add_verify(app, program, options);
    add_evaluate(app, program, options);
    add_sample(app, program, options);
}

}  // namespace assay::cli
