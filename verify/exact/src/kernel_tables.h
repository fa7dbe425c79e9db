#pragma once

#include "exact/kernels.h"

/// The tables by instruction set; null where the build or the machine lacks it.
namespace assay::exact {

const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* neon_kernels();

}  // namespace assay::exact
