#include "unary_functions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "exact/math.h"

namespace assay::equality {

using exact::ChunkOp;
using exact::Kernels;

namespace {

constexpr std::uint32_t kAround = 4096, kSign = 0x80000000U, kMagnitude = 0x7fffffffU;
constexpr std::uint32_t kInfinity = 0x7f800000U;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

float f32(std::uint32_t word) { return std::bit_cast<float>(word); }
std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }
std::uint32_t rounded(double x) { return bits(static_cast<float>(x)); }
bool is_nan(std::uint32_t word) { return (word & kMagnitude) > kInfinity; }

template <ChunkOp kOp>
void chunk(const Kernels& kernels, const std::uint32_t* in, std::uint32_t* out, std::size_t n) {
    kernels.chunk[static_cast<std::size_t>(kOp)](in, nullptr, nullptr, out, n);
}

// fma(flush(x), 1, +0) is the flushed x: it is never -0.
void flush_by_dot(const Kernels& kernels, const std::uint32_t* in, std::uint32_t* out,
                  std::size_t n) {
    const float one = 1.0F;
    for (std::size_t i = 0; i < n; ++i) {
        const float x = f32(in[i]);
        out[i] = bits(kernels.dot(&x, &one, 1));
    }
}

template <float (*kFunction)(float)>
std::uint32_t scalar(std::uint32_t word) {
    return bits(kFunction(f32(word)));
}

// sin and cos of turns, reduced exactly before libm is asked.
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

// Rounding a square root of a float from binary64 to binary32 is innocuous (53 >= 2 * 24 + 2).
std::uint32_t right_sqrt(std::uint32_t word) {
    return rounded(std::sqrt(static_cast<double>(f32(word))));
}
std::uint32_t right_to_i32(std::uint32_t word) {
    const double x = std::nearbyint(static_cast<double>(f32(word)));
    if (std::isnan(x)) return 0;
    const double low = std::numeric_limits<std::int32_t>::min(),
                 high = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(std::clamp(x, low, high)));
}
std::uint32_t right_to_f32(std::uint32_t word) {
    return rounded(static_cast<double>(std::bit_cast<std::int32_t>(word)));
}
std::uint32_t right_flush(std::uint32_t word) {
    // 2^-63 has the exponent field 64.
    return (word & kMagnitude) < 64U << 23U ? 0U : word;
}
std::uint32_t scalar_to_i32(std::uint32_t word) {
    return static_cast<std::uint32_t>(exact::to_i32(f32(word)));
}
std::uint32_t scalar_to_f32(std::uint32_t word) {
    return bits(exact::to_f32(std::bit_cast<std::int32_t>(word)));
}

using Words = std::vector<std::uint32_t>;

/// exp takes the nearest integer of x log2 e: the step moves at (n + 1/2) ln 2.
Words exp_edges() {
    Words edges{bits(exact::detail::kExpLowest), bits(exact::detail::kExpHighest), bits(88.722839F),
                bits(-103.97208F)};
    for (int n = -151; n <= 129; ++n) edges.push_back(rounded((n + 0.5) * kLn2));
    return edges;
}

/// The mantissa is taken from [sqrt 1/2, sqrt 2) of every power of two; 2^-126 is where scaling
/// begins, which meets both an edge of its own and the windows below it.
Words log_edges() {
    Words edges{bits(0x1p-126F), bits(1.0F)};
    for (int e = -149; e <= 128; ++e) edges.push_back(rounded(std::ldexp(std::sqrt(0.5), e)));
    return edges;
}

Words tanh_edges() {
    Words edges{bits(0.5F), bits(10.0F)};
    for (int n = 0; n <= 30; ++n) edges.push_back(rounded((n + 0.5) * kLn2 / 2));
    return edges;
}

/// Above 1 erf is 1 - exp(-y), whose step moves where erfc(x) = exp(-(n + 1/2) ln 2).
Words erf_edges() {
    Words edges{bits(1.0F), bits(3.95F)};
    for (int n = 0; n <= 25; ++n) {
        const double wanted = std::exp(-(n + 0.5) * kLn2);
        double low = 0, high = 6;
        for (int i = 0; i < 60; ++i) {
            const double middle = (low + high) / 2;
            (std::erfc(middle) > wanted ? low : high) = middle;
        }
        edges.push_back(rounded(low));
    }
    return edges;
}

/// Whole turns, quarters and the eighths between which sine and cosine change places, near zero and
/// around every power of two up to where all floats are whole.
Words turn_edges() {
    Words edges;
    for (int eighth = 0; eighth <= 64; ++eighth) edges.push_back(rounded(0.125 * eighth));
    for (int e = 3; e <= 24; ++e) {
        for (int eighth = -8; eighth <= 8; ++eighth)
            edges.push_back(rounded(std::ldexp(1.0, e) + 0.125 * eighth));
    }
    return edges;
}

Words power_edges() {
    Words edges;
    for (int e = -149; e <= 127; ++e) edges.push_back(rounded(std::ldexp(1.0, e)));
    return edges;
}

