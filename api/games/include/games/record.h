#pragma once

#include <cstddef>
#include <set>

#include "client/client.h"

namespace assay::games {

/// How the disputes of an account went. The ledger keeps those that are over for one retention
/// period after their job's end.
struct DisputeRecord {
    std::size_t won = 0, lost = 0, open = 0;
};
/// Of the account as asserter or challenger, in these jobs. Two requests a job.
client::Result<DisputeRecord> dispute_record(client::Client& node, const base::AccountId& account,
                                             market::Side side, const std::set<base::JobId>& jobs);

}  // namespace assay::games
