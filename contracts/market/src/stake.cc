#include "base/check.h"
#include "handlers.h"
#include "money.h"
#include "store.h"

namespace assay::market {

using base::Amount;

namespace {

Amount stake_min(const Parameters& parameters, Role role) {
    return role == Role::validator ? parameters.validator_stake_min : parameters.worker_stake_min;
}

Attributes stake_attributes(const base::AccountId& account, Role role, Amount amount) {
    return {{"account", account.hex()},
            {"role", std::string(to_word(role))},
            {"amount", amount.decimal()}};
}

}  // namespace

Refusal apply_stake_bond(Context& context, const StakeBond& message) {
    if (message.role == Role::sequencer) return Refusal::role_not_open;
    if (message.amount.is_zero()) return Refusal::amount_zero;
    Stake stake = find_stake(context.state, context.sender, message.role).value_or(Stake{});
    if (stake.tombstoned) return Refusal::tombstoned;
    const auto active = base::add(stake.active, message.amount);
    if (!active) return Refusal::amount_too_large;
    if (*active < stake_min(context.parameters, message.role)) return Refusal::below_minimum_stake;
    if (!debit(context, context.sender, message.amount)) return Refusal::insufficient_balance;
    // Where an audit's lock claims all that there is, it claims what comes to it too: whoever was
    // fined below a lock does not fill up and leave with it.
    const auto validator = find_validator(context.state, context.sender);
    const bool audits = message.role == Role::validator && validator && validator->open_audits > 0;
    if (audits && stake.locked == stake.active) stake.locked = *active;
    stake.account = context.sender;
    stake.role = message.role;
    stake.active = *active;
    stake.shares = active->grains();
    save(context.state, stake);
    emit(context, EventKind::stake_bonded,
         stake_attributes(context.sender, message.role, message.amount));
    return Refusal::none;
}

Refusal apply_stake_unbond(Context& context, const StakeUnbond& message) {
    if (message.amount.is_zero()) return Refusal::amount_zero;
    auto* stake = live_stake(context, context.sender, message.role);
    if (!stake) return Refusal::stake_missing;
    if (stake->free() < message.amount) return Refusal::insufficient_free_stake;
    if (stake->unbondings >= context.parameters.unbondings_max) return Refusal::too_many_unbondings;
    const Amount left = stake->active - message.amount;
    if (!left.is_zero() && left < stake_min(context.parameters, message.role))
        return Refusal::below_minimum_stake;

    const Unbonding entry{context.sender, message.role, stake->unbonding_next, message.amount,
                          context.in(context.parameters.unbonding_ms)};
    stake->active = left;
    stake->shares = left.grains();
    stake->unbondings += 1;
    stake->unbonding_next += 1;
    save(context.state, entry);
    // The number carries the role in its lowest two bits: a timer names its entry by account and
    // number alone.
    set_timer(context, {entry.matures_at, TimerKind::unbonding, context.sender.hash,
                        entry.number << 2U | static_cast<std::uint64_t>(entry.role)});
    Attributes attributes = stake_attributes(context.sender, message.role, message.amount);
    attributes.emplace_back("matures_at", std::to_string(entry.matures_at.value));
    emit(context, EventKind::stake_unbonding, std::move(attributes));
    return Refusal::none;
}

void on_unbonding(Context& context, const Timer& timer) {
    const base::AccountId account{timer.subject};
    const Role role = static_cast<Role>(timer.number & 3U);
    const auto bytes = context.state.get(unbonding_key(account, role, timer.number >> 2U));
    ASSAY_CHECK(bytes.has_value());
    const auto entry = decode<Unbonding>(*bytes);
    auto* stake = live_stake(context, account, role);
    ASSAY_CHECK(entry && stake && stake->unbondings > 0);
    stake->unbondings -= 1;
    erase(context.state, *entry);
    credit(context, account, entry->amount);
    emit(context, EventKind::stake_released, stake_attributes(account, role, entry->amount));
}

}  // namespace assay::market
