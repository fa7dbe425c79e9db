#pragma once

#include <cstdint>

namespace assay::base {

/// 128-bit integers for products and cross-multiplications (a compiler extension of gcc and clang,
/// declared in this one place).
__extension__ typedef unsigned __int128 Uint128;
__extension__ typedef __int128 Int128;

}  // namespace assay::base
