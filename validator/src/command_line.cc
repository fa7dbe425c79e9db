#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/key_options.h"
#include "agent/log.h"
#include "agent/stop.h"
#include "base/signature.h"
#include "client/client.h"
#include "client/default_node.h"
#include "validator/validator.h"

namespace assay::validator {

namespace {

using agent::ExitCode;
using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Exit codes: 0 done or stopped by SIGTERM, 2 wrong option, 3 key file or passphrase, 4 node unreachable,\n"
    "5 refused by the ledger, 6 self test failed, 7 data folder.";

struct Options {
    std::string node{client::kDefaultNodeUrl};
    agent::KeyOptions key;
    std::filesystem::path data_folder = "assay-validator-data";
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
    unsigned micro_batch = 0;
    bool recompute = false;
    std::string target = "best";
    std::string stake;
    std::uint32_t capacity = 4;
    double gflops = 0;
    bool json = false, log_json = false, verbose = false;
    std::string account;
};

int fail(ExitCode code, const std::string& text) {
    std::cerr << "assay-validator: " << text << "\n";
    return static_cast<int>(code);
}

void add_run_options(CLI::App& command, Options& options) {
    command.add_option("--node", options.node, "Address of the node")->capture_default_str();
    command.add_option("--key", options.key.key_file, "Key file")->required();
    command.add_option("--passphrase-file", options.key.passphrase_file, "File whose first line is the passphrase");
    command.add_option("--passphrase-fd", options.key.passphrase_descriptor, "Open descriptor to read the passphrase from");
    command.add_option("--data-dir", options.data_folder, "Folder for sealed verdicts; keep it across restarts")->capture_default_str();
    command.add_option("--threads", options.threads, "Threads that compute")->check(CLI::Range(1U, 1024U))->capture_default_str();
    command.add_option("--micro-batch", options.micro_batch, "Sequences computed together, 0: as many as are worth it; more memory, never other bits")
        ->check(CLI::Range(0U, 4096U))->capture_default_str();
    command.add_flag("--recompute", options.recompute, "Compute activations twice instead of keeping them: less memory, a third slower, never other bits");
    command.add_option("--target", options.target, "Instruction set: best, scalar, sse4, avx2, avx512, neon")->capture_default_str();
    command.add_option("--stake", options.stake, "Grains to have staked (default: half the balance when there is no stake)");
    command.add_option("--capacity", options.capacity, "Audits owed at the same time")->check(CLI::Range(1U, 1024U))->capture_default_str();
    command.add_option("--gflops", options.gflops, "Speed to declare (default: measured)");
    command.add_flag("--log-json", options.log_json, "Log lines as JSON objects");
    command.add_flag("--verbose", options.verbose, "More lines");
}

int run(const Options& options) {
    ValidatorSettings settings;
    settings.node_url = options.node;
    settings.data_folder = options.data_folder;
    const auto target = runtime::target_from_name(options.target);
    if (!target) return fail(ExitCode::usage, "--target: " + options.target + " is not known or not available here");
    settings.executor.threads = options.threads;
    settings.executor.micro_batch = options.micro_batch;
    settings.executor.recompute = options.recompute;
    settings.executor.target = *target;
    if (!options.stake.empty()) {
        settings.stake = base::amount_from_decimal(options.stake);
        if (!settings.stake) return fail(ExitCode::usage, "--stake: an amount in grains, digits only");
    }
    settings.capacity = options.capacity;
    if (options.gflops > 0) settings.gflops = options.gflops;
    client::harden_process();
    agent::configure_log(options.log_json, options.verbose ? agent::LogLevel::debug : agent::LogLevel::info);
    agent::install_stop_signals();
    auto keys = agent::open_keys(options.key);
    if (!keys) return fail(ExitCode::key, keys.error());
    return static_cast<int>(run_validator(settings, std::move(*keys)));
}

int earnings(const Options& options) {
    client::ClientOptions client_options;
    client_options.retry_for = std::chrono::milliseconds{2000};
    client::Client node(options.node, client_options);
    const auto id = agent::account_meant(options.account, options.key.key_file, node);
    if (!id) return fail(ExitCode::usage, id.error());
    const auto account = node.account(*id);
    const auto audits = node.audits_of(*id);
    for (const auto* error : {account ? nullptr : &account.error(), audits ? nullptr : &audits.error()}) {
        if (error != nullptr) return fail(error->status == 0 ? ExitCode::unreachable : ExitCode::refused, error->text());
    }
    const auto stake = node.stake(*id, market::Role::validator);
    base::Amount paid;
    std::size_t paid_audits = 0;
    std::size_t missed = 0;
    std::size_t open = 0;
    for (const market::Audit& audit : *audits) {
        if (audit.paid) {
            paid = base::add(paid, audit.price).value_or(paid);
            ++paid_audits;
        } else if (audit.state == market::AuditState::missed) {
            ++missed;
        } else if (audit.state != market::AuditState::settled && audit.state != market::AuditState::withdrawn) {
            ++open;
        }
    }
    const base::Amount staked = stake ? stake->active : base::Amount{};
    const base::Amount locked = stake ? stake->locked : base::Amount{};
    if (options.json) {
        const Json json = {{"account", id->hex()}, {"balance", account->balance.decimal()}, {"stake", staked.decimal()},
                           {"locked", locked.decimal()}, {"paid", paid.decimal()}, {"paid_audits", paid_audits},
                           {"open_audits", open}, {"missed_audits", missed}};
        std::cout << json.dump(2) << "\n";
        return 0;
    }
    std::cout << "account  " << id->hex() << "\nbalance  " << account->balance.decimal() << "\nstake    " << staked.decimal() << " (locked "
              << locked.decimal() << ")\npaid     " << paid.decimal() << " for " << paid_audits << " audits\nopen     " << open
              << "\nmissed   " << missed << "\n";
    return 0;
}

}  // namespace

int validator_main(int argc, char** argv) {
    if (const auto failed = base::crypto_self_test()) return fail(ExitCode::check_failed, "cryptography self test failed: " + *failed);
    Options options;
    CLI::App app{"Recomputes drawn segments and merges, and is paid for auditing."};
    app.require_subcommand(1);
    app.footer(kFooter);
    CLI::App* run_command = app.add_subcommand("run", "Declare this machine and audit until SIGTERM");
    add_run_options(*run_command, options);
    CLI::App* earnings_command = app.add_subcommand("earnings", "What an account has earned as a validator");
    earnings_command->add_option("--node", options.node, "Address of the node")->capture_default_str();
    earnings_command->add_option("--key", options.key.key_file, "Key file of the account (no passphrase needed)");
    earnings_command->add_option("--account", options.account, "Or its id");
    earnings_command->add_flag("--json", options.json, "Print JSON");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    return run_command->parsed() ? run(options) : earnings(options);
}

}  // namespace assay::validator
