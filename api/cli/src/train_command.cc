#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "certificate/certificate.h"
#include "cli.h"
#include "client/json.h"
#include "commit/checkpoint.h"
#include "dispute/environment.h"
#include "runtime/training.h"

namespace assay::cli {
namespace {

struct TrainOptions {
    std::filesystem::path spec, data, roots, certificate, out = "assay-train";
    std::uint64_t every = 0, steps = 0, save_every = 100;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency()), micro_batch = 0;
    std::string target = "best";
    bool resume = false, recompute = false;
};

std::atomic<bool> stop_asked{false};
void ask_to_stop(int) { stop_asked = true; }

/// Which lanes entered each merge, from a certificate's history. The last closing of a round
/// counts.
Result<std::vector<std::vector<std::uint32_t>>> members_of(const std::filesystem::path& file,
                                                           const market::JobSpec& spec) {
    const auto bytes = read_text(file, certificate::kCertificateBytesMax);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto certificate = certificate::decode(base::view_of(*bytes));
    if (!certificate)
        return tl::unexpected(
            Failure{Exit::not_proved, file.string() + ": " + certificate.error().detail});
    std::vector<std::vector<std::uint32_t>> members;
    for (const base::Bytes& raw : certificate->evidence.history) {
        const auto entry = market::decode<market::JobHistoryEntry>(raw);
        const auto* closed = entry ? std::get_if<market::RoundClosed>(&*entry) : nullptr;
        if (closed == nullptr || closed->round >= spec.rounds) continue;
        if (members.size() <= closed->round) members.resize(closed->round + 1);
        members[closed->round].clear();
        for (const auto& member : closed->members) members[closed->round].push_back(member.lane);
    }
    if (members.size() != spec.rounds)
        return tl::unexpected(
            Failure{Exit::not_proved, "the certificate does not cover all rounds"});
    return members;
}

runtime::Progress progress_of(const Program& program, const market::JobSpec& spec) {
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const bool quiet = program.globals.json && !terminal;
    return [&spec, terminal, quiet](const runtime::StepReport& report) {
        const bool last = report.step + 1 == spec.round_steps;
        if (!quiet && (terminal || last || report.step % 10 == 9)) {
            std::fprintf(stderr, "%sround %u/%u lane %u step %u/%u  loss %.4f  norm %.3f%s",
                         terminal ? "\r\033[K" : "", report.round + 1, spec.rounds, report.lane,
                         report.step + 1, spec.round_steps, static_cast<double>(report.result.loss),
                         static_cast<double>(report.result.norm), terminal && !last ? "" : "\n");
        }
        return !stop_asked.load();
    };
}

Exit train(const Program& program, const TrainOptions& options) {
    if (const auto wrong = dispute::check_environment())
        return fail(program, {Exit::refused, *wrong});
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(program, spec.error());
    const auto target = runtime::target_from_name(options.target);
    if (!target)
        return fail(program, {Exit::usage, "--target: " + options.target +
                                               " is not known or not available here"});
    runtime::TrainingOptions training;
    if (!options.certificate.empty()) {
        auto members = members_of(options.certificate, *spec);
        if (!members) return fail(program, members.error());
        training.members = std::move(*members);
    }
    auto job = runtime::Job::open(
        *spec, options.data, {options.threads, options.micro_batch, *target, options.recompute});
    if (!job) return fail(program, {Exit::refused, job.error()});
    training.directory = options.out / "run";
    training.model_directory = options.out / "model";
    training.resume = options.resume;
    if (options.steps > 0) training.steps = options.steps;
    training.roots_every = options.roots.empty() ? 0 : std::max<std::uint64_t>(1, options.every);
    training.roots_file = options.roots;
    training.save_every = options.save_every;
    training.progress = progress_of(program, *spec);
    std::signal(SIGINT, ask_to_stop);
    std::signal(SIGTERM, ask_to_stop);
    const auto result = runtime::train(**job, training);
    if (!result) return fail(program, {Exit::refused, result.error()});
    if (result->stopped) return fail(program, {Exit::refused, "stopped; go on with --resume"});
    Json json{{"completed", result->completed},
              {"final_root", result->final_root.hex()},
              {"program_root", (*job)->program_root().hex()},
              {"init_root", result->opening_roots.front().hex()},
              {"model", result->model_root ? Json(training.model_directory.string()) : Json()},
              {"model_root", result->model_root ? Json(result->model_root->hex()) : Json()},
              {"diverged_step", result->diverged_step ? Json(*result->diverged_step) : Json()}};
    std::string text = std::string(result->completed ? "the whole job is done"
                                                     : "stopped after the steps asked for") +
                       "\nfinal root  " + result->final_root.hex();
    if (result->model_root) {
        const std::string spec_text = client::spec_to_json(*spec).dump(2) + "\n";
        const bool written = commit::write_file_atomically(training.model_directory / "job.spec",
                                                           market::encode_spec(*spec)) &&
                             commit::write_file_atomically(training.model_directory / "job.json",
                                                           base::view_of(spec_text));
        if (!written)
            return fail(program,
                        {Exit::refused, "cannot write into " + training.model_directory.string()});
        text += "\nmodel       " + training.model_directory.string() + "\nmodel root  " +
                result->model_root->hex();
    }
    if (result->diverged_step)
        text += "\ndiverged at step " + std::to_string(*result->diverged_step);
    return print(program, json, text);
}

}  // namespace

void add_train_command(CLI::App& app, Program& program) {
    auto options = std::make_shared<TrainOptions>();
    auto* command = app.add_subcommand(
        "train", "Run a job here, without any market: the bits are those of the market");
    command->add_option("spec", options->spec, "Job spec (JSON or canonical)")
        ->required()
        ->check(CLI::ExistingFile);
    command->add_option("--data", options->data, "Dataset blob")
        ->required()
        ->check(CLI::ExistingFile);
    command->add_option("--every", options->every,
                        "With --roots: a line after every so many steps of a lane");
    command->add_option("--roots", options->roots,
                        "File for lines: round lane step state_root loss");
    command->add_option("--steps", options->steps, "Stop after so many steps of every lane");
    command->add_option("--threads", options->threads, "Threads; never changes a bit")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    command
        ->add_option("--micro-batch", options->micro_batch,
                     "Sequences run together, 0: as many as are worth it; never changes a bit")
        ->check(CLI::Range(0U, 65536U))
        ->capture_default_str();
    command
        ->add_option(
            "--target", options->target,
            "Instruction set: scalar, sse4, avx2, avx512, neon or best; never changes a bit")
        ->capture_default_str();
    command->add_flag("--recompute", options->recompute,
                      "Compute activations twice instead of keeping them: less memory, about a "
                      "third slower; never changes a bit");
    command->add_option("--save-every", options->save_every, "Steps between resume points")
        ->capture_default_str();
    command->add_flag("--resume", options->resume, "Go on where an earlier run stopped");
    command
        ->add_option("--certificate", options->certificate,
                     "Follow the merges' membership that this certificate records")
        ->check(CLI::ExistingFile);
    command->add_option("--out", options->out, "Folder for the run and the model")
        ->capture_default_str();
    program.on(command, [&program, options] { return train(program, *options); });
}

}  // namespace assay::cli
