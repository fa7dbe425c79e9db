#include "schedule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace assay::program {
namespace {

constexpr double kPi = 0x1.921fb54442d18p+1;
constexpr std::size_t kTerms = 12;

/// What the k-th Taylor term has beyond the one before: (2k - 1) 2k of the cosine, 2k (2k + 1) of
/// the sine.
using Divisors = std::array<double, kTerms>;
constexpr Divisors divisors(std::size_t shift) {
    Divisors all{};
    for (std::size_t k = 1; k < kTerms; ++k)
        all[k] = static_cast<double>((2 * k - 1 + shift) * (2 * k + shift));
    return all;
}
constexpr Divisors kCosine = divisors(0), kSine = divisors(1);

/// first (1 - y^2 / d_1 + ...), summed upwards.
double series(double first, double y, const Divisors& divisor) {
    const double square = y * y;
    double term = first, sum = first;
    for (std::size_t k = 1; k < kTerms; ++k) {
        term = -term * square / divisor[k];
        sum = sum + term;
    }
    return sum;
}

/// 2^exponent for -126 <= exponent <= 127.
float power_of_two(int exponent) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23U);
}

/// The least exponent within [-126, 126] with 2^exponent >= bound, read off the bits of a bound
/// that is no NaN.
int exponent_above(double bound) {
    constexpr int kLowest = -126, kHighest = 126, kBias = 1023;
    if (!(bound > static_cast<double>(power_of_two(kLowest)))) return kLowest;
    const auto bits = std::bit_cast<std::uint64_t>(bound);
    const bool power = (bits & ((std::uint64_t{1} << 52U) - 1)) == 0;
    const int exponent = static_cast<int>(bits >> 52U) - kBias + (power ? 0 : 1);
    return std::min(exponent, kHighest);
}

}  // namespace

double from_ppb(std::uint64_t value) { return static_cast<double>(value) / 1e9; }

double cos_pi(double x) {
    if (x > 0.5) return -cos_pi(1.0 - x);
    if (x > 0.25) {
        const double y = kPi * (0.5 - x);
        return series(y, y, kSine);
    }
    return series(1.0, kPi * x, kCosine);
}

namespace {

/// What learning_rate needs of the optimizer, converted once.
struct RateCurve {
    double peak = 0.0, lowest = 0.0, half = 0.0;
    std::uint64_t warmup = 0, steps = 0;

    [[nodiscard]] double at(std::uint64_t step) const {
        if (step < warmup) {
            return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
        }
        if (steps <= warmup) return peak;
        const double progress =
            static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
        return lowest + half * (1.0 + cos_pi(progress));
    }
};

RateCurve curve_of(const market::Optimizer& optimizer, std::uint64_t steps) {
    RateCurve curve;
    curve.peak = from_ppb(optimizer.learning_rate_ppb);
    curve.lowest = from_ppb(optimizer.learning_rate_min_ppb);
    curve.half = (curve.peak - curve.lowest) / 2.0;
    curve.warmup = optimizer.warmup_steps;
    curve.steps = steps;
    return curve;
}

}  // namespace

double learning_rate(const market::Optimizer& optimizer, std::uint64_t step, std::uint64_t steps) {
    return curve_of(optimizer, steps).at(step);
}

std::vector<float> schedule_table(const market::JobSpec& spec) {
    const market::Optimizer& optimizer = spec.optimizer;
    const std::uint64_t steps = spec.steps_per_lane();
    const bool restarts = spec.has_merge() && spec.merge.moments == market::MomentRule::reset;
    const double beta1 = from_ppb(optimizer.beta1_ppb);
    const double beta2 = from_ppb(optimizer.beta2_ppb);
    const double decay = from_ppb(optimizer.weight_decay_ppb);
    std::vector<float> table(static_cast<std::size_t>(steps) * kScheduleColumns);
    const RateCurve curve = curve_of(optimizer, steps);
    double power1 = 1.0, power2 = 1.0;
    for (std::uint64_t step = 0; step < steps; ++step) {
        if (restarts && step % spec.round_steps == 0) power1 = power2 = 1.0;
        power1 = power1 * beta1;
        power2 = power2 * beta2;
        const double rate = curve.at(step);
        float* row = table.data() + static_cast<std::size_t>(step) * kScheduleColumns;
        row[kLearningRate] = static_cast<float>(rate);
        row[kDecay] = static_cast<float>(1.0 - rate * decay);
        row[kBias1] = static_cast<float>(1.0 / (1.0 - power1));
        row[kBias2] = static_cast<float>(1.0 / (1.0 - power2));
        row[kStepNumber] = static_cast<float>(step + 1);
    }
    return table;
}

std::vector<float> grid_table(const std::vector<float>& schedule, std::uint32_t rounds,
                              std::uint32_t round_steps) {
    std::vector<float> table(std::size_t{rounds} * kGridColumns);
    for (std::size_t round = 0; round < rounds; ++round) {
        double sum = 0.0;
        for (std::size_t h = 0; h < round_steps; ++h) {
            sum = sum + static_cast<double>(
                            schedule[(round * round_steps + h) * kScheduleColumns + kLearningRate]);
        }
        const double bound = sum / 127.0;
        const int exponent = exponent_above(bound);
        table[round * kGridColumns + kGridInverse] = power_of_two(-exponent);
        table[round * kGridColumns + kGrid] = power_of_two(exponent);
    }
    return table;
}

}  // namespace assay::program
