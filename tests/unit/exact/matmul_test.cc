#include "exact/matmul.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "exact/environment.h"
#include "exact/math.h"

namespace assay::exact {
namespace {

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed) {}
    std::uint32_t operator()(std::uint32_t below) {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>((state_ >> 33U) % below);
    }
    std::vector<float> matrix(std::size_t size) {
        std::vector<float> values(size);
        for (float& x : values) {
            const std::uint32_t kind = (*this)(300);
            x = static_cast<float>((*this)(2001)) / 777.0F - 1.25F;
            if (kind == 0) x = 0x1p-140F;
            if (kind == 1) x = -0.0F;
            if (kind == 2) x = -0x1.fffffep-64F;
            if (kind == 3) x = 0x1p-63F;
        }
        return values;
    }

  private:
    std::uint64_t state_;
};

/// A random problem with the memory it points into.
struct Case {
    Matmul problem;
    std::vector<float> a, b, c, bias;
    int start = 0;  ///< 0: zero, 1: bias, 2: c itself, 3: another tensor
};

Case random_case(Draw& draw) {
    Case r;
    Matmul& p = r.problem;
    p.rows = draw(8) == 0 ? 190 + draw(40) : 1 + draw(40);
    p.cols = 1 + draw(70);
    p.k = draw(3) == 0 ? draw(600) : draw(70);
    p.chains = 1 + draw(3);
    if (draw(6) == 0) p.rows = 1;
    p.a.transposed = draw(2) == 0;
    p.b.transposed = draw(2) == 0;
    r.a = draw.matrix(p.chains * (p.rows + 3) * (p.k + 3) + 9);
    r.b = draw.matrix(p.chains * (p.k + 3) * (p.cols + 3) + 9);
    r.c = draw.matrix(p.rows * (p.cols + 5));
    r.bias = draw.matrix(p.cols);
    const float inf = std::numeric_limits<float>::infinity(),
                nan = std::numeric_limits<float>::quiet_NaN();
    switch (draw(8)) {
        case 0:
            r.b[draw(static_cast<std::uint32_t>(r.b.size()))] = nan;
            break;
        case 1:
            r.a[draw(static_cast<std::uint32_t>(r.a.size()))] = inf;
            break;
        case 2:
            r.b[draw(static_cast<std::uint32_t>(r.b.size()))] = -inf;
            break;
        case 3:
            r.a[draw(static_cast<std::uint32_t>(r.a.size()))] = nan;
            break;
        default:
            break;
    }
    p.a.stride = (p.a.transposed ? p.rows : p.k) + 3;
    p.b.stride = (p.b.transposed ? p.k : p.cols) + 3;
    p.a.chain_stride = draw(4) == 0 ? 0 : (p.rows + 3) * (p.k + 3);
    p.b.chain_stride = (p.k + 3) * (p.cols + 3);
    p.c_stride = p.cols + 5;
    r.start = static_cast<int>(draw(4));
    const auto around = [&](std::uint32_t width, std::int64_t low) {
        return static_cast<std::int64_t>(draw(width)) + low;
    };
    if (draw(3) == 0) p.k_band.hi = around(80, -20);
    if (draw(3) == 0) p.k_band.lo = around(80, -60);
    if (draw(3) == 0) p.out_band.hi = around(40, -10);
    if (draw(5) == 0) p.out_band.lo = around(30, -20);
    return r;
}

/// Rules 3 and 4, element by element.
std::vector<float> stated(const Case& r) {
    const Matmul& p = r.problem;
    std::vector<float> result = r.c;
    for (std::size_t i = 0; i < p.rows; ++i) {
        for (std::size_t j = 0; j < p.cols; ++j) {
            const auto row = static_cast<std::int64_t>(i), col = static_cast<std::int64_t>(j);
            float c = r.start == 0 ? 0.0F : (r.start == 1 ? r.bias[j] : r.c[i * p.c_stride + j]);
            for (std::size_t chain = 0; chain < p.chains; ++chain) {
                const float* a = r.a.data() + chain * p.a.chain_stride;
                const float* b = r.b.data() + chain * p.b.chain_stride;
                for (std::size_t block = 0; block < p.k; block += 256) {
                    std::optional<float> acc;
                    for (std::size_t k = block; k < std::min(p.k, block + 256); ++k) {
                        const std::int64_t distance = static_cast<std::int64_t>(k) - row;
                        if (distance < p.k_band.lo || distance > p.k_band.hi) continue;
                        const float x =
                            p.a.transposed ? a[k * p.a.stride + i] : a[i * p.a.stride + k];
                        const float y =
                            p.b.transposed ? b[j * p.b.stride + k] : b[k * p.b.stride + j];
                        acc = fma_f32(flush_operand(x), flush_operand(y), acc.value_or(0.0F));
                    }
                    if (acc) c = c + *acc;
                }
            }
            const bool inside = col - row >= p.out_band.lo && col - row <= p.out_band.hi;
            result[i * p.c_stride + j] = inside ? c : 0.0F;
        }
    }
    return result;
}

