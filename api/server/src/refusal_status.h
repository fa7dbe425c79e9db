#pragma once

#include "market/refusal.h"

namespace assay::server {

/// The HTTP status of a market refusal (docs/api.md): 400 bytes, 403 who, 404 what, 413 size, 422
/// content, 409 everything that depends on the present state and may be different later.
int status_of(market::Refusal refusal);

}  // namespace assay::server
