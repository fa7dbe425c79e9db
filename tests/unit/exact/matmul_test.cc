#include "exact/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exact/environment.h"
#include "exact/math.h"
#include "exact/reference.h"
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

bool same(float a, float b) { return std::memcmp(&a, &b, 4) == 0 || (a != a && b != b); }

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
                    matmul(*kernels, {&p, 1}, pool, workspaces);
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

// ---- against exact/reference.h, on adversarial shapes

/// What the values of one adversarial case are like.
enum class Values : std::uint8_t { ordinary, near_flush, wild, infinite_b, nan_anywhere, count };

float adversarial(Draw& draw, Values values) {
    const auto any = [&draw] {
        const std::uint32_t high = draw(0x10000U);
        return (high << 16U) | draw(0x10000U);
    };
    const float plain = static_cast<float>(draw(20001)) * 0x1p-13F - 1.25F;
    switch (values) {
        case Values::near_flush: {
            // Exponents around that of 2^-63, both sides, and its very neighbours.
            if (draw(4) == 0)
                return std::bit_cast<float>((0x20000000U + draw(5) - 2U) |
                                            (draw(2) == 0 ? 0x80000000U : 0U));
            return std::bit_cast<float>((any() & 0x807fffffU) | ((60U + draw(8)) << 23U));
        }
        case Values::wild: {
            const float special[] = {0.0F,      -0.0F,    0x1p-149F, -0x1.fffffcp-127F,
                                     0x1p-126F, 0x1p-63F, -0x1p-63F, -0x1.fffffep-64F,
                                     0x1p60F,   -0x1p60F};
            return draw(2) == 0 ? plain : special[draw(10)];
        }
        case Values::infinite_b:
        case Values::nan_anywhere:
        case Values::ordinary:
        case Values::count:
            break;
    }
    return plain;
}

/// One matmul instruction over tensors in memory of its own, seen by the reference and by a table.
struct Adversarial {
    program::Program program;
    program::Instruction instruction;
    std::size_t rows = 0, cols = 0, k = 0, chains = 1;
    std::size_t a_offset = 0, b_offset = 0, a_stride = 0, b_stride = 0, c_stride = 0;
    std::size_t a_chain = 0, b_chain = 0;  ///< floats from one chain to the next
    std::vector<float> a, b, c, third;     ///< third: bias row, or the tensor that is continued
    int start = 0;                         ///< 0: zero, 1: bias, 2: c itself, 3: third
};

std::size_t size_near(Draw& draw, std::uint32_t most) {
    // Around the sizes of tiles, vectors and blocks, and anything up to `most`.
    constexpr std::uint32_t kCorners[] = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64};
    if (draw(3) != 0) return 1 + draw(most);
    const std::uint32_t corner = kCorners[draw(11)] + draw(3);
    return std::clamp<std::uint32_t>(corner, 2, most + 1) - 1;
}

std::size_t depth_near(Draw& draw) {
    switch (draw(8)) {
        case 0:
            return 0;
        case 1:
            return 256U * (1 + draw(2)) + draw(3) - 1;
        case 2:
            return draw(20) == 0 ? 1024U + draw(3) - 1 : 255U + draw(3);
        case 3:
            return 1;
        default:
            return 1 + draw(70);
    }
}

program::Band random_band(Draw& draw, std::uint32_t reach) {
    program::Band band;
    const auto around = [&] {
        return static_cast<std::int32_t>(draw(2 * reach + 1)) - static_cast<std::int32_t>(reach);
    };
    const std::uint32_t kind = draw(8);
    if (kind == 0) band.hi = 0;  // causal
    if (kind == 1) band.lo = 0;
    if (kind == 2) band.hi = around();
    if (kind == 3) band.lo = around();
    if (kind == 4) band.lo = around(), band.hi = *band.lo + static_cast<std::int32_t>(draw(reach));
    return band;
}

program::View view_of(program::TensorId tensor, std::size_t offset, std::size_t rows,
                      std::size_t cols, bool transposed) {
    program::View view;
    view.tensor = tensor;
    view.col = static_cast<std::uint32_t>(offset);
    view.rows = static_cast<std::uint32_t>(transposed ? cols : rows);
    view.cols = static_cast<std::uint32_t>(transposed ? rows : cols);
    view.transposed = transposed;
    return view;
}

