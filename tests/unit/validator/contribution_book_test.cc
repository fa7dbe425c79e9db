#include "contribution_book.h"

#include <fstream>

#include "folder.h"

namespace assay::validator {
namespace {

using testing::hash_of;

SignedContribution example(std::uint64_t epoch) {
    return {epoch, hash_of("commitments " + std::to_string(epoch)), 10 * epoch,
            hash_of("log " + std::to_string(epoch)), "{\"epoch\":" + std::to_string(epoch) + "}"};
}

class ContributionBookTest : public testing::Folder {
  protected:
    ContributionBook book() { return {folder / "contributions", evidence}; }
    void SetUp() override {
        testing::Folder::SetUp();
        evidence = Evidence(folder / "evidence");
    }
    Evidence evidence{""};
};

TEST_F(ContributionBookTest, IsOnDiskWhenItMayBeSent) {
    ASSERT_EQ(book().enter(example(7)), Entry::may_be_sent);
    std::ifstream in(folder / "contributions" / "7", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(decode_signed_contribution(base::Bytes(text.begin(), text.end())), example(7));
}

TEST_F(ContributionBookTest, TheSameMayBeSentAgainAfterARestart) {
    ASSERT_EQ(book().enter(example(7)), Entry::may_be_sent);
    SignedContribution again = example(7);
    again.shown = "{\"another\":\"head\"}";
    EXPECT_EQ(book().enter(again), Entry::may_be_sent);
    EXPECT_FALSE(evidence.any());
}

TEST_F(ContributionBookTest, RefusesASecondOneForAnEpoch) {
    for (int field = 0; field < 3; ++field) {
        SCOPED_TRACE(field);
        std::filesystem::remove_all(folder / "evidence");
        ASSERT_EQ(book().enter(example(7)), Entry::may_be_sent);
        SignedContribution other = example(7);
        other.shown = "{\"other\":true}";
        if (field == 0) other.commitments_root = hash_of("other");
        if (field == 1) ++other.log_size;
        if (field == 2) other.log_root = hash_of("other");
        ContributionBook again = book();
        EXPECT_EQ(again.enter(other), Entry::other_signed);
        EXPECT_NE(again.trouble().find("twice"), std::string::npos);
        std::ifstream in(folder / "evidence" / "epoch-7.json");
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        EXPECT_EQ(text, "{\"first\":{\"epoch\":7},\"second\":{\"other\":true}}\n");
        EXPECT_EQ(again.enter(example(7)), Entry::may_be_sent) << "the first one stands";
    }
}

TEST_F(ContributionBookTest, ADamagedEntryIsNeverReplaced) {
    ASSERT_EQ(book().enter(example(7)), Entry::may_be_sent);
    std::ofstream(folder / "contributions" / "7", std::ios::binary) << "damaged";
    EXPECT_EQ(book().enter(example(7)), Entry::not_saved);
    std::filesystem::copy_file(folder / "contributions" / "7", folder / "contributions" / "8");
    EXPECT_EQ(book().enter(example(8)), Entry::not_saved);
}

TEST_F(ContributionBookTest, AnotherEpochsEntryIsNone) {
    ASSERT_EQ(book().enter(example(7)), Entry::may_be_sent);
    std::filesystem::copy_file(folder / "contributions" / "7", folder / "contributions" / "8");
    EXPECT_EQ(book().enter(example(8)), Entry::not_saved);
}

TEST_F(ContributionBookTest, SignsNothingThatItMayHaveForgotten) {
    ContributionBook now = book();
    ASSERT_EQ(now.enter(example(0)), Entry::may_be_sent);
    ASSERT_EQ(now.enter(example(64 * (ContributionBook::kKept / 64 + 2))), Entry::may_be_sent);
    EXPECT_EQ(files_in("contributions"), 1U) << "old entries go";
    SignedContribution other = example(0);
    other.commitments_root = hash_of("other");
    EXPECT_EQ(now.enter(other), Entry::too_old);
    EXPECT_EQ(book().enter(other), Entry::too_old) << "after a restart";
    EXPECT_EQ(now.enter(example(100 + 64)), Entry::may_be_sent) << "an epoch that it missed";
}

TEST_F(ContributionBookTest, RefusesEveryChangedByteAndLength) {
    base::Bytes bytes = encode_signed_contribution(example(7));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes bad = bytes;
        bad[i] ^= 1U;
        EXPECT_FALSE(decode_signed_contribution(bad)) << i;
        EXPECT_FALSE(decode_signed_contribution(base::ByteView(bytes).first(i))) << i;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_signed_contribution(bytes));
}

TEST_F(ContributionBookTest, HasTheBytesOfTheDocument) {
    EXPECT_EQ(base::to_hex(encode_signed_contribution({7, {}, 0, {}, "{}"})),
              testing::documented("contribution_example"));
    EXPECT_EQ(base::to_hex(encode_log_point({9, {}, "{}"})), testing::documented("log_example"));
}

TEST_F(ContributionBookTest, WhatIsNotOnDiskMayNotBeSent) {
    std::ofstream(folder / "blocked") << "a file where the folder should be";
    EXPECT_EQ(ContributionBook(folder / "blocked" / "contributions", evidence).enter(example(7)),
              Entry::not_saved);
}

}  // namespace
}  // namespace assay::validator
