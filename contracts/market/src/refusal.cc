#include "market/refusal.h"
#include "base/check.h"

namespace assay::market {

namespace {

struct Told {
    std::string_view word;
    RefusalClass about;
    std::string_view explanation;
};
#define ASSAY_MARKET_REFUSAL(word, about, explanation) {#word, RefusalClass::about, explanation},
constexpr Told kTold[] = {ASSAY_MARKET_REFUSALS(ASSAY_MARKET_REFUSAL)};
#undef ASSAY_MARKET_REFUSAL

const Told& told(Refusal refusal) {
    const auto number = static_cast<std::size_t>(refusal);
    ASSAY_CHECK(number < std::size(kTold));
    return kTold[number];
}

}  // namespace

std::string_view to_word(Refusal refusal) { return told(refusal).word; }
RefusalClass class_of(Refusal refusal) { return told(refusal).about; }
std::string_view explanation_of(Refusal refusal) { return told(refusal).explanation; }

std::optional<Refusal> refusal_from_word(std::string_view word) {
    for (std::size_t i = 0; i < std::size(kTold); ++i) {
        if (kTold[i].word == word) return static_cast<Refusal>(i);
    }
    return std::nullopt;
}

std::optional<Refusal> refusal_from_number(std::uint8_t value) {
    if (value >= std::size(kTold)) return std::nullopt;
    return static_cast<Refusal>(value);
}

}  // namespace assay::market