Adversarial adversarial_case(std::uint64_t seed) {
    Draw draw(seed);
    for (int i = 0; i < 4; ++i) draw(2);  // Neighbouring seeds begin alike.
    Adversarial r;
    r.rows = draw(30) == 0 ? 180 + draw(40) : size_near(draw, 70);
    r.cols = draw(60) == 0 ? 2040 + draw(20) : size_near(draw, 70);
    r.k = depth_near(draw);
    if (draw(8) == 0) r.rows = 1;
    if (draw(12) == 0) r.cols = 1;
    r.chains = draw(3) == 0 ? 1 + draw(20) : 1;
    const bool a_transposed = draw(2) == 0, b_transposed = draw(2) == 0;
    const auto slack = [&draw] { return draw(4) == 0 ? 1000U + draw(100) : draw(9); };
    r.a_offset = draw(5);
    r.b_offset = draw(5);
    r.a_stride = (a_transposed ? r.rows : r.k) + r.a_offset + slack();
    r.b_stride = (b_transposed ? r.k : r.cols) + r.b_offset + slack();
    r.c_stride = r.cols + slack();
    const std::size_t a_lines = a_transposed ? r.k : r.rows, b_lines = b_transposed ? r.cols : r.k;
    // Some chains share one operand.
    r.a_chain = draw(5) == 0 ? 0 : a_lines * r.a_stride + draw(3);
    r.b_chain = b_lines * r.b_stride + draw(3);
    r.start = static_cast<int>(draw(4));

    const auto values = static_cast<Values>(draw(static_cast<std::uint32_t>(Values::count)));
    const auto filled = [&](std::size_t size) {
        std::vector<float> data(size);
        for (float& x : data) x = adversarial(draw, values);
        return data;
    };
    r.a = filled(r.chains * r.a_chain + a_lines * r.a_stride + 8);
    r.b = filled(r.chains * r.b_chain + b_lines * r.b_stride + 8);
    r.c = filled(r.rows * r.c_stride + 8);
    r.third = filled(r.rows * r.c_stride + 8);
    const auto spoil = [&](std::vector<float>& data, std::uint32_t word) {
        data[draw(static_cast<std::uint32_t>(data.size()))] = std::bit_cast<float>(word);
    };
    if (values == Values::infinite_b) {
        for (int i = 0; i < 6; ++i) spoil(r.b, draw(2) == 0 ? 0x7f800000U : 0xff800000U);
    }
    if (values == Values::nan_anywhere) {
        for (const std::uint32_t word : {0x7fc00000U, 0xffc12345U, 0x7f800001U, 0xff923456U})
            spoil(draw(2) == 0 ? r.a : r.b, word);
        spoil(r.a, 0x7f800000U);
        spoil(r.c, 0x7f8000ffU);
    }

    using program::DType;
    const auto tensor = [&r](const char* name, std::size_t lines, std::size_t stride) {
        program::Tensor t;
        t.name = name;
        t.rows = static_cast<std::uint32_t>(lines);
        t.cols = static_cast<std::uint32_t>(stride);
        r.program.tensors.push_back(t);
    };
    tensor("a", a_lines, r.a_stride);
    tensor("b", b_lines, r.b_stride);
    tensor("c", r.rows, r.c_stride);
    tensor("third", r.start == 1 ? 1 : r.rows, r.c_stride);
    program::Instruction& in = r.instruction;
    in.kind = program::Kind::matmul;
    in.out = view_of(2, 0, r.rows, r.cols, false);
    in.in = {view_of(0, r.a_offset, r.rows, r.k, a_transposed),
             view_of(1, r.b_offset, r.k, r.cols, b_transposed)};
    in.start = r.start == 0   ? program::MatmulStart::zero
               : r.start == 1 ? program::MatmulStart::bias
                              : program::MatmulStart::continues;
    if (r.start == 1) in.in.push_back(view_of(3, 0, 1, r.cols, false));
    if (r.start == 3) in.in.push_back(view_of(3, 0, r.rows, r.cols, false));
    // The builder never gives a band to a product that several sequences contribute to.
    if (draw(2) == 0) in.k_band = random_band(draw, r.k > 200 ? 300 : 40);
    if (draw(3) == 0) in.out_band = random_band(draw, 40);
    return r;
}

/// The instruction once per chain, the first from its start and the others from what is there: what
/// contributions of sequences are. Elements outside the instruction's rectangle keep what they had.
std::vector<float> by_reference(Adversarial& r) {
    std::vector<float> result = r.c;
    program::Instruction instruction = r.instruction;
    for (std::size_t chain = 0; chain < r.chains; ++chain) {
        std::vector<TensorMemory> memories;
        float* data[] = {r.a.data() + chain * r.a_chain, r.b.data() + chain * r.b_chain,
                         result.data(), r.third.data()};
        for (std::size_t i = 0; i < 4; ++i) {
            const program::Tensor& t = r.program.tensors[i];
            memories.push_back(
                {reinterpret_cast<std::byte*>(data[i]), t.rows, t.cols, program::DType::f32});
        }
        ReferenceContext context;
        context.tensors = memories;
        Cell all;
        all.rows = static_cast<std::uint32_t>(r.rows);
        all.cols = static_cast<std::uint32_t>(r.cols);
        run_reference_cell(r.program, instruction, context, all);
        instruction.start = program::MatmulStart::continues;
        instruction.in.resize(2);
    }
    return result;
}

