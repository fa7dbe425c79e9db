#include "market/supply.h"

#include <array>

#include "base/check.h"
#include "market/objects.h"
#include "market/rules.h"
#include "market/tables.h"

namespace assay::market {

namespace {

using base::Amount;

/// A table whose entries hold money, and how much one of them holds.
struct MoneyTable {
    Table table;
    Amount (*in)(base::ByteView value);
};

template <class T, auto member>
Amount money_of(base::ByteView value) {
    const auto object = decode<T>(value);
    ASSAY_CHECK(object.has_value());
    return (*object).*member;
}

Amount hold_of(base::ByteView value) {
    const auto job = decode<Job>(value);
    ASSAY_CHECK(job.has_value());
    return job->hold.total();
}

/// All the money there is: balances, stakes (locked parts included), unbonding entries, bonds,
/// holds, pots and the funds of claims and audits.
constexpr std::array kMoneyTables = {
    MoneyTable{Table::account, money_of<Account, &Account::balance>},
    MoneyTable{Table::stake, money_of<Stake, &Stake::active>},
    MoneyTable{Table::unbonding, money_of<Unbonding, &Unbonding::amount>},
    MoneyTable{Table::offer, money_of<Offer, &Offer::bond>},
    MoneyTable{Table::job, hold_of},
    MoneyTable{Table::lease, money_of<Lease, &Lease::bond>},
    MoneyTable{Table::dispute, money_of<Dispute, &Dispute::bond>},
    MoneyTable{Table::pool_member, money_of<PoolMember, &PoolMember::bond>},
    MoneyTable{Table::lane, money_of<Lane, &Lane::relet_pot>},
    MoneyTable{Table::question, money_of<Question, &Question::bond>},
    MoneyTable{Table::claim, money_of<Claim, &Claim::fund>},
    MoneyTable{Table::audit, money_of<Audit, &Audit::fund>},
};

}  // namespace

base::Amount money_in(base::ByteView key, base::ByteView value) {
    ASSAY_CHECK(!key.empty());
    for (const MoneyTable& money : kMoneyTables) {
        if (key[0] == static_cast<std::uint8_t>(money.table)) return money.in(value);
    }
    return {};
}

base::Amount total_supply(const StateReader& state) {
    Amount sum;
    for (const MoneyTable& money : kMoneyTables) {
        const base::Bytes prefix = table_prefix(money.table);
        base::Bytes from = prefix;
        while (auto entry = state.seek(from, prefix)) {
            sum += money.in(entry->second);
            from = std::move(entry->first);
            from.push_back(0);
        }
    }
    return sum;
}

}  // namespace assay::market
