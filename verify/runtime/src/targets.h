#pragma once

#include "exact/kernels.h"
#include "runtime/executor.h"

namespace assay::runtime {

/// The kernels of a target; null for the reference.
const exact::Kernels* kernels_of(Target target);

}  // namespace assay::runtime
