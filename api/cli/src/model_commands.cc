#include <unistd.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "certificate/certificate.h"
#include "cli.h"
#include "client/json.h"
#include "commit/checkpoint.h"
#include "commit/model_export.h"
#include "market/tables.h"
#include "runtime/segment.h"

namespace assay::cli {
namespace {

constexpr const char* kCertificateFile = "certificate.bin";
constexpr const char* kSpecFile = "job.spec";  // canonical bytes
constexpr const char* kJobFile = "job.json";   // the same for people

struct ModelOptions {
    std::string job, chain, operator_key, prompt;
    std::filesystem::path out, model, certificate, data, spec;
    std::uint32_t windows = 200, tokens = 300;
    std::uint64_t seed = 1;
    double temperature = 0.8;
    bool torch = false, init = false;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

/// Reads the members of an answer that must be hashes and numbers; `ok` falls to false on the first
/// that is not.
struct AnswerReader {
    const Json& json;
    bool& ok;
    base::Hash hash(const char* name) const {
        const auto value = base::hash_from_hex(json.value(name, std::string()));
        ok = ok && value.has_value();
        return value.value_or(base::Hash());
    }
    base::Bytes bytes(const char* name) const {
        const auto found = json.find(name);
        const auto value = found != json.end() && found->is_string()
                               ? base::from_hex(found->get_ref<const std::string&>())
                               : std::nullopt;
        ok = ok && value.has_value();
        return value.value_or(base::Bytes());
    }
    std::uint64_t number(const char* name) const {
        const std::string text = json.value(name, std::string());
        const auto value = base::amount_from_decimal(text);
        ok = ok && value.has_value();
        return value ? value->grains() : 0;
    }
};

Result<ledger::Head> read_head(const Json& json) {
    bool ok = json.is_object();
    if (!ok) return tl::unexpected(Failure{Exit::refused, "the node's proof has no head"});
    const AnswerReader reader{json, ok};
    ledger::Head head;
    head.height.value = reader.number("height");
    head.time.value = reader.number("block_time_ms");
    head.app_version = json.value("app_version", 0U);
    head.state_root = reader.hash("state_root");
    head.log_root = reader.hash("log_root");
    head.log_size = reader.number("log_size");
    head.params_id = reader.hash("params_id");
    head.app_hash = reader.hash("app_hash");
    const auto signature = base::signature_from_bytes(reader.bytes("signature"));
    if (!ok || !signature)
        return tl::unexpected(Failure{Exit::refused, "the node's head is not readable"});
    head.signature = *signature;
    return head;
}

/// Everything that a certificate is made from. The proof comes first: job record and head are of
/// one snapshot, and a closed job's history no longer changes.
Result<certificate::Source> read_source(client::Client& client, const base::JobId& id) {
    const auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    const auto proof = client.get_json("/v1/proofs/" + base::to_hex(market::job_key(id)));
    if (!proof) return tl::unexpected(failure_of(proof.error()));
    if (!proof->value("value", Json()).is_string())
        return tl::unexpected(Failure{Exit::refused, "the node does not know that job"});
    bool ok = true;
    const AnswerReader reader{*proof, ok};
    certificate::Source source;
    source.chain_id = chain->chain_id;
    source.operator_key = chain->operator_key;
    source.job = reader.bytes("value");
    for (const Json& sibling : proof->value("siblings", Json::array())) {
        const auto hash =
            base::hash_from_hex(sibling.is_string() ? sibling.get<std::string>() : "");
        ok = ok && hash;
        source.proof.siblings.push_back(hash.value_or(base::Hash()));
    }
    const Json leaf = proof->value("leaf", Json::object());
    const AnswerReader leaf_reader{leaf, ok};
    source.proof.leaf =
        base::StateProof::Leaf{leaf_reader.hash("path"), leaf_reader.hash("value_hash")};
    const auto head = read_head(proof->value("head", Json()));
    if (!head) return tl::unexpected(head.error());
    if (!ok) return tl::unexpected(Failure{Exit::refused, "the node's proof is not readable"});
    source.head = *head;
    const auto spec = client.get_bytes("/v1/jobs/" + id.hex() + "/spec");
    if (!spec) return tl::unexpected(failure_of(spec.error()));
    source.spec = *spec;
    auto history = client.history(id);
    if (!history) return tl::unexpected(failure_of(history.error()));
    source.history = std::move(*history);
    return source;
}

Exit get_model(const Program& program, const ModelOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto source = read_source(client, base::JobId{*id});
    if (!source) return fail(program, source.error());
    const auto job = market::decode<market::Job>(source->job);
    const auto spec = market::decode_spec(source->spec);
    if (!job || !spec)
        return fail(program, {Exit::refused, "the node's job record or spec does not decode"});
    if (!market::is_terminal(job->state))
        return fail(program,
                    {Exit::refused, "the job is " + std::string(market::to_word(job->state)) +
                                        ": wait for its end (assay watch)"});
    std::error_code error;
    std::filesystem::create_directories(options.out, error);
    const std::filesystem::path checkpoint = options.out / "final.state";
    const auto got = client.get_blob(job->final_blob, checkpoint);
    if (!got) return fail(program, failure_of(got.error()));
    const auto made = certificate::make(*source, checkpoint, options.out, options.threads);
    std::filesystem::remove(checkpoint, error);
    if (!made)
        return fail(program,
                    {Exit::not_proved, std::string(certificate::to_word(made.error().problem)) +
                                           ": " + made.error().detail});
    const std::string text = client::spec_to_json(*spec).dump(2) + "\n";
    const bool written = commit::write_file_atomically(options.out / kCertificateFile, *made) &&
                         commit::write_file_atomically(options.out / kSpecFile, source->spec) &&
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
    return {{"chain_id", r.chain_id.hex()},
            {"operator_key", r.operator_key.hex()},
            {"height", std::to_string(r.height.value)},
            {"block_time_ms", std::to_string(r.time.value)},
            {"job", r.job.hex()},
            {"submitter", r.submitter.hex()},
            {"state", std::string(market::to_word(r.state))},
            {"rounds", r.rounds},
            {"final_rounds", r.final_rounds},
            {"segments", std::to_string(r.segments)},
            {"audited", std::to_string(r.audited)},
            {"unaudited", std::to_string(r.unaudited)},
            {"slashes", std::to_string(r.slashes)},
            {"spec_root", r.spec_root.hex()},
            {"program_root", r.program_root.hex()},
            {"init_root", r.init_root.hex()},
            {"final_root", r.final_root.hex()},
            {"model_root", r.model_root.hex()},
            {"not_proved", r.not_proved}};
}

Exit verify_certificate(const Program& program, const ModelOptions& options) {
    const auto bytes = read_text(options.certificate, certificate::kCertificateBytesMax);
    if (!bytes) return fail(program, bytes.error());
    certificate::VerifyOptions wanted;
    wanted.threads = options.threads;
    if (!options.chain.empty()) {
        const auto chain = parse_id(options.chain, "--chain");
        if (!chain) return fail(program, chain.error());
        wanted.chain_id = *chain;
    }
    if (!options.job.empty()) {
        const auto job = parse_id(options.job, "--job");
        if (!job) return fail(program, job.error());
        wanted.job = base::JobId{*job};
    }
    if (!options.operator_key.empty()) {
        const auto key = base::from_hex(options.operator_key);
        wanted.operator_key = key ? base::public_key_from_bytes(*key) : std::nullopt;
        if (!wanted.operator_key)
            return fail(program, {Exit::usage, "--operator must be a public key in hexadecimal"});
    }
    const auto report = certificate::verify(base::view_of(*bytes), options.model, wanted);
    if (!report)
        return fail(program,
                    {Exit::not_proved,
                     "NOT valid: " + std::string(certificate::to_word(report.error().problem)) +
                         ": " + report.error().detail});
    std::string text =
        "valid: the model in " + options.model.string() + " is the result of job " +
        report->job.hex() + "\nmodel root  " + report->model_root.hex() + "\nchain       " +
        report->chain_id.hex() + ", height " + std::to_string(report->height.value) +
        "\noperator    " + report->operator_key.hex() + "\nsegments    " +
        std::to_string(report->segments) + ", recomputed by auditors " +
        std::to_string(report->audited) + ", drawn without auditor " +
        std::to_string(report->unaudited) + ", slashes " + std::to_string(report->slashes);
    for (const std::string& sentence : report->not_proved) text += "\nnot proved: " + sentence;
    return print(program, report_json(*report), text);
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

}  // namespace

void add_model_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<ModelOptions>();
    const auto add_threads = [&](CLI::App* command) {
        command->add_option("--threads", options->threads, "Threads")->check(CLI::Range(1U, 1024U));
    };
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
    add_threads(get_command);
    program.on(get_command, [&program, options] { return get_model(program, *options); });

    auto* certificate = app.add_subcommand("certificate", "Certificates");
    certificate->require_subcommand(1);
    auto* verify_command =
        certificate->add_subcommand("verify", "Check offline that a model came from a job");
    verify_command->add_option("file", options->certificate, "Certificate")
        ->required()
        ->check(CLI::ExistingFile);
    verify_command
        ->add_option("--model", options->model, "Folder with model.safetensors and config.json")
        ->required();
    verify_command->add_option("--chain", options->chain, "Refuse certificates of other chains");
    verify_command->add_option("--operator", options->operator_key,
                               "Refuse certificates of other operators");
    verify_command->add_option("--job", options->job, "Refuse certificates of other jobs");
    add_threads(verify_command);
    program.on(verify_command,
               [&program, options] { return verify_certificate(program, *options); });

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
    add_threads(evaluate_command);
    program.on(evaluate_command, [&program, options] { return evaluate(program, *options); });

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

}  // namespace assay::cli
