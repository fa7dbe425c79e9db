#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "agent/questions.h"
#include "base/chunk_nodes.h"
#include "cli.h"
#include "client/challenge.h"
#include "client/json.h"
#include "commit/mapped_file.h"
#include "dispute/answers.h"
#include "market/queries.h"

namespace assay::cli {
namespace {

struct QuestionOptions {
    std::string target, subject, job;
    std::uint32_t number = 0;
    std::uint64_t chunk = 0;
    std::filesystem::path file;
};

std::string line_of(const market::Question& question) {
    std::string text = question.id.hex() + "  " + std::string(market::to_word(question.kind)) +
                       " of a " + std::string(market::to_word(question.target.kind));
    if (question.kind == market::QuestionKind::chunk)
        text += ", chunk " + std::to_string(question.chunk);
    text += "  blob " + question.blob.hex() + "  owed by " + question.obliged.hex() +
            "  asked by " + question.asker.hex();
    if (question.kind == market::QuestionKind::state)
        text += question.answered ? "  its asker's turn" : "  waits for an answer";
    return text + "  until " + std::to_string(question.deadline.value) + " ms  bond " +
           grains(question.bond);
}

Exit list(const Program& program, const QuestionOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    const auto open = client.job_questions(base::JobId{*id});
    if (!open) return fail(program, failure_of(open.error()));
    Json json = Json::array();
    std::string text = open->empty() ? "no open questions" : "";
    for (const market::Question& question : *open) {
        json.push_back(client::json_of(question));
        text += (text.empty() ? "" : "\n") + line_of(question);
    }
    return print(program, json, text);
}

Result<market::StoredTarget> target_of(const QuestionOptions& options) {
    const auto kind = market::from_word<market::StoredKind>(options.target);
    if (!kind)
        return tl::unexpected(Failure{
            Exit::usage, "the target is one of checkpoint, payload, merge, init, data, start"});
    const auto subject = parse_id(options.subject, "the subject");
    if (!subject) return tl::unexpected(subject.error());
    return market::StoredTarget{*kind, *subject, options.number};
}

Exit ask_chunk(const Program& program, const QuestionOptions& options) {
    const auto target = target_of(options);
    if (!target) return fail(program, target.error());
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto sent = send(client, *signer, market::ChunkAsk{*target, options.chunk});
    if (!sent) return fail(program, sent.error());
    const std::string id = market::chunk_question_id(*target, options.chunk).hex();
    return print(program,
                 {{"question", id}, {"transaction", sent->id.hex()}, {"fee", sent->fee.decimal()}},
                 "question " + id);
}

/// What the asker does about the answer that came, from the blob as the store gives it. Nothing:
/// the blob is what its root says.
Result<std::optional<market::Message>> move_in(client::Client& client,
                                               const market::Question& question,
                                               const std::filesystem::path& file) {
    const auto state = client.question_state(question.id);
    if (!state) return tl::unexpected(failure_of(state.error()));
    const auto blob = commit::MappedFile::open(file);
    if (!blob)
        return tl::unexpected(Failure{
            Exit::refused, file.string() + ": " + std::string(commit::message_of(blob.error()))});
    const auto step = dispute::next_step(*state, blob->bytes());
    if (!step)
        return tl::unexpected(Failure{Exit::refused, "the blob has not the size of such a state"});
    constexpr std::uint64_t kLeaves = base::kBlobChunkBytes / base::kBlobLeafBytes;
    switch (step->move) {
        case dispute::AskerMove::ask:
            return std::optional<market::Message>(
                market::StateNext{question.id, static_cast<std::uint32_t>(step->number)});
        case dispute::AskerMove::show: {
            base::ProvedChunk chunk = base::prove_chunk(blob->bytes(), step->number / kLeaves);
            return std::optional<market::Message>(market::StateShow{
                question.id, step->number, std::move(chunk.bytes), std::move(chunk.proof)});
        }
        case dispute::AskerMove::wait:
        case dispute::AskerMove::sound:
        case dispute::AskerMove::missing:
            break;
    }
    return std::optional<market::Message>();
}

/// Plays one's own question to its end. "shown": a leaf of the blob convicted; "sound": the blob is
/// what its root says; "over": it ended otherwise.
Result<std::string> play_question(client::Client& client, const Signer& signer,
                                  const base::Hash& id, const std::filesystem::path& file) {
    while (true) {
        const auto question = client.question(id);
        if (!question && question.error().not_found()) return std::string("over");
        if (!question) return tl::unexpected(failure_of(question.error()));
        if (!question->answered) {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            continue;
        }
        if (const auto fetched = client.get_blob(question->blob, file); !fetched)
            return tl::unexpected(failure_of(fetched.error()));
        const auto move = move_in(client, *question, file);
        if (!move) return tl::unexpected(move.error());
        if (!*move) return std::string("sound");
        const auto sent = send(client, signer, **move);
        if (!sent) return tl::unexpected(sent.error());
        if (std::holds_alternative<market::StateShow>(**move)) return std::string("shown");
    }
}

Exit ask_state(const Program& program, const QuestionOptions& options) {
    const auto target = target_of(options);
    if (!target) return fail(program, target.error());
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto sent = send(client, *signer, market::StateAsk{*target});
    if (!sent && sent.error().word != market::to_word(market::Refusal::question_known))
        return fail(program, sent.error());
    const base::Hash id = market::state_question_id(*target, signer->account);
    std::string folder = (std::filesystem::temp_directory_path() / "assay-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return fail(program, {Exit::refused, "cannot make a temporary folder"});
    const auto outcome = play_question(client, *signer, id, std::filesystem::path(folder) / "blob");
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    if (!outcome) return fail(program, outcome.error());
    const std::string said =
        *outcome == "shown" ? "The stored bytes are not what was committed to: this has been shown."
        : *outcome == "sound"
            ? "The stored bytes are what was committed to. The question runs out, and its bond "
              "pays the answers."
            : "The question is over: nobody answered in time, or what it was about is void.";
    return print(program, {{"question", id.hex()}, {"outcome", *outcome}},
                 "question " + id.hex() + "\n" + said);
}

Result<market::Message> answer_to(client::Client& client, const market::Question& question,
                                  const std::filesystem::path& file,
                                  std::span<const base::Hash> nodes) {
    if (question.kind == market::QuestionKind::chunk) {
        auto proved = base::prove_chunk_with(file, nodes, question.chunk);
        if (!proved)
            return tl::unexpected(
                Failure{Exit::refused, file.string() + " changes while it is read"});
        return market::ChunkAnswer{question.id, std::move(proved->bytes), std::move(proved->proof)};
    }
    const auto state = client.question_state(question.id);
    if (!state) return tl::unexpected(failure_of(state.error()));
    const auto blob = commit::MappedFile::open(file);
    if (!blob)
        return tl::unexpected(Failure{
            Exit::refused, file.string() + ": " + std::string(commit::message_of(blob.error()))});
    auto answer = agent::state_answer(*state, blob->bytes(),
                                      std::max(1U, std::thread::hardware_concurrency()));
    if (!answer)
        return tl::unexpected(Failure{Exit::refused, file.string() + " " + answer.error()});
    return market::StateAnswer{question.id, std::move(*answer)};
}

Exit answer(const Program& program, const QuestionOptions& options) {
    const auto id = parse_id(options.job, "the job");
    if (!id) return fail(program, id.error());
    client::Client client = connect(program);
    auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto open = client.job_questions(base::JobId{*id});
    if (!open) return fail(program, failure_of(open.error()));
    const auto answered = answer_questions_with(client, *signer, *open, options.file);
    if (!answered) return fail(program, answered.error());
    const std::string text = *answered == 0
                                 ? "no open question of this job asks for this file"
                                 : "answered " + std::to_string(*answered) + " questions";
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
            return tl::unexpected(Failure{Exit::usage, "the part has the segments 0 to " +
                                                           std::to_string(part->segments - 1)});
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
    if (merge->commitment.is_zero())
        return tl::unexpected(Failure{Exit::refused, "the round has no merge yet"});
    return Target{{market::DisputeTarget::merge, merge->commitment, 0, job->id, options.round},
                  *job};
}

/// The bond, when the stake has it free: said before anything is sealed.
Result<base::Amount> bond_at_hand(client::Client& client, const Signer& signer,
                                  const Target& target, market::Role role) {
    const auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    const auto bond =
        market::challenge_bond(chain->parameters, target.job, target.target.kind, chain->base_fee);
    if (!bond) return tl::unexpected(Failure{Exit::refused, "the bond does not fit an amount"});
    const auto stake = client.stake(signer.account, role);
    if (!stake && !stake.error().not_found()) return tl::unexpected(failure_of(stake.error()));
    const base::Amount free = stake ? stake->free() : base::Amount{};
    if (free < *bond)
        return tl::unexpected(
            Failure{Exit::refused, "the bond is " + grains(*bond) + " and the free stake as " +
                                       std::string(market::to_word(role)) + " is " + grains(free) +
                                       ": bond more with `assay stake bond`"});
    return *bond;
}

/// The game that the account plays about this, or will play when those of its pool before it have
/// lost.
struct Place {
    base::DisputeId dispute;
    std::uint32_t number = 0;  ///< among those who challenge with this root
    bool begun = false;
};

Result<Place> place_in_pool(client::Client& client, const Signer& signer, const Target& target,
                            const base::Hash& claimed) {
    const base::Hash pool = market::pool_id(target.target, claimed);
    const auto members = client.pool_members(pool);
    if (!members) return tl::unexpected(failure_of(members.error()));
    for (const market::PoolMember& member : *members) {
        if (member.account != signer.account) continue;
        const base::DisputeId dispute = market::dispute_id(pool, member.number);
        return Place{dispute, member.number, client.dispute(dispute).has_value()};
    }
    return tl::unexpected(
        Failure{Exit::refused,
                "the challenge is in a block, and it is over already: assay dispute list --job " +
                    target.job.id.hex()});
}

constexpr int kOpenTries = 50;

/// Seals, waits one block, opens. The nonce follows from the key, so the same command again goes on
/// where it was stopped.
Result<client::Submitted> seal_and_open(client::Client& client, Signer& signer,
                                        const Target& target, const base::Hash& claimed,
                                        market::Role role) {
    const base::Hash nonce = client::challenge_nonce(signer.keys.hot, target.target, claimed);
    const auto sealed = send(client, signer,
                             market::ChallengeSealPost{market::challenge_digest(
                                 signer.account, target.target, claimed, nonce)});
    if (!sealed && sealed.error().word != market::to_word(market::Refusal::seal_known))
        return tl::unexpected(sealed.error());
    for (int tries = 0;; ++tries) {
        auto opened =
            send(client, signer, market::ChallengeOpen{target.target, claimed, nonce, role});
        if (opened) return opened;
        const bool young = opened.error().word == market::to_word(market::Refusal::seal_too_young);
        if (!young || tries == kOpenTries) return tl::unexpected(opened.error());
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

Exit dispute_root(const Program& program, const RootOptions& options) {
    const auto claimed = parse_id(options.claimed, "the claimed root");
    if (!claimed) return fail(program, claimed.error());
    const market::Role role =
        options.role == "worker" ? market::Role::worker : market::Role::validator;
    client::Client client = connect(program);
    const auto target = find_target(client, options);
    if (!target) return fail(program, target.error());
    auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    const auto bond = bond_at_hand(client, *signer, *target, role);
    if (!bond) return fail(program, bond.error());
    const auto opened = seal_and_open(client, *signer, *target, *claimed, role);
    if (!opened) return fail(program, opened.error());
    const auto place = place_in_pool(client, *signer, *target, *claimed);
    if (!place) return fail(program, place.error());
    const std::string pool = market::pool_id(target->target, *claimed).hex();
    const std::string when =
        place->begun ? "The game has begun."
                     : "Number " + std::to_string(place->number) +
                           " of those who challenge with this root: the game begins when "
                           "those who play now lose.";
    return print(program,
                 {{"dispute", place->dispute.hex()},
                  {"begun", place->begun},
                  {"pool", pool},
                  {"transaction", opened->id.hex()},
                  {"bond", bond->decimal()},
                  {"fee", opened->fee.decimal()}},
                 "dispute " + place->dispute.hex() + "\n" + when + "\nbond    " + grains(*bond) +
                     "\nA program has to play it: keep `assay-" + options.role +
                     " run` going with this key.");
}

}  // namespace

Result<std::size_t> answer_questions_with(client::Client& client, Signer& signer,
                                          const std::vector<market::Question>& questions,
                                          const std::filesystem::path& file) {
    base::ChunkTreeHasher hasher;
    const auto blob = base::hash_file(file, hasher);
    if (!blob) return tl::unexpected(Failure{Exit::refused, "cannot read " + file.string()});
    std::size_t answered = 0;
    for (const market::Question& question : questions) {
        if (question.blob != *blob || question.answered) continue;
        const auto message = answer_to(client, question, file, hasher.nodes());
        if (!message) return tl::unexpected(message.error());
        const auto sent = send(client, signer, *message);
        if (!sent) return tl::unexpected(sent.error());
        ++answered;
    }
    // Who asked needs the whole blob.
    if (answered > 0) {
        if (const auto stored = client.put_blob_file(file, *blob); !stored)
            return tl::unexpected(failure_of(stored.error()));
    }
    return answered;
}

void add_challenge_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<QuestionOptions>();
    auto* challenge = app.add_subcommand("challenge",
                                         "Doubt what was committed to: ask for a chunk of a blob "
                                         "or about a state, dispute a segment or a merge");
    challenge->require_subcommand(1);
    auto* list_command = challenge->add_subcommand(
        "list", "Open questions of a job; needs no key (games: assay dispute list)");
    list_command->add_option("job", options->job, "Job id")->required();
    program.on(list_command, [&program, options] { return list(program, *options); });

    const auto add_question = [&](const char* name, const char* help) {
        auto* command = challenge->add_subcommand(name, help);
        command
            ->add_option("target", options->target,
                         "checkpoint, payload or start (of a part), merge, init or data (of a job)")
            ->required();
        command
            ->add_option("subject", options->subject, "Part id, or job id for merge, init and data")
            ->required();
        command->add_option("--number", options->number, "Round of a merge, segment of a start")
            ->capture_default_str();
        return command;
    };
    auto* chunk = add_question("chunk",
                               "Ask for a chunk. The bond returns unless somebody shows it; "
                               "silence is fraud of the worker, or ends the job");
    chunk->add_option("--chunk", options->chunk, "Which 64 KiB of the blob, from 0")
        ->capture_default_str();
    program.on(chunk, [&program, options] { return ask_chunk(program, *options); });
    auto* state =
        add_question("state",
                     "Ask about a stored state until a leaf of it is shown that is not what was "
                     "committed to. Silence convicts; when the "
                     "state is right the bond pays the answers. Runs until the question is over");
    program.on(state, [&program, options] { return ask_state(program, *options); });

    auto* answer_command =
        challenge->add_subcommand("answer",
                                  "Answer every open question of a job that this file can answer, "
                                  "and store the file again; the bonds are yours");
    answer_command->add_option("job", options->job, "Job id")->required();
    answer_command->add_option("--file", options->file, "The blob: a dataset, a checkpoint")
        ->required()
        ->check(CLI::ExistingFile);
    program.on(answer_command, [&program, options] { return answer(program, *options); });

    auto root = std::make_shared<RootOptions>();
    const auto add_root = [&](const char* name, const char* help) {
        auto* command = challenge->add_subcommand(name, help);
        command->add_option("--claimed", root->claimed, "The root that you computed")->required();
        command
            ->add_option(
                "--role", root->role,
                "Whose stake the bond comes from, and which program plays: validator or worker")
            ->check(CLI::IsMember({"validator", "worker"}))
            ->capture_default_str();
        program.on(command, [&program, root] { return dispute_root(program, *root); });
        return command;
    };
    auto* segment = add_root("segment",
                             "Dispute a segment of a passed part with the end root that you "
                             "computed: seals, waits one block, opens. The bond is "
                             "lost when you lose the game");
    segment->add_option("--part", root->part, "Part id")->required();
    segment->add_option("--segment", root->segment, "Segment within the part, from 0")->required();
    auto* merge = add_root("merge", "Dispute the merge of a round with the root that you computed");
    merge->add_option("--job", root->job, "Job id")->required();
    merge->add_option("--round", root->round, "Round, from 0")->required();
}

}  // namespace assay::cli
