#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "function_soak.h"
#include "training_soak.h"

/// `assay-soak`: the long equality proofs (tests/soak/README.md). scripts/soak builds and runs it.
namespace assay::soak {
namespace {

constexpr const char* kHelp =
    R"(assay-soak: equality proofs that take long. Both go on where a killed run was.

  assay-soak functions [options]   all 2^32 inputs of every unary function on every instruction set
  assay-soak training [options]    the definition against the fastest kernels, step by step, on text

  --dir DIR         where the state of the run is kept (default: soak)
  --json FILE       also write the report there as JSON
  --threads N       functions: threads (default: all processors)
  --only NAME       one function (exp, log, ..., flush) or one job (gpt, ragged, mlp); may repeat
  --pieces N        functions: only the first N of 256 pieces of 2^24 inputs
  --steps N         training: steps (default: 2000)
  --every N         training: steps between comparisons (default: 10)
  --text FILE       training: this text instead of Genesis

Ends with 0 when everything is equal and within its bound, 1 when something differs, 2 on a wrong
option, 3 when a file cannot be used.
)";

struct Options {
    std::string command;
    std::filesystem::path directory = "soak", json, text;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::string> only;
    std::uint32_t pieces = 256, steps = 2000, every = 10;
};

int refuse(const std::string& reason) {
    std::fprintf(stderr, "assay-soak: %s (see --help)\n", reason.c_str());
    return 2;
}

std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t most) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > most)
        return std::nullopt;
    return value;
}

/// Nothing when the arguments are right; else the exit code.
std::optional<int> read(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--help" || name == "-h") {
            std::fputs(kHelp, stdout);
            return 0;
        }
        if (i == 1) {
            options.command = name;
            continue;
        }
        if (i + 1 == argc) return refuse(name + " has no value");
        const std::string value = argv[++i];
        const auto number = [&](std::uint32_t& to, std::uint32_t most) {
            const auto read = number_of(value, most);
            if (read) to = *read;
            return read.has_value();
        };
        bool good = true;
        if (name == "--dir") {
            options.directory = value;
        } else if (name == "--json") {
            options.json = value;
        } else if (name == "--text") {
            options.text = value;
        } else if (name == "--only") {
            options.only.push_back(value);
        } else if (name == "--threads") {
            good = number(options.threads, 1024);
        } else if (name == "--pieces") {
            good = number(options.pieces, 256);
        } else if (name == "--steps") {
            good = number(options.steps, 1'000'000);
        } else if (name == "--every") {
            good = number(options.every, 1'000);
        } else {
            return refuse("unknown option " + name);
        }
        if (!good) return refuse(name + " " + value + " is out of range");
    }
    if (options.command != "functions" && options.command != "training")
        return refuse("give a command: functions or training");
    return std::nullopt;
}

bool write_json(const std::filesystem::path& file, const nlohmann::ordered_json& report) {
    if (file.empty()) return true;
    std::ofstream out(file, std::ios::trunc);
    out << report.dump(2) << '\n';
    out.close();
    if (out) return true;
    std::fprintf(stderr, "assay-soak: cannot write %s\n", file.c_str());
    return false;
}

int run_functions(const Options& options) {
    FunctionSoakOptions how;
    how.directory = options.directory;
    how.functions = options.only;
    how.threads = options.threads;
    how.pieces = options.pieces;
    how.progress = [](const std::string& line) {
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
    };
    const auto reports = soak_functions(how);
    if (!reports) {
        std::fprintf(stderr, "assay-soak: %s\n", reports.error().c_str());
        return 3;
    }
    nlohmann::ordered_json json;
    json["tables"] = table_names();
    bool good = true;
    std::printf("\n%-8s %12s %10s %10s  %s\n", "function", "inputs", "worst ulp", "at bits",
                "mismatches");
    for (const FunctionReport& report : *reports) {
        const bool right = report.mismatches == 0 && report.worst_ulp <= 2.0;
        good = good && right;
        std::printf("%-8s %12llu %10.4f   %08x  %llu %s\n", report.name.c_str(),
                    static_cast<unsigned long long>(report.inputs), report.worst_ulp,
                    report.worst_at, static_cast<unsigned long long>(report.mismatches),
                    report.first_mismatch.c_str());
        char at[16];
        std::snprintf(at, sizeof at, "0x%08x", report.worst_at);
        json["functions"].push_back({{"name", report.name},
                                     {"inputs", report.inputs},
                                     {"worst_ulp", report.worst_ulp},
                                     {"worst_at", at},
                                     {"mismatches", report.mismatches},
                                     {"first_mismatch", report.first_mismatch}});
    }
    json["equal"] = good;
    if (!write_json(options.json, json)) return 3;
    return good ? 0 : 1;
}

int run_training(const Options& options) {
    if (!options.text.empty() && ::access(options.text.c_str(), R_OK) != 0) {
        std::fprintf(stderr, "assay-soak: cannot read %s\n", options.text.c_str());
        return 3;
    }
    const std::string text =
        options.text.empty() ? equality::genesis() : equality::text_of(options.text);
    nlohmann::ordered_json json;
    bool good = true, any = false;
    using Maker = equality::TextJob (*)(std::string_view, std::uint32_t);
    const std::pair<const char*, Maker> makers[] = {{"gpt", equality::gpt_on_text},
                                                    {"ragged", equality::ragged_gpt_on_text},
                                                    {"mlp", equality::mlp_on_text}};
    for (const auto& [name, make] : makers) {
        if (!options.only.empty() && std::ranges::find(options.only, name) == options.only.end())
            continue;
        any = true;
        const equality::TextJob job = make(text, options.steps);
        TrainingSoakOptions how;
        how.directory = options.directory;
        how.steps = options.steps;
        how.every = options.every;
        how.save_every = 5 * options.every;
        how.progress = [&, label = name](std::uint32_t step, double loss) {
            if (step % (5 * options.every) == 0 || step == options.steps) {
                std::printf("%s step %u of %u: equal, loss %.4f\n", label, step, options.steps,
                            loss);
                std::fflush(stdout);
            }
            return true;
        };
        const auto report = soak_training(job, how);
        if (!report) {
            std::fprintf(stderr, "assay-soak: %s\n", report.error().c_str());
            return 3;
        }
        good = good && report->difference.empty();
        std::printf(
            "%s: %u steps, %s; loss %.4f to %.4f; %llu moments came near the cut, %llu "
            "were cut\n",
            name, report->steps, report->difference.empty() ? "equal" : report->difference.c_str(),
            report->first_loss, report->last_loss,
            static_cast<unsigned long long>(report->moments_near_cut),
            static_cast<unsigned long long>(report->moments_cut));
        json["jobs"].push_back({{"name", name},
                                {"steps", report->steps},
                                {"resumed_at", report->resumed_at},
                                {"comparisons", report->comparisons},
                                {"difference", report->difference},
                                {"final_root", report->final_root},
                                {"first_loss", report->first_loss},
                                {"last_loss", report->last_loss},
                                {"moments_near_cut", report->moments_near_cut},
                                {"moments_cut", report->moments_cut}});
    }
    if (!any) return refuse("no such job");
    json["equal"] = good;
    if (!write_json(options.json, json)) return 3;
    return good ? 0 : 1;
}

}  // namespace
}  // namespace assay::soak

int main(int argc, char** argv) {
    assay::soak::Options options;
    if (const auto code = assay::soak::read(argc, argv, options)) return *code;
    return options.command == "functions" ? assay::soak::run_functions(options)
                                          : assay::soak::run_training(options);
}
