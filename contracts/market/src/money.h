#pragma once

#include "context.h"
#include "market/objects.h"
#include "market/refusal.h"

/// Every movement of money goes through here, so that nothing is made or lost
/// (docs/formats/money.md). Amounts that are too large for what they come from are bugs of the
/// caller and abort: handlers check first.
namespace assay::market {

/// Adds to an account's balance; makes the account when it does not exist.
void credit(Context& context, const base::AccountId& account, base::Amount amount);
/// False, and nothing happens, when the balance is too low.
[[nodiscard]] bool debit(Context& context, const base::AccountId& account, base::Amount amount);
void credit(Context& context, SystemAccount account, base::Amount amount);
/// To `burned`, with an event.
void burn(Context& context, base::Amount amount, std::string_view reason,
          const base::Hash& subject);

/// Free stake becomes locked. False, and nothing happens, when there is too little.
[[nodiscard]] bool lock_stake(Context& context, const base::AccountId& account, Role role,
                              base::Amount amount);
void unlock_stake(Context& context, const base::AccountId& account, Role role, base::Amount amount);
/// Takes `amount` out of locked stake. The caller credits it somewhere.
void take_locked_stake(Context& context, const base::AccountId& account, Role role,
                       base::Amount amount);
/// Raises the locked part of a stake to `amount`, as far as there is stake: locks of audits
/// overlap.
void claim_stake(Context& context, const base::AccountId& account, Role role, base::Amount amount);
/// Takes at most `amount` out of the stake, locked or not, and says how much that was.
base::Amount take_any_stake(Context& context, const base::AccountId& account, Role role,
                            base::Amount amount);
/// Puts `amount`, which was taken from this stake earlier, back into it.
void return_stake(Context& context, const base::AccountId& account, Role role, base::Amount amount);
/// Pays an account, with an event.
void pay(Context& context, const base::AccountId& account, base::Amount amount,
         std::string_view reason, const base::JobId& job, const base::Hash& subject);
/// Takes at most `amount` out of free stake and says how much that was: fines.
base::Amount take_free_stake(Context& context, const base::AccountId& account, Role role,
                             base::Amount amount);

}  // namespace assay::market
