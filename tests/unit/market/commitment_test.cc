#include "market/commitment.h"

#include <gtest/gtest.h>

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
    const SegmentLeaf leaf{numbered("salt", 1), numbered("start", 1), numbered("end", 1)};
    const base::Hash hash = segment_leaf_hash(leaf);
    for (base::Hash SegmentLeaf::*field :
         {&SegmentLeaf::salt, &SegmentLeaf::start_root, &SegmentLeaf::end_field}) {
        SegmentLeaf other = leaf;
        (other.*field).bytes[31] ^= 1U;
        EXPECT_NE(segment_leaf_hash(other), hash);
    }
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
