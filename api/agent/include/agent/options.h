#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "agent/account_meant.h"
#include "base/amount.h"
#include "client/client.h"
#include "client/default_node.h"
#include "runtime/executor.h"

namespace CLI {
class App;
}

/// Options that the worker and the validator share: one name, one default and one sentence of help
/// for both.
namespace assay::agent {

/// How this machine computes, and where it keeps what must survive.
struct MachineOptions {
    std::filesystem::path data_folder;
    unsigned threads = 1;
    unsigned micro_batch = 0;
    bool recompute = false;
    std::string target = "best";
};
/// `folder_help`: what is in the data folder. `options.data_folder` is its default.
void add_machine_options(CLI::App& command, MachineOptions& options,
                         const std::string& folder_help);
/// The executor of one of `slots` jobs that share the machine's threads.
tl::expected<runtime::ExecutorOptions, std::string> executor_options(const MachineOptions& options,
                                                                     std::uint32_t slots);

/// Which node, which key, and how the log looks: of a program that acts until SIGTERM.
struct ServiceOptions {
    std::string node{client::kDefaultNodeUrl};
    client::KeySource key;
    bool log_json = false, verbose = false;
};
void add_service_options(CLI::App& command, ServiceOptions& options,
                         const std::string& verbose_help);
/// Hardens the process, sets up log and signals, and opens the keys.
tl::expected<client::KeySet, std::string> begin_service(const ServiceOptions& options);

/// Whose books are asked for.
struct AccountOptions {
    std::string node{client::kDefaultNodeUrl};
    std::filesystem::path key_file;
    std::string account;
    bool json = false;
};
void add_account_options(CLI::App& command, AccountOptions& options);

/// Nothing for an empty text; an error for one that is no amount.
tl::expected<std::optional<base::Amount>, std::string> amount_option(const std::string& name,
                                                                     const std::string& text);

}  // namespace assay::agent
