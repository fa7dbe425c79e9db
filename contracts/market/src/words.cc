#include <array>

#include "base/check.h"
#include "context.h"
#include "market/objects.h"
#include "market/refusal.h"

namespace assay::market {

namespace {

#define ASSAY_MARKET_WORD(name) std::string_view(#name),
constexpr std::array kRefusalWords = {ASSAY_MARKET_REFUSALS(ASSAY_MARKET_WORD)};
constexpr std::array kEventWords = {ASSAY_MARKET_EVENTS(ASSAY_MARKET_WORD)};
#undef ASSAY_MARKET_WORD

/// The word at `index`, counted from the first enumerator.
template <std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& words, std::size_t index) {
    ASSAY_CHECK(index < N);
    return words[index];
}

template <class E>
std::size_t number(E value) {
    return static_cast<std::size_t>(value);
}

}  // namespace

std::string_view to_word(Refusal refusal) {
    return pick(kRefusalWords, number(refusal));
}

std::optional<Refusal> refusal_from_word(std::string_view word) {
    for (std::size_t i = 0; i < kRefusalWords.size(); ++i) {
        if (kRefusalWords[i] == word) return static_cast<Refusal>(i);
    }
    return std::nullopt;
}

std::optional<Refusal> refusal_from_number(std::uint8_t value) {
    if (value >= kRefusalWords.size()) return std::nullopt;
    return static_cast<Refusal>(value);
}

std::string_view to_word(EventKind kind) {
    return pick(kEventWords, number(kind));
}

std::string_view to_word(Role role) {
    constexpr std::array<std::string_view, 3> words = {"worker", "validator", "sequencer"};
    return pick(words, number(role) - 1);
}
std::string_view to_word(JobState state) {
    constexpr std::array<std::string_view, 10> words = {
        "open",   "running",   "paused",  "verifying",          "completed",
        "failed", "cancelled", "expired", "insufficient_funds", "diverged"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(CloseReason reason) {
    constexpr std::array<std::string_view, 10> words = {
        "none",       "finished",         "submitter", "no_offer",     "no_workers",
        "merge_unresolved", "no_merge", "hold_used_up", "numeric_fault", "data_missing"};
    return pick(words, number(reason));
}
std::string_view to_word(LeaseState state) {
    constexpr std::array<std::string_view, 3> words = {"active", "ended", "settled"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(LeaseEnd end) {
    constexpr std::array<std::string_view, 9> words = {
        "none",      "finished",   "left",       "deadline", "slashed",
        "confessed", "job_closed", "unresolved", "paused"};
    return pick(words, number(end));
}
std::string_view to_word(RoundState state) {
    constexpr std::array<std::string_view, 5> words = {"open", "closed", "merged", "final",
                                                       "failed"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(MergeState state) {
    constexpr std::array<std::string_view, 6> words = {"waiting",  "posted", "audited",
                                                       "replaced", "failed", "unaudited"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(PartState state) {
    constexpr std::array<std::string_view, 8> words = {
        "committed", "drawn", "revealed", "judged", "passed", "settled", "retracted", "void"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(EpochState state) {
    constexpr std::array<std::string_view, 4> words = {"open", "contributing", "drawing", "done"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(AuditKind kind) {
    constexpr std::array<std::string_view, 4> words = {"segment", "merge", "vote_segment",
                                                       "vote_merge"};
    return pick(words, number(kind) - 1);
}
std::string_view to_word(AuditState state) {
    constexpr std::array<std::string_view, 7> words = {"drawn",  "open",      "sealed", "revealed",
                                                       "missed", "withdrawn", "settled"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(VoteState state) {
    constexpr std::array<std::string_view, 3> words = {"open", "upheld", "unresolved"};
    return pick(words, number(state) - 1);
}
namespace {
constexpr std::array<std::string_view, 6> kChunkTargetWords = {"checkpoint", "payload", "merge", "init", "data", "start"};
}
std::string_view to_word(ChunkTargetKind kind) {
    return pick(kChunkTargetWords, number(kind) - 1);
}
std::optional<ChunkTargetKind> chunk_target_kind_from_word(std::string_view word) {
    for (std::size_t i = 0; i < kChunkTargetWords.size(); ++i) {
        if (kChunkTargetWords[i] == word) return static_cast<ChunkTargetKind>(i + 1);
    }
    return std::nullopt;
}
std::string_view to_word(VerdictKind kind) {
    constexpr std::array<std::string_view, 3> words = {"valid", "invalid", "plant"};
    return pick(words, number(kind) - 1);
}
std::string_view to_word(SlashReason reason) {
    constexpr std::array<std::string_view, 7> words = {
        "judgement",  "equivocation", "no_delivery", "no_close",
        "confession", "no_chunk",     "concession"};
    return pick(words, number(reason) - 1);
}
std::string_view to_word(Judgement judgement) {
    constexpr std::array<std::string_view, 2> words = {"vote", "referee"};
    return pick(words, number(judgement) - 1);
}
std::string_view to_word(DisputeTarget target) {
    constexpr std::array<std::string_view, 3> words = {"segment", "merge", "steps"};
    return pick(words, number(target) - 1);
}
std::string_view to_word(DisputeState state) {
    constexpr std::array<std::string_view, 6> words = {"open",     "upheld",    "rejected",
                                                       "conceded", "withdrawn", "dropped"};
    return pick(words, number(state) - 1);
}
std::string_view to_word(Side side) {
    constexpr std::array<std::string_view, 2> words = {"asserter", "challenger"};
    return pick(words, number(side) - 1);
}

}  // namespace assay::market
