#include "market/commitment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"

namespace assay::market {
namespace {

base::Hash numbered(std::string_view what, std::uint64_t n) {
    return base::Hasher("test").add(base::view_of(what)).add_u64(n).finish();
}

PartKey some_key() {
    return {base::JobId{numbered("job", 1)}, 2, 3, 0, 5, base::AccountId{numbered("worker", 1)}, 1};
}

TEST(PartId, CoversEveryFieldOfItsKey) {
    const base::Hash chain = numbered("chain", 1);
    const base::PartId id = part_id(chain, some_key());
    PartKey key = some_key();
    key.job = base::JobId{numbered("job", 2)};
    EXPECT_NE(part_id(chain, key), id);
    for (std::uint32_t PartKey::*field :
         {&PartKey::round, &PartKey::lane, &PartKey::stage, &PartKey::part, &PartKey::attempt}) {
        key = some_key();
        key.*field += 1;
        EXPECT_NE(part_id(chain, key), id);
    }
    key = some_key();
    key.worker = base::AccountId{numbered("worker", 2)};
    EXPECT_NE(part_id(chain, key), id);
    EXPECT_NE(part_id(numbered("chain", 2), some_key()), id);
}

TEST(SegmentLeaf, CoversEveryField) {
    const SegmentLeaf leaf{numbered("salt", 1), numbered("start", 1), numbered("end", 1), numbered("steps", 1)};
    const base::Hash hash = segment_leaf_hash(leaf);
    for (base::Hash SegmentLeaf::*field :
         {&SegmentLeaf::salt, &SegmentLeaf::start_root, &SegmentLeaf::end_field, &SegmentLeaf::steps_root}) {
        SegmentLeaf other = leaf;
        (other.*field).bytes[31] ^= 1U;
        EXPECT_NE(segment_leaf_hash(other), hash);
    }
}

TEST(PlantForced, NeverTheLastOfAPart) {
    base::VrfOutput beta{};
    for (std::uint32_t segments = 1; segments < 40; ++segments) {
        EXPECT_FALSE(plant_forced(beta, segments - 1, segments, 1'000'000));
        for (std::uint32_t i = 0; i + 1 < segments; ++i) {
            EXPECT_TRUE(plant_forced(beta, i, segments, 1'000'000));
            EXPECT_FALSE(plant_forced(beta, i, segments, 0));
        }
    }
}

TEST(PlantForced, FollowsTheRate) {
    base::VrfOutput beta{};
    constexpr std::uint32_t kSegments = 20'000;
    double forced = 0.0;
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        if (plant_forced(beta, i, kSegments, 100'000)) forced += 1.0;
    }
    EXPECT_NEAR(forced / kSegments, 0.1, 4 * std::sqrt(0.09 / kSegments));
}

TEST(PlantAlpha, DiffersWithEveryInput) {
    const base::JobId job{numbered("job", 1)};
    const base::Bytes alpha = plant_alpha(numbered("chain", 1), job, 1, 2, 3, numbered("seed", 1));
    EXPECT_NE(plant_alpha(numbered("chain", 2), job, 1, 2, 3, numbered("seed", 1)), alpha);
    EXPECT_NE(plant_alpha(numbered("chain", 1), base::JobId{numbered("job", 2)}, 1, 2, 3, numbered("seed", 1)), alpha);
    EXPECT_NE(plant_alpha(numbered("chain", 1), job, 2, 2, 3, numbered("seed", 1)), alpha);
    EXPECT_NE(plant_alpha(numbered("chain", 1), job, 1, 3, 3, numbered("seed", 1)), alpha);
    EXPECT_NE(plant_alpha(numbered("chain", 1), job, 1, 2, 4, numbered("seed", 1)), alpha);
    EXPECT_NE(plant_alpha(numbered("chain", 1), job, 1, 2, 3, numbered("seed", 2)), alpha);
}

TEST(SegmentSalt, IsTheSameForAResendAndDiffersForAnotherAttempt) {
    const base::Hash seed = numbered("seed", 9);
    const base::SecretKey key = base::SecretKey::from_seed(seed.view());
    const base::JobId job{numbered("job", 1)};
    EXPECT_EQ(segment_salt(key, job, 0, 1, 2, 0), segment_salt(key, job, 0, 1, 2, 0));
    EXPECT_NE(segment_salt(key, job, 0, 1, 2, 0), segment_salt(key, job, 0, 1, 2, 1));
    EXPECT_NE(segment_salt(key, job, 0, 1, 2, 0), segment_salt(key, job, 0, 1, 3, 0));
}

TEST(PartSpan, CoversARoundWithoutGapOrOverlap) {
    for (std::uint32_t round = 1; round < 30; ++round) {
        for (std::uint32_t k = 1; k < 12; ++k) {
            std::uint32_t next = 0;
            for (std::uint32_t part = 0; part < parts_per_round(round, k); ++part) {
                const PartSpan span = part_span(part, round, k);
                EXPECT_EQ(span.first_segment, next);
                EXPECT_GT(span.segments, 0U);
                EXPECT_LE(span.segments, k);
                next += span.segments;
            }
            EXPECT_EQ(next, round);
        }
    }
}

}  // namespace
}  // namespace assay::market
