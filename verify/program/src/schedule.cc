#include "schedule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "base/check.h"
#include "optimizers/rule.h"

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

std::uint32_t step_number_column(const OptimizerRule& rule) {
    return kRuleColumns + rule.column_count();
}

Schedule schedule_table(const market::JobSpec& spec, const OptimizerRule& rule) {
    const std::uint64_t steps = spec.steps_per_lane();
    const bool restarts = spec.has_merge() && spec.merge.moments == market::MomentRule::reset;
    const std::vector<float> own = rule.columns(steps, restarts ? spec.round_steps : steps);
    const std::size_t own_columns = rule.column_count();
    ASSAY_CHECK(own.size() == steps * own_columns);
    const double decay = from_ppb(spec.optimizer.weight_decay_ppb);
    const RateCurve curve = curve_of(spec.optimizer, steps);
    Schedule schedule;
    schedule.columns = step_number_column(rule) + 1;
    schedule.values.resize(static_cast<std::size_t>(steps) * schedule.columns);
    for (std::size_t step = 0; step < steps; ++step) {
        const double rate = curve.at(step);
        float* row = schedule.values.data() + step * schedule.columns;
        row[kLearningRate] = static_cast<float>(rate);
        row[kDecay] = static_cast<float>(1.0 - rate * decay);
        std::copy_n(own.data() + step * own_columns, own_columns, row + kRuleColumns);
        row[schedule.columns - 1] = static_cast<float>(step + 1);
    }
    return schedule;
}

std::vector<float> grid_table(const Schedule& schedule, std::uint32_t rounds,
                              std::uint32_t round_steps) {
    std::vector<float> table(std::size_t{rounds} * kGridColumns);
    for (std::size_t round = 0; round < rounds; ++round) {
        double sum = 0.0;
        for (std::size_t h = 0; h < round_steps; ++h) {
            sum =
                sum +
                static_cast<double>(
                    schedule.values[(round * round_steps + h) * schedule.columns + kLearningRate]);
        }
        const double bound = sum / 127.0;
        const int exponent = exponent_above(bound);
        table[round * kGridColumns + kGridInverse] = power_of_two(-exponent);
        table[round * kGridColumns + kGrid] = power_of_two(exponent);
    }
    return table;
}

}  // namespace assay::program
