#pragma once

#include <string>
#include <tl/expected.hpp>

#include "evidence/evidence.h"
#include "ledger/node.h"

namespace assay::evidence {

/// What the ledger holds about an ended job, under the snapshot's head. Reads the events and blocks from the job's first epoch on, so it works
/// after every object of the job has left the state but its record and history. The error is one sentence: the job has not ended, or the
/// epoch that holds its end is not drawn yet.
tl::expected<Evidence, std::string> collect(const ledger::Snapshot& snapshot, base::ByteView genesis, const base::JobId& job);

}  // namespace assay::evidence
