#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/log.h"
#include "agent/options.h"
#include "base/signature.h"
#include "worker/earnings.h"
#include "worker/machine_check.h"
#include "worker/worker.h"

namespace assay::worker {

namespace {

using agent::ExitCode;
using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Exit codes: 0 done or stopped by SIGTERM, 2 wrong option, 3 key file or passphrase, 4 node "
    "unreachable,\n"
    "5 refused by the ledger, 6 this machine does not qualify, 7 data folder.";

constexpr const char* kFolderHelp =
    "Folder for checkpoints and signed commitments; keep it across restarts";

struct Options {
    Options() { machine.data_folder = "assay-worker-data"; }
    agent::ServiceOptions service;
    agent::MachineOptions machine;
    agent::AccountOptions account;
    std::uint64_t memory_mib = 0;
    std::uint32_t slots = 1;
    std::string price, stake, bond;
    std::uint64_t segment_ms = 1000;
    double gflops = 0;
    unsigned checkpoint_seconds = 10;
    unsigned leave_waiting_seconds = 600;
    bool withdraw_on_exit = false, leave_on_exit = false;
    bool check_json = false;
};

void add_run_options(CLI::App& command, Options& options) {
    agent::add_service_options(command, options.service, "A line per training step");
    agent::add_machine_options(command, options.machine, kFolderHelp);
    command.add_option("--price", options.price,
                       "Grains per GFLOP of protocol cost (default: the protocol price)");
    command.add_option("--stake", options.stake,
                       "Grains to have staked (default: half the balance when there is no stake)");
    command.add_option("--bond", options.bond,
                       "Grains of the offer's reserve bond (default: a tenth of the balance)");
    command
        .add_option("--slots", options.slots,
                    "Lanes trained at the same time; they share the threads")
        ->check(CLI::Range(1U, 32U))
        ->capture_default_str();
    command
        .add_option("--segment-ms", options.segment_ms,
                    "Least milliseconds per segment that the offer promises")
        ->capture_default_str();
    command.add_option("--memory", options.memory_mib,
                       "MiB offered (default: what this machine has)");
    command.add_option("--gflops", options.gflops,
                       "Speed to declare (default: measured at the start)");
    command
        .add_option("--checkpoint-every", options.checkpoint_seconds,
                    "Seconds between local checkpoints within a segment")
        ->check(CLI::Range(0U, 86400U))
        ->capture_default_str();
    command
        .add_option(
            "--leave-waiting-after", options.leave_waiting_seconds,
            "Seconds after which a lane is left that waits for money or room for its audits")
        ->check(CLI::Range(1U, 86400U))
        ->capture_default_str();
    command.add_flag("--withdraw-on-exit", options.withdraw_on_exit,
                     "Take the offer back on SIGTERM");
    command.add_flag("--leave-on-exit", options.leave_on_exit,
                     "On SIGTERM take the offer back, wait until what is committed is judged, and "
                     "hand the lanes over");
}

int fail(ExitCode code, const std::string& text) {
    std::cerr << "assay-worker: " << text << "\n";
    return static_cast<int>(code);
}

int run(const Options& options, const runtime::ProducerFactory& producer, games::Conduct& conduct) {
    WorkerSettings settings;
    settings.node_url = options.service.node;
    settings.data_folder = options.machine.data_folder;
    const auto executor = agent::executor_options(options.machine, options.slots);
    if (!executor) return fail(ExitCode::usage, executor.error());
    settings.executor = *executor;
    const auto price = agent::amount_option("price", options.price);
    const auto stake = agent::amount_option("stake", options.stake);
    const auto bond = agent::amount_option("bond", options.bond);
    for (const auto* amount : {&price, &stake, &bond}) {
        if (!*amount) return fail(ExitCode::usage, amount->error());
    }
    settings.price_per_gflop = *price;
    settings.stake = *stake;
    settings.bond = *bond;
    settings.memory_bytes = options.memory_mib << 20U;
    settings.slots = options.slots;
    settings.segment_ms = options.segment_ms;
    if (options.gflops > 0) settings.gflops = options.gflops;
    settings.checkpoint_every = std::chrono::seconds(options.checkpoint_seconds);
    settings.leave_waiting_after = std::chrono::seconds(options.leave_waiting_seconds);
    settings.withdraw_on_exit = options.withdraw_on_exit;
    settings.leave_on_exit = options.leave_on_exit;

    auto keys = agent::begin_service(options.service);
    if (!keys) return fail(ExitCode::key, keys.error());
    return static_cast<int>(run_worker(settings, std::move(*keys), producer, conduct));
}

int check(const Options& options, bool with_node) {
    MachineCheckOptions check_options;
    check_options.data_folder = options.machine.data_folder;
    const auto executor = agent::executor_options(options.machine, 1);
    if (!executor) return fail(ExitCode::usage, executor.error());
    check_options.executor = *executor;
    if (with_node) check_options.node_url = options.service.node;
    const MachineReport report = check_machine(check_options);
    if (options.check_json) {
        Json items = Json::array();
        for (const CheckItem& item : report.items) {
            items.push_back({{"name", item.name},
                             {"passed", item.passed},
                             {"found", item.found},
                             {"remedy", item.remedy}});
        }
        const Json json = {{"passed", report.passed()},
                           {"gflops", report.gflops},
                           {"memory_bytes", std::to_string(report.memory_bytes)},
                           {"disk_free_bytes", std::to_string(report.disk_free_bytes)},
                           {"target", report.target},
                           {"items", items}};
        std::cout << json.dump(2) << "\n";
    } else {
        for (const CheckItem& item : report.items) {
            std::cout << (item.passed ? "pass  " : "FAIL  ") << item.name << ": " << item.found
                      << "\n";
            if (!item.passed) std::cout << "      " << item.remedy << "\n";
        }
        std::cout << (report.passed() ? "This machine can work.\n"
                                      : "This machine cannot work yet.\n");
    }
    return static_cast<int>(report.passed() ? ExitCode::success : ExitCode::check_failed);
}

int earnings(const agent::AccountOptions& options) {
    client::ClientOptions client_options;
    client_options.retry_for = std::chrono::milliseconds{2000};
    client::Client node(options.node, client_options);
    const auto account = agent::account_meant(options.account, options.key_file, node);
    if (!account) return fail(ExitCode::usage, account.error());
    const auto found = earnings_of(node, *account);
    if (!found)
        return fail(found.error().status == 0 ? ExitCode::unreachable : ExitCode::refused,
                    found.error().text());
    if (options.json) {
        Json leases = Json::array();
        for (const LeaseEarnings& l : found->leases) {
            leases.push_back({{"lease", l.lease.id.hex()},
                              {"job", l.lease.job.hex()},
                              {"lane", l.lease.lane},
                              {"state", market::to_word(l.lease.state)},
                              {"end", market::to_word(l.lease.end)},
                              {"price", l.lease.price.decimal()},
                              {"paid_segments", l.lease.paid_segments},
                              {"paid", l.paid.decimal()},
                              {"pending", l.pending.decimal()},
                              {"lock", l.lease.lock.decimal()}});
        }
        const Json json = {{"account", found->account.hex()},
                           {"balance", found->balance.decimal()},
                           {"stake", found->stake.decimal()},
                           {"locked", found->locked.decimal()},
                           {"paid", found->paid.decimal()},
                           {"pending", found->pending.decimal()},
                           {"disputes",
                            {{"won", found->disputes.won},
                             {"lost", found->disputes.lost},
                             {"open", found->disputes.open}}},
                           {"leases", leases}};
        std::cout << json.dump(2) << "\n";
        return 0;
    }
    std::cout << "account  " << found->account.hex() << "\nbalance  " << found->balance.decimal()
              << "\nstake    " << found->stake.decimal() << " (locked " << found->locked.decimal()
              << ")\npaid     " << found->paid.decimal() << "\npending  "
              << found->pending.decimal() << "\ndisputes " << found->disputes.won << " won, "
              << found->disputes.lost << " lost, " << found->disputes.open << " open\n";
    for (const LeaseEarnings& l : found->leases) {
        std::cout << "  lease " << agent::shortened(l.lease.id.hex()) << "  job "
                  << agent::shortened(l.lease.job.hex()) << "  lane " << l.lease.lane << "  "
                  << market::to_word(l.lease.state) << "  " << l.lease.paid_segments
                  << " segments paid " << l.paid.decimal() << ", pending " << l.pending.decimal()
                  << "\n";
    }
    return 0;
}

}  // namespace

int worker_main(int argc, char** argv, const runtime::ProducerFactory& producer,
                games::Conduct& conduct) {
    if (const auto failed = base::crypto_self_test())
        return fail(ExitCode::check_failed, "cryptography self test failed: " + *failed);
    Options options;
    CLI::App app{"Trains leased lanes of jobs and is paid per verified segment."};
    app.require_subcommand(1);
    app.footer(kFooter);
    CLI::App* run_command = app.add_subcommand("run", "Offer this machine and work until SIGTERM");
    add_run_options(*run_command, options);
    CLI::App* check_command =
        app.add_subcommand("check", "What this machine can do, and what it lacks");
    CLI::Option* node_option = check_command->add_option("--node", options.service.node,
                                                         "Also look whether this node answers");
    agent::add_machine_options(*check_command, options.machine, kFolderHelp);
    check_command->add_flag("--json", options.check_json, "Print JSON");
    CLI::App* earnings_command =
        app.add_subcommand("earnings", "What an account has earned as a worker");
    agent::add_account_options(*earnings_command, options.account);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    if (run_command->parsed()) return run(options, producer, conduct);
    if (check_command->parsed()) return check(options, node_option->count() > 0);
    return earnings(options.account);
}

}  // namespace assay::worker
