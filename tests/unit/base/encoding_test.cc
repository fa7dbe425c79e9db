#include "base/encoding.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

TEST(Decoder, ReadsWhatTheEncoderWrote) {
    const Hash hash = blake2b("assay.test", view_of("x"));
    const Bytes encoded = Encoder()
                              .u8(1)
                              .u16(2)
                              .u32(3)
                              .u64(4)
                              .boolean(true)
                              .id(JobId{hash})
                              .count(Height{9})
                              .amount(Amount::of(5))
                              .text("abc")
                              .take();
    Decoder decoder(encoded);
    EXPECT_EQ(decoder.u8(), 1);
    EXPECT_EQ(decoder.u16(), 2);
    EXPECT_EQ(decoder.u32(), 3U);
    EXPECT_EQ(decoder.u64(), 4U);
    EXPECT_TRUE(decoder.boolean());
    EXPECT_EQ(decoder.id_of<JobId>().hash, hash);
    EXPECT_EQ(decoder.count_of<Height>().value, 9U);
    EXPECT_EQ(decoder.amount(), Amount::of(5));
    EXPECT_EQ(decoder.text(3), "abc");
    EXPECT_TRUE(decoder.finished());
}

TEST(Decoder, RefusesTruncatedInput) {
    const Bytes encoded = Encoder().u32(1).text("abc").take();
    for (std::size_t size = 0; size < encoded.size(); ++size) {
        Decoder decoder(ByteView(encoded).first(size));
        decoder.u32();
        decoder.text(10);
        EXPECT_FALSE(decoder.finished()) << size;
        EXPECT_FALSE(decoder.ok()) << size;
    }
}

TEST(Decoder, RefusesBytesLeftOver) {
    const Bytes encoded = {1, 2};
    Decoder decoder(encoded);
    decoder.u8();
    EXPECT_TRUE(decoder.ok());
    EXPECT_FALSE(decoder.finished());
}

TEST(Decoder, RefusesBooleansOtherThanZeroAndOne) {
    const Bytes encoded = {2};
    Decoder decoder(encoded);
    EXPECT_FALSE(decoder.boolean());
    EXPECT_FALSE(decoder.ok());
}

TEST(Decoder, RefusesAmountsOf2To63) {
    const Bytes encoded = Encoder().u64(Amount::kMax + 1).take();
    Decoder decoder(encoded);
    decoder.amount();
    EXPECT_FALSE(decoder.ok());
}

TEST(Decoder, RefusesLengthsAboveTheirLimit) {
    const Bytes encoded = Encoder().text("abcd").take();
    Decoder decoder(encoded);
    EXPECT_EQ(decoder.text(3), "");
    EXPECT_FALSE(decoder.ok());
    const Bytes huge = {0xff, 0xff, 0xff, 0xff};
    Decoder list(huge);
    EXPECT_EQ(list.length(1000), 0U);
    EXPECT_FALSE(list.ok());
    Decoder bytes(huge);
    EXPECT_TRUE(bytes.bytes(~std::size_t{0}).empty());
    EXPECT_FALSE(bytes.ok());
}

TEST(Decoder, ReadsZerosAfterAnError) {
    const Bytes encoded = {9, 9, 9};
    Decoder decoder(encoded);
    EXPECT_EQ(decoder.u64(), 0U);
    EXPECT_EQ(decoder.u8(), 0U);
    EXPECT_TRUE(decoder.hash().is_zero());
    EXPECT_FALSE(decoder.ok());
}

}  // namespace
}  // namespace assay::base
