#include "market/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/hash.h"

namespace assay::market {
namespace {

base::Hash numbered(std::string_view what, std::uint64_t n) {
    return base::Hasher("test").add(base::view_of(what)).add_u64(n).finish();
}

DrawMember member(std::uint64_t n, std::uint64_t weight) {
    return {base::AccountId{numbered("validator", n)}, numbered("y", n), weight};
}

TEST(NegativeLog2, IsExactAtPowersOfTwo) {
    for (std::uint32_t bit = 0; bit < 64; ++bit) {
        EXPECT_EQ(negative_log2(std::uint64_t{1} << bit), std::uint64_t{64 - bit} << 32U) << bit;
    }
    EXPECT_EQ(negative_log2(0), std::uint64_t{64} << 32U);
}

TEST(NegativeLog2, StaysAboveZeroAndNeverRises) {
    EXPECT_EQ(negative_log2(~std::uint64_t{0}), 1U);
    std::uint64_t previous = negative_log2(1);
    for (std::uint64_t word = 1; word < ~std::uint64_t{0} / 3; word = word * 3 + 1) {
        const std::uint64_t l = negative_log2(word);
        EXPECT_LE(l, previous);
        previous = l;
    }
}

TEST(NegativeLog2, AgreesWithTheLogarithm) {
    for (std::uint64_t n = 0; n < 2000; ++n) {
        const std::uint64_t word = base::first_u64(numbered("word", n));
        const long double expected = 64.0L - std::log2(static_cast<long double>(word));
        const long double found = static_cast<long double>(negative_log2(word)) / 4294967296.0L;
        EXPECT_NEAR(static_cast<double>(found - expected), 0.0, 3e-10) << word;
    }
}

TEST(NegativeLog2, HasTheStatedGoldenValues) {
    EXPECT_EQ(negative_log2(0xc000000000000000ULL), 1782572487ULL);
    EXPECT_EQ(negative_log2(0x5555555555555555ULL), 6807362106ULL);
    EXPECT_EQ(negative_log2(0x0123456789abcdefULL), 33559934675ULL);
}

TEST(DrawsBefore, ComparesQuotientsWithoutDividing) {
    EXPECT_TRUE(draws_before(1, 3, 1, 2));
    EXPECT_FALSE(draws_before(1, 2, 1, 3));
    EXPECT_FALSE(draws_before(2, 4, 1, 2));
    const std::uint64_t large = (std::uint64_t{1} << 63U) - 1;
    EXPECT_TRUE(draws_before(std::uint64_t{64} << 32U, large, (std::uint64_t{64} << 32U) + 1, large));
}

TEST(DrawOrder, LeavesOutMembersWithoutWeight) {
    const std::vector<DrawMember> members{member(1, 0), member(2, 5), member(3, 0)};
    EXPECT_EQ(draw_order(members, base::PartId{numbered("part", 1)}, 0), std::vector<std::size_t>{1});
    EXPECT_TRUE(draw_order({}, base::PartId{numbered("part", 1)}, 0).empty());
}

TEST(DrawOrder, DoesNotDependOnTheOrderOfMembers) {
    const std::vector<DrawMember> forward{member(1, 10), member(2, 20), member(3, 30)};
    const std::vector<DrawMember> backward{member(3, 30), member(2, 20), member(1, 10)};
    for (std::uint32_t segment = 0; segment < 50; ++segment) {
        const base::PartId part{numbered("part", 7)};
        const auto a = draw_order(forward, part, segment);
        const auto b = draw_order(backward, part, segment);
        ASSERT_EQ(a.size(), 3U);
        for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(forward[a[i]].validator, backward[b[i]].validator);
    }
}

/// A third of the stake must get a third of the draws: chi-square with 3 degrees of freedom, p > 0.001.
TEST(DrawOrder, SharesDrawsInProportionToStake) {
    const std::vector<DrawMember> members{member(1, 100), member(2, 200), member(3, 300), member(4, 400)};
    constexpr std::uint32_t kDraws = 20'000;
    std::array<double, 4> wins{};
    for (std::uint32_t n = 0; n < kDraws; ++n) {
        wins[draw_order(members, base::PartId{numbered("part", n)}, 0).front()] += 1.0;
    }
    double chi_square = 0.0;
    for (std::size_t i = 0; i < 4; ++i) {
        const double expected = kDraws * static_cast<double>(members[i].weight) / 1000.0;
        chi_square += (wins[i] - expected) * (wins[i] - expected) / expected;
    }
    EXPECT_LT(chi_square, 16.27);
}

/// Splitting a stake over several keys must not raise its share.
TEST(DrawOrder, GivesNothingForSplitting) {
    const std::vector<DrawMember> members{member(1, 300), member(2, 100), member(3, 100), member(4, 100)};
    constexpr std::uint32_t kDraws = 20'000;
    double whole = 0.0;
    for (std::uint32_t n = 0; n < kDraws; ++n) {
        if (draw_order(members, base::PartId{numbered("split", n)}, 0).front() == 0) whole += 1.0;
    }
    EXPECT_NEAR(whole / kDraws, 0.5, 4 * std::sqrt(0.25 / kDraws));
}

TEST(IsDrawn, FollowsTheRate) {
    constexpr std::uint32_t kSegments = 20'000;
    double drawn = 0.0;
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        const base::PartId part{numbered("rate", 3)};
        EXPECT_FALSE(is_drawn(numbered("y", 1), part, i, 0));
        EXPECT_TRUE(is_drawn(numbered("y", 1), part, i, 1'000'000));
        if (is_drawn(numbered("y", 1), part, i, 450'000)) drawn += 1.0;
    }
    EXPECT_NEAR(drawn / kSegments, 0.45, 4 * std::sqrt(0.45 * 0.55 / kSegments));
}

TEST(OpenedSteps, AlwaysHoldTheLastStepOnceAndAscending) {
    for (std::uint32_t steps = 1; steps < 60; ++steps) {
        const auto chosen = opened_steps(numbered("y", 1), base::AuditId{numbered("audit", steps)}, steps);
        ASSERT_FALSE(chosen.empty());
        EXPECT_EQ(chosen.back(), steps - 1);
        EXPECT_LE(chosen.size(), 9U);
        EXPECT_EQ(std::set<std::uint32_t>(chosen.begin(), chosen.end()).size(), chosen.size());
        EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
    }
}

TEST(VerdictSeal, CoversEveryField) {
    const base::AuditId audit{numbered("audit", 1)};
    const base::AccountId validator{numbered("validator", 1)};
    const Verdict verdict{VerdictKind::invalid, numbered("end", 1), numbered("steps", 1)};
    const base::Hash nonce = numbered("nonce", 1);
    const base::Hash seal = verdict_seal(audit, validator, verdict, nonce);
    Verdict other = verdict;
    other.kind = VerdictKind::valid;
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    other = verdict;
    other.end_root = numbered("end", 2);
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    other = verdict;
    other.steps_digest = numbered("steps", 2);
    EXPECT_NE(verdict_seal(audit, validator, other, nonce), seal);
    EXPECT_NE(verdict_seal(base::AuditId{numbered("audit", 2)}, validator, verdict, nonce), seal);
    EXPECT_NE(verdict_seal(audit, base::AccountId{numbered("validator", 2)}, verdict, nonce), seal);
    EXPECT_NE(verdict_seal(audit, validator, verdict, numbered("nonce", 2)), seal);
}

}  // namespace
}  // namespace assay::market
