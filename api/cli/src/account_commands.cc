#include "cli.h"

namespace assay::cli {
namespace {

struct AccountOptions {
    std::string account, to, amount, role = "worker";
};

Exit balance(const Program& program, const AccountOptions& options) {
    client::Client client = connect(program);
    const auto account = chosen_account(program, client, options.account);
    if (!account) return fail(program, account.error());
    const auto json = client.get_json("/v1/accounts/" + account->hex());
    if (!json) return fail(program, failure_of(json.error()));
    const auto amount = [](const Json& holder, const char* name) {
        return grains(base::amount_from_decimal(holder.value(name, "0")).value_or(base::Amount()));
    };
    std::string text = "account " + account->hex() + "\nfree    " + amount(*json, "balance");
    for (const Json& stake : json->value("stakes", Json::array())) {
        text += "\nstake   " + stake.value("role", "") + ": " + amount(stake, "active") +
                ", of which locked " + amount(stake, "locked");
    }
    for (const Json& entry : json->value("unbondings", Json::array())) {
        text += "\nunbonds " + entry.value("role", "") + ": " + amount(entry, "amount") +
                " at live time " + entry.value("matures_at_ms", "") + " ms";
    }
    return print(program, *json, text);
}

Exit transact(const Program& program, const market::Message& message, const std::string& done) {
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto sent = send(client, *signer, message);
    if (!sent) return fail(program, sent.error());
    return print(program,
                 {{"account", signer->account.hex()},
                  {"transaction", sent->id.hex()},
                  {"height", std::to_string(sent->height.value)},
                  {"fee", sent->fee.decimal()}},
                 done + " (height " + std::to_string(sent->height.value) + ", fee " +
                     grains(sent->fee) + ")");
}

Exit transfer(const Program& program, const AccountOptions& options) {
    const auto to = parse_id(options.to, "--to");
    if (!to) return fail(program, to.error());
    const auto amount = parse_amount(options.amount);
    if (!amount) return fail(program, amount.error());
    return transact(program, market::Transfer{base::AccountId{*to}, *amount},
                    "moved " + grains(*amount));
}

Exit stake(const Program& program, const AccountOptions& options, bool bond) {
    const auto amount = parse_amount(options.amount);
    if (!amount) return fail(program, amount.error());
    const market::Role role =
        options.role == "validator" ? market::Role::validator : market::Role::worker;
    if (bond)
        return transact(program, market::StakeBond{role, *amount},
                        "bonded " + grains(*amount) + " as " + options.role);
    return transact(program, market::StakeUnbond{role, *amount},
                    "unbonding " + grains(*amount) + " as " + options.role);
}

}  // namespace

void add_account_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<AccountOptions>();
    auto* balance_command = app.add_subcommand("balance", "Balance and stakes of an account");
    balance_command->add_option("account", options->account,
                                "Account id (default: the account of --key)");
    program.on(balance_command, [&program, options] { return balance(program, *options); });

    auto* transfer_command = app.add_subcommand("transfer", "Send money");
    transfer_command->add_option("--to", options->to, "Account id")->required();
    transfer_command->add_option("--amount", options->amount, "Grains")->required();
    program.on(transfer_command, [&program, options] { return transfer(program, *options); });

    auto* stake_command = app.add_subcommand("stake", "Bond and unbond stake");
    stake_command->require_subcommand(1);
    for (const bool bond : {true, false}) {
        auto* command = stake_command->add_subcommand(
            bond ? "bond" : "unbond",
            bond ? "Move free money into stake" : "Begin to take stake out");
        command->add_option("--amount", options->amount, "Grains")->required();
        command->add_option("--role", options->role, "worker or validator")
            ->check(CLI::IsMember({"worker", "validator"}))
            ->capture_default_str();
        program.on(command, [&program, options, bond] { return stake(program, *options, bond); });
    }
}

}  // namespace assay::cli
