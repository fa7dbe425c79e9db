#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "adversaries.h"
#include "base/hash.h"

/// Long runs of one setting each, behind the tables of docs/soundness.md. Amounts are in units of a segment's protocol cost.
namespace assay::sim {

/// Leases whose worker fakes every segment, audited at `rate_ppm`, in jobs of one lane, one round and one part of `segments`.
struct DetectionSetting {
    std::uint64_t seed = 1;
    Judged judged = Judged::by_referee;
    std::uint32_t leases = 10'000;
    std::uint32_t rate_ppm = 450'000;
    std::uint32_t segments = 1;
    std::uint32_t validators = 6;
    std::uint32_t colluding = 0;             ///< of them, in league with the workers
    std::uint32_t lazy = 0;                  ///< of them, say valid without looking
};
struct DetectionResult {
    std::uint64_t leases = 0;                ///< that committed
    std::uint64_t found = 0;                 ///< in which an honest auditor saw a false segment
    std::uint64_t convicted = 0;
    std::uint64_t paid = 0;
    std::uint64_t unaudited = 0;             ///< drawn segments for which no auditor was left
    double income = 0;                       ///< of the workers, per lease
    double honest_validator_income = 0, lazy_validator_income = 0;  ///< per validator and lease
};
DetectionResult detect(const DetectionSetting& setting);

/// A coalition that sees all other contributions of each draw and withholds whatever subset of its own suits it best.
struct WithholdingSetting {
    std::uint64_t seed = 1;
    std::uint32_t draws = 10'000;
    std::uint32_t rate_ppm = 450'000;
    std::uint32_t segments = 1;
    std::uint32_t validators = 9, colluding = 3;
};
struct WithholdingResult {
    std::uint64_t draws = 0;
    std::uint64_t escaped_all_give = 0;      ///< when every member contributes
    std::uint64_t escaped_best = 0;          ///< when the best subset is withheld
};
WithholdingResult withhold(const WithholdingSetting& setting);

/// Honest leases whose hardware fails silently now and then, or that are accused for nothing.
struct HonestSetting {
    std::uint64_t seed = 1;
    Judged judged = Judged::by_referee;
    std::uint32_t leases = 10'000;
    std::uint32_t segments = 1;
    std::uint32_t rate_ppm = 450'000;
    std::uint32_t fault_ppm = 0;             ///< chance that a segment's bits are wrong
    bool confesses = false;                  ///< checks its own work when drawn, and confesses what it finds
    std::uint32_t validators = 6;
    std::uint32_t accusers = 0;              ///< of them, say invalid without looking
};
struct HonestResult {
    std::uint64_t leases = 0, faulty = 0, slashed = 0, confessed = 0, paid = 0;
    std::uint64_t judgements = 0, upheld = 0;  ///< votes or games
    double income = 0;                       ///< per lease
    double accuser_income = 0, honest_validator_income = 0;  ///< per validator and lease
    double insurance = 0;                    ///< what insurance lost, per lease
};
HonestResult serve(const HonestSetting& setting);

}  // namespace assay::sim
