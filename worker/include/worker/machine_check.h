#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/executor.h"

namespace assay::worker {

/// One line of `assay-worker check`: what was looked at, what was found, and what to do when it
/// does not pass.
struct CheckItem {
    std::string name;
    bool passed = false;
    std::string found;
    std::string remedy;  ///< empty when passed
};

struct MachineReport {
    std::vector<CheckItem> items;
    double gflops = 0;               ///< protocol FLOPs per second of the exact executor, in 10^9
    std::uint64_t memory_bytes = 0;  ///< of the machine, or of the cgroup when it has less
    std::uint64_t disk_free_bytes = 0;
    std::string target;  ///< instruction set in use
    [[nodiscard]] bool passed() const;
};

struct MachineCheckOptions {
    std::filesystem::path data_folder;
    std::optional<std::string> node_url;  ///< looked for when given
    runtime::ExecutorOptions executor;
    double seconds = 2;  ///< how long speed is measured at least
};

/// Looks at cryptography, exactness (a small job against its known root, by the fast kernels and by
/// the definition), speed, memory, disk and the node. Takes a few seconds; leaves nothing behind.
MachineReport check_machine(const MachineCheckOptions& options);

/// Memory this process may use: the machine's, or the cgroup's limit where that is less.
std::uint64_t usable_memory();

}  // namespace assay::worker
