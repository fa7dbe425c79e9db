#pragma once

#include "cli.h"

namespace assay::cli {

/// Follows a job until it ends: a live line on a terminal, a line per change elsewhere, one event
/// per line with --json.
Exit watch_job(const Program& program, client::Client& client, const base::JobId& job);

}  // namespace assay::cli
