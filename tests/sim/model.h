#pragma once

#include <cmath>
#include <cstdint>

/// What theory says about the draw, without any of the rules' code: the independent model that
/// simulations are compared with.
namespace assay::sim::model {

/// Chance that one of k false segments is recomputed by an honest validator when the coalition
/// holds the share r: 1 - (1 - q)^(k (1 - r)).
inline double detection(double rate, double colluding, std::uint32_t segments) {
    return 1 - std::pow(1 - rate, segments * (1 - colluding));
}

/// Audits that one segment expects: -ln(1 - q). "All" is 1 - 2^-20.
inline double expected_audits(double rate) {
    return -std::log(std::fmax(1 - rate, std::ldexp(1.0, -20)));
}

/// Audits for which a pool has to have money when n are expected.
inline double audits_bound(double expected) {
    return std::ceil(expected + 6 * std::sqrt(expected) + 3);
}

/// Half of the width in which 99 % of measured shares of n trials lie when the true one is p.
inline double interval99(double p, double trials) {
    return 2.5758 * std::sqrt(p * (1 - p) / trials);
}

/// 2 p E / (1 - E), E = (1 - q)^(1 - collusion_max): the least lock with which one false segment
/// does not pay, in units of p.
inline double deterring_lock(double rate, double collusion_max) {
    const double escape = std::pow(1 - rate, 1 - collusion_max);
    return 2 * escape / (1 - escape);
}

/// What k false segments bring that cost nothing: their pay when nobody looks, else the lock is
/// gone, with the pay.
inline double income_of_faking(double price, double lock, std::uint32_t segments, double detected) {
    return (1 - detected) * segments * price - detected * lock;
}

}  // namespace assay::sim::model
