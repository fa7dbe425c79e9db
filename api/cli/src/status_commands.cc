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
std::string disputes_of(client::Client& client, const base::AccountId& account, market::Side side,
                        Json& json) {
    std::string text;
    json["disputes"] = Json::array();
    const auto open = client.disputes_of(account, side);
    if (!open) return text;
    for (const market::Dispute& dispute : *open) {
        json["disputes"].push_back(client::json_of(dispute));
        text += "\ndispute " + dispute.id.hex() + ", moves " + std::to_string(dispute.moves) +
                ", turn of the " + std::string(market::to_word(dispute.turn)) +
                " (assay dispute show)";
    }
    return text;
}

std::string audit_line(const market::Audit& audit) {
    return audit.id.hex() + "  " + std::string(market::to_word(audit.kind)) + " of a " +
           std::string(market::to_word(audit.claim)) + "  job " + audit.job.hex().substr(0, 12) +
           " round " + std::to_string(audit.round) + " lane " + std::to_string(audit.lane) + "  " +
           std::string(market::to_word(audit.state)) +
           (audit.deadline.value > 0 ? "  until " + std::to_string(audit.deadline.value) + " ms"
                                     : "");
}

/// Open questions that the account owes an answer to, or has asked.
std::string questions_of(client::Client& client, const base::AccountId& account, Json& json) {
    std::string text;
    json["questions"] = Json::array();
    for (const bool owed : {true, false}) {
        const auto open = owed ? client.questions_owed(account) : client.questions_asked(account);
        if (!open) continue;
        for (const market::Question& question : *open) {
            json["questions"].push_back(client::json_of(question));
            text += "\nquestion " + question.id.hex() + ", " + (owed ? "to answer" : "asked") +
                    ", " + std::string(market::to_word(question.kind)) + " of a " +
                    std::string(market::to_word(question.target.kind)) + ", until " +
                    std::to_string(question.deadline.value) + " ms";
        }
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
    text += questions_of(client, *account, json);
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
    std::size_t paid = 0, open = 0, controls = 0, missed = 0;
    std::string lines;
    for (const auto& audit : *audits) {
        json["audits"].push_back(client::json_of(audit));
        const bool over =
            audit.state == market::AuditState::settled || audit.state == market::AuditState::missed;
        paid += audit.paid ? 1 : 0;
        open += over ? 0 : 1;
        controls += audit.kind == market::AuditKind::control ? 1 : 0;
        missed += audit.state == market::AuditState::missed ? 1 : 0;
        if (!over) lines += "\n  " + audit_line(audit);
    }
    std::string text =
        "validator " + account->hex() + "\nstake     " +
        (stake ? grains(stake->active) + ", claimed by its audits " + grains(stake->locked)
               : "none") +
        "\ndeclared  " +
        (declared
             ? declared->profile + ", " + std::to_string(declared->flops_per_second) + " FLOP/s" +
                   (declared->weight_max.is_zero()
                        ? ""
                        : ", draws with at most " + grains(declared->weight_max)) +
                   (declared->away ? ", away" : "")
             : "no") +
        "\naudits    " + std::to_string(audits->size()) + " (" + std::to_string(controls) +
        " controls), open " + std::to_string(open) + ", paid " + std::to_string(paid) +
        ", missed " + std::to_string(missed) + lines;
    if (stake && stake->jailed_at.value > 0)
        text += "\njailed since live time " + std::to_string(stake->jailed_at.value) +
                " ms: comes back by validator_return";
    text += questions_of(client, *account, json);
    text += disputes_of(client, *account, market::Side::challenger, json);
    return print(program, json, text);
}

Exit list_audits(const Program& program, const std::string& given) {
    const auto id = parse_id(given, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto audits = client.job_audits(base::JobId{*id});
    if (!audits) return fail(program, failure_of(audits.error()));
    Json json = Json::array();
    std::string text = audits->empty() ? "no audits" : "";
    for (const market::Audit& audit : *audits) {
        json.push_back(client::json_of(audit));
        text += (text.empty() ? "" : "\n") + audit_line(audit) + "  by " + audit.auditor.hex();
        if (audit.verdict) text += "  " + std::string(market::to_word(audit.verdict->kind));
    }
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
    auto job = std::make_shared<std::string>();
    auto* audits = app.add_subcommand(
        "audits", "Audits and controls of a job: who was drawn, what they said, and until when");
    audits->add_option("job", *job, "Job id")->required();
    program.on(audits, [&program, job] { return list_audits(program, *job); });
    add("worker", "A worker as the ledger sees it", worker_status);
    add("validator", "A validator as the ledger sees it", validator_status);
}

}  // namespace assay::cli
