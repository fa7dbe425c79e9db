#pragma once

#include "cli.h"

namespace assay::cli {

/// Follows a job until it ends: a live line on a terminal, a line per change elsewhere, one event
/// per line with --json. `look` runs before each wait for events while the job lives.
Exit watch_job(const Program& program, client::Client& client, const base::JobId& job,
               const std::function<void()>& look = {});

}  // namespace assay::cli