/// Ties of rounding, and where the result saturates.
Words to_i32_edges() {
    Words edges = power_edges();
    for (int i = 0; i <= 64; ++i) edges.push_back(bits(0.5F + static_cast<float>(i)));
    for (const float x : {4194303.5F, 8388607.5F, 0x1p31F, -0x1p31F, 0x1.fffffep30F})
        edges.push_back(bits(x));
    return edges;
}

/// As integers: around every power of two the rounding changes.
Words to_f32_edges() {
    Words edges{0U, kSign, kMagnitude};
    for (std::uint32_t e = 0; e < 32; ++e) {
        edges.push_back(1U << e);
        edges.push_back(0U - (1U << e));
        for (std::uint32_t tie = 0; e >= 24 && tie < 4; ++tie)
            edges.push_back((1U << e) + ((2 * tie + 1) << (e - 24)));
    }
    return edges;
}

constexpr UnaryFunction kFunctions[] = {
    {"exp", chunk<ChunkOp::exp>, scalar<exact::exp_f32>, [](double x) { return std::exp(x); },
     nullptr, exp_edges, 2},
    {"log", chunk<ChunkOp::log>, scalar<exact::log_f32>, [](double x) { return std::log(x); },
     nullptr, log_edges, 2},
    {"tanh", chunk<ChunkOp::tanh>, scalar<exact::tanh_f32>, [](double x) { return std::tanh(x); },
     nullptr, tanh_edges, 2},
    {"erf", chunk<ChunkOp::erf>, scalar<exact::erf_f32>, [](double x) { return std::erf(x); },
     nullptr, erf_edges, 2},
    {"sin2pi", chunk<ChunkOp::sin2pi>, scalar<exact::sin2pi_f32>, true_sin2pi, nullptr, turn_edges,
     2},
    {"cos2pi", chunk<ChunkOp::cos2pi>, scalar<exact::cos2pi_f32>, true_cos2pi, nullptr, turn_edges,
     2},
    {"sqrt", chunk<ChunkOp::sqrt>, scalar<exact::sqrt_f32>, nullptr, right_sqrt, power_edges, 0},
    {"neg", chunk<ChunkOp::neg>, scalar<exact::neg_f32>, nullptr,
     [](std::uint32_t word) { return word ^ kSign; }, power_edges, 0},
    {"abs", chunk<ChunkOp::abs>, scalar<exact::abs_f32>, nullptr,
     [](std::uint32_t word) { return word & kMagnitude; }, power_edges, 0},
    {"to_i32", chunk<ChunkOp::to_i32>, scalar_to_i32, nullptr, right_to_i32, to_i32_edges, 0},
    {"to_f32", chunk<ChunkOp::to_f32>, scalar_to_f32, nullptr, right_to_f32, to_f32_edges, 0},
    {"flush", flush_by_dot, scalar<exact::flush_operand>, nullptr, right_flush, power_edges, 0},
};

}  // namespace

std::span<const UnaryFunction> unary_functions() { return kFunctions; }

std::vector<std::uint32_t> inputs_of(const UnaryFunction& function, std::uint32_t stride) {
    Words all;
    for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32U); i += stride)
        all.push_back(static_cast<std::uint32_t>(i));
    Words centres = function.edges();
    for (const float x :
         {0.0F, 0x1p-149F, 0x1p-126F, 0x1p-63F, 0x1p-24F, 0.125F, 0.25F, 0.5F, 1.0F, 1.5F, 10.0F,
          0x1p22F, 0x1p23F, 0x1p24F, 0x1p31F, std::numeric_limits<float>::max(), f32(kInfinity)})
        centres.push_back(bits(x));
    for (const std::uint32_t centre : centres) {
        for (std::uint32_t i = 0; i < kAround; ++i) {
            all.push_back(centre + i - kAround / 2);
            all.push_back((centre + i - kAround / 2) ^ kSign);
        }
    }
    return all;
}

bool same_result(const UnaryFunction& function, std::uint32_t a, std::uint32_t b) {
    if (a == b) return true;
    // Integers have no NaN; neg and abs move the sign bit of a NaN and nothing else.
    const std::string_view name = function.name;
    if (name == "to_i32" || name == "neg" || name == "abs") return false;
    return is_nan(a) && is_nan(b);
}

double error_in_ulp(const UnaryFunction& function, std::uint32_t input, std::uint32_t result) {
    const double truth = function.truth(static_cast<double>(f32(input)));
    const double wrong = std::numeric_limits<double>::infinity();
    if (std::isnan(truth)) return is_nan(result) ? 0.0 : wrong;
    if (std::string_view(function.name) == "exp" && f32(input) < exact::detail::kExpLowest)
        return truth < 0x1p-126 && result == 0U ? 0.0 : wrong;
    const float nearest = static_cast<float>(truth);
    if (std::isinf(nearest)) return result == bits(nearest) ? 0.0 : wrong;
    if (is_nan(result)) return wrong;
    int exponent = 0;
    std::frexp(truth, &exponent);
    const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
    return std::fabs(static_cast<double>(f32(result)) - truth) / ulp;
}

}  // namespace assay::equality
