#pragma once

#include <string>
#include <tl/expected.hpp>

#include "agent/exit_code.h"
#include "agent/party.h"
#include "worker/worker.h"

namespace assay::worker {

struct RegistrationError {
    agent::ExitCode code = agent::ExitCode::refused;
    std::string text;
};

/// Brings the account to where it can be matched: keys registered, stake bonded, one offer with
/// these settings posted. Sends only what the ledger lacks, so it may be repeated.
/// `flops_per_second` is the measured speed.
tl::expected<void, RegistrationError> ensure_registered(agent::Party& party,
                                                        const WorkerSettings& settings,
                                                        std::uint64_t flops_per_second,
                                                        std::uint64_t memory_bytes);
/// Takes every offer of the account back.
void withdraw_offers(agent::Party& party);

}  // namespace assay::worker
