#include <algorithm>

#include "cli.h"
#include "client/json.h"
#include "dispute/game.h"

namespace assay::cli {
namespace {

using market::Dispute;
using market::DisputeState;
using market::Side;

struct DisputeOptions {
    std::string id, job, account;
};

/// "12.3 s" of milliseconds.
std::string seconds(std::uint64_t ms) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

std::uint64_t time_left(const Dispute& dispute, Side side, base::TimeMs now) {
    if (dispute.state != DisputeState::open) return 0;
    if (dispute.turn != side)
        return side == Side::asserter ? dispute.asserter_ms : dispute.challenger_ms;
    return dispute.deadline.value > now.value ? dispute.deadline.value - now.value : 0;
}

std::string subject_of(const Dispute& dispute) {
    const std::string job = "job " + dispute.job.hex();
    const std::string place = "round " + std::to_string(dispute.round) + " of " + job;
    const std::string segment = "segment " + std::to_string(dispute.segment) + " of part " +
                                dispute.part.hex() + ", lane " + std::to_string(dispute.lane) +
                                ", " + place;
    switch (dispute.target) {
        case market::DisputeTarget::segment:
            return segment;
        case market::DisputeTarget::merge:
            return "the merge of " + place;
        case market::DisputeTarget::init:
            return "the initial state of " + job + ", between auditors";
        case market::DisputeTarget::cell:
            return "cell " + std::to_string(dispute.cell) + " of audit " + dispute.defended.hex() +
                   ", between its auditor and who controls it, " + place;
    }
    return place;
}

/// What the side to move owes, as the end of "has to ...".
std::string_view owed_in(dispute::Phase phase) {
    using dispute::Phase;
    switch (phase) {
        case Phase::statement:
            return "say what the asserted root stands for";
        case Phase::half:
            return "say whether it disputes the state or what enters the merge";
        case Phase::roots:
            return "post the state roots inside the disputed run of steps";
        case Phase::pick_root:
            return "name the first of these state roots that it disputes";
        case Phase::stage:
            return "post the root of the trace of the disputed step";
        case Phase::unit:
            return "post what the disputed unit of the step put out";
        case Phase::tensor:
            return "post the root of the disputed tensor";
        case Phase::contest:
            return "say what it disputes of what was just posted";
        case Phase::children:
            return "post the nodes below the disputed one";
        case Phase::pick_child:
            return "name the first of these nodes that it disputes";
        case Phase::tile:
            return "post the elements of the disputed tile";
        case Phase::cell:
            return "name the element that it disputes";
        case Phase::partial:
            return "post the root of the element's partial sums";
        case Phase::openings:
            return "show the operands: then the ledger computes the element itself";
        case Phase::leaves:
            return "post all parts of the root that should follow";
        case Phase::objection:
            return "say what is wrong with them";
        case Phase::source:
            return "say where the disputed part comes from";
        case Phase::reply:
            return "show an instruction that writes the disputed part, or a tensor that was left "
                   "out";
        case Phase::spot:
            return "post the disputed cell as the tile of an output";
        case Phase::over:
            return "do nothing more";
    }
    return "move";
}

std::string ended(DisputeState state) {
    switch (state) {
        case DisputeState::open:
            break;
        case DisputeState::upheld:
            return "Over: the challenger was right. Who asserted the root was convicted or lost "
                   "its lock, and the work is done or judged again.";
        case DisputeState::rejected:
            return "Over: what was asserted stands. The challenger lost its bond or lock, and "
                   "where others challenge with this root, the next ones play.";
        case DisputeState::conceded:
            return "Over: the maker gave the work up for a fee, before the game came to a trace. "
                   "The work is done again.";
        case DisputeState::dropped:
            return "Over without a winner: what it was about is void, or the job has ended. Bonds "
                   "went back.";
    }
    return "Open.";
}

std::string next_of(const Dispute& dispute, const std::optional<dispute::Phase>& phase,
                    base::TimeMs now) {
    if (dispute.state != DisputeState::open) return ended(dispute.state);
    const std::string side(market::to_word(dispute.turn));
    return "The " + side + " has to " + std::string(phase ? owed_in(*phase) : "move") + " within " +
           seconds(time_left(dispute, dispute.turn, now)) +
           "; its program does that by itself, and silence loses the dispute.";
}

std::string line_of(const Dispute& dispute, base::TimeMs now) {
    std::string text = dispute.id.hex() + "  " + std::string(market::to_word(dispute.state)) +
                       "  " + subject_of(dispute) + "  moves " + std::to_string(dispute.moves);
    if (dispute.state == DisputeState::open)
        text += "  turn of the " + std::string(market::to_word(dispute.turn)) + ", " +
                seconds(time_left(dispute, dispute.turn, now)) + " left";
    return text;
}

Result<std::vector<Dispute>> chosen_disputes(const Program& program, client::Client& client,
                                             const DisputeOptions& options) {
    std::vector<Dispute> all;
    const auto add = [&](client::Result<std::vector<Dispute>> found) -> std::optional<Failure> {
        if (!found) return failure_of(found.error());
        for (Dispute& dispute : *found) {
            const bool known = std::any_of(all.begin(), all.end(),
                                           [&](const Dispute& d) { return d.id == dispute.id; });
            if (!known) all.push_back(std::move(dispute));
        }
        return std::nullopt;
    };
    if (!options.job.empty()) {
        const auto id = parse_id(options.job, "the job");
        if (!id) return tl::unexpected(id.error());
        for (const bool open : {true, false}) {
            if (auto failure = add(client.disputes_of_job(base::JobId{*id}, open)))
                return tl::unexpected(*failure);
        }
        return all;
    }
    const auto account = chosen_account(program, client, options.account);
    if (!account) {
        if (account.error().code != Exit::usage || !options.account.empty())
            return tl::unexpected(account.error());
        return tl::unexpected(
            Failure{Exit::usage, "say whose disputes: --job ID, --account ID or --key FILE"});
    }
    for (const Side side : {Side::asserter, Side::challenger}) {
        if (auto failure = add(client.disputes_of(*account, side))) return tl::unexpected(*failure);
    }
    return all;
}

Exit list(const Program& program, const DisputeOptions& options) {
    client::Client client = connect(program);
    const auto disputes = chosen_disputes(program, client, options);
    if (!disputes) return fail(program, disputes.error());
    const auto chain = client.chain();
    if (!chain) return fail(program, failure_of(chain.error()));
    Json json = Json::array();
    std::string text =
        disputes->empty() ? (options.job.empty() ? "no open disputes" : "no disputes") : "";
    for (const Dispute& dispute : *disputes) {
        Json entry = client::json_of(dispute);
        entry["time_left_ms"] = std::to_string(time_left(dispute, dispute.turn, chain->live_time));
        json.push_back(std::move(entry));
        text += (text.empty() ? "" : "\n") + line_of(dispute, chain->live_time);
    }
    return print(program, json, text);
}

std::string side_line(const Dispute& dispute, Side side, base::TimeMs now) {
    const bool asserter = side == Side::asserter;
    std::string text = (asserter ? dispute.asserter : dispute.challenger).hex() +
                       (asserter ? "  asserts " : "  claims  ") +
                       (asserter ? dispute.asserted : dispute.claimed).hex();
    if (dispute.state == DisputeState::open)
        text += "  clock " + seconds(time_left(dispute, side, now));
    return text;
}

Exit show(const Program& program, const DisputeOptions& options) {
    const auto id = parse_id(options.id, "the dispute");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto found = client.dispute(base::DisputeId{*id});
    if (!found) return fail(program, failure_of(found.error()));
    const Dispute& dispute = *found;
    const auto chain = client.chain();
    if (!chain) return fail(program, failure_of(chain.error()));
    const base::TimeMs now = chain->live_time;
    std::optional<dispute::Phase> phase;
    if (dispute.state == DisputeState::open) {
        // Over meanwhile: the game is gone, and the sentence does without it.
        const auto view = client.game(dispute.id);
        const auto game = view ? dispute::decode_game(view->game) : std::nullopt;
        if (game) phase = game->phase();
    }
    const std::string next = next_of(dispute, phase, now);
    Json json = client::json_of(dispute);
    json["asserter_left_ms"] = std::to_string(time_left(dispute, Side::asserter, now));
    json["challenger_left_ms"] = std::to_string(time_left(dispute, Side::challenger, now));
    json["next"] = next;
    std::string text = "dispute     " + dispute.id.hex() + "\nabout       " + subject_of(dispute) +
                       "\nasserter    " + side_line(dispute, Side::asserter, now) +
                       "\nchallenger  " + side_line(dispute, Side::challenger, now) +
                       (dispute.audit.is_zero() ? "" : "  as auditor");
    if (!dispute.pool.is_zero())
        text += "\nbond        " + grains(dispute.bond) + " of its stake as " +
                std::string(market::to_word(dispute.role)) + ", pool " + dispute.pool.hex();
    text += "\nstate       " + std::string(market::to_word(dispute.state)) + ", " +
            std::to_string(dispute.moves) + " moves" +
            (dispute.traced ? ", a step is traced: giving up costs everything" : "") +
            "\nnext        " + next;
    return print(program, json, text);
}

}  // namespace

void add_dispute_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<DisputeOptions>();
    auto* dispute = app.add_subcommand("dispute",
                                       "Games about work that somebody says is wrong; assay-worker "
                                       "and assay-validator play them by themselves");
    dispute->require_subcommand(1);
    auto* list_command = dispute->add_subcommand(
        "list", "Disputes of a job, or the open ones of an account; needs no passphrase");
    auto* job = list_command->add_option("--job", options->job,
                                         "All disputes of this job, the open ones first");
    list_command
        ->add_option(
            "--account", options->account,
            "Open disputes in which this account is a side (default: the account of --key)")
        ->excludes(job);
    program.on(list_command, [&program, options] { return list(program, *options); });
    auto* show_command = dispute->add_subcommand(
        "show", "One dispute: its sides, whose turn it is, clocks, and what happens next");
    show_command->add_option("dispute", options->id, "Dispute id")->required();
    program.on(show_command, [&program, options] { return show(program, *options); });
}

}  // namespace assay::cli