bool same(float a, float b) {
    return std::memcmp(&a, &b, 4) == 0 || (a != a && b != b);
}

TEST(Matmul, EveryTargetAndThreadCountTakesTheStatedOrder) {
    const FloatEnvironment environment;
    ThreadPool pool(3);
    std::vector<MatmulWorkspace> workspaces(3);
    Draw draw(1);
    for (int number = 0; number < 300; ++number) {
        Case r = random_case(draw);
        const std::vector<float> expected = stated(r);
        for (const Kernels* kernels : available_kernels()) {
            for (const bool parallel : {false, true}) {
                std::vector<float> c = r.c;
                Matmul p = r.problem;
                p.a.data = r.a.data();
                p.b.data = r.b.data();
                p.c = c.data();
                const float* starts[] = {nullptr, r.bias.data(), c.data(), r.c.data()};
                p.start = starts[r.start];
                p.start_stride = r.start == 1 ? 0 : p.c_stride;
                if (parallel) {
                    matmul(*kernels, p, pool, workspaces);
                } else {
                    matmul(*kernels, p, workspaces[0]);
                }
                for (std::size_t i = 0; i < c.size(); ++i) {
                    ASSERT_TRUE(same(c[i], expected[i]))
                        << "case " << number << ", " << kernels->name << ", element "
                        << i / p.c_stride << ", " << i % p.c_stride;
                }
            }
        }
    }
}

TEST(Matmul, OrderIsVisible) {
    // The same product with k cut elsewhere gives other bits: the test above can fail.
    const FloatEnvironment environment;
    Draw draw(2);
    const std::vector<float> a = draw.matrix(512), b = draw.matrix(512);
    float stated_order = 0, one_chain = 0, acc = 0;
    for (std::size_t k = 0; k < 512; ++k) {
        one_chain = fma_f32(flush_operand(a[k]), flush_operand(b[k]), one_chain);
        acc = fma_f32(flush_operand(a[k]), flush_operand(b[k]), acc);
        if (k % 256 == 255) stated_order = stated_order + acc, acc = 0;
    }
    EXPECT_NE(stated_order, one_chain);
    MatmulWorkspace workspace;
    Matmul p;
    float c = 0;
    p.rows = p.cols = 1;
    p.k = 512;
    p.a = {a.data(), 512, false, 0};
    p.b = {b.data(), 1, false, 0};
    p.c = &c;
    p.c_stride = 1;
    for (const Kernels* kernels : available_kernels()) {
        matmul(*kernels, p, workspace);
        EXPECT_EQ(c, stated_order) << kernels->name;
    }
}

TEST(Matmul, ReadsSmallOperandsAsZero) {
    const FloatEnvironment environment;
    MatmulWorkspace workspace;
    const float below = std::bit_cast<float>(std::bit_cast<std::uint32_t>(0x1p-63F) - 1U);
    for (const Kernels* kernels : available_kernels()) {
        for (const float small : {below, -below, 0x1p-149F}) {
            const float a[] = {small, 0x1p-63F}, b[] = {0x1p100F, 1.0F};
            float c = 5.0F;
            Matmul p;
            p.rows = p.cols = 1;
            p.k = 2;
            p.a = {a, 2, false, 0};
            p.b = {b, 1, false, 0};
            p.c = &c;
            p.c_stride = 1;
            matmul(*kernels, p, workspace);
            EXPECT_EQ(c, 0x1p-63F);
        }
    }
}

TEST(Matmul, WideAndDeepCrossesEveryBlock) {
    const FloatEnvironment environment;
    MatmulWorkspace workspace;
    Draw draw(4);
    Case r;
    Matmul& p = r.problem;
    p.rows = 14;
    p.cols = 2100;
    p.k = 530;
    p.a.stride = p.k;
    p.b.stride = p.cols;
    p.c_stride = p.cols;
    r.a = draw.matrix(p.rows * p.k);
    r.b = draw.matrix(p.k * p.cols);
    r.c.assign(p.rows * p.cols, 1.0F);
    const std::vector<float> expected = stated(r);
    for (const Kernels* kernels : available_kernels()) {
        p.a.data = r.a.data();
        p.b.data = r.b.data();
        std::vector<float> c = r.c;
        p.c = c.data();
        matmul(*kernels, p, workspace);
        EXPECT_EQ(std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)), 0)
            << kernels->name;
    }
}

}  // namespace
}  // namespace assay::exact
