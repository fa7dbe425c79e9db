#pragma once

namespace assay::base {

/// Initialises libsodium once (it picks its fast kernels then). Thread-safe; every entry into
/// libsodium goes through it.
void sodium_ready();

}  // namespace assay::base
