#include "market/hold.h"

#include <algorithm>

#include "market/draw.h"
#include "market/queries.h"

namespace assay::market {

using base::Amount;

namespace {

/// Validators looked at before the first epoch.
constexpr std::size_t kGreatest = 256;

/// Weight of the last epoch that has closed, missing members included; of the greatest validators
/// before there is one.
std::uint64_t all_weight(const StateReader& state, std::uint64_t epoch_next) {
    if (const auto epoch = last_closed_epoch(state, epoch_next)) return epoch->all_weight();
    std::uint64_t weight = 0;
    for (const Rank& rank : validators_after(state, std::nullopt, kGreatest)) weight += rank.weight;
    return weight;
}

std::uint64_t greatest_weight(const StateReader& state) {
    const auto first = validators_after(state, std::nullopt, 1);
    return first.empty() ? 1 : std::max<std::uint64_t>(first.front().weight, 1);
}

}  // namespace

std::uint64_t members_by_weight(const StateReader& state, std::uint64_t epoch_next) {
    return std::max<std::uint64_t>(all_weight(state, epoch_next) / greatest_weight(state), 1);
}

JobShape shape_of(const JobSpec& spec) {
    JobShape shape;
    shape.profile = spec.profile;
    shape.lanes = spec.lanes;
    shape.rounds = spec.rounds;
    shape.round_steps = spec.round_steps;
    shape.segment_steps = spec.segment_steps;
    shape.part_segments = spec.part_segments;
    shape.min_lanes = spec.min_lanes;
    shape.price_ceiling = spec.price_ceiling;
    shape.audit_rate_ppm = spec.audit_rate_ppm;
    shape.audit_lag = spec.audit_lag;
    shape.round_deadline_s = spec.round_deadline_s;
    shape.public_job = spec.public_job;
    return shape;
}

Amount AuditPrices::greatest() const { return base::maximum(segment, base::maximum(merge, init)); }

AuditPrices audit_prices(const Job& job) {
    return {job.audit_price, job.merge_audit_price, job.init_audit_price};
}

std::optional<AuditPrices> audit_prices(const Parameters& parameters, Amount base_fee,
                                        const JobShape& shape, const JobFacts& facts) {
    const auto segment =
        audit_price(parameters.protocol_price, base_fee, facts.costs.segment_flops);
    const auto merge = audit_price(parameters.protocol_price, base_fee, facts.costs.merge_flops);
    const auto init = audit_price(parameters.protocol_price, base_fee, facts.init_flops);
    if (!segment || !merge || !init) return std::nullopt;
    return AuditPrices{*segment, shape.has_merge() ? *merge : Amount{}, *init};
}

std::optional<Epoch> last_closed_epoch(const StateReader& state, std::uint64_t epoch_next) {
    for (std::uint64_t number = epoch_next; number-- > 0;) {
        auto epoch = find_epoch(state, number);
        if (!epoch) break;
        if (epoch->state != EpochState::open && epoch->state != EpochState::closing) return epoch;
    }
    return std::nullopt;
}

Amount highest_pay(const StateReader& state, std::uint64_t epoch_next, const Parameters& parameters,
                   const JobShape& shape, Amount greatest) {
    // At least half of all weight may audit the job, so the greatest validator's share of the draw
    // is at most twice that of all weight.
    const std::uint64_t most = greatest_weight(state);
    const std::uint32_t rate = std::max(parameters.rate_sure_ppm, shape.audit_rate_ppm);
    const std::uint64_t exponent = member_exponent(
        rate_exponent(rate), most, std::max(most, all_weight(state, epoch_next) / 2));
    return audit_pay(greatest, exponent).value_or(Amount::of(Amount::kMax));
}

std::optional<HoldParts> hold_of(const StateReader& state, std::uint64_t epoch_next,
                                 const Parameters& parameters, const JobShape& shape,
                                 const AuditPrices& prices) {
    HoldTerms terms;
    terms.segments = std::uint64_t{shape.lanes} * shape.rounds * shape.segments_per_round();
    const auto fee = base::multiply_divide(shape.price_ceiling, parameters.protocol_fee_ppm,
                                           kPartsPerMillion, base::Rounding::up);
    const auto fees = fee ? base::multiply(*fee, terms.segments) : std::nullopt;
    if (!fees) return std::nullopt;
    terms.rounds = shape.has_merge() ? shape.rounds : 0;
    terms.price_ceiling = shape.price_ceiling;
    terms.fees = *fees;
    terms.audit_price = prices.segment;
    terms.merge_price = prices.merge;
    terms.init_price = prices.init;
    terms.highest_pay = highest_pay(state, epoch_next, parameters, shape, prices.greatest());
    terms.rate_ppm =
        std::max({shape.audit_rate_ppm, parameters.rate_floor_ppm, parameters.rate_new_ppm});
    terms.rate_sure_ppm = parameters.rate_sure_ppm;
    terms.control_ppm = parameters.control_ppm;
    return job_hold(terms);
}

}  // namespace assay::market
