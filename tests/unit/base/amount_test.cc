#include "base/amount.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

const Amount kLargest = Amount::of(Amount::kMax);

TEST(Amount, ReadsCanonicalDecimals) {
    EXPECT_EQ(amount_from_decimal("0"), Amount::of(0));
    EXPECT_EQ(amount_from_decimal("9223372036854775807"), kLargest);
    EXPECT_EQ(kLargest.decimal(), "9223372036854775807");
}

TEST(Amount, RefusesOtherDecimals) {
    for (const char* text :
         {"", "00", "01", "+1", "-1", "1.0", "1e3", " 1", "1 ", "9223372036854775808",
          "18446744073709551616", "99999999999999999999"}) {
        EXPECT_FALSE(amount_from_decimal(text)) << text;
    }
    EXPECT_FALSE(Amount::checked(Amount::kMax + 1));
}

TEST(Amount, RefusesToWrap) {
    EXPECT_FALSE(add(kLargest, Amount::of(1)));
    EXPECT_FALSE(add(kLargest, kLargest));
    EXPECT_FALSE(subtract(Amount::of(1), Amount::of(2)));
    EXPECT_FALSE(multiply(kLargest, 2));
    EXPECT_FALSE(multiply(Amount::of(2), ~std::uint64_t{0}));
    EXPECT_EQ(multiply(kLargest, 1), kLargest);
    EXPECT_EQ(multiply(kLargest, 0), Amount{});
}

TEST(MultiplyDivide, RoundsAsAsked) {
    EXPECT_EQ(multiply_divide(Amount::of(10), 1, 3, Rounding::down), Amount::of(3));
    EXPECT_EQ(multiply_divide(Amount::of(10), 1, 3, Rounding::up), Amount::of(4));
    EXPECT_EQ(multiply_divide(Amount::of(9), 1, 3, Rounding::up), Amount::of(3));
    EXPECT_EQ(multiply_divide(kLargest, 1'000'000, 1'000'000, Rounding::up), kLargest);
}

TEST(MultiplyDivide, RefusesOverflowAndZeroDenominator) {
    EXPECT_FALSE(multiply_divide(Amount::of(1), 1, 0, Rounding::down));
    EXPECT_FALSE(multiply_divide(kLargest, 3, 2, Rounding::down));
    EXPECT_FALSE(multiply_divide(kLargest, ~std::uint64_t{0}, 1, Rounding::up));
}

TEST(AmountDeath, OperatorsAbortInsteadOfWrapping) {
    EXPECT_DEATH(static_cast<void>(kLargest + Amount::of(1)), "check failed");
    EXPECT_DEATH(static_cast<void>(Amount::of(0) - Amount::of(1)), "check failed");
    EXPECT_DEATH(static_cast<void>(Amount::of(Amount::kMax + 1)), "check failed");
}

}  // namespace
}  // namespace assay::base
