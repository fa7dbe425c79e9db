#pragma once

#include "duties.h"
#include "worker/worker.h"

namespace assay::worker {

/// Hands every lane to somebody else, for a machine that is to be switched off: the offers are
/// taken back, what is committed is delivered and closed as ever, and each lease is left as soon as
/// none of its parts is open. Nothing is owed afterwards, and what has passed is paid when it is
/// final. Called when the runners have ended; returns when no lease is active. A second SIGTERM
/// ends it.
void leave_everything(const WorkerSettings& settings, const agent::Identity& identity,
                      std::uint32_t nonce_lane);

}  // namespace assay::worker
