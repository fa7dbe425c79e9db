#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/amount.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/signature.h"

/// Accounts, stake and what parties declare. Times are live time in ms since genesis unless the
/// name says `block_time`.
namespace assay::market {

struct KeyRecord {
    base::PublicKey cold;  ///< rotates keys
    base::PublicKey hot;   ///< signs everything else
    base::PublicKey vrf;   ///< zeros: none
    base::Height valid_from;
    base::TimeMs registered_at;  ///< live time; a VRF key counts two epoch lengths later (0 in
                                 ///< genesis counts at once)
    ASSAY_FIELDS(KeyRecord, cold, hot, vrf, valid_from, registered_at)
};

struct Account {
    base::AccountId id;
    base::Amount balance;
    std::optional<KeyRecord>
        keys;  ///< none: nobody has shown the first key yet, or a system account
    ASSAY_FIELDS(Account, id, balance, keys)
};

/// Id of the account whose first key is `cold`: H("assay.account", chain, key).
base::AccountId account_id(const base::Hash& chain_id, const base::PublicKey& cold);
ASSAY_ENUM(SystemAccount, burned = 1, fees, dust)
base::AccountId system_account(SystemAccount account);

ASSAY_ENUM(Role, worker = 1, validator, sequencer)

/// Stake of one account in one role. `locked` is the part of `active` that neither unbonds nor
/// backs anything else: of a worker the sum of its leases' locks, of a validator the greatest lock
/// of its open audits (they are overlapping claims on the whole stake).
struct Stake {
    base::AccountId account;
    Role role = Role::worker;
    base::Amount active;
    std::uint64_t shares = 0;  ///< equal to active until stake is delegated
    base::Amount locked;
    base::TimeMs
        jailed_at;  ///< 0: not jailed. Ends by validator_return, jail_ms later at the earliest
    base::TimeMs convicted_at;  ///< of a worker's last conviction; 0: none. Not matched for one
                                ///< unbonding time
    bool tombstoned = false;
    std::uint32_t unbondings = 0;      ///< open entries
    std::uint64_t unbonding_next = 0;  ///< number of the next entry
    [[nodiscard]] base::Amount free() const { return active - base::minimum(active, locked); }
    ASSAY_FIELDS(Stake, account, role, active, shares, locked, jailed_at, convicted_at, tombstoned,
                 unbondings, unbonding_next)
};

struct Unbonding {
    base::AccountId account;
    Role role = Role::worker;
    std::uint64_t number = 0;
    base::Amount amount;
    base::TimeMs matures_at;
    ASSAY_FIELDS(Unbonding, account, role, number, amount, matures_at)
};

/// A validator's declaration. The stake is in its Stake record.
struct Validator {
    base::AccountId account;
    std::string profile;
    std::uint64_t flops_per_second =
        0;                    ///< gives it less time than the class's reference, never more
    base::Amount weight_max;  ///< it draws as if it had no more stake than this; 0: all of it
    bool away = false;  ///< it declared that it leaves: no member of epochs that close from now on
    std::uint32_t open_audits = 0;
    std::uint64_t open_flops =
        0;  ///< of its open audits: what it has ahead decides when the next is due
    base::TimeMs declared_at;
    ASSAY_FIELDS(Validator, account, profile, flops_per_second, weight_max, away, open_audits,
                 open_flops, declared_at)
};

/// What a worker has shown by audited work, in grains (docs/audits.md). It lowers the audit rate of
/// its next leases, as far as it does not back those that run. Gone when the worker is convicted or
/// confesses.
struct WorkRecord {
    base::AccountId worker;
    base::Amount amount;
    base::Amount
        in_use;  ///< by leases that are not settled; may exceed what halving left of the amount
    base::TimeMs halved_at;  ///< live time up to which halving is done
    [[nodiscard]] base::Amount free() const { return amount - base::minimum(amount, in_use); }
    ASSAY_FIELDS(WorkRecord, worker, amount, in_use, halved_at)
};

struct Offer {
    base::OfferId id;
    base::AccountId worker;
    base::Amount price_per_gflop;
    std::uint64_t segment_ms = 0;  ///< least time of a segment it promises
    std::string profile;
    std::uint64_t memory_bytes = 0;
    std::uint64_t flops_per_second = 0;  ///< measured
    std::uint32_t slots = 0;             ///< leases at the same time
    std::uint32_t slots_used = 0;        ///< by leases and reservations
    base::Amount bond;                   ///< held here; what backs leases has moved to them
    std::uint64_t arrival = 0;           ///< order of arrival, breaks ties of price
    bool withdrawn = false;              ///< no new leases; gone when slots_used is 0
    std::uint32_t ignored = 0;           ///< reservations in a row that it did not accept
    base::TimeMs asleep_until;           ///< asked for nothing before
    ASSAY_FIELDS(Offer, id, worker, price_per_gflop, segment_ms, profile, memory_bytes,
                 flops_per_second, slots, slots_used, bond, arrival, withdrawn, ignored,
                 asleep_until)
};

}  // namespace assay::market
