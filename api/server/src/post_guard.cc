#include "post_guard.h"

#include "market/hold.h"

namespace assay::server {

/// The hold of a job whose every audit costs the least that any can: a lower bound, without a
/// program.
std::optional<market::Refusal> PostGuard::too_dear(const market::JobSpec& spec) const {
    const market::Chain chain = market::load_chain(state_);
    const market::Parameters parameters = market::load_parameters(state_, chain.params_id);
    const market::JobShape shape = market::shape_of(spec);
    const auto prices = market::audit_prices(parameters, chain.base_fee, shape, {});
    const auto hold = prices ? market::hold_of(state_, chain.epoch_next, parameters, shape, *prices)
                             : std::nullopt;
    if (!hold) return market::Refusal::amount_too_large;
    if (hold->total > post_.hold_limit) return market::Refusal::hold_limit_too_low;
    if (hold->total > market::balance_of(state_, header_.account))
        return market::Refusal::insufficient_balance;
    return std::nullopt;
}

tl::expected<market::JobFacts, market::SpecError> PostGuard::facts(const market::JobSpec& spec,
                                                                   base::ByteView encoded) const {
    refusal_ = too_dear(spec);
    if (refusal_) return tl::unexpected(market::SpecError{"", "the hold is too much"});
    if (!slot_) slot_.emplace(plans_, plans_max_);
    if (!slot_->taken())
        return tl::unexpected(market::SpecError{"", "too many jobs are being planned"});
    return referee_.facts(spec, encoded);
}

}  // namespace assay::server
