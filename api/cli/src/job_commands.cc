#include <unistd.h>

#include <array>
#include <cstdio>
#include <thread>

#include "cli.h"
#include "client/json.h"
#include "commit/checkpoint.h"
#include "plan/prepared_job.h"
#include "watch.h"

namespace assay::cli {
namespace {

struct JobOptions {
    std::filesystem::path spec, data;
    std::string job, state, hold_limit, amount;
    bool watch = false, offline = false;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

/// Parts per million as a percentage with two places.
std::string percent(std::uint32_t ppm) {
    const std::string places = std::to_string(ppm % 10'000 / 100);
    return std::to_string(ppm / 10'000) + "." + (places.size() < 2 ? "0" : "") + places + " %";
}

std::string plan_text(const Json& plan) {
    const auto get = [&](const char* name) { return plan.value(name, std::string("-")); };
    std::string text = "spec root     " + get("spec_root") + "\nprogram root  " +
                       get("program_root") + "\ninit root     " + get("init_root") +
                       "\nweights       " + get("weights") + "\nsteps a lane  " +
                       get("steps_per_lane") + ", segments in all " + get("segments") +
                       "\nFLOPs a step  " + get("flops_per_step") + "\nstate         " +
                       get("state_bytes") + " bytes, payload " + get("payload_bytes") + " bytes";
    for (const Json& entry : plan.value("memory", Json::array())) {
        text += "\nmemory        " + entry.value("bytes", std::string("-")) +
                " bytes at micro-batch " + std::to_string(entry.value("micro_batch", 0U));
    }
    if (!plan.contains("offers")) return text;
    text += "\nsegment costs " + get("protocol_cost_of_segment") + " grains at protocol price";
    const Json offers = plan.value("offers", Json::array());
    text += "\noffers        " + std::to_string(offers.size()) + " would take it now";
    if (!offers.empty())
        text += ", from " + offers.front().value("segment_price", std::string("-")) +
                " grains a segment";
    if (const Json hold = plan.value("hold", Json::object()); !hold.empty()) {
        const auto held = [&](const char* name) { return hold.value(name, std::string("-")); };
        text += "\nhold          " + held("total") + " grains: " + held("segment_pay") +
                " for workers at the ceiling, " + held("audits") + " for audits, " + held("fees") +
                " protocol fee";
        std::array<char, 32> number{};
        std::snprintf(number.data(), number.size(), "%.1f", plan.value("expected_audits", 0.0));
        text += "\naudits        " + std::string(number.data()) +
                " expected in all; what they do not use returns (add more: assay fund)";
        text += "\na worker      needs a bond of " + get("bond") +
                " grains for each lane, at the ceiling's price, and the lock below as free stake";
    }
    bool all_deterred = true;
    for (const Json& c : plan.value("cheating", Json::array())) {
        text += "\na cheat       with " + percent(c.value("share_ppm", 0U)) +
                " of the auditors' weight is caught with " +
                percent(c.value("caught_per_segment_ppm", 0U)) + " a segment, saves at most " +
                c.value("saved_per_segment", std::string("-")) + " and loses " +
                c.value("expected_loss_per_segment", std::string("-")) + " of a lock of " +
                c.value("lock_at_ceiling", std::string("-")) +
                " on average; passes a whole lane unseen with " +
                c.value("survives_whole_lane_ppb", std::string("-")) + " in 10^9" +
                (c.value("deterred", false) ? "" : "  (NOT deterred at this audit rate)");
        all_deterred = all_deterred && c.value("deterred", false);
    }
    if (!all_deterred || plan.contains("job_worth"))
        text += "\nnote          one poisoned segment may be worth the whole job (" +
                get("job_worth") + " grains) to somebody: then take audit_rate 1";
    return text;
}

Exit plan(const Program& program, const JobOptions& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(program, spec.error());
    if (options.offline) {
        const auto prepared = plan::prepare_job(*spec, options.threads);
        if (!prepared)
            return fail(program, {Exit::refused, client::spec_error_text(prepared.error())});
        const Json json = client::facts_to_json(*spec, prepared->facts);
        return print(program, json, plan_text(json));
    }
    client::Client client = connect(program);
    const auto json = client.post_json("/v1/plan", client::spec_to_json(*spec));
    if (!json) return fail(program, failure_of(json.error()));
    return print(program, *json, plan_text(*json));
}

/// The most that the hold may be: what the rules would ask for now, and a tenth more.
Result<base::Amount> hold_limit(client::Client& client, const market::JobSpec& spec) {
    const auto plan = client.post_json("/v1/plan", client::spec_to_json(spec));
    if (!plan) return tl::unexpected(failure_of(plan.error()));
    const auto total = base::amount_from_decimal(
        plan->value("hold", Json::object()).value("total", std::string()));
    const auto limit =
        total ? base::multiply_divide(*total, 11, 10, base::Rounding::up) : std::nullopt;
    if (!limit) return tl::unexpected(Failure{Exit::refused, "the hold does not fit an amount"});
    return *limit;
}

/// Saves the initial state in a temporary folder for as long as `use` runs.
template <class Use>
auto with_initial_state(const plan::PreparedJob& job, const Use& use)
    -> decltype(use(std::filesystem::path())) {
    std::string folder = (std::filesystem::temp_directory_path() / "assay-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return tl::unexpected(Failure{Exit::refused, "cannot make a temporary folder"});
    const std::filesystem::path file = std::filesystem::path(folder) / "init.state";
    const auto saved = commit::save_state(file, job.program, job.initial_state, job.descriptor);
    auto result = saved ? use(file)
                        : tl::unexpected(Failure{Exit::refused,
                                                 std::string(commit::message_of(saved.error()))});
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return result;
}

Result<market::Receipt> store_initial_state(client::Client& client, const plan::PreparedJob& job) {
    return with_initial_state(job,
                              [&](const std::filesystem::path& file) -> Result<market::Receipt> {
                                  auto receipt = client.put_blob_file(file);
                                  if (!receipt) return tl::unexpected(failure_of(receipt.error()));
                                  return *receipt;
                              });
}

/// Shows what is asked of the job's data and initial state. What fails is tried again at the next
/// look.
void answer_for_job(client::Client& client, Signer& signer, const plan::PreparedJob& job,
                    const std::filesystem::path& data, const base::JobId& id) {
    const auto open = client.job_questions(id);
    if (!open) return;
    // All that is asked of a file at once: each look reads it once, however many ask.
    std::vector<market::Question> of_data, of_init;
    for (const market::Question& question : *open) {
        if (question.answered) continue;
        if (question.target.kind == market::StoredKind::data) of_data.push_back(question);
        if (question.target.kind == market::StoredKind::init) of_init.push_back(question);
    }
    const auto said = [](const Result<std::size_t>& answered) {
        if (!answered)
            std::fprintf(stderr, "assay: a question about the job's data is not answered yet: %s\n",
                         answered.error().text.c_str());
    };
    if (!of_data.empty()) said(answer_questions_with(client, signer, of_data, data));
    if (of_init.empty()) return;
    said(with_initial_state(job, [&](const std::filesystem::path& file) {
        return answer_questions_with(client, signer, of_init, file);
    }));
}

Exit submit(const Program& program, const JobOptions& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(program, spec.error());
    client::Client client = connect(program);
    auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const base::BlobRoot data_root =
        std::visit([](const auto& data) { return data.blob; }, spec->data);
    if (base::blob_root_of_file(options.data) != data_root)
        return fail(program, {Exit::refused, options.data.string() +
                                                 " is not the dataset blob that the spec names"});
    const auto prepared = plan::prepare_job(*spec, options.threads);
    if (!prepared) return fail(program, {Exit::refused, client::spec_error_text(prepared.error())});
    const auto data_receipt = client.put_blob_file(options.data);
    if (!data_receipt) return fail(program, failure_of(data_receipt.error()));
    const auto init_receipt = store_initial_state(client, *prepared);
    if (!init_receipt) return fail(program, init_receipt.error());

    market::JobPost post{
        market::encode_spec(*spec), prepared->facts.init_root, *init_receipt, *data_receipt, {}};
    const auto limit =
        options.hold_limit.empty() ? hold_limit(client, *spec) : parse_amount(options.hold_limit);
    if (!limit) return fail(program, limit.error());
    post.hold_limit = *limit;
    const auto sent = send(client, *signer, post);
    if (!sent) return fail(program, sent.error());
    const base::JobId id = market::job_id(signer->chain_id, signer->account, sent->header.nonce,
                                          sent->header.nonce_lane, prepared->facts.spec_root,
                                          prepared->facts.program_root, post.init_root);
    const auto job = client.job(id);
    Json json{{"job", id.hex()},
              {"transaction", sent->id.hex()},
              {"height", std::to_string(sent->height.value)},
              {"fee", sent->fee.decimal()},
              {"program_root", prepared->facts.program_root.hex()},
              {"init_root", post.init_root.hex()}};
    if (job) json["held"] = job->held.decimal();
    const Exit printed =
        print(program, json, "job " + id.hex() + (job ? "\nheld " + grains(job->held) : ""));
    if (!options.watch) return printed;
    return watch_job(program, client, id,
                     [&] { answer_for_job(client, *signer, *prepared, options.data, id); });
}

Exit list_jobs(const Program& program, const JobOptions& options) {
    client::Client client = connect(program);
    const auto jobs = client.jobs(options.state);
    if (!jobs) return fail(program, failure_of(jobs.error()));
    Json json = Json::array();
    std::string text = jobs->empty() ? "no jobs" : "";
    for (const market::Job& job : *jobs) {
        json.push_back(client::json_of(job));
        text += (text.empty() ? "" : "\n") + job.id.hex() + "  " +
                std::string(market::to_word(job.state)) + "  round " + std::to_string(job.round) +
                "/" + std::to_string(job.shape.rounds) + "  lanes " +
                std::to_string(job.shape.lanes) + "  held " + grains(job.hold.total());
    }
    return print(program, json, text);
}

template <class Message>
Exit act(const Program& program, const JobOptions& options, const char* done) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto sent = send(client, *signer, Message{base::JobId{*id}});
    if (!sent) return fail(program, sent.error());
    return print(
        program,
        {{"job", options.job}, {"transaction", sent->id.hex()}, {"fee", sent->fee.decimal()}},
        "job " + options.job + " " + done);
}

Exit fund(const Program& program, const JobOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    const auto amount = parse_amount(options.amount);
    if (!amount) return fail(program, amount.error());
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto sent = send(client, *signer, market::JobFund{base::JobId{*id}, *amount});
    if (!sent) return fail(program, sent.error());
    return print(program,
                 {{"job", options.job},
                  {"added", amount->decimal()},
                  {"transaction", sent->id.hex()},
                  {"fee", sent->fee.decimal()}},
                 "added " + grains(*amount) + " to the audits of job " + options.job +
                     "; what they do not use returns to the submitter");
}

}  // namespace

void add_job_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<JobOptions>();
    auto* plan_command = app.add_subcommand(
        "plan", "What a job would cost and what a cheat would risk; free, needs no key");
    plan_command->add_option("spec", options->spec, "Job spec (JSON)")
        ->required()
        ->check(CLI::ExistingFile);
    plan_command->add_flag("--offline", options->offline,
                           "Ask no node: roots, costs and memory only, without money and offers");
    program.on(plan_command, [&program, options] { return plan(program, *options); });

    auto* submit_command = app.add_subcommand("submit", "Post a job");
    submit_command->add_option("spec", options->spec, "Job spec (JSON)")
        ->required()
        ->check(CLI::ExistingFile);
    submit_command->add_option("--data", options->data, "Dataset blob (made by: assay data import)")
        ->required()
        ->check(CLI::ExistingFile);
    submit_command->add_option(
        "--hold-limit", options->hold_limit,
        "Refuse when more grains than this would be held (default: the plan's figure and a tenth)");
    submit_command->add_option("--threads", options->threads, "Threads for the initial state")
        ->check(CLI::Range(1U, 1024U));
    submit_command->add_flag("--watch", options->watch,
                             "Follow the job until it ends, and answer questions about its data");
    program.on(submit_command, [&program, options] { return submit(program, *options); });

    auto* list_command = app.add_subcommand("jobs", "List jobs");
    list_command->add_option("--state", options->state, "Only jobs in this state");
    program.on(list_command, [&program, options] { return list_jobs(program, *options); });

    const auto add_act = [&](const char* name, const char* help,
                             Exit (*body)(const Program&, const JobOptions&, const char*),
                             const char* done) {
        auto* command = app.add_subcommand(name, help);
        command->add_option("job", options->job, "Job id")->required();
        program.on(command,
                   [&program, options, body, done] { return body(program, *options, done); });
    };
    auto* fund_command = app.add_subcommand(
        "fund", "Add money to a job's audit pool: lanes that wait in audit_funds go on");
    fund_command->add_option("job", options->job, "Job id")->required();
    fund_command->add_option("--amount", options->amount, "Grains")->required();
    program.on(fund_command, [&program, options] { return fund(program, *options); });
    add_act(
        "cancel",
        "End a job: nothing new is trained, what is committed is judged, and what passes is paid",
        act<market::JobCancel>, "is being cancelled");
    add_act("pause", "Pause a job", act<market::JobPause>, "is paused");
    add_act("resume", "Resume a paused job", act<market::JobResume>, "goes on");
}

}  // namespace assay::cli
