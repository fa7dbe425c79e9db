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

/// The words of an enum whose first value is `first`.
template <std::size_t N, class E>
std::string_view pick_from(const std::array<std::string_view, N>& words, E value,
                           std::size_t first) {
    ASSAY_CHECK(number(value) >= first);
    return pick(words, number(value) - first);
}

constexpr std::array<std::string_view, 6> kStoredWords = {"checkpoint", "payload", "merge",
                                                          "init",       "data",    "start"};

}  // namespace

std::string_view to_word(Refusal refusal) { return pick(kRefusalWords, number(refusal)); }

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

std::string_view to_word(EventKind kind) { return pick(kEventWords, number(kind)); }

std::string_view to_word(Role value) {
    constexpr std::array<std::string_view, 3> words = {"worker", "validator", "sequencer"};
    return pick_from(words, value, 1);
}
std::string_view to_word(JobState value) {
    constexpr std::array<std::string_view, 11> words = {
        "open",    "running",   "paused",  "verifying",          "completed",
        "failed",  "cancelled", "expired", "insufficient_funds", "diverged",
        "settling"};
    return pick_from(words, value, 1);
}
std::string_view to_word(CloseReason value) {
    constexpr std::array<std::string_view, 12> words = {
        "none",         "finished",      "submitter",        "no_offer",
        "no_workers",   "wrong_init",    "merge_unresolved", "no_merge",
        "hold_used_up", "numeric_fault", "data_missing",     "no_auditors"};
    return pick_from(words, value, 0);
}
std::string_view to_word(LaneWait value) {
    constexpr std::array<std::string_view, 3> words = {"none", "audit_funds", "audit_backlog"};
    return pick_from(words, value, 0);
}
std::string_view to_word(LeaseState value) {
    constexpr std::array<std::string_view, 3> words = {"active", "ended", "settled"};
    return pick_from(words, value, 1);
}
std::string_view to_word(LeaseEnd value) {
    constexpr std::array<std::string_view, 11> words = {
        "none",       "finished",  "left",   "deadline", "slashed", "confessed",
        "job_closed", "convicted", "paused", "waited",   "conceded"};
    return pick_from(words, value, 0);
}
std::string_view to_word(RoundState value) {
    constexpr std::array<std::string_view, 5> words = {"open", "closed", "merged", "final",
                                                       "failed"};
    return pick_from(words, value, 1);
}
std::string_view to_word(MergeState value) {
    constexpr std::array<std::string_view, 4> words = {"waiting", "posted", "audited", "refuted"};
    return pick_from(words, value, 1);
}
std::string_view to_word(PartState value) {
    constexpr std::array<std::string_view, 8> words = {
        "committed", "auditing", "closing", "passed", "settled", "retracted", "void", "unproved"};
    return pick_from(words, value, 1);
}
std::string_view to_word(EpochState value) {
    constexpr std::array<std::string_view, 5> words = {"open", "closing", "contributing", "drawing",
                                                       "done"};
    return pick_from(words, value, 1);
}
std::string_view to_word(CommitmentKind value) {
    constexpr std::array<std::string_view, 6> words = {"part",   "merge",   "init",
                                                       "redraw", "control", "job"};
    return pick_from(words, value, 1);
}
std::string_view to_word(ClaimKind value) {
    constexpr std::array<std::string_view, 3> words = {"segment", "merge", "init"};
    return pick_from(words, value, 1);
}
std::string_view to_word(AuditKind value) {
    constexpr std::array<std::string_view, 2> words = {"audit", "control"};
    return pick_from(words, value, 1);
}
std::string_view to_word(AuditState value) {
    constexpr std::array<std::string_view, 7> words = {"drawn",    "open",   "sealed", "revealed",
                                                       "disputed", "missed", "settled"};
    return pick_from(words, value, 1);
}
std::string_view to_word(QuestionKind value) {
    constexpr std::array<std::string_view, 2> words = {"chunk", "state"};
    return pick_from(words, value, 1);
}
std::string_view to_word(VerdictKind value) {
    constexpr std::array<std::string_view, 2> words = {"valid", "invalid"};
    return pick_from(words, value, 1);
}
std::string_view to_word(SlashReason value) {
    constexpr std::array<std::string_view, 8> words = {"judgement",  "equivocation", "no_delivery",
                                                       "no_close",   "confession",   "no_answer",
                                                       "concession", "wrong_blob"};
    return pick_from(words, value, 1);
}
std::string_view to_word(DisputeTarget value) {
    constexpr std::array<std::string_view, 4> words = {"segment", "merge", "init", "cell"};
    return pick_from(words, value, 1);
}
std::string_view to_word(DisputeState value) {
    constexpr std::array<std::string_view, 5> words = {"open", "upheld", "rejected", "conceded",
                                                       "dropped"};
    return pick_from(words, value, 1);
}
std::string_view to_word(Side value) {
    constexpr std::array<std::string_view, 2> words = {"asserter", "challenger"};
    return pick_from(words, value, 1);
}
std::string_view to_word(StoredKind value) { return pick_from(kStoredWords, value, 1); }
std::optional<StoredKind> stored_kind_from_word(std::string_view word) {
    for (std::size_t i = 0; i < kStoredWords.size(); ++i) {
        if (kStoredWords[i] == word) return static_cast<StoredKind>(i + 1);
    }
    return std::nullopt;
}

}  // namespace assay::market
