#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "exact/environment.h"
#include "exact/kernels.h"
#include "exact/math.h"
#include "unary_functions.h"

namespace assay::exact {
namespace {

/// A prime: all exponents and low bits come by. Emulated processors may take a larger one.
std::uint32_t stride() {
    const char* given = std::getenv("ASSAY_TEST_STRIDE");
    return given == nullptr ? 251U : static_cast<std::uint32_t>(std::stoul(given));
}
constexpr std::size_t kChunk = 1 << 14;

bool same(std::uint32_t a, std::uint32_t b) {
    const auto nan = [](std::uint32_t x) { return (x & 0x7fffffffU) > 0x7f800000U; };
    return a == b || (nan(a) && nan(b));
}

TEST(Functions, EveryTargetEqualsTheScalarDefinition) {
    const FloatEnvironment environment;
    std::vector<std::uint32_t> expected(kChunk), actual(kChunk);
    for (const equality::UnaryFunction& function : equality::unary_functions()) {
        const std::vector<std::uint32_t> in = equality::inputs_of(function, stride());
        for (std::size_t begin = 0; begin < in.size(); begin += kChunk) {
            const std::size_t n = std::min(kChunk, in.size() - begin);
            for (std::size_t i = 0; i < n; ++i) expected[i] = function.scalar(in[begin + i]);
            for (const Kernels* kernels : available_kernels()) {
                function.by_table(*kernels, in.data() + begin, actual.data(), n);
                for (std::size_t i = 0; i < n; ++i) {
                    ASSERT_TRUE(equality::same_result(function, actual[i], expected[i]))
                        << function.name << " on " << kernels->name << " at bits " << std::hex
                        << in[begin + i] << ": " << actual[i] << ", not " << expected[i];
                }
            }
        }
    }
}

TEST(Functions, AreTheTrueValueOrWithinTwoUlpOfIt) {
    const FloatEnvironment environment;
    for (const equality::UnaryFunction& function : equality::unary_functions()) {
        double worst = 0;
        std::uint32_t worst_at = 0;
        for (const std::uint32_t word : equality::inputs_of(function, 40 * stride() + 1)) {
            const std::uint32_t y = function.scalar(word);
            if (function.truth == nullptr) {
                ASSERT_TRUE(equality::same_result(function, y, function.right(word)))
                    << function.name << " at bits " << std::hex << word << ": " << y;
                continue;
            }
            const double error = equality::error_in_ulp(function, word, y);
            if (error > worst) worst = error, worst_at = word;
        }
        EXPECT_LE(worst, function.ulp_max) << function.name << " at bits " << std::hex << worst_at;
        RecordProperty(std::string("ulp_") + function.name, std::to_string(worst));
    }
}

TEST(Functions, SpecialValues) {
    const float inf = std::numeric_limits<float>::infinity(),
                nan = std::numeric_limits<float>::quiet_NaN();
    const auto bits = [](float x) { return std::bit_cast<std::uint32_t>(x); };
    EXPECT_EQ(bits(exp_f32(-inf)), 0U);
    EXPECT_EQ(bits(exp_f32(-88.0F)), 0U);
    EXPECT_GE(exp_f32(detail::kExpLowest), 0x1p-126F);
    EXPECT_EQ(exp_f32(inf), inf);
    EXPECT_EQ(exp_f32(0.0F), 1.0F);
    EXPECT_EQ(exp_f32(-0.0F), 1.0F);
    EXPECT_EQ(log_f32(0.0F), -inf);
    EXPECT_EQ(log_f32(-0.0F), -inf);
    EXPECT_EQ(bits(log_f32(1.0F)), 0U);
    EXPECT_TRUE(std::isnan(log_f32(-1.0F)));
    EXPECT_TRUE(std::isnan(log_f32(-inf)));
    EXPECT_EQ(log_f32(inf), inf);
    for (const auto odd : {tanh_f32, erf_f32, sin2pi_f32}) {
        EXPECT_EQ(bits(odd(0.0F)), 0U);
        EXPECT_EQ(bits(odd(-0.0F)), 0x80000000U);
    }
    for (const auto bounded : {tanh_f32, erf_f32}) {
        EXPECT_EQ(bounded(inf), 1.0F);
        EXPECT_EQ(bounded(-inf), -1.0F);
    }
    EXPECT_TRUE(std::isnan(sin2pi_f32(inf)));
    EXPECT_TRUE(std::isnan(cos2pi_f32(-inf)));
    EXPECT_EQ(sin2pi_f32(0.25F), 1.0F);
    EXPECT_EQ(cos2pi_f32(0.5F), -1.0F);
    EXPECT_EQ(cos2pi_f32(0x1p60F), 1.0F);
    for (const auto function : {exp_f32, log_f32, tanh_f32, erf_f32, sin2pi_f32, cos2pi_f32})
        EXPECT_TRUE(std::isnan(function(nan)));
}

TEST(Fma, SoftwareEqualsHardware) {
    const FloatEnvironment environment;
    if (!kHardwareFma) GTEST_SKIP() << "no fma on this machine";
    std::uint64_t state = 7;
    const auto draw = [&state] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state >> 32U);
    };
    for (int i = 0; i < 1'000'000; ++i) {
        // Exponents near each other, so that products and addends cancel, round and become
        // subnormal.
        const auto near = [&](std::uint32_t exponent) {
            return std::bit_cast<float>((draw() & 0x807fffffU) | ((exponent + draw() % 30) << 23U));
        };
        const bool tiny = (i & 1) != 0;
        const float a = i % 5 == 0 ? std::bit_cast<float>(draw()) : near(tiny ? 45 : 110);
        const float b = i % 7 == 0 ? std::bit_cast<float>(draw()) : near(tiny ? 45 : 110);
        const float c = i % 3 == 0 ? -(a * b) : near(tiny ? 0 : 100);
        ASSERT_TRUE(same(std::bit_cast<std::uint32_t>(soft_fma(a, b, c)),
                         std::bit_cast<std::uint32_t>(fma_f32(a, b, c))))
            << std::hexfloat << a << " " << b << " " << c;
    }
}

