#include <unistd.h>

#include <thread>

#include "cli.h"
#include "client/json.h"
#include "commit/checkpoint.h"
#include "market/pricing.h"
#include "plan/prepared_job.h"
#include "watch.h"

namespace assay::cli {
namespace {

struct JobOptions {
    std::filesystem::path spec, data;
    std::string job, state, hold_limit;
    bool watch = false;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

/// Parts per million as a percentage with two places.
std::string percent(std::uint32_t ppm) {
    const std::string places = std::to_string(ppm % 10'000 / 100);
    return std::to_string(ppm / 10'000) + "." + (places.size() < 2 ? "0" : "") + places + " %";
}

std::string plan_text(const Json& plan) {
    const auto get = [&](const char* name) { return plan.value(name, std::string("-")); };
    std::string text = "program root  " + get("program_root") + "\ninit root     " +
                       get("init_root") + "\nweights       " + get("weights") + "\nsteps a lane  " +
                       get("steps_per_lane") + ", segments in all " + get("segments") +
                       "\nFLOPs a step  " + get("flops_per_step") + "\nstate         " +
                       get("state_bytes") + " bytes, payload " + get("payload_bytes") + " bytes";
    for (const Json& entry : plan.value("memory", Json::array())) {
        text += "\nmemory        " + entry.value("bytes", std::string("-")) +
                " bytes at micro-batch " + std::to_string(entry.value("micro_batch", 0U));
    }
    text += "\nsegment costs " + get("protocol_cost_of_segment") + " grains at protocol price";
    const Json offers = plan.value("offers", Json::array());
    text += "\noffers        " + std::to_string(offers.size()) + " would take it now";
    if (!offers.empty())
        text += ", from " + offers.front().value("segment_price", std::string("-")) +
                " grains a segment";
    if (plan.contains("cheating")) {
        const Json& c = plan["cheating"];
        text += "\na cheat       locks " + c.value("lock_at_ceiling", std::string("-")) +
                " grains, saves at most " + c.value("saved_per_segment", std::string("-")) +
                " a segment and loses " + c.value("expected_loss_per_segment", std::string("-")) +
                " on average" +
                (c.value("deterred", false) ? "" : "  (NOT deterred at this audit rate)");
        text += "\ndetection     " + percent(c.value("detected_per_segment_ppm", 0U)) +
                " for each faked segment with " + percent(c.value("collusion_max_ppm", 0U)) +
                " of the auditors' stake colluding; who fakes a whole lane passes unseen with " +
                c.value("survives_whole_lane_ppb", std::string("-")) + " in 10^9" +
                "\na worker      needs " + c.value("lock_at_ceiling", std::string("-")) +
                " grains of free stake and a bond of " + c.value("bond", std::string("-")) +
                " for each lane, at the ceiling's price";
        if (!c.value("single_step_deterred", false))
            text += "\nnote          one poisoned step passes unseen with " +
                    percent(c.value("step_passes_ppm", 0U)) +
                    "; if it is worth the whole job (" + c.value("job_worth", std::string("-")) +
                    " grains) to somebody, the job needs audit_rate 1";
    }
    return text;
}

Exit plan(const Program& program, const JobOptions& options) {
    const auto spec = read_spec(options.spec);
    if (!spec) return fail(program, spec.error());
    client::Client client = connect(program);
    const auto json = client.post_json("/v1/plan", client::spec_to_json(*spec));
    if (!json) return fail(program, failure_of(json.error()));
    return print(program, *json, plan_text(*json));
}

/// The most that the hold may be: what the rules will ask for at today's parameters, and a tenth
/// more.
std::optional<base::Amount> hold_limit(const market::JobSpec& spec, const market::JobCosts& costs,
                                       const client::ChainInfo& chain) {
    const market::Parameters& p = chain.parameters;
    const auto audit_price = market::protocol_cost(p.protocol_price, costs.segment_flops);
    const auto merge_price = market::protocol_cost(p.protocol_price, costs.merge_flops);
    const std::uint64_t segments =
        std::uint64_t{spec.rounds} * spec.segments_per_round() * spec.lanes;
    const auto fee = base::multiply_divide(spec.price_ceiling, p.protocol_fee_ppm,
                                           market::kPartsPerMillion, base::Rounding::up);
    const auto fees = fee ? base::multiply(*fee, segments) : std::nullopt;
    if (!audit_price || !merge_price) return std::nullopt;
    const std::uint32_t rate = std::max({spec.audit_rate_ppm, p.rate_floor_ppm, p.rate_new_ppm});
    if (!fees) return std::nullopt;
    const auto hold =
        market::job_hold({segments, spec.price_ceiling, *audit_price, *merge_price, *fees, rate,
                          spec.lanes, spec.has_merge() ? spec.rounds : 0});
    if (!hold) return std::nullopt;
    return base::multiply_divide(hold->total, 11, 10, base::Rounding::up);
}

/// Saves the initial state in a temporary folder for as long as `use` runs.
template <class Use>
auto with_initial_state(const plan::PreparedJob& job, const Use& use) -> decltype(use(std::filesystem::path())) {
    std::string folder = (std::filesystem::temp_directory_path() / "assay-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return tl::unexpected(Failure{Exit::refused, "cannot make a temporary folder"});
    const std::filesystem::path file = std::filesystem::path(folder) / "init.state";
    const auto saved = commit::save_state(file, job.program, job.initial_state, job.descriptor);
    auto result = saved ? use(file) : tl::unexpected(Failure{Exit::refused, std::string(commit::message_of(saved.error()))});
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return result;
}

Result<market::Receipt> store_initial_state(client::Client& client, const plan::PreparedJob& job) {
    return with_initial_state(job, [&](const std::filesystem::path& file) -> Result<market::Receipt> {
        auto receipt = client.put_blob_file(file);
        if (!receipt) return tl::unexpected(failure_of(receipt.error()));
        return *receipt;
    });
}

/// Shows what is asked of the job's data and initial state. What fails is tried again at the next look.
void answer_for_job(client::Client& client, Signer& signer, const plan::PreparedJob& job, const std::filesystem::path& data,
                    const base::JobId& id) {
    const auto open = client.job_challenges(id);
    if (!open) return;
    for (const market::ChunkChallenge& challenge : *open) {
        Result<std::size_t> answered = 0U;
        if (challenge.target.kind == market::ChunkTargetKind::data) {
            answered = answer_challenges_with(client, signer, {challenge}, data);
        } else if (challenge.target.kind == market::ChunkTargetKind::init) {
            answered = with_initial_state(job, [&](const std::filesystem::path& file) {
                return answer_challenges_with(client, signer, {challenge}, file);
            });
        }
        if (!answered) std::fprintf(stderr, "assay: a challenge of the job's data is not answered yet: %s\n", answered.error().text.c_str());
    }
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

    market::JobPost post{market::encode_spec(*spec),
                         prepared->facts.init_root,
                         *init_receipt,
                         *data_receipt,
                         {}};
    auto limit = options.hold_limit.empty() ? hold_limit(*spec, prepared->facts.costs, signer->chain)
                                            : base::amount_from_decimal(options.hold_limit);
    if (!limit) return fail(program, {Exit::refused, "the hold does not fit an amount"});
    post.hold_limit = *limit;
    std::optional<market::TransactionHeader> header;
    const auto sent = send(client, *signer, post, false, &header);
    if (!sent) return fail(program, sent.error());
    const base::JobId id =
        market::job_id(signer->chain.chain_id, signer->account, header->nonce, header->nonce_lane,
                       prepared->facts.spec_root, prepared->facts.program_root,
                       post.init_root);
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
    return watch_job(program, client, id, [&] { answer_for_job(client, *signer, *prepared, options.data, id); });
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

}  // namespace

void add_job_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<JobOptions>();
    auto* plan_command = app.add_subcommand(
        "plan", "What a job would cost and what a cheat would risk; free, needs no key");
    plan_command->add_option("spec", options->spec, "Job spec (JSON)")
        ->required()
        ->check(CLI::ExistingFile);
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
    submit_command->add_flag("--watch", options->watch, "Follow the job until it ends, and answer challenges of its data");
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
    add_act("cancel", "End a job; finished segments are paid", act<market::JobCancel>,
            "is being cancelled");
    add_act("pause", "Pause a job", act<market::JobPause>, "is paused");
    add_act("resume", "Resume a paused job", act<market::JobResume>, "goes on");
}

}  // namespace assay::cli
