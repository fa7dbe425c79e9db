#pragma once

#include "base/amount.h"
#include "base/bytes.h"

namespace assay::market {

/// The money that one entry of the state holds, nothing for a table without money: `total_supply`
/// (market/rules.h) is its sum over all entries. Entries are as the rules wrote them.
base::Amount money_in(base::ByteView key, base::ByteView value);

}  // namespace assay::market
