#include "plan/job_price.h"

#include <algorithm>

#include "market/hold.h"
#include "market/queries.h"

namespace assay::plan {

using base::Amount;
using market::Parameters;

std::optional<JobPrice> price_job(const market::StateReader& state, const market::JobSpec& spec,
                                  const client::JobFacts& facts) {
    const Parameters parameters = market::current_parameters(state);
    const market::Chain chain = market::load_chain(state);
    const std::uint64_t lane_segments = std::uint64_t{spec.rounds} * spec.segments_per_round();
    const std::uint64_t segments = lane_segments * spec.lanes;
    JobPrice price;
    price.rate_ppm =
        std::max({spec.audit_rate_ppm, parameters.rate_floor_ppm, parameters.rate_new_ppm});
    const market::JobShape shape = market::shape_of(spec);
    const auto prices = market::audit_prices(parameters, chain.base_fee, shape, facts);
    if (!prices) return std::nullopt;
    const auto worth = base::multiply(base::maximum(spec.price_ceiling, prices->segment), segments);
    const auto hold = market::hold_of(state, chain.epoch_next, parameters, shape, *prices);
    if (!worth || !hold) return std::nullopt;
    price.segment_cost = prices->segment;
    price.worth = *worth;
    price.hold = *hold;

    const market::LockTerms lock{spec.price_ceiling,
                                 prices->segment,
                                 price.rate_ppm,
                                 parameters.collusion_max_ppm,
                                 parameters.unfinal_rounds_max,
                                 spec.lanes,
                                 spec.segments_per_round(),
                                 spec.part_segments};
    for (const std::uint32_t share : kShares) {
        const auto numbers = market::cheat_numbers(lock, lane_segments, share);
        if (!numbers) return std::nullopt;
        price.cheats.push_back(*numbers);
    }
    const auto bond = market::lease_bond(lock);
    if (!bond) return std::nullopt;
    price.bond = *bond;
    return price;
}

}  // namespace assay::plan
