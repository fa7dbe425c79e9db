#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

#include "base/hash.h"
#include "exact/math.h"
#include "exact/philox.h"
#include "exact/reference.h"
#include "exact/storage.h"

/// The scalar definition against values computed by hand or in the plainest possible way here.
namespace assay::exact {
namespace {

using program::Band;
using program::DType;
using program::Expression;
using program::Instruction;
using program::Kind;
using program::MatmulStart;
using program::Node;
using program::Op;
using program::Program;
using program::ReduceOp;
using program::Tensor;
using program::TensorId;
using program::View;

/// A few tensors and one instruction over them.
class Bench {
  public:
    TensorId add(std::uint32_t rows, std::uint32_t cols, const std::vector<float>& values = {}) {
        return add_words(
            rows, cols, DType::f32,
            std::vector<std::uint32_t>(
                reinterpret_cast<const std::uint32_t*>(values.data()),
                reinterpret_cast<const std::uint32_t*>(values.data()) + values.size()));
    }
    TensorId add_integers(std::uint32_t rows, std::uint32_t cols,
                          const std::vector<std::int32_t>& values = {}) {
        return add_words(rows, cols, DType::i32, {values.begin(), values.end()});
    }
    TensorId add_stored(std::uint32_t rows, std::uint32_t cols, DType type) {
        return add_words(rows, cols, type, {});
    }

    View all(TensorId id) const {
        View view;
        view.tensor = id;
        view.rows = program.tensors[id].rows;
        view.cols = program.tensors[id].cols;
        return view;
    }
    void run(const Instruction& instruction) { run_reference(program, instruction, context()); }
    ReferenceContext context() {
        memories.clear();
        for (TensorId id = 0; id < storage.size(); ++id) {
            const Tensor& tensor = program.tensors[id];
            memories.push_back({reinterpret_cast<std::byte*>(storage[id].data()), tensor.rows,
                                tensor.cols, tensor.dtype});
        }
        ReferenceContext result = base;
        result.tensors = memories;
        return result;
    }
    float f32(TensorId id, std::size_t i) const { return std::bit_cast<float>(storage[id][i]); }
    std::int32_t i32(TensorId id, std::size_t i) const {
        return std::bit_cast<std::int32_t>(storage[id][i]);
    }
    template <class T>
    T stored(TensorId id, std::size_t i) const {
        T value;
        std::memcpy(&value, reinterpret_cast<const std::byte*>(storage[id].data()) + i * sizeof(T),
                    sizeof(T));
        return value;
    }

    Program program;
    ReferenceContext base;
    std::vector<std::vector<std::uint32_t>> storage;
    std::vector<TensorMemory> memories;

