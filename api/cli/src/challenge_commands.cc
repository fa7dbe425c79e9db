#include "base/chunk_tree.h"
#include "cli.h"
#include "client/json.h"

namespace assay::cli {
namespace {

struct ChunkOptions {
    std::string target, subject, job;
    std::uint32_t number = 0;
    std::uint64_t chunk = 0;
    std::filesystem::path file;
};

Exit list(const Program& program, const ChunkOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto open = client.job_challenges(base::JobId{*id});
    if (!open) return fail(program, failure_of(open.error()));
    Json json = Json::array();
    std::string text = open->empty() ? "no open challenges" : "";
    for (const market::ChunkChallenge& challenge : *open) {
        json.push_back(client::json_of(challenge));
        text += (text.empty() ? "" : "\n") + challenge.id.hex() + "  " + std::string(market::to_word(challenge.target.kind)) + "  chunk " +
                std::to_string(challenge.chunk) + " of blob " + challenge.blob.hex() + "  owed by " + challenge.obliged.hex() +
                "  until " + std::to_string(challenge.deadline.value) + " ms  bond " + grains(challenge.bond);
    }
    return print(program, json, text);
}

Exit raise(const Program& program, const ChunkOptions& options) {
    const auto kind = market::chunk_target_kind_from_word(options.target);
    if (!kind) return fail(program, {Exit::usage, "the target is one of checkpoint, payload, merge, init, data, start"});
    const auto subject = parse_id(options.subject, "the subject");
    if (!subject) return fail(program, subject.error());
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const market::ChunkTarget target{*kind, *subject, options.number};
    const auto sent = send(client, *signer, market::ChunkChallengePost{target, options.chunk});
    if (!sent) return fail(program, sent.error());
    const std::string id = market::chunk_challenge_id(target, options.chunk).hex();
    return print(program, {{"challenge", id}, {"transaction", sent->id.hex()}, {"fee", sent->fee.decimal()}}, "challenge " + id);
}

Exit answer(const Program& program, const ChunkOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto open = client.job_challenges(base::JobId{*id});
    if (!open) return fail(program, failure_of(open.error()));
    const auto answered = answer_challenges_with(client, *signer, *open, options.file);
    if (!answered) return fail(program, answered.error());
    const std::string text = *answered == 0 ? "no open challenge of this job asks for this file"
                                            : "answered " + std::to_string(*answered) + " challenges";
    return print(program, {{"file", options.file.string()}, {"answered", *answered}}, text);
}

}  // namespace

Result<std::size_t> answer_challenges_with(client::Client& client, Signer& signer,
                                           const std::vector<market::ChunkChallenge>& challenges,
                                           const std::filesystem::path& file) {
    const auto blob = base::blob_root_of_file(file);
    if (!blob) return tl::unexpected(Failure{Exit::refused, "cannot read " + file.string()});
    // The signer may have been opened long ago: heights and fees are those of now.
    auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    signer.chain = std::move(*chain);
    std::size_t answered = 0;
    for (const market::ChunkChallenge& challenge : challenges) {
        if (challenge.blob != *blob) continue;
        const auto proved = base::prove_chunk_of_file(file, challenge.chunk);
        if (!proved) return tl::unexpected(Failure{Exit::refused, file.string() + " changes while it is read"});
        const auto sent = send(client, signer, market::ChunkAnswer{challenge.id, proved->bytes, proved->proof});
        if (!sent) return tl::unexpected(sent.error());
        ++answered;
    }
    // Who asked needs the whole blob.
    if (answered > 0) {
        if (const auto stored = client.put_blob_file(file); !stored) return tl::unexpected(failure_of(stored.error()));
    }
    return answered;
}

void add_challenge_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<ChunkOptions>();
    auto* challenge = app.add_subcommand("challenge", "Chunk challenges: who committed to a blob has to show any 64 KiB of it");
    challenge->require_subcommand(1);
    auto* list_command = challenge->add_subcommand("list", "Open challenges of a job; needs no key");
    list_command->add_option("job", options->job, "Job id")->required();
    program.on(list_command, [&program, options] { return list(program, *options); });

    auto* chunk = challenge->add_subcommand(
        "chunk", "Challenge a chunk. The bond returns unless somebody shows it; silence is fraud of the worker, or ends the job");
    chunk->add_option("target", options->target, "checkpoint, payload or start (of a part), merge, init or data (of a job)")->required();
    chunk->add_option("subject", options->subject, "Part id, or job id for merge, init and data")->required();
    chunk->add_option("--number", options->number, "Round of a merge, segment of a start")->capture_default_str();
    chunk->add_option("--chunk", options->chunk, "Which 64 KiB of the blob, from 0")->capture_default_str();
    program.on(chunk, [&program, options] { return raise(program, *options); });

    auto* answer_command = challenge->add_subcommand(
        "answer", "Answer every open challenge of a job that this file can answer, and store the file again; the bonds are yours");
    answer_command->add_option("job", options->job, "Job id")->required();
    answer_command->add_option("--file", options->file, "The blob: a dataset, a checkpoint")->required()->check(CLI::ExistingFile);
    program.on(answer_command, [&program, options] { return answer(program, *options); });
}

}  // namespace assay::cli
