#include "agent/questions.h"

#include <algorithm>
#include <tuple>

#include "agent/log.h"
#include "base/chunk_nodes.h"
#include "commit/mapped_file.h"
#include "dispute/answers.h"
#include "dispute/questions.h"

namespace assay::agent {

namespace {

/// What others owe is fetched from the store only where that takes no time: of what is greater the
/// store answers by itself.
constexpr std::uint64_t kFetchedForOthersMax = std::uint64_t{64} << 20U;

LogFields fields_of(const market::Question& question) {
    return {{"question", shortened(question.id.hex())},
            {"kind", std::string(market::to_word(question.kind))},
            {"job", shortened(question.job.hex())},
            {"target", std::string(market::to_word(question.target.kind))}};
}

std::string text_of(market::MoveRefusal refusal) {
    return "refusal " + std::to_string(static_cast<unsigned>(refusal)) + " of the question's rules";
}

/// The ledger has another question now, or none: an answer or a deadline was faster.
bool is_late(const client::ClientError& error) {
    return is_refusal(error, market::Refusal::question_unknown) ||
           is_refusal(error, market::Refusal::not_asked) ||
           is_refusal(error, market::Refusal::not_answered) || error.not_found();
}

tl::expected<market::Message, std::string> chunk_answer(const market::Question& question,
                                                        const std::filesystem::path& file) {
    auto proved = base::prove_chunk_of_file(file, question.blob, question.chunk);
    if (!proved || !base::verify_chunk(question.blob, question.bytes, question.chunk, proved->bytes,
                                       proved->proof)) {
        return tl::unexpected(file.string() +
                              ": cannot be read, has no such chunk, or is not the blob " +
                              question.blob.hex());
    }
    return market::ChunkAnswer{question.id, std::move(proved->bytes), std::move(proved->proof)};
}

tl::expected<market::Message, std::string> answer_of(Party& party, const market::Question& question,
                                                     const std::filesystem::path& file,
                                                     unsigned threads) {
    if (question.kind == market::QuestionKind::chunk) return chunk_answer(question, file);
    const auto bytes = party.node().question_state(question.id);
    if (!bytes) return tl::unexpected(bytes.error().text());
    const auto blob = commit::MappedFile::open(file);
    if (!blob)
        return tl::unexpected(file.string() + ": " + std::string(commit::message_of(blob.error())));
    auto answer = state_answer(*bytes, blob->bytes(), threads);
    if (!answer) return tl::unexpected(file.string() + ": " + answer.error());
    return market::StateAnswer{question.id, std::move(*answer)};
}

/// The next move in a question of our own, when there is one.
std::optional<market::Message> move_of(Party& party, const market::Question& question,
                                       const std::filesystem::path& file, unsigned threads) {
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
        case dispute::AskerMove::ask:
            return market::StateNext{question.id, static_cast<std::uint32_t>(step->number)};
        case dispute::AskerMove::show: {
            auto chunk =
                base::prove_chunk_of_file(file, question.blob, step->number / kLeavesOfChunk);
            if (!chunk) return std::nullopt;
            return market::StateShow{question.id, step->number, std::move(chunk->bytes),
                                     std::move(chunk->proof)};
        }
        case dispute::AskerMove::wait:
        case dispute::AskerMove::sound:
        case dispute::AskerMove::missing:
            return std::nullopt;
    }
    return std::nullopt;
}

/// Blobs, named by their roots, and what lies beside them.
void forget_blobs_but(const std::filesystem::path& folder, const std::set<std::string>& needed) {
    std::error_code error, ignored;
    std::vector<std::filesystem::path> over;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (!needed.contains(name.substr(0, name.find('.')))) over.push_back(entry.path());
    }
    for (const auto& file : over) std::filesystem::remove(file, ignored);
}

