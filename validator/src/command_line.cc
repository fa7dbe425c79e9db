#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/options.h"
#include "base/signature.h"
#include "client/client.h"
#include "games/record.h"
#include "validator/validator.h"

namespace assay::validator {

namespace {

using agent::ExitCode;
using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Exit codes: 0 done or stopped by SIGTERM, 2 wrong option, 3 key file or passphrase, 4 node "
    "unreachable,\n"
    "5 refused by the ledger, 6 self test failed, 7 data folder.";

constexpr const char* kSpotCheckHelp =
    "Share of accepted segments and merges, drawn or not, to recompute unpaid while no audit "
    "waits, and to challenge when the root is another "
    "one. Costs the time of training them again and, for each challenge, a bond from the free "
    "stake: a few replays and the fees of a game, "
    "half of it to the other side if this machine is wrong. Brings the bond back and a bounty, up "
    "to a tenth of the lock of whoever cheated";

struct Options {
    Options() { machine.data_folder = "assay-validator-data"; }
    agent::ServiceOptions service;
    agent::MachineOptions machine;
    agent::AccountOptions account;
    std::string stake;
    std::string weight_max;
    double gflops = 0;
    double spot_check = 0;
    bool away_on_exit = false;
};

int fail(ExitCode code, const std::string& text) {
    std::cerr << "assay-validator: " << text << "\n";
    return static_cast<int>(code);
}

void add_run_options(CLI::App& command, Options& options) {
    agent::add_service_options(command, options.service, "More lines");
    agent::add_machine_options(command, options.machine,
                               "Folder for sealed verdicts; keep it across restarts");
    command.add_option("--stake", options.stake,
                       "Grains to have staked (default: half the balance when there is no stake)");
    command.add_option("--weight-max", options.weight_max,
                       "Grains of stake to draw with at most (default: all of it)");
    command.add_option("--gflops", options.gflops, "Speed to declare (default: measured)");
    command.add_flag("--away-on-exit", options.away_on_exit,
                     "Declare to be away when stopped by SIGTERM, so that being stopped is not "
                     "being absent; the next start declares to be back");
    command.add_option("--spot-check", options.spot_check, kSpotCheckHelp)
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
}

int run(const Options& options, Recomputer& recomputer, games::Conduct& conduct) {
    ValidatorSettings settings;
    settings.node_url = options.service.node;
    settings.data_folder = options.machine.data_folder;
    const auto executor = agent::executor_options(options.machine, 1);
    if (!executor) return fail(ExitCode::usage, executor.error());
    settings.executor = *executor;
    const auto stake = agent::amount_option("stake", options.stake);
    if (!stake) return fail(ExitCode::usage, stake.error());
    settings.stake = *stake;
    const auto weight_max = agent::amount_option("weight-max", options.weight_max);
    if (!weight_max) return fail(ExitCode::usage, weight_max.error());
    settings.weight_max = weight_max->value_or(base::Amount{});
    settings.away_on_exit = options.away_on_exit;
    if (options.gflops > 0) settings.gflops = options.gflops;
    settings.spot_check = options.spot_check;
    auto keys = agent::begin_service(options.service);
    if (!keys) return fail(ExitCode::key, keys.error());
    return static_cast<int>(run_validator(settings, std::move(*keys), recomputer, conduct));
}

/// As accuser or challenger: in the jobs that it audited, and whatever is open. A spot check won in
/// a job without own audits is not found.
client::Result<games::DisputeRecord> disputes_of(client::Client& node,
                                                 const base::AccountId& account,
                                                 const std::vector<market::Audit>& audits) {
    std::set<base::JobId> jobs;
    for (const market::Audit& audit : audits) jobs.insert(audit.job);
    const auto open = node.disputes_of(account, market::Side::challenger);
    if (!open) return tl::unexpected(open.error());
    for (const market::Dispute& dispute : *open) jobs.insert(dispute.job);
    return games::dispute_record(node, account, market::Side::challenger, jobs);
}

int earnings(const agent::AccountOptions& options) {
    client::ClientOptions client_options;
    client_options.retry_for = std::chrono::milliseconds{2000};
    client::Client node(options.node, client_options);
    const auto id = agent::account_meant(options.account, options.key_file, node);
    if (!id) return fail(ExitCode::usage, id.error());
    const auto account = node.account(*id);
    const auto audits = node.audits_of(*id);
    for (const auto* error :
         {account ? nullptr : &account.error(), audits ? nullptr : &audits.error()}) {
        if (error != nullptr)
            return fail(error->status == 0 ? ExitCode::unreachable : ExitCode::refused,
                        error->text());
    }
    const auto stake = node.stake(*id, market::Role::validator);
    const auto disputes = disputes_of(node, *id, *audits);
    if (!disputes)
        return fail(disputes.error().status == 0 ? ExitCode::unreachable : ExitCode::refused,
                    disputes.error().text());
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
        } else if (audit.state != market::AuditState::settled) {
            ++open;
        }
    }
    const base::Amount staked = stake ? stake->active : base::Amount{};
    const base::Amount locked = stake ? stake->locked : base::Amount{};
    if (options.json) {
        const Json json = {
            {"account", id->hex()},
            {"balance", account->balance.decimal()},
            {"stake", staked.decimal()},
            {"locked", locked.decimal()},
            {"paid", paid.decimal()},
            {"paid_audits", paid_audits},
            {"open_audits", open},
            {"missed_audits", missed},
            {"disputes",
             {{"won", disputes->won}, {"lost", disputes->lost}, {"open", disputes->open}}}};
        std::cout << json.dump(2) << "\n";
        return 0;
    }
    std::cout << "account  " << id->hex() << "\nbalance  " << account->balance.decimal()
              << "\nstake    " << staked.decimal() << " (locked " << locked.decimal()
              << ")\npaid     " << paid.decimal() << " for " << paid_audits << " audits\nopen     "
              << open << "\nmissed   " << missed << "\ndisputes " << disputes->won << " won, "
              << disputes->lost << " lost, " << disputes->open << " open\n";
    return 0;
}

}  // namespace

int validator_main(int argc, char** argv, Recomputer& recomputer, games::Conduct& conduct) {
    if (const auto failed = base::crypto_self_test())
        return fail(ExitCode::check_failed, "cryptography self test failed: " + *failed);
    Options options;
    CLI::App app{"Recomputes drawn segments and merges, and is paid for auditing."};
    app.require_subcommand(1);
    app.footer(kFooter);
    CLI::App* run_command =
        app.add_subcommand("run", "Declare this machine and audit until SIGTERM");
    add_run_options(*run_command, options);
    CLI::App* earnings_command =
        app.add_subcommand("earnings", "What an account has earned as a validator");
    agent::add_account_options(*earnings_command, options.account);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    return run_command->parsed() ? run(options, recomputer, conduct) : earnings(options.account);
}

}  // namespace assay::validator
