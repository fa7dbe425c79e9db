#include "judge.h"

#include <gtest/gtest.h>

#include "folder.h"

namespace assay::validator {
namespace {

using testing::hash_of;

const base::Hash kRoot = hash_of("tree"), kAsserted = hash_of("end"),
                 kOther = hash_of("another end");

struct Scripted {
    std::vector<base::Hash> found;    ///< by replay
    std::vector<std::size_t> places;  ///< how many cells each was asked for
    ReplayOnce once() {
        return [this](const CellPlaces& asked) -> Available<ReplayOutcome> {
            places.push_back(asked.size());
            if (places.size() > found.size()) return replay::unavailable("no such replay");
            return ReplayOutcome{found[places.size() - 1],
                                 std::vector<base::Hash>(asked.size(), hash_of("cell"))};
        };
    }
};
const CellPlaces kEight(market::kCells);

TEST(Compare, OneReplayIsEnoughForWhatIsRight) {
    Scripted replays{{kAsserted}, {}};
    const auto done = compare(kRoot, kAsserted, kEight, replays.once());
    ASSERT_TRUE(done);
    EXPECT_EQ(done->found, kAsserted);
    EXPECT_EQ(done->root, kRoot);
    EXPECT_EQ(done->cells.size(), market::kCells);
    EXPECT_EQ(replays.places, (std::vector<std::size_t>{8}));
}

TEST(Compare, AccusesAfterASecondPlainReplay) {
    Scripted replays{{kOther, kOther}, {}};
    const auto done = compare(kRoot, kAsserted, kEight, replays.once());
    ASSERT_TRUE(done);
    EXPECT_EQ(done->found, kOther);
    EXPECT_TRUE(done->cells.empty());
    EXPECT_EQ(replays.places, (std::vector<std::size_t>{8, 0}));
}

TEST(Compare, AccusesNobodyWhenTwoReplaysDiffer) {
    for (const base::Hash& second : {kAsserted, hash_of("a third end")}) {
        Scripted replays{{kOther, second}, {}};
        const auto done = compare(kRoot, kAsserted, kEight, replays.once());
        ASSERT_FALSE(done);
        EXPECT_NE(done.error().why.find("two replays"), std::string::npos);
    }
}

TEST(Compare, AFailedReplayIsNoVerdict) {
    Scripted never{{}, {}};
    EXPECT_FALSE(compare(kRoot, kAsserted, kEight, never.once()));
    Scripted once{{kOther}, {}};
    EXPECT_FALSE(compare(kRoot, kAsserted, kEight, once.once()));
}

}  // namespace
}  // namespace assay::validator
