// assay-bench: what scripts/bench measures of our own code. Each subcommand is a contestant of the
// protocol in tests/bench/README.md, or prints facts.

#include <CLI/CLI.hpp>
#include <thread>

#include "base/signature.h"
#include "contestants.h"
#include "protocol.h"
#include "shapes.h"

namespace {

using namespace assay;
using Run = int (*)(const bench::Options&);
constexpr int kExitUsage = 2;

struct Command {
    CLI::App* app;
    Run run;
};

void add_threads(CLI::App* command, bench::Options& options) {
    command->add_option("--threads", options.threads, "Threads")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
}

void add_target(CLI::App* command, bench::Options& options) {
    command->add_option("--target", options.target, "Instruction set of the kernels")
        ->capture_default_str();
}

void add_shape(CLI::App* command, bench::Options& options) {
    command->add_option("--shape", options.shape, "Model")
        ->check(CLI::IsMember(bench::shape_names()))
        ->capture_default_str();
    command->add_option("--text", options.text, "Training text; default: the program `bible`")
        ->check(CLI::ExistingFile);
    command->add_option("--batch", options.batch, "Sequences per step; 0: the shape's own")
        ->check(CLI::Range(0U, 65536U))
        ->capture_default_str();
}

void add_micro_batch(CLI::App* command, bench::Options& options) {
    command
        ->add_option("--micro-batch", options.micro_batch,
                     "Sequences at a time; 0: the executor's own choice")
        ->check(CLI::Range(0U, 65536U))
        ->capture_default_str();
    command->add_flag("--recompute", options.recompute,
                      "Compute activations again instead of keeping them");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Measures Assay's own code. step, fma, matmul, hash and commit say {\"ready\": ...} on one "
        "line, answer each line `run N [NAME]` of stdin with {\"values\": [...]}, and end with "
        "stdin."};
    app.require_subcommand(1);
    bench::Options options;
    options.threads = std::max(1U, std::thread::hardware_concurrency());
    std::vector<Command> commands;
    const auto add = [&](const char* name, const char* help, Run run) {
        commands.push_back({app.add_subcommand(name, help), run});
        return commands.back().app;
    };

    CLI::App* step = add("step", "Milliseconds of a whole training step", bench::run_step);
    add_shape(step, options);
    add_micro_batch(step, options);
    add_threads(step, options);
    add_target(step, options);

    CLI::App* fma = add("fma", "GFLOP/s of a loop of fma in registers", bench::run_fma);
    add_threads(fma, options);

    CLI::App* matmul = add("matmul", "GFLOP/s of one matrix product", bench::run_matmul);
    matmul
        ->add_option("--shape", options.products,
                     "ROWSxCOLSxK:LAYOUT[:SEQUENCES], may be repeated, chosen by NAME. LAYOUT: nn "
                     "(forward), nt (input gradient), tn (weight gradient, continuing C, k cut "
                     "into SEQUENCES chains)")
        ->required();
    matmul
        ->add_option("--library", options.library,
                     "Time cblas_sgemm of this OpenBLAS instead of the exact kernels")
        ->check(CLI::ExistingFile);
    add_threads(matmul, options);
    add_target(matmul, options);

    CLI::App* hash = add("hash", "GB/s of a state's root", bench::run_hash);
    add_shape(hash, options);
    add_threads(hash, options);

    CLI::App* commit =
        add("commit", "Roots and digests in percent of a segment's training", bench::run_commit);
    add_shape(commit, options);
    commit->add_option("--steps", options.steps, "Steps really run, then scaled; 0: all")
        ->capture_default_str();
    add_micro_batch(commit, options);
    add_threads(commit, options);
    add_target(commit, options);

    CLI::App* memory =
        add("memory", "Planned bytes of a shape, as one JSON line", bench::run_memory);
    add_shape(memory, options);
    add_micro_batch(memory, options);
    add_threads(memory, options);

    CLI::App* export_command =
        add("export", "Write job.spec, dataset.bin and shape.json", bench::run_export);
    add_shape(export_command, options);
    export_command->add_option("--out", options.out, "Folder")->required();

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    if (const auto failed = base::crypto_self_test())
        return bench::fail("self-test failed: " + *failed);
    for (const Command& command : commands) {
        if (*command.app) return command.run(options);
    }
    return kExitUsage;
}
