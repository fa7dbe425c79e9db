#include "exact/kernels.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "exact/environment.h"
#include "exact/math.h"
#include "exact/philox.h"
#include "exact/pool.h"
#include "guarded.h"

namespace assay::exact {
namespace {

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed) {}
    std::uint32_t operator()(std::uint32_t below) {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>((state_ >> 33U) % below);
    }
    float real() {
        const std::uint32_t kind = (*this)(100);
        if (kind == 0) return -0.0F;
        if (kind == 1) return 0x1p-140F;
        if (kind == 2) return -0x1p-64F;
        // All bits of the mantissa and several exponents: sums round, so their order is visible.
        const std::uint32_t mantissa = (*this)(1U << 23U), exponent = 122U + (*this)(8);
        return std::bit_cast<float>(((*this)(2) << 31U) | (exponent << 23U) | mantissa);
    }

  private:
    std::uint64_t state_;
};

/// Rule 5 word by word.
float stated_sum(const std::vector<float>& a, const std::vector<float>* b) {
    float lane[32] = {};
    for (std::size_t i = 0; i < a.size(); ++i) {
        lane[i % 32] = b == nullptr
                           ? lane[i % 32] + a[i]
                           : fma_f32(flush_operand(a[i]), flush_operand((*b)[i]), lane[i % 32]);
    }
    for (const std::size_t s : {16U, 8U, 4U, 2U, 1U}) {
        for (std::size_t l = 0; l < s; ++l) lane[l] = lane[l] + lane[l + s];
    }
    return lane[0];
}

TEST(RowReductions, EveryTargetTakesTheStatedOrder) {
    const FloatEnvironment environment;
    Draw draw(3);
    for (const std::size_t n : {1U, 2U, 15U, 16U, 31U, 32U, 33U, 63U, 64U, 65U, 100U, 1000U}) {
        std::vector<float> a(n), b(n);
        for (float& x : a) x = draw.real();
        for (float& x : b) x = draw.real();
        for (const Kernels* kernels : available_kernels()) {
            EXPECT_EQ(kernels->sum(a.data(), n), stated_sum(a, nullptr))
                << kernels->name << " " << n;
            EXPECT_EQ(kernels->dot(a.data(), b.data(), n), stated_sum(a, &b))
                << kernels->name << " " << n;
        }
    }
}

TEST(RowReductions, OrderIsVisible) {
    // What the test above compares would not differ for sums that are exact: these are not.
    const FloatEnvironment environment;
    Draw draw(5);
    int visible = 0;
    for (int number = 0; number < 100; ++number) {
        std::vector<float> a(100);
        for (float& x : a) x = draw.real();
        float in_turn = 0.0F;
        for (const float x : a) in_turn = in_turn + x;
        if (in_turn != stated_sum(a, nullptr)) ++visible;
    }
    EXPECT_GT(visible, 50);
}

/// Anything but a number, anywhere in the row, before and behind the largest.
TEST(RowReductions, MaxIsTheStatedOneOnAnyRow) {
    Draw draw(6);
    for (int number = 0; number < 2000; ++number) {
        std::vector<float> row(1 + draw(100));
        for (float& x : row) {
            constexpr std::uint32_t kSpecial[] = {0x7fc00000U, 0xffc12345U, 0x7f800001U,
                                                  0xff800000U, 0U,          0x80000000U};
            x = draw(4) == 0 ? std::bit_cast<float>(kSpecial[draw(6)]) : draw.real();
        }
        float m = -std::numeric_limits<float>::infinity();
        for (const float x : row) m = x > m ? x : m;
        m = m + 0.0F;
        for (const Kernels* kernels : available_kernels()) {
            EXPECT_EQ(std::bit_cast<std::uint32_t>(kernels->max(row.data(), row.size())),
                      std::bit_cast<std::uint32_t>(m))
                << kernels->name << " row " << number;
        }
    }
}

/// Either operand, in whole vectors and in the tail; the partner is so large that it would show.
TEST(RowReductions, DotReadsSmallOperandsAsZero) {
    const FloatEnvironment environment;
    const float below = std::bit_cast<float>(std::bit_cast<std::uint32_t>(0x1p-63F) - 1U);
    for (const std::size_t n : {1U, 31U, 32U, 37U, 64U, 95U}) {
        for (std::size_t at = 0; at < n; ++at) {
            for (const float small : {below, -below, 0x1p-149F, -0x1p-126F, 0x1p-63F}) {
                std::vector<float> a(n, 0.0F), b(n, 0x1p100F);
                a[at] = small;
                const float expected = small == 0x1p-63F ? 0x1p37F : 0.0F;
                for (const Kernels* kernels : available_kernels()) {
                    EXPECT_EQ(kernels->dot(a.data(), b.data(), n), expected)
                        << kernels->name << " " << n << " " << at;
                    EXPECT_EQ(kernels->dot(b.data(), a.data(), n), expected)
                        << kernels->name << " " << n << " " << at;
                }
            }
        }
    }
}

