#include "base/bytes.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

TEST(FromHex, ReadsLowerCase) {
    EXPECT_EQ(from_hex("00ff7a"), (Bytes{0x00, 0xff, 0x7a}));
    EXPECT_EQ(from_hex(""), Bytes{});
    EXPECT_EQ(to_hex(Bytes{0x00, 0xff, 0x7a}), "00ff7a");
}

TEST(FromHex, RefusesOtherSpellings) {
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("FF"));
    EXPECT_FALSE(from_hex("0x00"));
    EXPECT_FALSE(from_hex("0g"));
    EXPECT_FALSE(from_hex(" 00 "));
}

}  // namespace
}  // namespace assay::base
