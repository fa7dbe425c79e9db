#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/client.h"
#include "games/record.h"

namespace assay::worker {

/// What an account has earned, read from the ledger: leases stay there one retention period after
/// they are settled.
struct LeaseEarnings {
    market::Lease lease;
    base::Amount paid;     ///< segments paid x price, before the protocol fee
    base::Amount pending;  ///< passed segments that are not final yet
};
struct Earnings {
    base::AccountId account;
    base::Amount balance, stake, locked;
    base::Amount paid, pending;
    std::vector<LeaseEarnings> leases;
    games::DisputeRecord disputes;  ///< about its work, in the jobs of these leases
};
client::Result<Earnings> earnings_of(client::Client& node, const base::AccountId& account);

}  // namespace assay::worker
