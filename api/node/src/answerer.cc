#include "answerer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <tuple>

#include "base/chunk_nodes.h"
#include "commit/mapped_file.h"
#include "dispute/answers.h"
#include "market/tables.h"
#include "market/transactions.h"

namespace assay::node {
namespace {

/// Forgotten together, so that the set stays small; then they are tried once more.
constexpr std::size_t kTriedMax = 10'000;
/// Answers that the rules refuse, for one question as it stands.
constexpr unsigned kRefusedMax = 8;
constexpr std::uint64_t kValidBlocks = 1'000;

std::optional<market::Message> answer_to(const market::StateReader& state,
                                         const market::Question& question,
                                         const std::filesystem::path& file, unsigned threads) {
    if (question.kind == market::QuestionKind::chunk) {
        auto proved = base::prove_chunk_of_file(file, question.blob, question.chunk);
        if (!proved) return std::nullopt;
        return market::ChunkAnswer{question.id, std::move(proved->bytes), std::move(proved->proof)};
    }
    const auto bytes = market::find_question_bytes(state, question.id);
    const auto blob = commit::MappedFile::open(file);
    if (!bytes || !blob) return std::nullopt;
    auto answer = dispute::answer_from_blob(*bytes, blob->bytes(), threads);
    if (!answer) return std::nullopt;
    // A blob that is not what was committed to answers nothing: that is what the question is for.
    auto opened = dispute::OpenedQuestion::read(*bytes);
    if (!opened || opened->answer(*answer)) return std::nullopt;
    return market::StateAnswer{question.id, std::move(*answer)};
}

/// Open questions of all jobs, the most urgent first: many about one blob keep no other one waiting
/// beyond its time.
std::vector<market::Question> open_questions(const market::StateReader& state) {
    std::vector<market::Question> out;
    const base::Bytes prefix = market::table_prefix(market::Table::question);
    base::Bytes from = prefix;
    while (auto entry = state.seek(from, prefix)) {
        if (auto question = market::decode<market::Question>(entry->second);
            question && !question->answered)
            out.push_back(std::move(*question));
        from = std::move(entry->first);
        from.push_back(0);
    }
    std::sort(out.begin(), out.end(), [](const market::Question& a, const market::Question& b) {
        return std::tie(a.deadline, a.id) < std::tie(b.deadline, b.id);
    });
    return out;
}

}  // namespace

Answerer::Answerer(ledger::Node& node, const server::BlobStore& blobs, base::SecretKey key,
                   const base::PublicKey& first_key, unsigned threads)
    : node_(node),
      blobs_(blobs),
      key_(std::move(key)),
      account_(market::account_id(node.chain_id(), first_key)),
      threads_(threads),
      thread_(node, std::chrono::milliseconds(0), [this] { return answer_one(); }) {}

bool Answerer::answer_one() {
    const ledger::Snapshot snapshot = node_.snapshot();
    const market::StateReader& state = snapshot.state();
    if (!market::find_account(state, account_)) return false;
    if (refused_.size() > kTriedMax) refused_.clear();
    for (const market::Question& question : open_questions(state)) {
        // The asker would lose its bond to its own store.
        if (question.asker == account_) continue;
        const auto info = blobs_.find(question.blob);
        if (!info || info->bytes != question.bytes) continue;
        unsigned& refused = refused_[{question.id, question.rounds}];
        if (refused >= kRefusedMax) continue;
        const auto message = answer_to(state, question, info->file, threads_);
        if (!message) {
            refused = kRefusedMax;
            continue;
        }
        switch (send(state, *message)) {
            case Sent::answered:
                spdlog::info("answered question {}", question.id.hex());
                return true;
            // A nonce that the key's owner used meanwhile, or a fee that rose: once more after the
            // next block.
            case Sent::refused:
                ++refused;
                break;
            case Sent::no_room:
                return false;
        }
    }
    return false;
}

Answerer::Sent Answerer::send(const market::StateReader& state, const market::Message& message) {
    market::TransactionHeader header;
    header.chain_id = node_.chain_id();
    header.account = account_;
    header.nonce = market::next_nonce(state, account_, 0);
    header.valid_until = {node_.snapshot().head().height.value + kValidBlocks};
    header.fee_limit = market::balance_of(state, account_);
    // Lives on after a stop of the node that never answers.
    struct Waiting {
        std::mutex mutex;
        std::condition_variable changed;
        std::optional<ledger::Outcome> outcome;
    };
    const auto waiting = std::make_shared<Waiting>();
    node_.submit(market::build_transaction(header, message, key_),
                 [waiting](const ledger::Outcome& outcome) {
                     const std::lock_guard lock(waiting->mutex);
                     waiting->outcome = outcome;
                     waiting->changed.notify_all();
                 });
    std::unique_lock lock(waiting->mutex);
    waiting->changed.wait(lock, [&] { return waiting->outcome.has_value(); });
    switch (waiting->outcome->status) {
        case ledger::Outcome::Status::in_block:
            return waiting->outcome->code == market::Refusal::none ? Sent::answered : Sent::refused;
        case ledger::Outcome::Status::refused:
            return Sent::refused;
        case ledger::Outcome::Status::busy:
        case ledger::Outcome::Status::stopped:
            break;
    }
    return Sent::no_room;
}

}  // namespace assay::node
