#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "handlers.h"
#include "money.h"
#include "store.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint32_t kCapacityMax = 1024;
/// Leases of a validator's own account that are looked at to keep a party of the job from auditing
/// it.
constexpr std::size_t kOwnLeasesMax = 1024;

bool holds_lease_of(const Context& context, const base::AccountId& account,
                    const base::JobId& job) {
    for (const Lease& lease :
         leases_of_worker(context.state, account, std::nullopt, kOwnLeasesMax)) {
        if (lease.job == job) return true;
    }
    return false;
}

}  // namespace

Refusal apply_validator_declare(Context& context, const ValidatorDeclare& message) {
    const auto account = find_account(context.state, context.sender);
    ASSAY_CHECK(account && account->keys);
    const auto known = find_validator(context.state, context.sender);
    if (message.capacity == 0) {
        if (!known) return Refusal::stake_missing;
        if (known->open_audits > 0) return Refusal::duties_open;
        erase(context.state, *known);
        emit(context, EventKind::validator_declared,
             {{"validator", context.sender.hex()}, {"capacity", "0"}});
        return Refusal::none;
    }
    if (message.profile != "f32") return Refusal::profile_unknown;
    if (message.capacity > kCapacityMax) return Refusal::capacity_out_of_range;
    if (message.flops_per_second == 0) return Refusal::speed_out_of_range;
    if (account->keys->vrf.is_zero()) return Refusal::vrf_key_missing;
    const auto stake = find_stake(context.state, context.sender, Role::validator);
    if (!stake || stake->active.is_zero()) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    if (stake->active < context.parameters.validator_stake_min) return Refusal::below_minimum_stake;

    Validator validator = known.value_or(Validator{});
    validator.account = context.sender;
    validator.profile = message.profile;
    validator.flops_per_second = message.flops_per_second;
    validator.capacity = message.capacity;
    validator.declared_at = context.live;
    save(context.state, validator);
    emit(context, EventKind::validator_declared,
         {{"validator", context.sender.hex()},
          {"profile", validator.profile},
          {"flops_per_second", std::to_string(validator.flops_per_second)},
          {"capacity", std::to_string(validator.capacity)}});
    return Refusal::none;
}

bool may_audit(const Context& context, const base::AccountId& id, const Job& job,
               bool with_capacity, Amount lock) {
    if (id == job.submitter) return false;
    const auto validator = find_validator(context.state, id);
    if (!validator || validator->profile != job.shape.profile) return false;
    const auto stake = find_stake(context.state, id, Role::validator);
    if (!stake || stake->active.is_zero() || stake->tombstoned ||
        stake->jailed_until > context.live)
        return false;
    if (with_capacity && (validator->open_audits >= validator->capacity || stake->free() < lock))
        return false;
    return !holds_lease_of(context, id, job.id);
}

bool vrf_key_counts(const Context& context, const base::AccountId& validator) {
    const auto account = find_account(context.state, validator);
    if (!account || !account->keys || account->keys->vrf.is_zero()) return false;
    const base::TimeMs registered = account->keys->registered_at;
    return registered.value == 0 ||
           registered.value + 2 * context.parameters.epoch_ms <= context.live.value;
}

void begin_audit_duty(Context& context, const base::AccountId& id, Amount lock) {
    auto validator = find_validator(context.state, id);
    ASSAY_CHECK(validator.has_value());
    validator->open_audits += 1;
    save(context.state, *validator);
    ASSAY_CHECK(lock_stake(context, id, Role::validator, lock));
}

void end_audit_duty(Context& context, const base::AccountId& id, Amount lock) {
    auto validator = find_validator(context.state, id);
    ASSAY_CHECK(validator && validator->open_audits > 0);
    validator->open_audits -= 1;
    save(context.state, *validator);
    unlock_stake(context, id, Role::validator, lock);
}

void punish_miss(Context& context, const base::AccountId& validator, Amount fine) {
    const Amount taken = take_free_stake(context, validator, Role::validator, fine);
    burn(context, taken, "missed", validator.hash);
    emit(context, EventKind::fined,
         {{"validator", validator.hex()}, {"amount", taken.decimal()}, {"reason", "missed"}});
    auto stake = find_stake(context.state, validator, Role::validator);
    if (!stake) return;
    stake->misses += 1;
    const bool enough = stake->misses >= context.parameters.misses_jail;
    if (enough) stake->misses = 0;
    save(context.state, *stake);
    if (enough) jail(context, validator, Role::validator);
}

void jail(Context& context, const base::AccountId& account, Role role) {
    auto stake = find_stake(context.state, account, role);
    if (!stake) return;
    stake->jailed_until = context.in(context.parameters.jail_ms);
    save(context.state, *stake);
    emit(context, EventKind::jailed,
         {{"account", account.hex()},
          {"role", std::string(to_word(role))},
          {"until", std::to_string(stake->jailed_until.value)}});
}

std::uint64_t audit_time_ms(const Context& context, const base::AccountId& id,
                            std::uint64_t flops) {
    const Parameters& parameters = context.parameters;
    const auto validator = find_validator(context.state, id);
    ASSAY_CHECK(validator && validator->flops_per_second > 0);
    const auto wanted = static_cast<base::Uint128>(flops) * 1000 * parameters.audit_time_factor /
                        validator->flops_per_second;
    const auto bounded =
        static_cast<std::uint64_t>(std::min<base::Uint128>(wanted, parameters.audit_ms_max));
    return std::max(parameters.grace_ms, bounded);
}

}  // namespace assay::market
