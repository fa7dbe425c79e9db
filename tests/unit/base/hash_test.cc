#include "base/hash.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

TEST(Hasher, PiecesGiveTheDigestOfTheWhole) {
    const Hash whole = blake2b("assay.test", view_of("abcdef"));
    EXPECT_EQ(Hasher("assay.test").add(view_of("abc")).add(view_of("def")).finish(), whole);
    EXPECT_EQ(Hasher("assay.test").add(ByteView{}).add(view_of("abcdef")).finish(), whole);
}

TEST(Hasher, TagsSeparateMeanings) {
    EXPECT_NE(blake2b("assay.test", view_of("a")), blake2b("assay.tesu", view_of("a")));
}

TEST(Hasher, IntegersAreLittleEndian) {
    const Bytes bytes = {1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(Hasher("assay.test").add_u8(1).add_u32(2).add_u64(3).finish(),
              blake2b("assay.test", bytes));
}

TEST(Hasher, SizedFieldsCannotShift) {
    EXPECT_NE(Hasher("assay.test").add_sized(view_of("ab")).add_sized(view_of("c")).finish(),
              Hasher("assay.test").add_sized(view_of("a")).add_sized(view_of("bc")).finish());
}

TEST(HasherDeath, RefusesALongTag) { EXPECT_DEATH(Hasher("assay.seventeen.c"), "check failed"); }

TEST(HashFromHex, RefusesWrongLengths) {
    EXPECT_FALSE(hash_from_hex(""));
    EXPECT_FALSE(hash_from_hex(std::string(62, '0')));
    EXPECT_FALSE(hash_from_hex(std::string(66, '0')));
    EXPECT_FALSE(hash_from_hex(std::string(64, 'G')));
    EXPECT_TRUE(hash_from_hex(std::string(64, '0'))->is_zero());
    EXPECT_FALSE(hash_from_bytes(Bytes(31)));
    EXPECT_FALSE(hash_from_bytes(Bytes(33)));
}

TEST(FirstU64, ReadsTheFirstEightBytesLittleEndian) {
    Hash hash;
    hash.bytes[0] = 1;
    hash.bytes[7] = 0x80;
    hash.bytes[8] = 0xff;
    EXPECT_EQ(first_u64(hash), 0x8000000000000001U);
}

TEST(ScaleU64, IsBelowItsBound) {
    EXPECT_EQ(scale_u64(0, 10), 0U);
    EXPECT_EQ(scale_u64(~std::uint64_t{0}, 10), 9U);
    EXPECT_EQ(scale_u64(std::uint64_t{1} << 63U, 1'000'000), 500'000U);
}

}  // namespace
}  // namespace assay::base
