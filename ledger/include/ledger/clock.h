#pragma once

#include "base/ids.h"

namespace assay::ledger {

/// Where block times come from. `now` is called by the writer thread and by readers:
/// implementations are thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    /// Milliseconds since the Unix epoch.
    [[nodiscard]] virtual base::TimeMs now() const = 0;
};

/// The machine's clock. One static object, never destroyed.
const Clock& system_clock();

}  // namespace assay::ledger
