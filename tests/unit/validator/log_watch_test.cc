#include "log_watch.h"

#include <fstream>

#include "base/merkle.h"
#include "folder.h"

namespace assay::validator {
namespace {

using testing::hash_of;

constexpr auto kFamily = base::MerkleFamily::sha256;

/// A log whose leaves are numbered, from `fork` on those of another history.
std::vector<base::Hash> leaves(std::uint64_t size, std::uint64_t fork = UINT64_MAX) {
    std::vector<base::Hash> all;
    for (std::uint64_t i = 0; i < size; ++i)
        all.push_back(hash_of((i < fork ? "leaf " : "other leaf ") + std::to_string(i)));
    return all;
}
LogPoint point(std::uint64_t size, std::uint64_t fork = UINT64_MAX) {
    return {size, base::merkle_root(kFamily, leaves(size, fork)),
            "{\"size\":" + std::to_string(size) + "}"};
}
/// An operator that proves from the history it has now.
ProveLog proves(std::uint64_t fork = UINT64_MAX) {
    return [fork](std::uint64_t from,
                  std::uint64_t to) -> tl::expected<std::vector<base::Hash>, NoProof> {
        return base::consistency_prove(kFamily, leaves(to, fork), from);
    };
}
ProveLog gives(NoProof error) {
    return [error](std::uint64_t, std::uint64_t) -> tl::expected<std::vector<base::Hash>, NoProof> {
        return tl::unexpected(error);
    };
}

class LogWatchTest : public testing::Folder {
  protected:
    LogWatch watch() { return {folder / "log", evidence()}; }
    const Evidence& evidence() {
        if (!evidence_) evidence_.emplace(folder / "evidence");
        return *evidence_;
    }

  private:
    std::optional<Evidence> evidence_;
};

TEST_F(LogWatchTest, FollowsALogThatGrows) {
    LogWatch log = watch();
    for (const std::uint64_t size : {0, 1, 2, 3, 7, 8, 9, 40}) {
        EXPECT_EQ(log.see(point(size), proves()), LogOutcome::extends) << size;
        EXPECT_EQ(log.longest(), point(size));
    }
    EXPECT_FALSE(evidence().any());
}

TEST_F(LogWatchTest, TakesAnOlderPointOfTheSameLog) {
    LogWatch log = watch();
    ASSERT_EQ(log.see(point(9), proves()), LogOutcome::extends);
    for (const std::uint64_t size : {0, 1, 4, 8, 9})
        EXPECT_EQ(log.see(point(size), proves()), LogOutcome::extends) << size;
    EXPECT_EQ(log.longest(), point(9));
}

TEST_F(LogWatchTest, RefusesALogThatLeavesOutWhatItHad) {
    for (const std::uint64_t fork : {0, 1, 5, 8}) {
        SCOPED_TRACE(fork);
        for (const std::uint64_t size : {9, 12, 8, 1}) {
            if (fork >= size) continue;
            std::filesystem::remove_all(folder / "log");
            std::filesystem::remove_all(folder / "evidence");
            LogWatch log = watch();
            ASSERT_EQ(log.see(point(9), proves()), LogOutcome::extends);
            EXPECT_EQ(log.see(point(size, fork), proves(fork)), LogOutcome::forked) << size;
            EXPECT_TRUE(evidence().any()) << size;
            EXPECT_EQ(log.longest(), point(9)) << "what was signed is not forgotten";
            EXPECT_NE(log.trouble().find("neither extends the other"), std::string::npos);
        }
    }
}

TEST_F(LogWatchTest, TheEvidenceHasBothHeads) {
    LogWatch log = watch();
    ASSERT_EQ(log.see(point(9), proves()), LogOutcome::extends);
    ASSERT_EQ(log.see(point(12, 3), proves(3)), LogOutcome::forked);
    std::ifstream in(folder / "evidence" / "log-9-12.json");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(text, "{\"first\":{\"size\":9},\"second\":{\"size\":12}}\n");
}

TEST_F(LogWatchTest, ARollBackIsAFork) {
    LogWatch log = watch();
    ASSERT_EQ(log.see(point(9), proves()), LogOutcome::extends);
    // The node says that its log is not that long any more.
    EXPECT_EQ(log.see(point(4), gives(NoProof::refused)), LogOutcome::forked);
    EXPECT_TRUE(evidence().any());
}

TEST_F(LogWatchTest, SilenceSaysNothing) {
    LogWatch log = watch();
    ASSERT_EQ(log.see(point(9), proves()), LogOutcome::extends);
    EXPECT_EQ(log.see(point(12), gives(NoProof::no_answer)), LogOutcome::unknown);
    EXPECT_EQ(log.longest(), point(9));
    EXPECT_FALSE(evidence().any());
    EXPECT_EQ(log.see(point(12), proves()), LogOutcome::extends);
}

TEST_F(LogWatchTest, RemembersAfterARestart) {
    ASSERT_EQ(watch().see(point(9), proves()), LogOutcome::extends);
    LogWatch log = watch();
    EXPECT_EQ(log.longest(), point(9));
    EXPECT_EQ(log.see(point(12, 3), proves(3)), LogOutcome::forked);
}

TEST_F(LogWatchTest, ADamagedFileSignsNothing) {
    ASSERT_EQ(watch().see(point(9), proves()), LogOutcome::extends);
    const auto bytes = encode_log_point(point(9));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes bad = bytes;
        bad[i] ^= 1U;
        EXPECT_FALSE(decode_log_point(bad)) << i;
        EXPECT_FALSE(decode_log_point(base::ByteView(bytes).first(i))) << i;
    }
    std::ofstream(folder / "log", std::ios::binary) << "damaged";
    LogWatch log = watch();
    EXPECT_EQ(log.see(point(9), proves()), LogOutcome::unknown);
    EXPECT_EQ(log.see(point(12), proves()), LogOutcome::unknown);
}

TEST_F(LogWatchTest, WhatIsNotOnDiskIsNotSeen) {
    std::ofstream(folder / "blocked") << "a file where the folder should be";
    LogWatch log(folder / "blocked" / "log", evidence());
    EXPECT_EQ(log.see(point(9), proves()), LogOutcome::unknown);
    EXPECT_FALSE(log.longest());
}

}  // namespace
}  // namespace assay::validator
