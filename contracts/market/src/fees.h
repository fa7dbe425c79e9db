#pragma once

#include "base/amount.h"
#include "market/genesis.h"
#include "market/objects.h"
#include "market/rules.h"

/// The price of a place in a block: fee = base fee x weight, burned. The base fee follows how full
/// blocks are.
namespace assay::market {

/// The base fee after a block that used `weight`: moves towards the target by at most 1/8, at least
/// by one grain when it moves, never below the minimum.
base::Amount next_base_fee(base::Amount base_fee, std::uint64_t weight,
                           const Parameters& parameters);

/// The chain's record as it stands in `block`: base fee of this block, live time, weight 0 so far.
/// Unchanged when the block is the recorded one.
Chain chain_in_block(const Chain& chain, const BlockContext& block, const Parameters& parameters);

/// Nothing when the product is no amount.
std::optional<base::Amount> transaction_fee(base::Amount base_fee, std::uint64_t weight);

}  // namespace assay::market
