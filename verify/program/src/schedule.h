#pragma once

#include <cstdint>
#include <vector>

#include "market/job_spec.h"

/// What depends on the step alone, computed from the spec's integers in binary64 by the arithmetic
/// stated here and rounded once to binary32. Only +, -, x, / and square root are used, each
/// correctly rounded: nothing from libm (docs/program.md, "Tables").
namespace assay::program {

/// value / 10^9 in binary64.
double from_ppb(std::uint64_t value);

/// cos(pi x) for 0 <= x <= 1. Reduced to [0, 1/4]; Taylor terms t_k = -t_(k-1) y^2 / ((2k-1) 2k)
/// (sine: 2k (2k+1)), summed upwards, 12 terms.
double cos_pi(double x);

class OptimizerRule;

/// Columns of the step table, one row per global step round x H + h. The optimizer's own follow;
/// the last is the step's number, global step + 1.
enum ScheduleColumn : std::uint32_t {
    kLearningRate = 0,
    kDecay = 1,  ///< 1 - lr x decay
    kRuleColumns = 2,
};
std::uint32_t step_number_column(const OptimizerRule& rule);

struct Schedule {
    std::uint32_t columns = 0;
    std::vector<float> values;  ///< row-major
};

/// Columns of the merge table, one row per round.
enum GridColumn : std::uint32_t {
    kGridInverse = 0,  ///< 2^-e
    kGrid = 1,         ///< 2^e
    kGridColumns = 2,
};

/// Warm-up: max (t + 1) / (warmup + 1) for t < warmup. Then min + ((max - min) / 2) (1 + cos(pi (t
/// - warmup) / (steps - warmup))).
double learning_rate(const market::Optimizer& optimizer, std::uint64_t step, std::uint64_t steps);

/// R H rows. The optimizer's own columns count from global step + 1, or from h + 1 when the moments
/// are reset at each merge.
Schedule schedule_table(const market::JobSpec& spec, const OptimizerRule& rule);

/// R rows of kGridColumns: e is the least integer with 2^e >= (sum of the round's binary32 learning
/// rates) / 127, within [-126, 126].
std::vector<float> grid_table(const Schedule& schedule, std::uint32_t rounds,
                              std::uint32_t round_steps);

}  // namespace assay::program
