#pragma once

#include <optional>

#include "runtime/executor.h"

namespace assay::dispute {

/// What runs a stage for a trace. Both give the same bits; where they did not, the reference would
/// be right, so a side runs a disputed step with it before its first trace move.
struct Engine {
    /// Nothing: the reference of verify/exact, which is the definition, on one thread. Otherwise
    /// the executor's kernels with these threads (hashing too), target and recomputation;
    /// `micro_batch` has no effect.
    std::optional<runtime::ExecutorOptions> fast;

    /// Threads for hashing.
    [[nodiscard]] unsigned threads() const { return fast ? fast->threads : 1; }
};

}  // namespace assay::dispute
