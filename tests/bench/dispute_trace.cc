#include "dispute_trace.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "dispute_program.h"
#include "prover/evidence.h"
#include "prover/tracing.h"
#include "runtime/executor.h"

namespace assay::dispute {

namespace {

constexpr const char* kHelp =
    "Usage: dispute_bench trace [--batch 2] [--context 1024] [--threads 1] [--tries 2] "
    "[--recompute 0] [--reference 0]\n"
    "Traces one step of a GPT-2 124M: roots by sequence, the instructions of the first sequence "
    "and of the update, evidence for one\n"
    "instruction, each with its time (the best of the tries) and the peak memory of this process, "
    "the caller's state included. With\n"
    "--reference 1 the scalar reference does the same, once, which takes hours at a context of "
    "1024.\n";

using Settings = std::map<std::string, unsigned>;

/// The largest resident size since the last reset, in MB; 0 where the kernel does not say.
double peak_mb() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    }
    return 0;
}
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double seconds(const std::function<void()>& work) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

void report(const char* what, unsigned tries, const std::function<void()>& work) {
    double best = 1e99;
    reset_peak();
    for (unsigned i = 0; i < tries; ++i) best = std::min(best, seconds(work));
    std::printf("%-44s %10.2f s %8.0f MB\n", what, best, peak_mb());
    std::fflush(stdout);
}

void trace_with(const char* name, const Engine& engine, const StageInputs& inputs, unsigned tries) {
    const Program& program = *inputs.program;
    std::printf("%s\n", name);
    StageTrace stage;
    UnitTrace sequence;
    report("  roots by sequence, update", tries, [&] { stage = trace_stage(inputs, engine); });
    report("  instructions of the first sequence", tries,
           [&] { sequence = trace_unit(inputs, 0, engine); });
    report("  sequences, then instructions of the update", tries,
           [&] { (void)trace_unit(inputs, stage.units.size() - 1, engine); });
    std::printf("  stage root %s, first sequence %s\n", stage.root().hex().substr(0, 16).c_str(),
                sequence.root(inputs.descriptor).hex().substr(0, 16).c_str());
    for (const char* output : {"h.0.mlp.f", "head.dy"}) {
        const std::uint32_t number = instruction_of(program, program::Part::sequence, output);
        const std::string what = std::string("  evidence for ") + output;
        report(what.c_str(), tries,
               [&] { (void)collect_evidence(inputs, stage, sequence, 0, number, {}, engine); });
    }
}

int trace(const Settings& settings) {
    const unsigned tries = std::max(1U, settings.at("--tries"));
    const Program program = gpt2(settings.at("--batch"), settings.at("--context"));
    const std::vector<std::uint32_t> tokens = some_tokens();
    runtime::ExecutorOptions options;
    options.threads = settings.at("--threads");
    options.recompute = settings.at("--recompute") != 0;
    StageInputs inputs;
    inputs.program = &program;
    inputs.dataset = {tokens, kTrainTokens, 1};
    commit::State state = commit::State::zeros(program);
    inputs.start = &state;
    std::printf("GPT-2 124M, batch %u of %u tokens, %u threads, recompute %u, best of %u\n",
                settings.at("--batch"), settings.at("--context"), options.threads,
                settings.at("--recompute"), tries);
    {
        runtime::Executor executor(program, options);
        executor.run_init(state);
        const runtime::DataView data{tokens, kTrainTokens, 1};
        commit::State stepped = state.clone();
        report("training step", tries, [&] { executor.run_step(stepped, data, 0, 0, 0); });
    }
    trace_with("traces by the kernels", Engine{options}, inputs, tries);
    if (settings.at("--reference") != 0) trace_with("traces by the reference", Engine{}, inputs, 1);
    return 0;
}

}  // namespace

int run_trace(int argc, char** argv) {
    Settings settings = {{"--batch", 2}, {"--context", 1024}, {"--threads", 1},
                         {"--tries", 2}, {"--recompute", 0},  {"--reference", 0}};
    const bool help =
        argc == 1 && (std::strcmp(argv[0], "--help") == 0 || std::strcmp(argv[0], "-h") == 0);
    bool right = argc % 2 == 0;
    for (int i = 0; right && i < argc; i += 2) {
        const auto setting = settings.find(argv[i]);
        const char* end = argv[i + 1] + std::strlen(argv[i + 1]);
        right = setting != settings.end();
        if (!right) break;
        const auto [rest, error] = std::from_chars(argv[i + 1], end, setting->second);
        right = error == std::errc() && rest == end && setting->second <= 1024;
    }
    if (help || !right || settings["--batch"] == 0 || settings["--context"] == 0) {
        std::fputs(kHelp, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    return trace(settings);
}

}  // namespace assay::dispute
