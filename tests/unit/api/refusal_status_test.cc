#include "refusal_status.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace assay::server {
namespace {

using market::Refusal;

std::vector<Refusal> refusals() {
    std::vector<Refusal> all;
    for (std::uint32_t number = 0; number < 256; ++number) {
        if (const auto refusal = market::refusal_from_number(static_cast<std::uint8_t>(number)))
            all.push_back(*refusal);
    }
    return all;
}

/// Rows `words | status | meaning` of docs/formats/refusals.md.
std::map<std::string, int> page() {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/refusals.md");
    std::map<std::string, int> rows;
    std::string line;
    const std::regex row(R"(\| (`.*`) \| (\d+) \| .+ \|)");
    const std::regex word("`(\\w+)`");
    while (std::getline(file, line)) {
        std::smatch match;
        if (!std::regex_match(line, match, row)) continue;
        const std::string words = match[1];
        for (std::sregex_iterator it(words.begin(), words.end(), word), end; it != end; ++it)
            rows[(*it)[1]] = std::stoi(match[2]);
    }
    return rows;
}

TEST(RefusalStatus, IsThatOfThePage) {
    const auto rows = page();
    const auto all = refusals();
    EXPECT_EQ(rows.size(), all.size()) << "the page has every word once, and no other";
    for (const Refusal refusal : all) {
        const auto found = rows.find(std::string(market::to_word(refusal)));
        ASSERT_NE(found, rows.end()) << market::to_word(refusal);
        EXPECT_EQ(status_of(refusal), found->second) << market::to_word(refusal);
    }
}

TEST(RefusalStatus, FollowsTheName) {
    for (const Refusal refusal : refusals()) {
        const std::string word(market::to_word(refusal));
        const auto ends = [&](std::string_view end) { return word.ends_with(end); };
        int expected = 0;
        if (ends("_unknown") && word != "profile_unknown") expected = 404;
        if (ends("_not_yours")) expected = 403;
        if (ends("_state") || ends("_known") || word.starts_with("already_")) expected = 409;
        if (ends("_out_of_range") || ends("_invalid")) expected = 422;
        EXPECT_TRUE(expected == 0 || status_of(refusal) == expected) << word;
    }
    EXPECT_EQ(status_of(Refusal::dispute_unknown), 404);
    EXPECT_EQ(status_of(Refusal::seal_unknown), 404);
    EXPECT_EQ(status_of(Refusal::question_unknown), 404);
    EXPECT_EQ(status_of(Refusal::dispute_not_yours), 403);
    EXPECT_EQ(status_of(Refusal::question_not_yours), 403);
    EXPECT_EQ(status_of(Refusal::own_work), 403);
    for (const Refusal move :
         {Refusal::malformed_move, Refusal::wrong_move, Refusal::wrong_count, Refusal::wrong_hash,
          Refusal::wrong_place, Refusal::wrong_record, Refusal::wrong_openings})
        EXPECT_EQ(status_of(move), 422) << market::to_word(move);
    EXPECT_EQ(status_of(Refusal::malformed), 400);
    EXPECT_EQ(status_of(Refusal::oversize), 413);
}

TEST(RefusalStatus, EveryExplanationIsItsOwn) {
    std::set<std::string_view> told;
    for (const Refusal refusal : refusals()) {
        EXPECT_FALSE(market::explanation_of(refusal).empty()) << market::to_word(refusal);
        EXPECT_TRUE(told.insert(market::explanation_of(refusal)).second)
            << market::explanation_of(refusal);
    }
}

}  // namespace
}  // namespace assay::server
