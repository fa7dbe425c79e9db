#include "agent/questions.h"

#include "agent/log.h"
#include "base/chunk_nodes.h"
#include "commit/mapped_file.h"
#include "dispute/answers.h"
#include "dispute/questions.h"

namespace assay::agent {

namespace {

LogFields fields_of(const market::Question& question) {
    return {{"question", shortened(question.id.hex())},
            {"kind", std::string(market::to_word(question.kind))},
            {"job", shortened(question.job.hex())},
            {"target", std::string(market::to_word(question.target.kind))}};
}

std::string text_of(market::MoveRefusal refusal) { return "refusal " + std::to_string(static_cast<unsigned>(refusal)) + " of the question's rules"; }

/// The ledger has another question now, or none: an answer or a deadline was faster.
bool is_late(const client::ClientError& error) {
    return is_refusal(error, market::Refusal::question_unknown) || is_refusal(error, market::Refusal::not_asked) ||
           is_refusal(error, market::Refusal::not_answered) || error.not_found();
}

tl::expected<market::Message, std::string> chunk_answer(const market::Question& question, const std::filesystem::path& file) {
    auto proved = base::prove_chunk_of_file(file, question.blob, question.chunk);
    if (!proved) return tl::unexpected(file.string() + ": cannot be read or has no such chunk");
    if (!base::verify_chunk(question.blob, question.bytes, question.chunk, proved->bytes, proved->proof)) {
        return tl::unexpected(file.string() + ": is not the blob " + question.blob.hex());
    }
    return market::ChunkAnswer{question.id, std::move(proved->bytes), std::move(proved->proof)};
}

tl::expected<market::Message, std::string> answer_of(Party& party, const market::Question& question, const std::filesystem::path& file,
                                                     unsigned threads) {
    if (question.kind == market::QuestionKind::chunk) return chunk_answer(question, file);
    const auto bytes = party.node().question_state(question.id);
    if (!bytes) return tl::unexpected(bytes.error().text());
    const auto blob = commit::MappedFile::open(file);
    if (!blob) return tl::unexpected(file.string() + ": " + std::string(commit::message_of(blob.error())));
    auto answer = state_answer(*bytes, blob->bytes(), threads);
    if (!answer) return tl::unexpected(file.string() + ": " + answer.error());
    return market::StateAnswer{question.id, std::move(*answer)};
}

/// The next move in a question of our own, when there is one.
std::optional<market::Message> move_of(Party& party, const market::Question& question, const std::filesystem::path& file, unsigned threads) {
    const auto bytes = party.node().question_state(question.id);
    const auto blob = commit::MappedFile::open(file);
    if (!bytes || !blob) return std::nullopt;
    const auto step = dispute::next_step(*bytes, blob->bytes(), {}, threads);
    if (!step) {
        log(LogLevel::warning, "question.trouble", text_of(step.error()), fields_of(question));
        return std::nullopt;
    }
    constexpr std::uint64_t kLeavesOfChunk = base::kBlobChunkBytes / base::kBlobLeafBytes;
    switch (step->move) {
        case dispute::AskerMove::ask: return market::StateNext{question.id, static_cast<std::uint32_t>(step->number)};
        case dispute::AskerMove::show: {
            base::ProvedChunk chunk = base::prove_chunk(blob->bytes(), step->number / kLeavesOfChunk);
            return market::StateShow{question.id, step->number, std::move(chunk.bytes), std::move(chunk.proof)};
        }
        case dispute::AskerMove::wait:
        case dispute::AskerMove::sound:
        case dispute::AskerMove::missing: return std::nullopt;
    }
    return std::nullopt;
}

void forget_blobs_but(const std::filesystem::path& folder, const std::set<std::string>& needed) {
    std::error_code error, ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (!needed.contains(entry.path().filename().string())) std::filesystem::remove(entry.path(), ignored);
    }
}

}  // namespace