TEST(RowReductions, MaxIgnoresNaNAndHasNoNegativeZero) {
    const float nan = std::numeric_limits<float>::quiet_NaN(),
                inf = std::numeric_limits<float>::infinity();
    for (const Kernels* kernels : available_kernels()) {
        std::vector<float> row(70, -0.0F);
        EXPECT_EQ(std::bit_cast<std::uint32_t>(kernels->max(row.data(), row.size())), 0U);
        row[69] = nan;
        row[3] = nan;
        row[40] = 2.0F;
        EXPECT_EQ(kernels->max(row.data(), row.size()), 2.0F);
        const std::vector<float> none(5, nan), low(20, -inf);
        EXPECT_EQ(kernels->max(none.data(), none.size()), -inf);
        EXPECT_EQ(kernels->max(low.data(), low.size()), -inf);
    }
}

TEST(Kernels, TouchNothingOutsideTheirOperands) {
    const FloatEnvironment environment;
    Draw draw(11);
    for (std::size_t n = 1; n < 80; ++n) {
        for (const bool at_end : {false, true}) {
            equality::Guarded a(n, at_end), b(n, at_end), c(n, at_end), out(n, at_end);
            for (const std::span<float> all : {a.span(), b.span(), c.span()}) {
                for (float& x : all) x = draw.real();
            }
            for (const Kernels* kernels : available_kernels()) {
                for (const ChunkFunction function : kernels->chunk)
                    function(a.data(), b.data(), c.data(), out.data(), n);
                kernels->fill(out.data(), n, 7U);
                EXPECT_EQ(kernels->sum(a.data(), n),
                          stated_sum({a.span().begin(), a.span().end()}, nullptr));
                kernels->dot(a.data(), b.data(), n);
                kernels->max(a.data(), n);
            }
        }
    }
}

/// The six instructions of docs/layers.md (h.0.attn.scaled to probabilities), one row, word by
/// word.
std::vector<float> stated_softmax(const std::vector<float>& scores, std::size_t row, float scale) {
    const float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> z(scores.size());
    float m = -infinity;
    for (std::size_t c = 0; c < z.size(); ++c) {
        z[c] = c <= row ? scores[c] * scale : -infinity;
        m = max_f32(z[c], m);
    }
    m = m + 0.0F;
    for (float& x : z) {
        const float t = exp_f32(x - m);
        x = t < 0x1p-63F ? 0.0F : t;
    }
    const float r = 1.0F / stated_sum(z, nullptr);
    for (float& x : z) x = x * r;
    return z;
}

TEST(CausalSoftmax, EqualsTheInstructionsOnAnyRow) {
    const FloatEnvironment environment;
    const float special[] = {std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN(),
                             3e38F,
                             -3e38F,
                             -0.0F,
                             0x1p-140F,
                             -700.0F};
    Draw draw(11);
    for (const std::size_t cols : {2U, 15U, 16U, 17U, 31U, 32U, 33U, 64U, 70U, 257U}) {
        for (std::uint32_t round = 0; round < 200; ++round) {
            std::vector<float> scores(cols);
            for (float& x : scores) x = draw.real() * 20.0F;
            // Some rows with one special value somewhere, some of nothing else.
            if (round % 4 == 1) scores[draw(static_cast<std::uint32_t>(cols))] = special[draw(8)];
            if (round % 16 == 2) {
                const float all = special[draw(8)];
                for (float& x : scores) x = all;
            }
            const std::size_t row = draw(static_cast<std::uint32_t>(cols) + 3);
            const std::vector<float> expected = stated_softmax(scores, row, 0.125F);
            for (const Kernels* kernels : available_kernels()) {
                if (kernels->causal_softmax == nullptr) continue;
                std::vector<float> actual(cols + 1, 7.0F);
                kernels->causal_softmax(scores.data(), row, cols, 0.125F, actual.data());
                for (std::size_t c = 0; c < cols; ++c) {
                    const bool both_nan = std::isnan(actual[c]) && std::isnan(expected[c]);
                    ASSERT_TRUE(both_nan || std::bit_cast<std::uint32_t>(actual[c]) ==
                                                std::bit_cast<std::uint32_t>(expected[c]))
                        << kernels->name << ", " << cols << " columns, row " << row << ", column "
                        << c << ", round " << round;
                }
                EXPECT_EQ(actual[cols], 7.0F) << "wrote past the end";
            }
        }
    }
}

TEST(AllFinite, SeesEveryElement) {
    for (const Kernels* kernels : available_kernels()) {
        for (std::size_t n = 0; n < 70; ++n) {
            std::vector<float> values(n + 1, 3e38F);
            values[n] = std::numeric_limits<float>::infinity();  // Behind the end.
            EXPECT_TRUE(kernels->all_finite(values.data(), n)) << kernels->name;
            for (std::size_t i = 0; i < n; ++i) {
                for (const float bad : {std::numeric_limits<float>::infinity(),
                                        -std::numeric_limits<float>::infinity(),
                                        std::numeric_limits<float>::quiet_NaN()}) {
                    values[i] = bad;
                    EXPECT_FALSE(kernels->all_finite(values.data(), n))
                        << kernels->name << " " << i;
                    values[i] = 3e38F;
                }
            }
        }
    }
}

