#include <random>

#include "agent/log.h"
#include "agent/questions.h"
#include "base/chunk_tree.h"

namespace assay::agent {

using replay::Need;

namespace {

LogFields fields_of(const Need& need) {
    return {{"target", std::string(market::to_word(need.target.kind))},
            {"blob", shortened(need.blob.hex())}};
}

}  // namespace

std::uint32_t Suspicion::misses(const base::BlobRoot& blob) const {
    const auto found = misses_.find(blob);
    return found == misses_.end() ? 0 : found->second;
}

bool Suspicion::missed(Party& party, const Need& need) {
    if (need.blob.is_zero() || need.bytes == 0) return false;
    const auto there = party.node().blob_exists(need.blob);
    if (!there) return false;  // the node does not answer: that says nothing about the blob
    const std::uint32_t misses = ++misses_[need.blob];
    if (misses < kMissesBeforeQuestion) return false;
    if (!*there)
        return misses < kMissesBeforeQuestion + kQuestionsOfBlobMax && ask_chunk(party, need);
    return need.is_right != nullptr && ask_state(party, need);
}

bool Suspicion::ask_chunk(Party& party, const Need& need) {
    // At random, so that who withholds cannot know which part is enough to keep.
    std::random_device chance;
    const std::uint64_t chunk =
        (std::uint64_t{chance()} << 32U | chance()) % base::blob_chunks(need.bytes);
    LogFields fields = fields_of(need);
    fields.emplace_back("chunk", std::to_string(chunk));
    const auto sent = party.send(market::ChunkAsk{need.target, chunk});
    if (sent) {
        log(LogLevel::warning, "question.asked",
            "a blob that is needed is not in the store: asked for a chunk of it", fields);
        return true;
    }
    const bool known = is_refusal(sent.error(), market::Refusal::question_known);
    if (!known) log(LogLevel::warning, "question.trouble", sent.error().text(), fields);
    return false;
}

bool Suspicion::ask_state(Party& party, const Need& need) {
    if (asked_.contains(need.blob)) return false;
    if (!party.node().get_blob(need.blob, scratch_)) return false;
    const bool right = need.is_right(scratch_);
    std::error_code ignored;
    std::filesystem::remove(scratch_, ignored);
    if (right) {  // what failed has another cause, and a question in vain costs its bond
        misses_.erase(need.blob);
        return false;
    }
    const auto sent = party.send(market::StateAsk{need.target});
    const bool known = !sent && is_refusal(sent.error(), market::Refusal::question_known);
    if (!sent && !known) {
        log(LogLevel::warning, "question.trouble", sent.error().text(), fields_of(need));
        return false;
    }
    asked_.insert(need.blob);
    if (sent)
        log(LogLevel::warning, "question.asked",
            "a stored state is not what was committed to: asked about it", fields_of(need));
    return sent.has_value();
}

}  // namespace assay::agent
