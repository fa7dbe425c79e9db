#pragma once

#include <vector>

#include "agent/party.h"

namespace assay::worker {

/// Accepts every lane that the worker's offers are asked for: terms are those of its offers, and
/// bond, lock and deadline begin with its word. Looks at the ledger, so that a lost event or a
/// restart loses nothing. `leases`: all of the account. Says how many it accepted.
std::size_t accept_lanes(agent::Party& party, const std::vector<market::Lease>& leases);

}  // namespace assay::worker