tl::expected<base::Bytes, std::string> state_answer(base::ByteView question, base::ByteView blob, unsigned threads) {
    auto answer = dispute::answer_from_blob(question, blob, threads);
    if (!answer) return tl::unexpected("gives no answer: " + text_of(answer.error()));
    auto opened = dispute::OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(std::string("the question is damaged"));
    if (const auto refused = opened->answer(*answer)) return tl::unexpected("is not what was asked about: " + text_of(*refused));
    return std::move(*answer);
}

tl::expected<bool, std::string> answer_question(Party& party, const market::Question& question, const std::filesystem::path& file,
                                                unsigned threads) {
    auto message = answer_of(party, question, file, threads);
    if (!message) return tl::unexpected(message.error());
    const auto sent = party.send(*message);
    if (!sent && !is_late(sent.error())) return tl::unexpected(sent.error().text());
    if (sent) log(LogLevel::info, "question.answered", "answered a question", fields_of(question));
    // The answer is what counts; the store helps whoever asked.
    if (const auto stored = party.node().put_blob_file(file); !stored) {
        log(LogLevel::warning, "question.trouble", "the blob could not be stored again: " + stored.error().text(), fields_of(question));
    }
    return sent.has_value();
}

std::size_t answer_questions(Party& party, const BlobKeeper& keeper, const std::vector<base::JobId>& jobs, const std::filesystem::path& scratch,
                             unsigned threads, SaidBefore& said) {
    std::vector<market::Question> open;
    const auto trouble = [&said](const market::Question& question, const std::string& text) {
        if (said.is_new(question.id.hex(), text)) log(LogLevel::error, "question.trouble", text, fields_of(question));
    };
    auto add = [&open, known = std::set<base::Hash>()](const client::Result<std::vector<market::Question>>& found) mutable {
        if (!found) return;
        for (const market::Question& question : *found) {
            if (!question.answered && known.insert(question.id).second) open.push_back(question);
        }
    };
    const base::AccountId& self = party.identity().account();
    add(party.node().questions_owed(self));
    for (const base::JobId& job : jobs) add(party.node().job_questions(job));
    std::size_t answered = 0;
    for (const market::Question& question : open) {
        const bool owed = question.obliged == self;
        if (question.asker == self && !owed) continue;
        const auto kept = keeper.find(question.blob);
        if (!kept && !party.node().get_blob(question.blob, scratch)) {
            if (owed) trouble(question, "a blob that is asked about is neither here nor in the store");
            continue;
        }
        const auto done = answer_question(party, question, kept ? *kept : scratch, threads);
        // What others committed to may be garbage: then nobody can answer, and that is what the question is for.
        if (!done && owed) trouble(question, done.error());
        if (done && *done) ++answered;
        std::error_code ignored;
        if (!kept) std::filesystem::remove(scratch, ignored);
    }
    return answered;
}

std::size_t follow_questions(Party& party, const std::filesystem::path& folder, unsigned threads) {
    const auto asked = party.node().questions_asked(party.identity().account());
    if (!asked) return 0;
    std::set<std::string> needed;
    std::size_t moved = 0;
    for (const market::Question& question : *asked) {
        if (question.kind != market::QuestionKind::state) continue;
        needed.insert(question.blob.hex());
        if (!question.answered) continue;
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        const std::filesystem::path file = folder / question.blob.hex();
        if (!std::filesystem::exists(file, error) && !party.node().get_blob(question.blob, file)) continue;
        const auto message = move_of(party, question, file, threads);
        if (!message) continue;
        const auto sent = party.send(*message);
        if (sent) {
            ++moved;
            log(LogLevel::info, "question.moved", "went on with a question", fields_of(question));
        } else if (!is_late(sent.error())) {
            log(LogLevel::warning, "question.trouble", sent.error().text(), fields_of(question));
        }
    }
    forget_blobs_but(folder, needed);
    return moved;
}

}  // namespace assay::agent
