#include "agent/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "agent/log.h"
#include "agent/stop.h"

namespace assay::agent {

void add_machine_options(CLI::App& command, MachineOptions& options,
                         const std::string& folder_help) {
    options.threads = std::max(1U, std::thread::hardware_concurrency());
    command.add_option("--data-dir", options.data_folder, folder_help)->capture_default_str();
    command.add_option("--threads", options.threads, "Threads that compute")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    command
        .add_option("--micro-batch", options.micro_batch,
                    "Sequences computed together, 0: as many as are worth it; more memory, never "
                    "other bits")
        ->check(CLI::Range(0U, 4096U))
        ->capture_default_str();
    command.add_flag("--recompute", options.recompute,
                     "Compute activations twice instead of keeping them: less memory, a third "
                     "slower, never other bits");
    command
        .add_option("--target", options.target,
                    "Instruction set: best, scalar, sse4, avx2, avx512, neon")
        ->capture_default_str();
}

tl::expected<runtime::ExecutorOptions, std::string> executor_options(const MachineOptions& options,
                                                                     std::uint32_t slots) {
    const auto target = runtime::target_from_name(options.target);
    if (!target)
        return tl::unexpected("--target: " + options.target +
                              " is not known or not available here");
    runtime::ExecutorOptions executor;
    executor.threads = std::max(1U, options.threads / slots);
    executor.micro_batch = options.micro_batch;
    executor.recompute = options.recompute;
    executor.target = *target;
    return executor;
}

void add_service_options(CLI::App& command, ServiceOptions& options,
                         const std::string& verbose_help) {
    command.add_option("--node", options.node, "Address of the node")->capture_default_str();
    command.add_option("--key", options.key.file, "Key file")->required();
    command.add_option("--passphrase-file", options.key.passphrase_file,
                       "File whose first line is the passphrase");
    command.add_option("--passphrase-fd", options.key.passphrase_fd,
                       "Open descriptor to read the passphrase from");
    command.add_flag("--log-json", options.log_json, "Log lines as JSON objects");
    command.add_flag("--verbose", options.verbose, verbose_help);
}

tl::expected<client::KeySet, std::string> begin_service(const ServiceOptions& options) {
    configure_log(options.log_json, options.verbose ? LogLevel::debug : LogLevel::info);
    install_stop_signals();
    return client::open_keys(options.key);
}

void add_account_options(CLI::App& command, AccountOptions& options) {
    command.add_option("--node", options.node, "Address of the node")->capture_default_str();
    command.add_option("--key", options.key_file, "Key file of the account (no passphrase needed)");
    command.add_option("--account", options.account, "Or its id");
    command.add_flag("--json", options.json, "Print JSON");
}

tl::expected<std::optional<base::Amount>, std::string> amount_option(const std::string& name,
                                                                     const std::string& text) {
    if (text.empty()) return std::optional<base::Amount>{};
    const auto amount = base::amount_from_decimal(text);
    if (!amount) return tl::unexpected("--" + name + ": an amount in grains, digits only");
    return amount;
}

}  // namespace assay::agent
