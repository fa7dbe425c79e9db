#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace assay::exact {

/// The fused multiply-add of IEEE-754 binary32, round(a * b + c), by integer-free means that every
/// machine has: the product of two floats is exact in binary64, the sum with c is taken with its
/// exact error (2Sum), and the last bit is made odd when something was lost, so that the second
/// rounding, to binary32, cannot go wrong (rounding to odd, Boldo and Melquiond 2008). The name of
/// the libm function is not used: without -mfma it is a library call whose bits we do not define.
inline float soft_fma(float a, float b, float c) {
    const double product = static_cast<double>(a) * static_cast<double>(b);
    const double addend = static_cast<double>(c);
    double sum = product + addend;
    const std::uint64_t exponent = (std::bit_cast<std::uint64_t>(sum) >> 52U) & 0x7ffU;
    if (exponent != 0x7ffU) {
        const double back = sum - product;
        const double lost = (product - (sum - back)) + (addend - back);
        std::uint64_t bits = std::bit_cast<std::uint64_t>(sum);
        if (lost != 0.0 && (bits & 1U) == 0) {
            // Towards the side on which the exact value lies. `sum` is not 0 here: an inexact sum
            // is at least a unit of `lost`.
            bits = ((lost > 0.0) == (sum > 0.0)) ? bits + 1 : bits - 1;
            sum = std::bit_cast<double>(bits);
        }
    }
    return static_cast<float>(sum);
}

/// True when this machine has a fused multiply-add instruction (x86: FMA3; aarch64: always).
inline bool machine_has_fma() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("fma") != 0;
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

}  // namespace assay::exact