DiagonalBand diagonal(const program::Band& band) {
    DiagonalBand result;
    if (band.lo) result.lo = *band.lo;
    if (band.hi) result.hi = *band.hi;
    return result;
}

std::vector<float> by_table(Adversarial& r, const Kernels& kernels, ThreadPool& pool,
                            std::vector<MatmulWorkspace>& workspaces) {
    std::vector<float> c = r.c;
    const program::Instruction& in = r.instruction;
    Matmul p;
    p.rows = r.rows;
    p.cols = r.cols;
    p.k = r.k;
    p.chains = r.chains;
    p.a = {r.a.data() + r.a_offset, r.a_stride, in.in[0].transposed, r.a_chain};
    p.b = {r.b.data() + r.b_offset, r.b_stride, in.in[1].transposed, r.b_chain};
    p.c = c.data();
    p.c_stride = r.c_stride;
    const float* starts[] = {nullptr, r.third.data(), c.data(), r.third.data()};
    p.start = starts[r.start];
    p.start_stride = r.start == 1 ? 0 : r.c_stride;
    p.k_band = diagonal(in.k_band);
    p.out_band = diagonal(in.out_band);
    matmul(kernels, {&p, 1}, pool, workspaces);
    return c;
}

TEST(Matmul, EqualsTheReferenceOnAdversarialShapes) {
    const FloatEnvironment environment;
    const char* given = std::getenv("ASSAY_TEST_MATMUL_SEED");
    const std::uint64_t first = given == nullptr ? 1 : std::stoull(given);
    const char* count = std::getenv("ASSAY_TEST_MATMUL_CASES");
    const std::uint64_t cases = count == nullptr ? 2500 : std::stoull(count);
    std::vector<MatmulWorkspace> workspaces(8);
    std::vector<std::unique_ptr<ThreadPool>> pools;
    for (unsigned threads = 1; threads <= 8; ++threads)
        pools.push_back(std::make_unique<ThreadPool>(threads));
    for (std::uint64_t seed = first; seed < first + cases; ++seed) {
        Adversarial r = adversarial_case(seed);
        // The output band of a product with several chains would clear what earlier chains left.
        if (r.chains > 1) r.instruction.out_band = {};
        const std::vector<float> expected = by_reference(r);
        for (const Kernels* kernels : available_kernels()) {
            for (const std::size_t threads : {std::size_t{1}, 2 + seed % 7}) {
                const std::vector<float> c = by_table(r, *kernels, *pools[threads - 1], workspaces);
                for (std::size_t i = 0; i < c.size(); ++i) {
                    ASSERT_TRUE(same(c[i], expected[i]))
                        << "ASSAY_TEST_MATMUL_SEED=" << seed << ", " << kernels->name << ", "
                        << threads << " threads: element " << i / r.c_stride << ", "
                        << i % r.c_stride << " of " << r.rows << " x " << r.cols << ", k " << r.k
                        << ", " << r.chains << " chains: " << std::hexfloat << c[i] << ", not "
                        << expected[i];
                }
            }
        }
    }
}

/// Writing a neighbour's elements back is a race between threads even when it changes nothing, and
/// reading behind an operand may read another's page. Operands and result lie against pages that
/// may not be touched.
TEST(Matmul, TouchesNothingOutsideItsOperands) {
    const FloatEnvironment environment;
    MatmulWorkspace workspace;
    Draw draw(5);
    for (int number = 0; number < 400; ++number) {
        Matmul p;
        p.rows = draw(3) == 0 ? 1 : 1 + draw(30);
        p.cols = 1 + draw(70);
        p.k = draw(10) == 0 ? 255 + draw(4) : 1 + draw(40);
        p.a.transposed = draw(2) == 0;
        p.b.transposed = draw(2) == 0;
        p.a.stride = p.a.transposed ? p.rows : p.k;
        p.b.stride = p.b.transposed ? p.k : p.cols;
        p.c_stride = p.cols;
        if (draw(3) == 0) p.k_band.hi = draw(20);
        if (draw(4) == 0) p.out_band.hi = draw(20);
        const bool at_end = draw(4) != 0;
        equality::Guarded a(p.rows * p.k, at_end), b(p.k * p.cols, at_end),
            c(p.rows * p.cols, at_end), bias(p.cols, at_end);
        for (const std::span<float> all : {a.span(), b.span(), c.span(), bias.span()}) {
            for (float& x : all) x = static_cast<float>(draw(2001)) / 777.0F - 1.25F;
        }
        p.a.data = a.data();
        p.b.data = b.data();
        p.c = c.data();
        const float* starts[] = {nullptr, bias.data(), c.data()};
        const std::uint32_t start = draw(3);
        p.start = starts[start];
        p.start_stride = start == 1 ? 0 : p.c_stride;
        for (const Kernels* kernels : available_kernels()) matmul(*kernels, p, workspace);
    }
}

}  // namespace
}  // namespace assay::exact
