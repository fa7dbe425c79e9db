#pragma once

#include <cmath>
#include <cstdint>

/// What theory says about audits, without any of the rules' code: the independent model that simulations are compared with. Only products,
/// quotients and square roots, which every machine rounds alike.
namespace assay::sim::model {

inline double power(double base, std::uint32_t exponent) {
    double result = 1;
    for (std::uint32_t i = 0; i < exponent; ++i) result *= base;
    return result;
}

/// Chance that one of k false segments is recomputed by an honest validator: 1 - (1 - q (1 - r))^k.
inline double detection(double rate, double colluding, std::uint32_t segments) { return 1 - power(1 - rate * (1 - colluding), segments); }

/// Half of the width in which 99 % of measured shares of n trials lie when the true one is p.
inline double interval99(double p, double trials) { return 2.5758 * std::sqrt(p * (1 - p) / trials); }

/// One lease of a job with one lane and one round, in units of the segment's protocol cost.
struct LeaseTerms {
    double price = 1.2;                      ///< of a segment
    double rate = 0.45, collusion_max = 0.1;
    double unfinal_rounds = 4;
    std::uint32_t segments = 1;              ///< of the round, all in one part
};

inline double lock(const LeaseTerms& terms) {
    const double p = terms.price > 1 ? terms.price : 1;
    const double q = terms.rate * (1 - terms.collusion_max);
    const double deterrence = 2 * p * (1 - q) / q;
    const double at_risk = terms.unfinal_rounds * terms.segments * p;
    const double part = terms.segments * (terms.price + 1);
    return std::fmax(deterrence, std::fmax(at_risk, part));
}

inline double bond(const LeaseTerms& terms) { return terms.segments * (terms.price > 1 ? terms.price : 1) / 2; }

/// What a lease brings whose segments are all false and cost nothing: the pay when nobody looks, else lock and bond are gone.
inline double income_of_faking(const LeaseTerms& terms, double detected) {
    return (1 - detected) * terms.segments * terms.price - detected * (lock(terms) + bond(terms));
}

inline double income_of_training(const LeaseTerms& terms) { return terms.segments * (terms.price - 1); }

}  // namespace assay::sim::model
