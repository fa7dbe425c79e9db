#include <array>

#include "base/check.h"
#include "market/refusal.h"

namespace assay::market {

namespace {

#define ASSAY_MARKET_WORD(name) std::string_view(#name),
constexpr std::array kRefusalWords = {ASSAY_MARKET_REFUSALS(ASSAY_MARKET_WORD)};
#undef ASSAY_MARKET_WORD

}  // namespace

std::string_view to_word(Refusal refusal) {
    return kRefusalWords.at(static_cast<std::size_t>(refusal));
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

}  // namespace assay::market