  private:
    TensorId add_words(std::uint32_t rows, std::uint32_t cols, DType type,
                       std::vector<std::uint32_t> words) {
        Tensor tensor;
        tensor.rows = rows;
        tensor.cols = cols;
        tensor.dtype = type;
        program.tensors.push_back(tensor);
        words.resize(std::size_t{rows} * cols, 0);
        storage.push_back(std::move(words));
        return static_cast<TensorId>(program.tensors.size() - 1);
    }
};

std::vector<float> irregular(std::size_t count, std::uint32_t seed) {
    std::vector<float> values;
    std::uint32_t state = seed;
    for (std::size_t i = 0; i < count; ++i) {
        state = state * 1664525U + 1013904223U;
        values.push_back((static_cast<float>(state >> 8U) * 0x1p-24F - 0.5F) *
                         (i % 7 == 0 ? 1000.0F : 1.0F));
    }
    return values;
}

Instruction matmul_of(Bench& bench, TensorId a, TensorId b, TensorId out) {
    Instruction instruction;
    instruction.kind = Kind::matmul;
    instruction.in = {bench.all(a), bench.all(b)};
    instruction.out = bench.all(out);
    return instruction;
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Fma, SoftwareEqualsHardware) {
    if (!kHardwareFma) GTEST_SKIP() << "no fma instruction to compare with";
    std::uint64_t state = 99;
    const auto next = [&] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return std::bit_cast<float>(static_cast<std::uint32_t>(state >> 32U));
    };
    for (int i = 0; i < 2'000'000; ++i) {
        const float a = next(), b = next();
        // Half of the time an addend near -a b, where double rounding and cancellation show.
        const float c = i % 2 == 0 ? next() : -(a * b) * (i % 4 == 1 ? 1.0F : 0x1.000002p0F);
        const float soft = soft_fma(a, b, c), hard = fma_f32(a, b, c);
        ASSERT_TRUE(std::bit_cast<std::uint32_t>(soft) == std::bit_cast<std::uint32_t>(hard) ||
                    (soft != soft && hard != hard))
            << a << " " << b << " " << c;
    }
}

TEST(Fma, RoundsOnceWhereTwoRoundingsDiffer) {
    // 1 + 2^-24 + 2^-60: a tie in binary64 rounded twice would lose the last part.
    EXPECT_EQ(soft_fma(0x1p-30F, 0x1p-30F, 0x1p0F), 1.0F);
    EXPECT_EQ(soft_fma(0x1.000002p0F, 0x1.000002p0F, -0x1.000004p0F), 0x1p-46F);
    EXPECT_EQ(soft_fma(0x1p-75F, 0x1p-75F, 0.0F), 0.0F);
    EXPECT_EQ(soft_fma(0x1p-75F, 0x1.8p-75F, 0.0F), 0x1p-149F);
    EXPECT_TRUE(std::isnan(soft_fma(kInfinity, 0.0F, 1.0F)));
}

TEST(Conversions, FloatToIntegerRoundsToEvenAndSaturates) {
    EXPECT_EQ(to_i32(0.5F), 0);
    EXPECT_EQ(to_i32(1.5F), 2);
    EXPECT_EQ(to_i32(2.5F), 2);
    EXPECT_EQ(to_i32(-0.5F), 0);
    EXPECT_EQ(to_i32(-1.5F), -2);
    EXPECT_EQ(to_i32(3e9F), INT32_MAX);
    EXPECT_EQ(to_i32(-3e9F), INT32_MIN);
    EXPECT_EQ(to_i32(-0x1p31F), INT32_MIN);
    EXPECT_EQ(to_i32(0x1.fffffep30F), 2147483520);
    EXPECT_EQ(to_i32(kInfinity), INT32_MAX);
    EXPECT_EQ(to_i32(kNan), 0);
    EXPECT_EQ(to_i32(8388609.0F), 8388609);
}

TEST(Conversions, Bfloat16RoundsToEven) {
    EXPECT_EQ(bf16_from_f32(1.0F), 0x3f80);
    EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f808000U)), 0x3f80);  // tie to even
    EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f818000U)), 0x3f82);
    EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f808001U)), 0x3f81);
    EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7f7fffffU)), 0x7f80);  // rounds to infinity
    EXPECT_EQ(bf16_from_f32(-kNan), 0x7fc0);
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const float value = f32_from_bf16(static_cast<std::uint16_t>(bits));
        if (value == value) {
            ASSERT_EQ(bf16_from_f32(value), bits);
        }
    }
}

TEST(Conversions, HalfRoundTripsAndRoundsToEven) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const float value = f32_from_f16(static_cast<std::uint16_t>(bits));
        if (value == value) {
            ASSERT_EQ(f16_from_f32(value), bits);
        }
    }
    EXPECT_EQ(f16_from_f32(65519.0F), 0x7bff);
    EXPECT_EQ(f16_from_f32(65520.0F), 0x7c00);
    EXPECT_EQ(f16_from_f32(0x1p-25F), 0);  // tie with zero
    EXPECT_EQ(f16_from_f32(0x1.000002p-25F), 1);
    EXPECT_EQ(f16_from_f32(0x1.8p-24F), 2);       // tie between 1 and 2 units
    EXPECT_EQ(f16_from_f32(0x1.002p0F), 0x3c00);  // tie to even
    EXPECT_EQ(f16_from_f32(0x1.006p0F), 0x3c02);
    EXPECT_EQ(f16_from_f32(kNan), 0x7e00);
}

