#include <algorithm>
#include <chrono>
#include <thread>

#include "base/chunk_tree.h"
#include "cli.h"
#include "client/challenge.h"
#include "client/json.h"
#include "market/queries.h"

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

struct RootOptions {
    std::string part, job, claimed, role = "validator";
    std::uint32_t segment = 0, round = 0;
};

/// What is disputed, found on the ledger.
struct Target {
    market::ChallengeTarget target;
    market::Job job;
};

Result<Target> find_target(client::Client& client, const RootOptions& options) {
    if (!options.part.empty()) {
        const auto id = parse_id(options.part, "the part");
        if (!id) return tl::unexpected(id.error());
        const auto part = client.part(base::PartId{*id});
        if (!part) return tl::unexpected(failure_of(part.error()));
        if (options.segment >= part->segments)
            return tl::unexpected(Failure{Exit::usage, "the part has the segments 0 to " + std::to_string(part->segments - 1)});
        const auto job = client.job(part->key.job);
        if (!job) return tl::unexpected(failure_of(job.error()));
        return Target{{market::DisputeTarget::segment, part->id, options.segment, {}, 0}, *job};
    }
    const auto id = parse_id(options.job, "the job");
    if (!id) return tl::unexpected(id.error());
    const auto job = client.job(base::JobId{*id});
    if (!job) return tl::unexpected(failure_of(job.error()));
    const auto merge = client.merge(job->id, options.round);
    if (!merge) return tl::unexpected(failure_of(merge.error()));
    if (merge->commitment.is_zero()) return tl::unexpected(Failure{Exit::refused, "the round has no merge yet"});
    return Target{{market::DisputeTarget::merge, merge->commitment, 0, job->id, options.round}, *job};
}

/// The bond, when the stake has it free: said before anything is sealed.
Result<base::Amount> bond_at_hand(client::Client& client, const Signer& signer, const Target& target, market::Role role) {
    const client::ChainInfo& chain = signer.chain;
    if (chain.parameters.judgement != market::Judgement::referee)
        return tl::unexpected(Failure{Exit::refused, "this chain decides disputes by vote: only who was drawn to audit can say that work is wrong"});
    const auto bond = market::challenge_bond(chain.parameters, target.job, target.target.kind, chain.base_fee);
    if (!bond) return tl::unexpected(Failure{Exit::refused, "the bond does not fit an amount"});
    const auto stake = client.stake(signer.account, role);
    if (!stake && !stake.error().not_found()) return tl::unexpected(failure_of(stake.error()));
    const base::Amount free = stake ? stake->free() : base::Amount{};
    if (free < *bond)
        return tl::unexpected(Failure{Exit::refused, "the bond is " + grains(*bond) + " and the free stake as " + std::string(market::to_word(role)) +
                                                         " is " + grains(free) + ": bond more with `assay stake bond`"});
    return *bond;
}

/// The open dispute in which the account stands behind this root.
Result<market::Dispute> opened_dispute(client::Client& client, const Signer& signer, const Target& target, const base::Hash& claimed) {
    const auto open = client.disputes_of_job(target.job.id, true);
    if (!open) return tl::unexpected(failure_of(open.error()));
    for (const market::Dispute& dispute : *open) {
        const bool ours = std::any_of(dispute.pool.begin(), dispute.pool.end(),
                                      [&](const market::Challenger& c) { return c.account == signer.account; });
        if (ours && dispute.part == target.target.part && dispute.segment == target.target.segment && dispute.claimed == claimed) return dispute;
    }
    return tl::unexpected(Failure{Exit::refused, "the challenge is in a block, and its game is over already: assay dispute list --job " + target.job.id.hex()});
}

constexpr int kOpenTries = 50;

/// Seals, waits one block, opens. The nonce follows from the key, so the same command again goes on where it was stopped.
Result<client::Submitted> seal_and_open(client::Client& client, Signer& signer, const Target& target, const base::Hash& claimed, market::Role role) {
    const base::Hash nonce = client::challenge_nonce(signer.keys.hot, target.target, claimed);
    const auto sealed = send(client, signer, market::ChallengeSealPost{market::challenge_digest(signer.account, target.target, claimed, nonce)});
    if (!sealed && sealed.error().word != market::to_word(market::Refusal::seal_known)) return tl::unexpected(sealed.error());
    for (int tries = 0;; ++tries) {
        auto opened = send(client, signer, market::ChallengeOpen{target.target, claimed, nonce, role});
        if (opened) return opened;
        const bool young = opened.error().word == market::to_word(market::Refusal::seal_too_young);
        if (!young || tries == kOpenTries) return tl::unexpected(opened.error());
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

Exit dispute_root(const Program& program, const RootOptions& options) {
    const auto claimed = parse_id(options.claimed, "the claimed root");
    if (!claimed) return fail(program, claimed.error());
    const market::Role role = options.role == "worker" ? market::Role::worker : market::Role::validator;
    client::Client client = connect(program);
    const auto target = find_target(client, options);
    if (!target) return fail(program, target.error());
    auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto bond = bond_at_hand(client, *signer, *target, role);
    if (!bond) return fail(program, bond.error());
    const auto opened = seal_and_open(client, *signer, *target, *claimed, role);
    if (!opened) return fail(program, opened.error());
    const auto dispute = opened_dispute(client, *signer, *target, *claimed);
    if (!dispute) return fail(program, dispute.error());
    const std::string id = dispute->id.hex();
    return print(program, {{"dispute", id}, {"transaction", opened->id.hex()}, {"bond", bond->decimal()}, {"fee", opened->fee.decimal()}},
                 "dispute " + id + "\nbond    " + grains(*bond) + "\nThe game has begun. A program has to play it: keep `assay-" + options.role +
                     " run` going with this key.");
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
    auto* challenge = app.add_subcommand("challenge", "Challenges of what was committed to: of a chunk of a blob, of a segment's or a merge's root");
    challenge->require_subcommand(1);
    auto* list_command = challenge->add_subcommand("list", "Open challenges of chunks of a job; needs no key (games: assay dispute list)");
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

    auto root = std::make_shared<RootOptions>();
    const auto add_root = [&](const char* name, const char* help) {
        auto* command = challenge->add_subcommand(name, help);
        command->add_option("--claimed", root->claimed, "The root that you computed")->required();
        command->add_option("--role", root->role, "Whose stake the bond comes from, and which program plays: validator or worker")
            ->check(CLI::IsMember({"validator", "worker"}))->capture_default_str();
        program.on(command, [&program, root] { return dispute_root(program, *root); });
        return command;
    };
    auto* segment = add_root("segment", "Dispute a segment of a passed part with the end root that you computed: seals, waits one block, opens. The bond is "
                                        "lost when you lose the game");
    segment->add_option("--part", root->part, "Part id")->required();
    segment->add_option("--segment", root->segment, "Segment within the part, from 0")->required();
    auto* merge = add_root("merge", "Dispute the merge of a round with the root that you computed");
    merge->add_option("--job", root->job, "Job id")->required();
    merge->add_option("--round", root->round, "Round, from 0")->required();
}

}  // namespace assay::cli