/// Sums that binary64 rounds onto the middle between two floats, from above or below: rounding
/// twice to nearest goes wrong there, and random operands never meet it.
TEST(Fma, SoftwareRoundsOnce) {
    const FloatEnvironment environment;
    std::uint64_t state = 9;
    const auto draw = [&state] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state >> 32U);
    };
    int cases = 0, twice_would_differ = 0;
    for (int i = 0; i < 400'000; ++i) {
        // a * b is 2^47 and a little; c has its last bit at 2^48, so that the product is half of
        // it.
        const std::int64_t x = (1 << 23) + draw() % (1 << 23), y = ((1LL << 47) + x / 2) / x;
        const std::int64_t little = x * y - (1LL << 47);
        if (little == 0 || little >= (1 << 18) || little <= -(1 << 18) || y >= (1 << 24)) continue;
        const int scale = static_cast<int>(draw() % 40) - 100;
        const float a = std::ldexp(static_cast<float>(x), scale) * (draw() % 2 == 0 ? 1.0F : -1.0F);
        const float b = static_cast<float>(y) * (draw() % 2 == 0 ? 1.0F : -1.0F);
        const float c = std::ldexp(static_cast<float>((1 << 23) + draw() % (1 << 23)), 48 + scale) *
                        (draw() % 2 == 0 ? 1.0F : -1.0F);
        // The sum beyond c is +-(2^47 + little): above the middle, away from zero or towards it.
        const bool grows = std::signbit(c) == (std::signbit(a) != std::signbit(b));
        const bool above = little > 0;
        const float away = std::nextafter(c, std::copysign(INFINITY, c));
        const float closer = std::nextafter(c, 0.0F);
        const float expected = above ? (grows ? away : closer) : c;
        // At a power of two the floats towards zero are twice as close.
        if (!grows && (std::bit_cast<std::uint32_t>(c) & 0x7fffffU) == 0) continue;
        ++cases;
        ASSERT_EQ(soft_fma(a, b, c), expected) << std::hexfloat << a << " " << b << " " << c;
        ASSERT_EQ(fma_f32(a, b, c), expected) << std::hexfloat << a << " " << b << " " << c;
        const double sum = static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c);
        if (static_cast<float>(sum) != expected) ++twice_would_differ;
    }
    EXPECT_GT(cases, 1000);
    EXPECT_GT(twice_would_differ, 300);
}

