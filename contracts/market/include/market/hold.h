#pragma once

#include <optional>

#include "market/job_facts.h"
#include "market/job_spec.h"
#include "market/objects.h"
#include "market/pricing.h"
#include "market/state.h"

/// What a job's audits cost and what posting it holds: decided by the rules at `job_post`, and
/// shown by a quote before it.
namespace assay::market {

JobShape shape_of(const JobSpec& spec);

/// One audit of each kind (audit_price); `merge` is zero without merges.
struct AuditPrices {
    base::Amount segment, merge, init;
    base::Amount greatest() const;
};
/// Those that a posted job has.
AuditPrices audit_prices(const Job& job);
/// Nothing when a price is no amount.
std::optional<AuditPrices> audit_prices(const Parameters& parameters, base::Amount base_fee,
                                        const JobShape& shape, const JobFacts& facts);

/// The youngest epoch that takes no contributions any more, below `epoch_next` (Chain); nothing
/// before the first.
std::optional<Epoch> last_closed_epoch(const StateReader& state, std::uint64_t epoch_next);
/// All weight as a number of members that have the greatest weight; at least 1.
std::uint64_t members_by_weight(const StateReader& state, std::uint64_t epoch_next);
/// The most that one audit may be paid, of a job with this greatest price: at the rate of redraws,
/// for the greatest validator.
base::Amount highest_pay(const StateReader& state, std::uint64_t epoch_next,
                         const Parameters& parameters, const JobShape& shape,
                         base::Amount greatest);
/// Nothing when something is no amount.
std::optional<HoldParts> hold_of(const StateReader& state, std::uint64_t epoch_next,
                                 const Parameters& parameters, const JobShape& shape,
                                 const AuditPrices& prices);

}  // namespace assay::market
