#pragma once

#include <tl/expected.hpp>

#include "agent/service.h"
#include "worker/worker.h"

namespace assay::worker {

/// Brings the account to where it can be matched: keys registered, stake bonded, one offer with
/// these settings posted. Sends only what the ledger lacks, so it may be repeated.
/// `flops_per_second` is the measured speed.
tl::expected<void, agent::StartError> ensure_registered(agent::Party& party,
                                                        const WorkerSettings& settings,
                                                        std::uint64_t flops_per_second,
                                                        std::uint64_t memory_bytes);
/// Takes every offer of the account back.
void withdraw_offers(agent::Party& party);

}  // namespace assay::worker