/// Sends the answer from `file`. True when it is answered now; false when something was faster. A
/// file that is not the blob answers nothing.
tl::expected<bool, std::string> answer_question(Party& party, const market::Question& question,
                                                const std::filesystem::path& file,
                                                unsigned threads) {
    // Others answer too: what is computed for nothing would keep the next question waiting.
    const auto now = party.node().question(question.id);
    if (!now && !now.error().not_found()) return tl::unexpected(now.error().text());
    if (!now || now->answered || now->rounds != question.rounds) return false;
    auto message = answer_of(party, question, file, threads);
    if (!message) return tl::unexpected(message.error());
    const auto sent = party.send(*message);
    if (!sent && !is_late(sent.error())) return tl::unexpected(sent.error().text());
    if (sent) log(LogLevel::info, "question.answered", "answered a question", fields_of(question));
    return sent.has_value();
}

/// What waits for an answer by this account, then what waits for one by others in these jobs; each
/// the most urgent first.
std::vector<market::Question> open_questions(Party& party, const std::vector<base::JobId>& jobs) {
    const base::AccountId& self = party.identity().account();
    std::vector<market::Question> open;
    auto add = [&, known = std::set<base::Hash>()](
                   const client::Result<std::vector<market::Question>>& found) mutable {
        if (!found) return;
        for (const market::Question& question : *found) {
            const bool vain =
                question.answered || (question.asker == self && question.obliged != self);
            if (!vain && known.insert(question.id).second) open.push_back(question);
        }
    };
    add(party.node().questions_owed(self));
    for (const base::JobId& job : jobs) add(party.node().job_questions(job));
    std::sort(open.begin(), open.end(), [&](const market::Question& a, const market::Question& b) {
        return std::forward_as_tuple(a.obliged != self, a.deadline, a.id) <
               std::forward_as_tuple(b.obliged != self, b.deadline, b.id);
    });
    return open;
}

}  // namespace

tl::expected<base::Bytes, std::string> state_answer(base::ByteView question, base::ByteView blob,
                                                    unsigned threads) {
    auto answer = dispute::answer_from_blob(question, blob, threads);
    if (!answer) return tl::unexpected("gives no answer: " + text_of(answer.error()));
    auto opened = dispute::OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(std::string("the question is damaged"));
    if (const auto refused = opened->answer(*answer))
        return tl::unexpected("is not what was asked about: " + text_of(*refused));
    return std::move(*answer);
}

std::size_t answer_questions(Party& party, const BlobKeeper& keeper,
                             const std::vector<base::JobId>& jobs,
                             const std::filesystem::path& fetched, unsigned threads,
                             SaidBefore& said, const Restore& restore,
                             const std::function<bool()>& stop) {
    std::set<std::string> needed;
    std::size_t answered = 0;
    for (const market::Question& question : open_questions(party, jobs)) {
        if (stop()) return answered;
        const bool owed = question.obliged == party.identity().account();
        const auto trouble = [&](const std::string& text) {
            if (owed && said.is_new(question.id.hex(), text))
                log(LogLevel::error, "question.trouble", text, fields_of(question));
        };
        auto file = keeper.find(question.blob);
        const bool kept = file.has_value();
        if (!kept) {
            if (!owed && question.bytes > kFetchedForOthersMax) continue;
            std::error_code error;
            std::filesystem::create_directories(fetched, error);
            needed.insert(question.blob.hex());
            file = fetched / question.blob.hex();
            if (!std::filesystem::exists(*file, error) &&
                !party.node().get_blob(question.blob, *file)) {
                trouble("a blob that is asked about is neither here nor in the store");
                continue;
            }
        }
        const auto done = answer_question(party, question, *file, threads);
        // What others committed to may be garbage: then nobody can answer, and that is what the
        // question is for.
        if (!done) trouble(done.error());
        if (!done || !*done) continue;
        ++answered;
        if (kept) restore(*file, question.blob);
    }
    forget_blobs_but(fetched, needed);
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
        if (!std::filesystem::exists(file, error) && !party.node().get_blob(question.blob, file))
            continue;
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
