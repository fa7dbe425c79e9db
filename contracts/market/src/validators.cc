#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "handlers.h"
#include "money.h"
#include "store.h"

namespace assay::market {

using base::Amount;

Refusal apply_validator_declare(Context& context, const ValidatorDeclare& message) {
    const auto account = find_account(context.state, context.sender);
    ASSAY_CHECK(account && account->keys);
    if (message.profile != "f32") return Refusal::profile_unknown;
    if (message.flops_per_second == 0) return Refusal::speed_out_of_range;
    if (account->keys->vrf.is_zero()) return Refusal::vrf_key_missing;
    const auto stake = find_stake(context.state, context.sender, Role::validator);
    if (!stake || stake->active.is_zero()) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    if (stake->active < context.parameters.validator_stake_min) return Refusal::below_minimum_stake;

    Validator validator = find_validator(context.state, context.sender).value_or(Validator{});
    validator.account = context.sender;
    validator.profile = message.profile;
    validator.flops_per_second = message.flops_per_second;
    validator.weight_max = message.weight_max;
    validator.away = message.away;
    validator.declared_at = context.live;
    save(context.state, validator);
    emit(context, EventKind::validator_declared,
         {{"validator", context.sender.hex()},
          {"profile", validator.profile},
          {"flops_per_second", std::to_string(validator.flops_per_second)},
          {"weight_max", validator.weight_max.decimal()},
          {"away", validator.away ? "1" : "0"}});
    return Refusal::none;
}

Refusal apply_validator_return(Context& context, const ValidatorReturn&) {
    auto* stake = live_stake(context, context.sender, Role::validator);
    if (!stake) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    if (stake->jailed_at.value == 0) return Refusal::not_jailed;
    if (context.live.value < stake->jailed_at.value + context.parameters.jail_ms)
        return Refusal::jail_not_over;
    stake->jailed_at = {};
    emit(context, EventKind::validator_returned, {{"validator", context.sender.hex()}});
    return Refusal::none;
}

bool audits(const Context& context, const base::AccountId& id) {
    const auto validator = find_validator(context.state, id);
    const auto stake = find_stake(context.state, id, Role::validator);
    return validator && !validator->away && stake && !stake->active.is_zero();
}

bool may_audit(const Context& context, const base::AccountId& id, const Job& job, Amount lock) {
    if (id == job.submitter) return false;
    const auto validator = find_validator(context.state, id);
    if (!validator || validator->profile != job.shape.profile) return false;
    const auto stake = find_stake(context.state, id, Role::validator);
    if (!stake || stake->active.is_zero() || stake->tombstoned || stake->active < lock)
        return false;
    return !context.state.get(party_key(job.id, id)).has_value();
}

bool vrf_key_counts(const Context& context, const KeyRecord& keys, base::TimeMs epoch_opened) {
    if (keys.vrf.is_zero()) return false;
    const base::TimeMs registered = keys.registered_at;
    return registered.value == 0 ||
           registered.value + 2 * context.parameters.epoch_ms <= epoch_opened.value;
}

void begin_audit_duty(Context& context, const base::AccountId& id, Amount lock,
                      std::uint64_t flops) {
    Validator& validator = need_validator(context, id);
    validator.open_audits += 1;
    validator.open_flops += flops;
    claim_stake(context, id, Role::validator, lock);
}

void end_audit_duty(Context& context, const base::AccountId& id, std::uint64_t flops) {
    auto* validator = live_validator(context, id);
    ASSAY_CHECK(validator && validator->open_audits > 0 && validator->open_flops >= flops);
    validator->open_audits -= 1;
    validator->open_flops -= flops;
    // The claims overlap; which one is the greatest is forgotten when the last one ends.
    if (validator->open_audits > 0) return;
    auto* stake = live_stake(context, id, Role::validator);
    if (!stake) return;
    stake->locked = {};
}

void jail(Context& context, const base::AccountId& account, Role role) {
    auto* stake = live_stake(context, account, role);
    if (!stake || stake->jailed_at.value != 0) return;
    // Live time begins at 0, which means "not jailed" here.
    stake->jailed_at = std::max(context.live, base::TimeMs{1});
    emit(context, EventKind::jailed,
         {{"account", account.hex()},
          {"role", std::string(to_word(role))},
          {"returns_from", std::to_string(stake->jailed_at.value + context.parameters.jail_ms)}});
}

std::uint64_t audit_time_ms(const Context& context, const base::AccountId& id) {
    const Parameters& parameters = context.parameters;
    const auto validator = find_validator(context.state, id);
    ASSAY_CHECK(validator.has_value());
    const std::uint64_t speed = std::max(validator->flops_per_second, parameters.reference_flops);
    const auto wanted = static_cast<base::Uint128>(validator->open_flops) * 1000 *
                        parameters.audit_time_factor / speed;
    // An audit takes at most audit_ms_max (checked when the job was posted); many may be ahead.
    constexpr std::uint64_t kLongest = std::uint64_t{1} << 40U;
    return std::max(parameters.grace_ms,
                    static_cast<std::uint64_t>(std::min<base::Uint128>(wanted, kLongest)));
}

}  // namespace assay::market
