#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/executor.h"

/// The subcommands of assay-bench. Each returns the exit code.
namespace assay::bench {

struct Options {
    std::string shape = "demo", target = "best";
    std::filesystem::path text, out, library;
    unsigned threads = 1;
    std::uint32_t micro_batch = 0;  ///< 0: the executor's own choice
    std::uint32_t batch = 0;        ///< 0: the shape's own
    std::uint32_t steps = 0;        ///< of a segment that are really run; 0: all
    bool recompute = false;         ///< activations, to save memory
    std::vector<std::string> products;

    [[nodiscard]] runtime::ExecutorOptions executor(runtime::Target with) const {
        runtime::ExecutorOptions chosen;
        chosen.threads = threads;
        chosen.micro_batch = micro_batch;
        chosen.target = with;
        chosen.recompute = recompute;
        return chosen;
    }
};

int run_step(const Options& options);
int run_export(const Options& options);
int run_memory(const Options& options);
int run_commit(const Options& options);
int run_hash(const Options& options);
int run_matmul(const Options& options);
int run_fma(const Options& options);

}  // namespace assay::bench
