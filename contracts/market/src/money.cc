#include "money.h"

#include "base/check.h"
#include "store.h"

namespace assay::market {

using base::Amount;

void credit(Context& context, const base::AccountId& account, Amount amount) {
    if (amount.is_zero()) return;
    auto* found = live_account(context, account);
    if (!found) found = &add(context, Account{account, {}, {}});
    found->balance += amount;
}

bool debit(Context& context, const base::AccountId& account, Amount amount) {
    if (amount.is_zero()) return true;
    auto* value = live_account(context, account);
    if (!value || value->balance < amount) return false;
    value->balance -= amount;
    return true;
}

void credit(Context& context, SystemAccount account, Amount amount) {
    credit(context, system_account(account), amount);
}

void burn(Context& context, Amount amount, std::string_view reason, const base::Hash& subject) {
    if (amount.is_zero()) return;
    credit(context, SystemAccount::burned, amount);
    emit(context, EventKind::burned,
         {{"amount", amount.decimal()},
          {"reason", std::string(reason)},
          {"subject", subject.hex()}});
}

namespace {

void take(Stake& stake, Amount amount) {
    stake.active -= amount;
    stake.shares = stake.active.grains();
}

}  // namespace

bool lock_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    if (amount.is_zero()) return true;
    auto* stake = live_stake(context, account, role);
    if (!stake || stake->free() < amount) return false;
    stake->locked += amount;
    return true;
}

void unlock_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    if (amount.is_zero()) return;
    Stake& stake = need_stake(context, account, role);
    stake.locked -= amount;
}

void take_locked_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    if (amount.is_zero()) return;
    Stake& stake = need_stake(context, account, role);
    stake.locked -= amount;
    take(stake, amount);
}

void claim_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    Stake& stake = need_stake(context, account, role);
    stake.locked = base::minimum(stake.active, base::maximum(stake.locked, amount));
}

Amount take_any_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    auto* stake = live_stake(context, account, role);
    if (!stake) return {};
    const Amount taken = base::minimum(amount, stake->active);
    if (taken.is_zero()) return taken;
    take(*stake, taken);
    stake->locked = base::minimum(stake->locked, stake->active);
    return taken;
}

void pay(Context& context, const base::AccountId& account, Amount amount, std::string_view reason,
         const base::JobId& job, const base::Hash& subject) {
    if (amount.is_zero()) return;
    credit(context, account, amount);
    emit(context, EventKind::paid,
         {{"account", account.hex()},
          {"amount", amount.decimal()},
          {"reason", std::string(reason)},
          {"job", job.hex()},
          {"subject", subject.hex()}});
}

void return_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    if (amount.is_zero()) return;
    Stake& stake = need_stake(context, account, role);
    stake.active += amount;
    stake.shares = stake.active.grains();
}

Amount take_free_stake(Context& context, const base::AccountId& account, Role role, Amount amount) {
    auto* stake = live_stake(context, account, role);
    if (!stake) return {};
    const Amount taken = base::minimum(amount, stake->free());
    if (taken.is_zero()) return taken;
    take(*stake, taken);
    return taken;
}

}  // namespace assay::market
