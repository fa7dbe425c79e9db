#include "cli.h"
#include "client/json.h"

namespace assay::cli {
namespace {

Exit chain_status(const Program& program) {
    client::Client client = connect(program);
    const auto json = client.get_json("/v1/chain");
    if (!json) return fail(program, failure_of(json.error()));
    const auto get = [&](const char* name) { return json->value(name, std::string("-")); };
    return print(program, *json,
                 "chain     " + get("chain_id") + "\noperator  " + get("operator_key") +
                     "\nheight    " + get("height") + "\napp hash  " + get("app_hash") +
                     "\nbase fee  " + get("base_fee") + " grains\nsupply    " + get("supply") +
                     " grains (total of everything: " + get("total") + ")");
}

/// Lines and JSON of the open disputes in which the account is on this side.
std::string disputes_of(client::Client& client, const base::AccountId& account, market::Side side, Json& json) {
    std::string text;
    json["disputes"] = Json::array();
    const auto open = client.disputes_of(account, side);
    if (!open) return text;
    for (const market::Dispute& dispute : *open) {
        json["disputes"].push_back(client::json_of(dispute));
        text += "\ndispute " + dispute.id.hex() + ", moves " + std::to_string(dispute.moves) + ", turn of the " +
                std::string(market::to_word(dispute.turn)) + " (assay dispute show)";
    }
    return text;
}

Exit worker_status(const Program& program, const std::string& given) {
    client::Client client = connect(program);
    const auto account = chosen_account(program, client, given);
    if (!account) return fail(program, account.error());
    const auto leases = client.leases_of(*account);
    const auto offers = client.offers_of(*account);
    const auto stake = client.stake(*account, market::Role::worker);
    if (!leases || !offers)
        return fail(program, failure_of(!leases ? leases.error() : offers.error()));
    Json json{{"account", account->hex()},
              {"stake", stake ? client::json_of(*stake) : Json()},
              {"offers", Json::array()},
              {"leases", Json::array()}};
    std::string text =
        "worker " + account->hex() + "\nstake  " +
        (stake ? grains(stake->active) + ", locked " + grains(stake->locked) : "none");
    for (const auto& offer : *offers) {
        json["offers"].push_back(client::json_of(offer));
        text += "\noffer  " + offer.price_per_gflop.decimal() + " grains per GFLOP, slots " +
                std::to_string(offer.slots_used) + "/" + std::to_string(offer.slots) +
                (offer.withdrawn ? ", withdrawn" : "");
    }
    for (const auto& lease : *leases) {
        json["leases"].push_back(client::json_of(lease));
        text += "\nlease  job " + lease.job.hex().substr(0, 12) + " lane " +
                std::to_string(lease.lane) + " " + std::string(market::to_word(lease.state)) +
                " (" + std::string(market::to_word(lease.end)) + "), paid segments " +
                std::to_string(lease.paid_segments) + " at " + grains(lease.price);
    }
    text += disputes_of(client, *account, market::Side::asserter, json);
    return print(program, json, text);
}

Exit validator_status(const Program& program, const std::string& given) {
    client::Client client = connect(program);
    const auto account = chosen_account(program, client, given);
    if (!account) return fail(program, account.error());
    const auto audits = client.audits_of(*account);
    const auto stake = client.stake(*account, market::Role::validator);
    const auto declared = client.validator(*account);
    if (!audits) return fail(program, failure_of(audits.error()));
    Json json{{"account", account->hex()},
              {"stake", stake ? client::json_of(*stake) : Json()},
              {"validator", declared ? client::json_of(*declared) : Json()},
              {"audits", Json::array()}};
    std::size_t paid = 0, open = 0;
    for (const auto& audit : *audits) {
        json["audits"].push_back(client::json_of(audit));
        paid += audit.paid ? 1 : 0;
        open += audit.state == market::AuditState::drawn ||
                        audit.state == market::AuditState::open ||
                        audit.state == market::AuditState::sealed
                    ? 1
                    : 0;
    }
    std::string text =
        "validator " + account->hex() + "\nstake     " +
        (stake ? grains(stake->active) + ", locked " + grains(stake->locked) : "none") +
        "\ndeclared  " +
        (declared ? declared->profile + ", " + std::to_string(declared->flops_per_second) +
                        " FLOP/s, capacity " + std::to_string(declared->capacity)
                  : "no") +
        "\naudits    " + std::to_string(audits->size()) + ", open " + std::to_string(open) +
        ", paid " + std::to_string(paid);
    if (stake && stake->jailed_until.value > 0)
        text += "\njailed until live time " + std::to_string(stake->jailed_until.value) + " ms";
    text += disputes_of(client, *account, market::Side::challenger, json);
    return print(program, json, text);
}

}  // namespace

void add_status_commands(CLI::App& app, Program& program) {
    program.on(app.add_subcommand("chain", "The chain's head and supply"),
               [&program] { return chain_status(program); });
    const auto add = [&](const char* name, const char* help,
                         Exit (*body)(const Program&, const std::string&)) {
        auto account = std::make_shared<std::string>();
        auto* group = app.add_subcommand(name, help);
        group->require_subcommand(1);
        auto* status = group->add_subcommand("status", "Stake and duties");
        status->add_option("account", *account, "Account id (default: the account of --key)");
        program.on(status, [&program, account, body] { return body(program, *account); });
    };
    add("worker", "A worker as the ledger sees it", worker_status);
    add("validator", "A validator as the ledger sees it", validator_status);
}

}  // namespace assay::cli
