#pragma once

#include <cstdint>

/// The draw alone (market/draw.h), many times over: what a coalition lets through that tries
/// everything which costs it nothing.
namespace assay::sim {

struct DrawSetting {
    std::uint64_t seed = 1;
    std::uint32_t trials = 100'000;  ///< parts that are committed
    std::uint32_t rate_ppm = 450'000;
    std::uint32_t colluding_ppm = 0;  ///< share of the weight in the coalition
    std::uint32_t segments = 1;       ///< false ones in a part
    std::uint32_t accounts = 3;       ///< over which the coalition splits its stake, unevenly
    /// For each part it tries so many c_e (by another salt, epoch or key of its own), each with so
    /// many job ids, and keeps what it likes best.
    std::uint32_t commitments = 2, jobs = 4;
    bool by_the_rules = false;  ///< its own draws, too, by market/draw.h: slow, for comparison
    [[nodiscard]] std::uint64_t tries() const { return std::uint64_t{commitments} * jobs; }
};

struct DrawResult {
    std::uint64_t trials = 0;
    std::uint64_t escaped_all_give =
        0;  ///< no honest member drawn when the whole coalition contributes
    std::uint64_t escaped_best = 0;   ///< when it withholds the subset that suits it best, having
                                      ///< seen all honest contributions
    std::uint64_t honest_audits = 0;  ///< (segment, honest member) pairs drawn when all contribute
    std::uint64_t own_audits = 0;  ///< of the coalition, after choosing the try with most of them
    bool operator==(const DrawResult&) const = default;
};
DrawResult draw_often(const DrawSetting& setting);

}  // namespace assay::sim
