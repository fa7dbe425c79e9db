#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "market/job_spec.h"
#include "market/pricing.h"
#include "market/state.h"
#include "plan/prepared_job.h"

/// What a job would cost and what cheating in it would risk, as the rules would decide now. Needs
/// no key and changes nothing.
namespace assay::plan {

struct JobPrice {
    std::uint32_t rate_ppm = 0;  ///< of a worker without record
    base::Amount segment_cost;   ///< price of an audit of one segment: its protocol cost, or what
                                 ///< covers an audit's fees
    market::HoldParts hold;  ///< what job_post would hold; `expected` audits of all kinds, 32.32
    std::vector<market::CheatNumbers> cheats;  ///< for who holds no weight, 5 % and a third of it
    base::Amount bond;                         ///< of a worker for one lane, at the ceiling's price
    base::Amount
        worth;  ///< of all segments at the ceiling: what one poisoned step may be worth to somebody
};

/// Shares of the weight for which cheating is priced, parts per million.
inline constexpr std::uint32_t kShares[] = {0, 50'000, 333'333};

/// Nothing when something does not fit an amount: the rules would refuse the job.
std::optional<JobPrice> price_job(const market::StateReader& state, const market::JobSpec& spec,
                                  const client::JobFacts& facts);

}  // namespace assay::plan