TEST(ChunkOps, EveryTargetEqualsThePortableTable) {
    const FloatEnvironment environment;
    const float corners[] = {0.0F,
                             -0.0F,
                             1.0F,
                             -1.5F,
                             2.5F,
                             3.5F,
                             0x1p-149F,
                             -0x1p-140F,
                             0x1p-126F,
                             0x1p127F,
                             0x1p30F,
                             0x1p31F,
                             -0x1p31F,
                             1e10F,
                             2147483520.0F,
                             0x1.8p22F,
                             8388609.5F,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};
    std::vector<float> a, b, c;
    for (const float x : corners) {
        for (const float y : corners) {
            for (const float z : corners) a.push_back(x), b.push_back(y), c.push_back(z);
        }
    }
    a.push_back(std::bit_cast<float>(0x80000000U)), b.push_back(std::bit_cast<float>(7U)),
        c.push_back(4.0F);
    const std::size_t n = a.size();
    const Kernels& portable = *available_kernels().front();
    std::vector<std::uint32_t> expected(n), actual(n + 1);
    for (std::size_t op = 0; op < kChunkOps; ++op) {
        ASSERT_NE(portable.chunk[op], nullptr);
        portable.chunk[op](a.data(), b.data(), c.data(), expected.data(), n);
        for (const Kernels* kernels : available_kernels()) {
            for (const std::size_t length : {n, std::size_t{1}, std::size_t{15}, std::size_t{17}}) {
                actual[length] = 0x12345678U;
                kernels->chunk[op](a.data(), b.data(), c.data(), actual.data(), length);
                for (std::size_t i = 0; i < length; ++i) {
                    ASSERT_TRUE(same(actual[i], expected[i]))
                        << kernels->name << " op " << op << " at " << i;
                }
                EXPECT_EQ(actual[length], 0x12345678U) << "wrote past the end";
            }
        }
    }
}

TEST(ChunkOps, EqualThePortableTableOnRandomWordsOfEveryLength) {
    const FloatEnvironment environment;
    constexpr std::uint64_t kSeed = 20'260'001;
    std::uint64_t state = kSeed;
    const auto draw = [&state] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state >> 32U);
    };
    // Any bits, numbers of like size (so that sums cancel and comparisons tie), and truth values.
    const auto word = [&draw](std::uint32_t kind) {
        if (kind == 0) return draw();
        if (kind == 1) return (draw() & 0x803fffffU) | 0x3f800000U;
        return kind == 2 ? draw() % 2 : (draw() & 0x80000000U) | (draw() % 0x01000000U);
    };
    constexpr std::size_t kMost = 300;
    std::vector<std::uint32_t> a(kMost), b(kMost), c(kMost), expected(kMost), actual(kMost + 1);
    const Kernels& portable = *available_kernels().front();
    for (std::size_t n = 0; n <= kMost; n += n < 80 ? 1 : 37) {
        for (std::size_t op = 0; op < kChunkOps; ++op) {
            for (std::size_t i = 0; i < n; ++i)
                a[i] = word(draw() % 4), b[i] = word(draw() % 4), c[i] = word(draw() % 4);
            for (std::size_t i = 0; i < n; i += 5) b[i] = a[i];
            portable.chunk[op](a.data(), b.data(), c.data(), expected.data(), n);
            for (const Kernels* kernels : available_kernels()) {
                actual[n] = 0x12345678U;
                kernels->chunk[op](a.data(), b.data(), c.data(), actual.data(), n);
                for (std::size_t i = 0; i < n; ++i) {
                    ASSERT_TRUE(same(actual[i], expected[i]))
                        << kernels->name << " op " << op << " at " << i << " of " << n << ", seed "
                        << kSeed;
                }
                ASSERT_EQ(actual[n], 0x12345678U) << "wrote past the end";
            }
        }
    }
}

}  // namespace
}  // namespace assay::exact
