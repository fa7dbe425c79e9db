#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "exact/kernels.h"

/// The functions of one argument of profile `f32` with everything that tests of all inputs need:
/// how a table of kernels computes them, the scalar definition, the true value, and where they
/// change their way of computing. Pure; callers hold a FloatEnvironment.
namespace assay::equality {

struct UnaryFunction {
    const char* name;
    /// out[i] = function of in[i] by a table, i < n.
    void (*by_table)(const exact::Kernels& kernels, const std::uint32_t* in, std::uint32_t* out,
                     std::size_t n);
    std::uint32_t (*scalar)(std::uint32_t word);
    /// The true value in binary64, of which the result is an approximation. Null where the result
    /// has one right value, which `right` then gives.
    double (*truth)(double x);
    /// By other means than the definition's (binary64 and libm), rounded once.
    std::uint32_t (*right)(std::uint32_t word);
    /// Inputs at which the computation changes: both sides of each must be tried.
    std::vector<std::uint32_t> (*edges)();
    std::uint32_t ulp_max;  ///< with `truth`: what the profile promises
};

/// exp, log, tanh, erf, sin2pi, cos2pi, sqrt, neg, abs, to_i32, to_f32, flush (the operand of
/// matmul and dot, seen through a dot of one column).
std::span<const UnaryFunction> unary_functions();

/// All multiples of `stride`, and 4,096 inputs of either sign around every edge of the function and
/// around zeros, powers of two that matter, infinities.
std::vector<std::uint32_t> inputs_of(const UnaryFunction& function, std::uint32_t stride);

/// Equal words, or both NaN: the payload of a NaN result is not defined.
bool same_result(const UnaryFunction& function, std::uint32_t a, std::uint32_t b);

/// How far a result is from the truth, in units of the last place of the truth. 0 where the profile
/// states the value (exp below 2^-126 is +0; infinities; NaN) and the result has it; infinity where
/// it has not.
double error_in_ulp(const UnaryFunction& function, std::uint32_t input, std::uint32_t result);

}  // namespace assay::equality
