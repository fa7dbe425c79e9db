#pragma once

#include <cmath>
#include <cstdint>

/// What theory says about the draw, without any of the rules' code: the independent model that simulations are compared with.
namespace assay::sim::model {

/// Chance that one of k false segments is recomputed by an honest validator when the coalition holds the share r: 1 - (1 - q)^(k (1 - r)).
inline double detection(double rate, double colluding, std::uint32_t segments) { return 1 - std::pow(1 - rate, segments * (1 - colluding)); }

/// Audits that one segment expects: -ln(1 - q). "All" is 1 - 2^-20.
inline double expected_audits(double rate) { return -std::log(std::fmax(1 - rate, std::ldexp(1.0, -20))); }

/// Audits for which a pool has to have money when n are expected.
inline double audits_bound(double expected) { return std::ceil(expected + 6 * std::sqrt(expected) + 3); }

/// Half of the width in which 99 % of measured shares of n trials lie when the true one is p.
inline double interval99(double p, double trials) { return 2.5758 * std::sqrt(p * (1 - p) / trials); }

/// A lease in units of a segment's protocol cost.
struct LeaseTerms {
    double price = 1.2;                      ///< of a segment
    double rate = 0.45, collusion_max = 0.1;
    double unfinal_rounds = 4;
    std::uint32_t segments = 1;              ///< of the round
};

/// max(2 p E / (1 - E), W S p), E = (1 - q)^(1 - collusion_max): the chance that a fake segment passes a coalition of the greatest size.
inline double lock(const LeaseTerms& terms) {
    const double p = std::fmax(terms.price, 1);
    const double escape = std::pow(1 - terms.rate, 1 - terms.collusion_max);
    return std::fmax(2 * p * escape / (1 - escape), terms.unfinal_rounds * terms.segments * p);
}

/// What k false segments bring that cost nothing: their pay when nobody looks, else the lock is gone, with the pay.
inline double income_of_faking(const LeaseTerms& terms, double detected) {
    return (1 - detected) * terms.segments * terms.price - detected * lock(terms);
}

}  // namespace assay::sim::model
