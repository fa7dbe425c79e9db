#pragma once

#include <algorithm>

#include "base/bytes.h"

namespace assay::market {

/// Byte order of keys, the same as the store's.
struct KeyOrder {
    using is_transparent = void;
    bool operator()(base::ByteView a, base::ByteView b) const {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
};

}  // namespace assay::market
