#include "plan/job_price.h"

#include <algorithm>

#include "market/draw.h"
#include "market/queries.h"

namespace assay::plan {

namespace {

using base::Amount;
using market::Parameters;

constexpr std::size_t kGreatest = 256;

struct Weights {
    std::uint64_t greatest = 1, all = 1;
};
Weights weights_of(const market::StateReader& state) {
    Weights weights{0, 0};
    for (const base::AccountId& id : market::validators_by_stake(state, kGreatest)) {
        const auto validator = market::find_validator(state, id);
        const auto stake = market::find_stake(state, id, market::Role::validator);
        if (!validator || !stake) continue;
        const std::uint64_t weight = market::weight_of(*validator, *stake);
        weights.greatest = std::max(weights.greatest, weight);
        weights.all += weight;
    }
    weights.greatest = std::max<std::uint64_t>(weights.greatest, 1);
    return weights;
}

/// The highest pay of one audit: at least half of all weight may audit the job.
std::optional<Amount> highest_pay(const market::StateReader& state, const Parameters& parameters, const market::JobSpec& spec, Amount greatest_price) {
    const Weights weights = weights_of(state);
    const std::uint32_t rate = std::max(parameters.rate_sure_ppm, spec.audit_rate_ppm);
    const std::uint64_t exponent =
        market::member_exponent(market::rate_exponent(rate), weights.greatest, std::max(weights.greatest, weights.all / 2));
    return market::audit_pay(greatest_price, exponent);
}

}  // namespace

std::optional<JobPrice> price_job(const market::StateReader& state, const market::JobSpec& spec, const client::JobFacts& facts) {
    const Parameters parameters = market::current_parameters(state);
    const std::uint64_t lane_segments = std::uint64_t{spec.rounds} * spec.segments_per_round();
    const std::uint64_t segments = lane_segments * spec.lanes;
    JobPrice price;
    price.rate_ppm = std::max({spec.audit_rate_ppm, parameters.rate_floor_ppm, parameters.rate_new_ppm});
    const Amount base_fee = market::load_chain(state).base_fee;
    const auto price_of = [&](std::uint64_t flops) { return market::audit_price(parameters.protocol_price, base_fee, flops); };
    const auto cost = price_of(facts.costs.segment_flops);
    const auto merge_price = price_of(facts.costs.merge_flops);
    const auto init_price = price_of(facts.init_flops);
    if (!cost || !merge_price || !init_price) return std::nullopt;
    const auto fee = base::multiply_divide(spec.price_ceiling, parameters.protocol_fee_ppm, market::kPartsPerMillion, base::Rounding::up);
    const auto fees = fee ? base::multiply(*fee, segments) : std::nullopt;
    const auto pay = highest_pay(state, parameters, spec, base::maximum(*init_price, base::maximum(*cost, spec.has_merge() ? *merge_price : Amount{})));
    const auto worth = base::multiply(base::maximum(spec.price_ceiling, *cost), segments);
    if (!fees || !pay || !worth) return std::nullopt;
    price.segment_cost = *cost;
    price.worth = *worth;

    market::HoldTerms terms;
    terms.segments = segments;
    terms.rounds = spec.has_merge() ? spec.rounds : 0;
    terms.price_ceiling = spec.price_ceiling;
    terms.fees = *fees;
    terms.audit_price = *cost;
    if (spec.has_merge()) terms.merge_price = *merge_price;
    terms.init_price = *init_price;
    terms.highest_pay = *pay;
    terms.rate_ppm = price.rate_ppm;
    terms.rate_sure_ppm = parameters.rate_sure_ppm;
    terms.control_ppm = parameters.control_ppm;
    const auto hold = market::job_hold(terms);
    if (!hold) return std::nullopt;
    price.hold = *hold;

    const market::LockTerms lock{spec.price_ceiling, *cost, price.rate_ppm, parameters.collusion_max_ppm, parameters.unfinal_rounds_max,
                                 spec.lanes, spec.segments_per_round(), spec.part_segments};
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
