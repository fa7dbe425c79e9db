#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "market/commitment.h"
#include "market/draw.h"

/// The examples in docs/formats/commitment.md and docs/formats/draw.md must be what the code computes.
namespace assay::market {
namespace {

std::string page(const std::string& name) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

base::Hash filled(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

base::VrfOutput filled_output(std::uint8_t byte) {
    base::VrfOutput beta{};
    beta.fill(byte);
    return beta;
}

void expect_row(const std::string& text, const std::string& value) {
    EXPECT_NE(text.find("| `" + value + "` |"), std::string::npos) << value;
}

TEST(Formats, CommitmentPageShowsWhatTheCodeComputes) {
    const std::string text = page("commitment.md");
    const base::JobId job{filled(0x0b)};
    expect_row(text, part_id(filled(0x08), {job, 1, 2, 0, 3, base::AccountId{filled(0x0c)}, 4}).hex());
    expect_row(text, segment_leaf_hash({filled(0x0d), filled(0x0e), filled(0x0f), filled(0x10)}).hex());
    expect_row(text, plant_field(filled(0x0f)).hex());
    expect_row(text, round_end_root(filled(0x0f), filled(0x10)).hex());
    expect_row(text, base::to_hex(plant_alpha(filled(0x08), job, 1, 2, 3, filled(0x11))));
    expect_row(text, base::to_hex(receipt_message(base::BlobRoot{filled(0x12)}, 1000, base::TimeMs{2000})));
    std::string forced;
    for (std::uint32_t i = 0; i < 17; ++i) forced += plant_forced(filled_output(0x13), i, 17, 500'000) ? '1' : '0';
    expect_row(text, forced);
}

TEST(Formats, DrawPageShowsWhatTheCodeComputes) {
    const std::string text = page("draw.md");
    const base::Hash y = filled(0x02);
    const base::PartId part{filled(0x01)};
    const base::AuditId audit{filled(0x03)};
    for (const std::uint64_t word : {0xc000000000000000ULL, 0x5555555555555555ULL, 0x0123456789abcdefULL}) {
        expect_row(text, std::to_string(negative_log2(word)));
    }
    expect_row(text, std::to_string(draw_distance(y, part, 5)));
    std::string drawn;
    for (std::uint32_t i = 0; i < 16; ++i) drawn += is_drawn(y, part, i, 450'000) ? '1' : '0';
    expect_row(text, drawn);
    std::string steps;
    for (const std::uint32_t step : opened_steps(y, audit, 20)) steps += (steps.empty() ? "" : " ") + std::to_string(step);
    expect_row(text, steps);
    const Verdict verdict{VerdictKind::valid, {}, filled(0x05)};
    expect_row(text, verdict_seal(audit, base::AccountId{filled(0x04)}, verdict, filled(0x06)).hex());
    expect_row(text, commitment_leaf(part, filled(0x07)).hex());
    expect_row(text, base::to_hex(contribution_alpha(filled(0x08), 9, filled(0x0a))));
    expect_row(text, contribution_output(filled_output(0x13)).hex());
}

}  // namespace
}  // namespace assay::market