TEST(PhiloxKernel, EqualsTheScalarWords) {
    std::vector<std::uint32_t> words(4 * 37);
    const std::uint64_t first = 0xfffffff8U;  // The counter's carry lies within.
    for (const Kernels* kernels : available_kernels()) {
        kernels->philox(0x1234567U, 0x89abcdefU, first, 37, 5, 9, words.data());
        for (std::size_t i = 0; i < 37; ++i) {
            const PhiloxWords quad = philox_quad({0x1234567U, 0x89abcdefU}, first + i, 5, 9);
            for (std::size_t w = 0; w < 4; ++w)
                EXPECT_EQ(words[4 * i + w], quad[w]) << kernels->name;
        }
    }
}

TEST(Philox, KnownAnswers) {
    // Test vectors of Random123 (kat_vectors, philox4x32 10).
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
              (PhiloxWords{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
    EXPECT_EQ(
        philox({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}, {0xffffffffU, 0xffffffffU}),
        (PhiloxWords{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
    EXPECT_EQ(
        philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}),
        (PhiloxWords{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}));
}

TEST(FindKernels, RefusesUnknownNames) {
    EXPECT_EQ(find_kernels("sse2"), nullptr);
    EXPECT_EQ(find_kernels(""), nullptr);
    ASSERT_FALSE(available_kernels().empty());
    EXPECT_STREQ(available_kernels().front()->name, "portable");
}

TEST(ThreadPool, EveryThreadHoldsTheExactEnvironment) {
#if defined(__x86_64__)
    // Workers start while their parent flushes subnormals; they must not inherit it.
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040U);
    ThreadPool pool(4);
    __builtin_ia32_ldmxcsr(before);
#else
    ThreadPool pool(4);
#endif
    const FloatEnvironment environment;
    std::vector<int> exact(64, 0);
    std::vector<float> halves(64, 0.0F);
    auto task = [&](std::size_t i, unsigned) {
        exact[i] = float_environment_is_exact() ? 1 : 0;
        const volatile float tiny = 0x1p-126F;
        halves[i] = tiny * 0.5F;
    };
    for (int repeat = 0; repeat < 50; ++repeat) pool.run(64, task);
    for (std::size_t i = 0; i < 64; ++i) {
        EXPECT_EQ(exact[i], 1);
        EXPECT_EQ(halves[i], 0x1p-127F);
    }
}

/// As many tasks as threads, each of which waits until all have begun: so every thread runs one.
TEST(ThreadPool, EveryThreadKeepsSubnormalsInsideItsTask) {
    const FloatEnvironment environment;
    constexpr unsigned kThreads = 4;
    ThreadPool pool(kThreads);
    for (int repeat = 0; repeat < 5; ++repeat) {
        std::atomic<unsigned> begun{0};
        std::vector<int> exact(kThreads, 0);
        std::vector<float> halves(kThreads, 0.0F);
        auto task = [&](std::size_t, unsigned thread) {
            begun.fetch_add(1);
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
            while (begun.load() < kThreads && std::chrono::steady_clock::now() < deadline)
                std::this_thread::yield();
            exact[thread] = float_environment_is_exact() ? 1 : 0;
            const volatile float tiny = 0x1p-126F;
            halves[thread] = tiny * 0.5F;
        };
        pool.run(kThreads, task);
        EXPECT_EQ(exact, std::vector<int>(kThreads, 1));
        EXPECT_EQ(halves, std::vector<float>(kThreads, 0x1p-127F));
    }
}

TEST(ThreadPool, RunsEachTaskOnce) {
    const FloatEnvironment environment;
    for (const unsigned threads : {1U, 2U, 3U, 8U}) {
        ThreadPool pool(threads);
        for (const std::size_t count : {0U, 1U, 2U, 7U, 1000U}) {
            std::vector<std::atomic<int>> seen(count);
            auto task = [&](std::size_t i, unsigned thread) {
                EXPECT_LT(thread, threads);
                seen[i].fetch_add(1);
            };
            pool.run(count, task);
            for (const std::atomic<int>& times : seen) EXPECT_EQ(times.load(), 1);
        }
    }
}

TEST(FloatEnvironment, NoticesAndRestoresAnother) {
#if defined(__x86_64__)
    const unsigned before = __builtin_ia32_stmxcsr();
    for (const unsigned bits : {0x8000U, 0x0040U, 0x2000U, 0x4000U, 0x6000U}) {
        __builtin_ia32_ldmxcsr(before | bits);
        EXPECT_FALSE(float_environment_is_exact());
        {
            const FloatEnvironment environment;
            EXPECT_TRUE(float_environment_is_exact());
        }
        EXPECT_FALSE(float_environment_is_exact());
    }
    __builtin_ia32_ldmxcsr(before);
#else
    const FloatEnvironment environment;
    EXPECT_TRUE(float_environment_is_exact());
#endif
}

}  // namespace
}  // namespace assay::exact
