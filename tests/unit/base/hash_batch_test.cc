#include "base/hash_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace assay::base {
namespace {

Bytes random_bytes(std::size_t size, std::uint32_t seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 24U);
    return bytes;
}

/// The definition: every message's rows joined, NaN canonical, through libsodium.
Hash expected_of(std::string_view tag, const MessageShape& shape, const std::uint8_t* start) {
    Bytes joined;
    for (std::size_t row = 0; row < shape.rows; ++row) {
        const std::uint8_t* from = start + row * shape.pitch;
        joined.insert(joined.end(), from, from + shape.row_bytes);
    }
    copy_canonical_words(shape.words, joined.data(), joined.data(), joined.size());
    return blake2b(tag, joined);
}

void expect_equal(std::string_view tag, const MessageShape& shape,
                  const std::vector<const std::uint8_t*>& starts) {
    std::vector<Hash> expected;
    for (const std::uint8_t* start : starts) expected.push_back(expected_of(tag, shape, start));
    for (const HashTarget target : hash_targets()) {
        std::vector<Hash> found(starts.size());
        blake2b_batch(tag, shape, starts, found, target);
        ASSERT_EQ(found, expected)
            << name_of(target) << ": " << starts.size() << " messages, " << shape.rows
            << " rows of " << shape.row_bytes << " bytes, pitch " << shape.pitch;
    }
}

std::vector<const std::uint8_t*> every(const Bytes& bytes, std::size_t stride, std::size_t count) {
    std::vector<const std::uint8_t*> starts;
    for (std::size_t i = 0; i < count; ++i) starts.push_back(bytes.data() + i * stride);
    return starts;
}

TEST(HashTargets, BeginWithTheDefinitionAndAscend) {
    ASSERT_FALSE(hash_targets().empty());
    EXPECT_EQ(hash_targets().front(), HashTarget::scalar);
    EXPECT_TRUE(std::is_sorted(hash_targets().begin(), hash_targets().end()));
}

TEST(HashBatch, EqualsTheDefinitionForEveryLength) {
    const Bytes bytes = random_bytes(8 * 4099 + 4096, 1);
    for (std::size_t length = 0; length <= 4096; length += length < 400 ? 1 : 37) {
        expect_equal("assay.leaf", {1, length, length, MessageWords::bytes}, every(bytes, 4099, 8));
    }
    for (std::size_t block = 128; block <= 4096; block += 128) {
        for (const std::size_t length : {block - 1, block, block + 1}) {
            expect_equal("assay.leaf", {1, length, length, MessageWords::bytes},
                         every(bytes, 4099, 8));
        }
    }
}

TEST(HashBatch, EqualsTheDefinitionForEveryCount) {
    const Bytes bytes = random_bytes(40 * 301, 2);
    for (std::size_t count = 0; count <= 40; ++count) {
        for (const std::size_t length :
             {std::size_t{0}, std::size_t{64}, std::size_t{128}, std::size_t{300}}) {
            expect_equal("assay.node", {1, length, length, MessageWords::bytes},
                         every(bytes, 301, count));
        }
    }
}

TEST(HashBatch, CoversTheWholeTag) {
    const Bytes bytes = random_bytes(512, 3);
    for (const std::string_view tag : {"a", "assay.descriptor", "sixteen bytes of", "assay.tile"}) {
        expect_equal(tag, {1, 100, 100, MessageWords::bytes}, every(bytes, 50, 8));
    }
}

TEST(HashBatch, GathersRows) {
    const Bytes bytes = random_bytes(40'000, 4);
    for (const std::size_t rows : {0, 1, 2, 3, 5, 31, 32}) {
        for (const std::size_t row_bytes :
             {0, 1, 2, 4, 32, 60, 64, 96, 124, 127, 128, 129, 200, 256, 300}) {
            for (const std::size_t gap : {0, 1, 512}) {
                expect_equal("assay.leaf", {rows, row_bytes, row_bytes + gap, MessageWords::bytes},
                             every(bytes, 129, 11));
            }
        }
    }
}

/// Words of all kinds: NaN of both signs, infinities, subnormals, zeros, and random ones.
Bytes awkward_words(MessageWords words, std::size_t count) {
    const std::size_t size = words == MessageWords::f32 ? 4 : 2;
    const std::uint32_t infinity = words == MessageWords::f32   ? 0x7f800000U
                                   : words == MessageWords::f16 ? 0x7c00U
                                                                : 0x7f80U;
    const std::uint32_t sign = words == MessageWords::f32 ? 0x80000000U : 0x8000U;
    const std::uint32_t special[] = {infinity,
                                     infinity + 1,
                                     infinity - 1,
                                     infinity | sign,
                                     (infinity + 1) | sign,
                                     sign - 1,
                                     2 * sign - 1,
                                     0,
                                     sign,
                                     1,
                                     sign + 1};
    std::mt19937 random(static_cast<std::uint32_t>(words));
    Bytes bytes(count * size);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t word = random() % 2 == 0 ? special[random() % std::size(special)]
                                                     : static_cast<std::uint32_t>(random());
        std::memcpy(bytes.data() + i * size, &word, size);
    }
    return bytes;
}

TEST(HashBatch, ReadsEveryNanAsTheCanonicalOne) {
    for (const MessageWords words : {MessageWords::f32, MessageWords::f16, MessageWords::bf16}) {
        const Bytes bytes = awkward_words(words, 20'000);
        for (const std::size_t rows : {1, 7, 32}) {
            for (const std::size_t row_bytes : {4, 60, 64, 128, 132, 400}) {
                expect_equal("assay.leaf", {rows, row_bytes, row_bytes + 268, words},
                             every(bytes, 132, 13));
            }
        }
        // A first word that is NaN hashes like the canonical one, and only under a float type.
        Bytes same = bytes, other = bytes;
        const std::uint32_t nan = words == MessageWords::f32 ? 0xffc01234U : 0xfff1U,
                            known = words == MessageWords::f32   ? 0x7fc00000U
                                    : words == MessageWords::f16 ? 0x7e00U
                                                                 : 0x7fc0U;
        const std::size_t size = words == MessageWords::f32 ? 4 : 2;
        std::memcpy(same.data(), &nan, size);
        std::memcpy(other.data(), &known, size);
        const std::vector<const std::uint8_t*> starts{same.data(), other.data()};
        for (const HashTarget target : hash_targets()) {
            std::vector<Hash> floats(2), raw(2);
            blake2b_batch("assay.leaf", {1, 256, 256, words}, starts, floats, target);
            blake2b_batch("assay.leaf", {1, 256, 256, MessageWords::bytes}, starts, raw, target);
            EXPECT_EQ(floats[0], floats[1]);
            EXPECT_NE(raw[0], raw[1]);
        }
    }
}

TEST(HashBatchDeath, RefusesALongTag) {
    const Bytes bytes(64);
    std::vector<Hash> out(2);
    const std::vector<const std::uint8_t*> starts{bytes.data(), bytes.data() + 8};
    for (const HashTarget target : hash_targets()) {
        EXPECT_DEATH(
            blake2b_batch("assay.seventeen.c", {1, 8, 8, MessageWords::bytes}, starts, out, target),
            "check failed");
    }
}

}  // namespace
}  // namespace assay::base
