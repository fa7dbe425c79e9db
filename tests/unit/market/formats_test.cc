#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <sstream>

#include "market/commitment.h"
#include "market/draw.h"

/// The examples in docs/formats/commitment.md and docs/formats/draw.md must be what the code
/// computes.
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
    expect_row(text,
               part_id(filled(0x08), {job, 1, 2, 0, 3, base::AccountId{filled(0x0c)}, 4}).hex());
    expect_row(text, segment_leaf_hash({filled(0x0d), filled(0x0e), filled(0x0f)}).hex());
    expect_row(text, round_end_root(filled(0x0f), filled(0x10)).hex());
    expect_row(text, base::to_hex(
                         receipt_message(base::BlobRoot{filled(0x12)}, 1000, base::TimeMs{2000})));
}

std::string hexadecimal(std::uint64_t value) {
    std::ostringstream out;
    out << std::hex << std::setw(16) << std::setfill('0') << value;
    return out.str();
}

TEST(Formats, DrawPageShowsTheStatedArithmetic) {
    const std::string text = page("draw.md");
    for (const std::uint64_t word :
         {0xc000000000000000ULL, 0x5555555555555555ULL, 0x0123456789abcdefULL}) {
        expect_row(text, std::to_string(negative_log2(word)));
    }
    const std::uint64_t exponent = rate_exponent(450'000);
    const std::uint64_t third = member_exponent(exponent, 1, 3);
    expect_row(text, std::to_string(exponent));
    expect_row(text, std::to_string(third));
    expect_row(text, hexadecimal(power_of_half(third)));
    expect_row(text, hexadecimal(draw_chance(third)));
    expect_row(text, std::to_string(expected_audits(450'000)));
    expect_row(text, audit_pay(base::Amount::of(1'000'000), third)->decimal());
    expect_row(text, std::to_string(audits_bound(100 * expected_audits(450'000))));
}

TEST(Formats, DrawPageShowsWhatTheCodeComputes) {
    const std::string text = page("draw.md");
    const base::Hash y = filled(0x02);
    const base::JobId job{filled(0x0b)};
    const base::AuditId audit{filled(0x03)};
    const base::PartId part{filled(0x01)};
    std::string drawn;
    for (std::uint32_t i = 0; i < 16; ++i) {
        drawn +=
            is_drawn(y, {ClaimKind::segment, job, 1, 2, i, {}}, draw_chance(rate_exponent(450'000)))
                ? '1'
                : '0';
    }
    expect_row(text, drawn);
    const Verdict verdict{VerdictKind::valid, {}, filled(0x05)};
    expect_row(text,
               verdict_seal(audit, base::AccountId{filled(0x04)}, verdict, filled(0x06)).hex());
    expect_row(text, commitment_leaf(part, job, filled(0x07)).hex());
    expect_row(text, extend_members(filled(0x15), base::AccountId{filled(0x04)}, 1000).hex());
    expect_row(
        text,
        epoch_root(filled(0x15), 7, std::vector<base::Hash>{filled(0x16), filled(0x17)}).hex());
    expect_row(text, merge_commitment_id(filled(0x08), job, 1, 2).hex());
    expect_row(text, init_commitment_id(job).hex());
    expect_row(text, redraw_commitment_id(part, 1, 2).hex());
    expect_row(text, control_commitment_id(audit, 1).hex());
    expect_row(text, job_commitment_id(job).hex());
    expect_row(text, base::to_hex(contribution_alpha(filled(0x08), 9, filled(0x0a))));
    expect_row(text, contribution_output(filled_output(0x13)).hex());
    expect_row(text, base::to_hex(spot_alpha(audit, filled(0x07))));
    const std::vector<base::Hash> cells(kCells, filled(0x14));
    expect_row(text, cells_digest(filled(0x06), cells).hex());
}

}  // namespace
}  // namespace assay::market
