#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "exact/environment.h"
#include "exact/kernels.h"
#include "exact/math.h"

namespace assay::exact {
namespace {

constexpr std::uint32_t kStride = 251;  // A prime: all exponents and low bits come by.
constexpr std::size_t kChunk = 1 << 14;

struct Function {
    const char* name;
    ChunkOp op;
    float (*scalar)(float);
    double (*truth)(double);
};

double true_sin2pi(double x) {
    const double r = x - std::nearbyint(x), m = std::fabs(r), sign = r < 0 ? -1.0 : 1.0;
    if (m == 0.5) return 0.0;
    if (m > 0.375) return sign * std::sin(2 * M_PI * (0.5 - m));
    if (m > 0.125) return sign * std::cos(2 * M_PI * (m - 0.25));
    return std::sin(2 * M_PI * r);
}
double true_cos2pi(double x) {
    const double m = std::fabs(x - std::nearbyint(x));
    if (m == 0.25) return 0.0;
    if (m > 0.375) return -std::cos(2 * M_PI * (m - 0.5));
    if (m > 0.125) return -std::sin(2 * M_PI * (m - 0.25));
    return std::cos(2 * M_PI * m);
}

const Function kFunctions[] = {
    {"exp", ChunkOp::exp, exp_f32, [](double x) { return std::exp(x); }},
    {"log", ChunkOp::log, log_f32, [](double x) { return std::log(x); }},
    {"tanh", ChunkOp::tanh, tanh_f32, [](double x) { return std::tanh(x); }},
    {"erf", ChunkOp::erf, erf_f32, [](double x) { return std::erf(x); }},
    {"sin2pi", ChunkOp::sin2pi, sin2pi_f32, true_sin2pi},
    {"cos2pi", ChunkOp::cos2pi, cos2pi_f32, true_cos2pi},
};

/// Every kStride-th pattern, and 4096 around each value where something changes.
std::vector<std::uint32_t> inputs(std::uint32_t stride) {
    std::vector<std::uint32_t> all;
    for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32U); i += stride)
        all.push_back(static_cast<std::uint32_t>(i));
    const float special[] = {0.0F,
                             0x1p-149F,
                             0x1p-126F,
                             0x1p-63F,
                             0x1p-24F,
                             0.125F,
                             0.25F,
                             0.3466F,
                             0.5F,
                             0.70710677F,
                             1.0F,
                             1.5F,
                             3.95F,
                             10.0F,
                             detail::kExpLowest,
                             88.72284F,
                             89.0F,
                             0x1p22F,
                             0x1p23F,
                             0x1p24F,
                             0x1p31F,
                             std::numeric_limits<float>::max(),
                             std::numeric_limits<float>::infinity()};
    for (const float x : special) {
        const auto centre = std::bit_cast<std::uint32_t>(x);
        for (std::uint32_t i = 0; i < 4096; ++i) {
            all.push_back(centre + i - 2048);
            all.push_back((centre + i - 2048) ^ 0x80000000U);
        }
    }
    return all;
}

bool same(std::uint32_t a, std::uint32_t b) {
    const auto nan = [](std::uint32_t x) { return (x & 0x7fffffffU) > 0x7f800000U; };
    return a == b || (nan(a) && nan(b));
}

TEST(Functions, EveryTargetEqualsTheScalarDefinition) {
    const FloatEnvironment environment;
    const std::vector<std::uint32_t> in = inputs(kStride);
    std::vector<std::uint32_t> expected(kChunk), actual(kChunk);
    for (const Function& function : kFunctions) {
        for (std::size_t begin = 0; begin < in.size(); begin += kChunk) {
            const std::size_t n = std::min(kChunk, in.size() - begin);
            for (std::size_t i = 0; i < n; ++i) {
                expected[i] = std::bit_cast<std::uint32_t>(
                    function.scalar(std::bit_cast<float>(in[begin + i])));
            }
            for (const Kernels* kernels : available_kernels()) {
                if (kernels == available_kernels().front()) continue;
                kernels->chunk[static_cast<std::size_t>(function.op)](in.data() + begin, nullptr,
                                                                      nullptr, actual.data(), n);
                for (std::size_t i = 0; i < n; ++i) {
                    ASSERT_TRUE(same(actual[i], expected[i]))
                        << function.name << " on " << kernels->name << " at bits " << std::hex
                        << in[begin + i];
                }
            }
        }
    }
}

TEST(Functions, AreWithinTwoUlpOfTheTrueValue) {
    const FloatEnvironment environment;
    const std::vector<std::uint32_t> in = inputs(10007);
    for (const Function& function : kFunctions) {
        double worst = 0;
        for (const std::uint32_t bits : in) {
            const float x = std::bit_cast<float>(bits), y = function.scalar(x);
            const double truth = function.truth(static_cast<double>(x));
            if (std::isnan(truth)) {
                EXPECT_TRUE(std::isnan(y)) << function.name << " " << x;
                continue;
            }
            if (function.op == ChunkOp::exp && truth < 0x1p-126) {
                EXPECT_EQ(std::bit_cast<std::uint32_t>(y), 0U) << x;
                continue;
            }
            if (std::isinf(static_cast<float>(truth))) {
                EXPECT_EQ(y, static_cast<float>(truth)) << function.name << " " << x;
                continue;
            }
            int exponent = 0;
            std::frexp(truth, &exponent);
            worst = std::max(worst, std::fabs(static_cast<double>(y) - truth) /
                                        std::ldexp(1.0, std::max(exponent - 24, -149)));
        }
        EXPECT_LE(worst, 2.0) << function.name;
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
    for (const Function& function : kFunctions)
        EXPECT_TRUE(std::isnan(function.scalar(nan))) << function.name;
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

}  // namespace
}  // namespace assay::exact
