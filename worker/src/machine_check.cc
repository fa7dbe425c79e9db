#include "worker/machine_check.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "base/signature.h"
#include "client/client.h"
#include "runtime/self_check.h"

namespace assay::worker {

namespace {

constexpr std::uint64_t kMemoryMin = std::uint64_t{512} << 20U;
constexpr std::uint64_t kDiskMin = std::uint64_t{1} << 30U;
constexpr double kGflopsMin = 0.5;

std::string gigabytes(std::uint64_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GiB",
                  static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0));
    return text;
}

CheckItem check_cryptography() {
    const auto failed = base::crypto_self_test();
    if (!failed)
        return {"cryptography", true,
                "signatures, hashes and draws agree with the published vectors", ""};
    return {"cryptography", false, "self test failed: " + *failed,
            "install the distribution's current libsodium (Debian 12: 1.0.18-1+deb12u1 or later)"};
}

CheckItem check_exactness(const MachineCheckOptions& options) {
    const std::string remedy =
        "this machine computes other bits than the definition: do not offer it; try --target "
        "scalar";
    runtime::ExecutorOptions executor = options.executor;
    for (const runtime::Target target : {options.executor.target, runtime::Target::scalar}) {
        executor.target = target;
        const auto root = runtime::exactness_root(options.data_folder, executor);
        if (!root) return {"exactness", false, root.error(), "make the data folder writable"};
        if (*root != runtime::known_exactness_root())
            return {"exactness", false, "state root " + root->hex(), remedy};
    }
    return {"exactness", true, "fast kernels and definition reach the known state root", ""};
}

CheckItem check_speed(const MachineCheckOptions& options, MachineReport& report) {
    const auto flops =
        runtime::measure_flops(options.data_folder, options.executor, options.seconds);
    if (!flops) return {"speed", false, "could not be measured", "make the data folder writable"};
    report.gflops = *flops / 1e9;
    char text[64];
    std::snprintf(text, sizeof text, "%.2f GFLOP/s with %u thread%s", report.gflops,
                  options.executor.threads, options.executor.threads == 1 ? "" : "s");
    if (report.gflops >= kGflopsMin) return {"speed", true, text, ""};
    return {"speed", false, text, "give it more --threads, or end other programs"};
}

CheckItem check_memory(MachineReport& report) {
    report.memory_bytes = usable_memory();
    const bool passed = report.memory_bytes >= kMemoryMin;
    return {"memory", passed, gigabytes(report.memory_bytes),
            passed ? "" : "at least 0.5 GiB is needed"};
}

CheckItem check_disk(const MachineCheckOptions& options, MachineReport& report) {
    std::error_code error;
    std::filesystem::create_directories(options.data_folder, error);
    const auto space = std::filesystem::space(options.data_folder, error);
    if (error) return {"disk", false, error.message(), "choose a --data-dir that can be written"};
    report.disk_free_bytes = space.available;
    const bool passed = report.disk_free_bytes >= kDiskMin;
    return {"disk", passed, gigabytes(report.disk_free_bytes) + " free",
            passed ? "" : "free at least 1 GiB or choose another --data-dir"};
}

CheckItem check_node(const std::string& url) {
    client::ClientOptions options;
    options.retry_for = std::chrono::milliseconds{0};
    options.request_timeout = std::chrono::milliseconds{5000};
    client::Client node(url, options);
    const auto chain = node.chain();
    if (!chain)
        return {"node", false, chain.error().text(),
                "check the address and that assayd runs: " + url};
    return {"node", true, url + " at height " + std::to_string(chain->height.value), ""};
}

}  // namespace

std::uint64_t usable_memory() {
    struct sysinfo info = {};
    std::uint64_t bytes = 0;
    if (::sysinfo(&info) == 0) bytes = std::uint64_t{info.totalram} * info.mem_unit;
    for (const char* file :
         {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        std::ifstream in(file);
        std::uint64_t limit = 0;
        if (in >> limit && limit > 0) bytes = std::min(bytes, limit);
    }
    return bytes;
}

bool MachineReport::passed() const {
    return std::all_of(items.begin(), items.end(),
                       [](const CheckItem& item) { return item.passed; });
}

MachineReport check_machine(const MachineCheckOptions& options) {
    MachineReport report;
    const auto targets = runtime::available_targets();
    report.target = targets.empty() ? "scalar" : targets.back();
    report.items.push_back(check_cryptography());
    report.items.push_back(check_disk(options, report));
    report.items.push_back(check_memory(report));
    report.items.push_back(check_exactness(options));
    report.items.push_back(check_speed(options, report));
    if (options.node_url) report.items.push_back(check_node(*options.node_url));
    return report;
}

}  // namespace assay::worker
