#pragma once

#include <optional>
#include <string>

namespace assay::dispute {

/// Whether this build on this machine computes programs as every other: sets the float environment
/// of the calling thread (round to nearest, subnormals kept; threads that it starts later inherit
/// it), builds a few small programs and compares their roots with those written down here. What
/// differs, if anything does: then no root, cost or judgement of this process is to be trusted, and
/// it must not start.
[[nodiscard]] std::optional<std::string> check_environment();

}  // namespace assay::dispute