TEST(Philox, KnownAnswers) {  // Random123 kat_vectors, philox4x32 10
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
              (PhiloxWords{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
    EXPECT_EQ(
        philox({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}, {0xffffffffU, 0xffffffffU}),
        (PhiloxWords{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
    EXPECT_EQ(
        philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}),
        (PhiloxWords{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}));
}

TEST(Philox, KeysDifferByLaneAndStream) {
    EXPECT_NE(philox_key(1, 2, 3), philox_key(1, 2, 4));
    EXPECT_NE(philox_key(1, 2, 3), philox_key(1, 3, 2));
    EXPECT_NE(philox_key(1, 2, 3), philox_key(2, 2, 3));
}

TEST(Random, CountsPaddingRowsAndUsesWordsOfElements) {
    Bench bench;
    const TensorId out = bench.add(64, 3);
    Instruction instruction;
    instruction.kind = Kind::random;
    instruction.distribution = program::Distribution::uniform;
    instruction.stream = 5;
    instruction.items = 2;
    instruction.out = bench.all(out);
    instruction.out.rows = 30;
    instruction.out.item_row_stride = 32;
    bench.program.seed = 9;
    bench.base.lane = 1;
    bench.base.sequence = 4;
    bench.base.global_step = 6;
    bench.storage[out].assign(64 * 3, 77);
    bench.run(instruction);
    const PhiloxKey key = philox_key(9, 5, 1);
    for (const std::uint64_t element : {0U, 5U, 89U, 96U, 185U}) {
        const std::uint32_t word =
            philox({static_cast<std::uint32_t>(element / 4), 0, 4, 6}, key)[element % 4];
        EXPECT_EQ(bench.f32(out, element), static_cast<float>(word >> 8U) / 16777216.0F);
    }
    for (std::size_t i = 90; i < 96; ++i)
        EXPECT_EQ(bench.storage[out][i], 0U);  // padding rows 30 and 31
}

TEST(Random, NormalsAndMasksHaveTheirMoments) {
    Bench bench;
    const TensorId normal = bench.add(100, 1000), mask = bench.add_integers(100, 1000);
    Instruction instruction;
    instruction.kind = Kind::random;
    instruction.distribution = program::Distribution::normal;
    instruction.stream = 1;
    instruction.out = bench.all(normal);
    bench.run(instruction);
    double sum = 0, square = 0;
    for (std::size_t i = 0; i < 100'000; ++i) {
        const double x = static_cast<double>(bench.f32(normal, i));
        sum += x;
        square += x * x;
    }
    EXPECT_NEAR(sum / 1e5, 0, 0.012);
    EXPECT_NEAR(square / 1e5, 1, 0.02);
    const PhiloxWords words = philox({0, 0, 0, 0}, philox_key(0, 1, 0));
    const double u = (static_cast<double>(words[2] >> 8U) + 1) / 16777216.0;
    const double angle = 2 * M_PI * static_cast<double>(words[3] >> 8U) / 16777216.0;
    EXPECT_NEAR(static_cast<double>(bench.f32(normal, 2)),
                std::sqrt(-2 * std::log(u)) * std::cos(angle), 1e-5);
    EXPECT_NEAR(static_cast<double>(bench.f32(normal, 3)),
                std::sqrt(-2 * std::log(u)) * std::sin(angle), 1e-5);

    instruction.distribution = program::Distribution::mask;
    instruction.keep_ppb = 300'000'000;
    instruction.out = bench.all(mask);
    bench.run(instruction);
    std::int64_t kept = 0;
    for (std::size_t i = 0; i < 100'000; ++i) kept += bench.i32(mask, i);
    EXPECT_NEAR(static_cast<double>(kept) / 1e5, 0.3, 0.006);
    EXPECT_EQ(keep_threshold(1'000'000'000), std::uint64_t{1} << 32U);
}

TEST(Matmul, CutsChainsAtMultiplesOf256) {
    Bench bench;
    const auto a = irregular(600, 1), b = irregular(600, 2);
    const TensorId ta = bench.add(1, 600, a), tb = bench.add(600, 1, b), out = bench.add(1, 1);
    bench.run(matmul_of(bench, ta, tb, out));
    float expected = 0.0F;
    for (std::size_t block = 0; block < 600; block += 256) {
        float chain = 0.0F;
        for (std::size_t k = block; k < std::min<std::size_t>(600, block + 256); ++k)
            chain = soft_fma(a[k], b[k], chain);
        expected = expected + chain;
    }
    EXPECT_EQ(bench.f32(out, 0), expected);
    float one_chain = 0.0F;
    for (std::size_t k = 0; k < 600; ++k) one_chain = soft_fma(a[k], b[k], one_chain);
    EXPECT_NE(one_chain, expected) << "the vector does not tell the orders apart";
}

TEST(Matmul, ReadsTinyOperandsAsZero) {
    Bench bench;
    const TensorId a = bench.add(1, 2, {0x1.fffffep-64F, 0x1p-63F}),
                   b = bench.add(2, 1, {0x1p63F, 0x1p63F}), out = bench.add(1, 1);
    bench.run(matmul_of(bench, a, b, out));
    EXPECT_EQ(bench.f32(out, 0), 1.0F);
}

TEST(Matmul, StartsFromBiasTensorOrItself) {
    Bench bench;
    const TensorId a = bench.add(2, 1, {2, 3}), b = bench.add(1, 2, {5, 7}),
                   bias = bench.add(1, 2, {100, 200}), out = bench.add(2, 2, {1, 2, 3, 4}),
                   other = bench.add(2, 2, {10, 20, 30, 40});
    Instruction instruction = matmul_of(bench, a, b, out);
    instruction.start = MatmulStart::continues;
    bench.run(instruction);
    EXPECT_EQ(bench.f32(out, 3), 25.0F);
    instruction.in.push_back(bench.all(other));
    bench.run(instruction);
    EXPECT_EQ(bench.f32(out, 3), 61.0F);
    instruction.start = MatmulStart::bias;
    instruction.in[2] = bench.all(bias);
    bench.run(instruction);
    EXPECT_EQ(bench.f32(out, 2), 115.0F);
}

TEST(Matmul, BandsSkipAndWriteZero) {
    Bench bench;
    const TensorId a = bench.add(3, 3, {1, kNan, kNan, 1, 1, kNan, 1, 1, 1}),
                   b = bench.add(3, 2, {1, 2, 3, 4, 5, 6}), out = bench.add(3, 2);
    Instruction instruction = matmul_of(bench, a, b, out);
    instruction.k_band.hi = 0;
    bench.run(instruction);
    EXPECT_EQ(bench.f32(out, 0), 1.0F);
    EXPECT_EQ(bench.f32(out, 2), 4.0F);
    EXPECT_EQ(bench.f32(out, 5), 12.0F);
    const TensorId square = bench.add(3, 3, std::vector<float>(9, -0.0F));
    instruction = matmul_of(bench, b, b, square);
    instruction.in[1].transposed = true;
    instruction.out_band.hi = 0;
    bench.run(instruction);
    EXPECT_EQ(bench.storage[square][1], 0U);
    EXPECT_EQ(bench.storage[square][2], 0U);
    EXPECT_EQ(bench.f32(square, 3), 11.0F);
}

TEST(Matmul, BlocksOfABandAreStillCutAt256OfTheView) {
    Bench bench;
    const auto a = irregular(300 * 300, 3), b = irregular(300, 4);
    const TensorId ta = bench.add(300, 300, a), tb = bench.add(300, 1, b), out = bench.add(300, 1);
    Instruction instruction = matmul_of(bench, ta, tb, out);
    instruction.k_band.lo = 0;
    bench.run(instruction);
    const auto chain = [&](std::size_t row, std::size_t begin, std::size_t end) {
        float sum = 0.0F;
        for (std::size_t k = begin; k < end; ++k) sum = soft_fma(a[row * 300 + k], b[k], sum);
        return sum;
    };
    EXPECT_EQ(bench.f32(out, 100), (0.0F + chain(100, 100, 256)) + chain(100, 256, 300));
    EXPECT_EQ(bench.f32(out, 270), 0.0F + chain(270, 270, 300));
}

TEST(Matmul, IntegersAreExactModulo2To32) {
    Bench bench;
    const TensorId a = bench.add_stored(1, 4, DType::i8), b = bench.add_stored(4, 1, DType::i8),
                   out = bench.add_integers(1, 1);
    const std::int8_t left[] = {-128, 127, -1, 5}, right[] = {-128, 127, 3, -7};
    std::memcpy(bench.storage[a].data(), left, 4);
    std::memcpy(bench.storage[b].data(), right, 4);
    bench.run(matmul_of(bench, a, b, out));
    EXPECT_EQ(bench.i32(out, 0), 128 * 128 + 127 * 127 - 3 - 35);
}

Instruction reduce_of(Bench& bench, ReduceOp op, std::vector<TensorId> in, TensorId out) {
    Instruction instruction;
    instruction.kind = Kind::reduce;
    instruction.reduce = op;
    for (const TensorId id : in) instruction.in.push_back(bench.all(id));
    instruction.out = bench.all(out);
    return instruction;
}

TEST(Reduce, SumsIn32LanesThenATree) {
    Bench bench;
    const auto x = irregular(100, 5), y = irregular(100, 6);
    const TensorId tx = bench.add(1, 100, x), ty = bench.add(1, 100, y), out = bench.add(1, 1);
    float sum[32] = {}, dot[32] = {};
    for (std::size_t i = 0; i < 100; ++i) {
        sum[i % 32] = sum[i % 32] + x[i];
        dot[i % 32] = soft_fma(x[i], y[i], dot[i % 32]);
    }
    for (std::size_t s = 16; s > 0; s /= 2) {
        for (std::size_t l = 0; l < s; ++l) {
            sum[l] = sum[l] + sum[l + s];
            dot[l] = dot[l] + dot[l + s];
        }
    }
    bench.run(reduce_of(bench, ReduceOp::sum, {tx}, out));
    EXPECT_EQ(bench.f32(out, 0), sum[0]);
    bench.run(reduce_of(bench, ReduceOp::dot, {tx, ty}, out));
    EXPECT_EQ(bench.f32(out, 0), dot[0]);
}

TEST(Reduce, DotReadsTinyOperandsAsZeroAndSumDoesNot) {
    Bench bench;
    const TensorId x = bench.add(1, 1, {0x1p-64F}), y = bench.add(1, 1, {0x1p64F}),
                   out = bench.add(1, 1);
    bench.run(reduce_of(bench, ReduceOp::dot, {x, y}, out));
    EXPECT_EQ(bench.f32(out, 0), 0.0F);
    bench.run(reduce_of(bench, ReduceOp::sum, {x}, out));
    EXPECT_EQ(bench.f32(out, 0), 0x1p-64F);
}

TEST(Reduce, MaxSkipsNanAndLosesTheSignOfZero) {
    Bench bench;
    const TensorId x = bench.add(3, 2, {kNan, -3, -0.0F, -0.0F, kNan, kNan}), out = bench.add(3, 1);
    bench.run(reduce_of(bench, ReduceOp::max, {x}, out));
    EXPECT_EQ(bench.f32(out, 0), -3.0F);
    EXPECT_EQ(bench.storage[out][1], 0U);
    EXPECT_EQ(bench.f32(out, 2), -kInfinity);
}

TEST(Gather, CopiesRowsAndReadsZeroOutside) {
    Bench bench;
    const TensorId source = bench.add(2, 2, {1, 2, 3, 4}),
                   index = bench.add_integers(4, 1, {1, -1, 2, 0}), out = bench.add(4, 2);
    Instruction instruction;
    instruction.kind = Kind::gather;
    instruction.in = {bench.all(source), bench.all(index)};
    instruction.out = bench.all(out);
    bench.run(instruction);
    const float expected[] = {3, 4, 0, 0, 0, 0, 1, 2};
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(bench.f32(out, i), expected[i]);
}

TEST(ScatterAdd, AddsInOrderAndSkipsOutside) {
    Bench bench;
    const TensorId acc = bench.add(2, 1, {0x1p24F, 5}), x = bench.add(4, 1, {1, 1, 2, 100}),
                   index = bench.add_integers(4, 1, {0, 0, 0, 2});
    Instruction instruction;
    instruction.kind = Kind::scatter_add;
    instruction.in = {bench.all(x), bench.all(index)};
    instruction.out = bench.all(acc);
    bench.run(instruction);
    EXPECT_EQ(bench.f32(acc, 0),
              0x1p24F + 2.0F);  // 1 is lost twice against 2^24; summed first it would count
    EXPECT_EQ(bench.f32(acc, 1), 5.0F);
}

Instruction map_of(Bench& bench, const std::vector<TensorId>& in, TensorId out,
                   Expression expression) {
    Instruction instruction;
    instruction.kind = Kind::map;
    for (const TensorId id : in) instruction.in.push_back(bench.all(id));
    instruction.out = bench.all(out);
    instruction.expression = std::move(expression);
    return instruction;
}

TEST(Map, BroadcastsRowsColumnsAndScalars) {
    Bench bench;
    const TensorId row = bench.add(1, 3, {1, 2, 3}), column = bench.add(2, 1, {10, 20}),
                   scalar = bench.add(1, 1, {100}), out = bench.add(2, 3);
    bench.run(map_of(bench, {row, column, scalar}, out,
                     {{Op::operand, 0, 0, 0, 0},
                      {Op::operand, 1, 0, 0, 0},
                      {Op::operand, 2, 0, 0, 0},
                      {Op::add, 0, 1, 0, 0},
                      {Op::add, 3, 2, 0, 0}}));
    const float expected[] = {111, 112, 113, 121, 122, 123};
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(bench.f32(out, i), expected[i]);
}

TEST(Map, MinMaxAndCompareOnNanAndZeros) {
    Bench bench;
    const TensorId x = bench.add(1, 3, {kNan, -0.0F, 0.0F}), y = bench.add(1, 3, {1, 0.0F, -0.0F}),
                   out = bench.add(1, 3), flags = bench.add_integers(1, 3);
    const auto binary = [](Op op) {
        return Expression{{Op::operand, 0, 0, 0, 0}, {Op::operand, 1, 0, 0, 0}, {op, 0, 1, 0, 0}};
    };
    bench.run(map_of(bench, {x, y}, out, binary(Op::max)));
    EXPECT_EQ(bench.f32(out, 0), 1.0F);
    EXPECT_EQ(bench.storage[out][1], 0U);  // -0 > +0 is false: b
    EXPECT_EQ(bench.storage[out][2], 0x80000000U);
    bench.run(map_of(bench, {y, x}, out, binary(Op::min)));
    EXPECT_TRUE(std::isnan(bench.f32(out, 0)));  // 1 < NaN is false: b
    for (const Op op : {Op::equal, Op::less, Op::less_equal}) {
        bench.run(map_of(bench, {x, y}, flags, binary(op)));
        EXPECT_EQ(bench.i32(flags, 0), 0);
        EXPECT_EQ(bench.i32(flags, 1), op == Op::less ? 0 : 1);
    }
}

TEST(Map, IntegersWrapAndIndicesCountWithinTheItem) {
    Bench bench;
    const TensorId out = bench.add_integers(64, 2);
    Instruction instruction = map_of(bench, {}, out,
                                     {{Op::row_index, 0, 0, 0, 0},
                                      {Op::constant_i32, 0, 0, 0, 0x40000000U},
                                      {Op::mul, 0, 1, 0, 0},
                                      {Op::col_index, 0, 0, 0, 0},
                                      {Op::add, 2, 3, 0, 0}});
    instruction.items = 2;
    instruction.out.rows = 31;
    instruction.out.item_row_stride = 32;
    bench.run(instruction);
    EXPECT_EQ(bench.i32(out, 5 * 2 + 1), 0x40000001);         // 5 x 2^30 mod 2^32
    EXPECT_EQ(bench.i32(out, (32 + 5) * 2 + 1), 0x40000001);  // row 5 of the second item
    EXPECT_EQ(bench.i32(out, 31 * 2 + 1), 0);                 // padding
}

TEST(Map, NarrowsWhenItWrites) {
    Bench bench;
    const TensorId x = bench.add(1, 4, {300, -300, 2.5F, 1.00390625F}),
                   bytes = bench.add_stored(1, 4, DType::i8),
                   halves = bench.add_stored(1, 4, DType::bf16);
    bench.run(map_of(bench, {x}, bytes, {{Op::operand, 0, 0, 0, 0}, {Op::to_i32, 0, 0, 0, 0}}));
    EXPECT_EQ(bench.stored<std::int8_t>(bytes, 0), 127);
    EXPECT_EQ(bench.stored<std::int8_t>(bytes, 1), -128);
    EXPECT_EQ(bench.stored<std::int8_t>(bytes, 2), 2);
    bench.run(map_of(bench, {x}, halves, {{Op::operand, 0, 0, 0, 0}}));
    EXPECT_EQ(bench.stored<std::uint16_t>(halves, 3), 0x3f80);
    EXPECT_EQ(bench.stored<std::uint16_t>(halves, 0), 0x4396);
}

TEST(Load, WindowsLieInTheTrainingSplit) {
    Bench bench;
    bench.program.sequence_rows = 4;
    std::vector<std::uint32_t> words(100);
    for (std::uint32_t i = 0; i < 100; ++i) words[i] = i;
    const TensorId tokens = bench.add_integers(4, 1), labels = bench.add_integers(4, 1);
    Instruction instruction;
    instruction.kind = Kind::load;
    bench.base.dataset = {words, 10, 1};
    std::set<std::int32_t> starts;
    for (bench.base.global_step = 0; bench.base.global_step < 200; ++bench.base.global_step) {
        instruction.out = bench.all(tokens);
        instruction.row_offset = 0;
        bench.run(instruction);
        instruction.out = bench.all(labels);
        instruction.row_offset = 1;
        bench.run(instruction);
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(bench.i32(tokens, i), bench.i32(tokens, 0) + static_cast<std::int32_t>(i));
            EXPECT_EQ(bench.i32(labels, i), bench.i32(tokens, i) + 1);
        }
        starts.insert(bench.i32(tokens, 0));
    }
    EXPECT_EQ(starts,
              (std::set<std::int32_t>{0, 1, 2, 3, 4, 5}));  // labels end at token 9 at the latest
}

TEST(Load, RowsOfATableAreDrawnEachOnItsOwn) {
    Bench bench;
    bench.program.sequence_rows = 3;
    bench.program.seed = 4;
    std::vector<std::uint32_t> words;
    for (std::uint32_t row = 0; row < 50; ++row) {
        words.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(row) + 0.25F));
        words.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(row)));
    }
    const TensorId features = bench.add(3, 1), labels = bench.add_integers(3, 1);
    bench.base.dataset = {words, 50, 2};
    Instruction instruction;
    instruction.kind = Kind::load;
    instruction.source = program::LoadSource::table_features;
    instruction.out = bench.all(features);
    bench.run(instruction);
    instruction.source = program::LoadSource::table_labels;
    instruction.out = bench.all(labels);
    bench.run(instruction);
    for (std::uint32_t row = 0; row < 3; ++row) {
        const PhiloxWords drawn = philox({row, 0, 0, 0}, philox_key(4, 0, 0));
        const auto word = drawn[0] + (std::uint64_t{drawn[1]} << 32U);
        const auto expected = static_cast<std::int32_t>(base::scale_u64(word, 50));
        EXPECT_EQ(bench.i32(labels, row), expected);
        EXPECT_EQ(bench.f32(features, row), static_cast<float>(expected) + 0.25F);
    }
}

TEST(Cell, EqualsTheSamePlaceOfTheWhole) {
    Bench bench;
    const TensorId a = bench.add(40, 300, irregular(40 * 300, 8)),
                   b = bench.add(300, 50, irregular(300 * 50, 9)), out = bench.add(40, 50);
    const Instruction instruction = matmul_of(bench, a, b, out);
    bench.run(instruction);
    const auto whole = bench.storage[out];
    bench.storage[out].assign(whole.size(), 0xdeadbeefU);
    run_reference_cell(bench.program, instruction, bench.context(), {0, 32, 32, 8, 18});
    for (std::size_t row = 0; row < 40; ++row) {
        for (std::size_t col = 0; col < 50; ++col) {
            const bool inside = row >= 32 && col >= 32;
            EXPECT_EQ(bench.storage[out][row * 50 + col],
                      inside ? whole[row * 50 + col] : 0xdeadbeefU);
        }
    }
}

}  // namespace
}  // namespace assay::exact
