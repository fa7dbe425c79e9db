#pragma once

#include "exact/kernels.h"

/// The tables by instruction set; null where the build or the machine lacks it.
namespace assay::exact {

const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* neon_kernels();

/// Their compiled maps, in the order of map_shapes.h.
const MapFunction* avx2_maps();
const MapFunction* avx512_maps();
const MapFunction* neon_maps();

}  // namespace assay::exact
