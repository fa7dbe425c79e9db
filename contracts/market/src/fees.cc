#include "fees.h"

#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/queries.h"

namespace assay::market {

namespace {

/// More empty blocks than this bring the fee no lower: (7/8)^64 is below 1/5000 of any fee, and the
/// minimum is reached from there.
constexpr std::uint64_t kEmptyBlocksMax = 64;
constexpr std::uint64_t kMoveDivisor = 8;

}  // namespace

base::Amount next_base_fee(base::Amount base_fee, std::uint64_t weight,
                           const Parameters& parameters) {
    const std::uint64_t target = parameters.block_weight_target;
    const std::uint64_t fee = base_fee.grains();
    if (weight == target) return base_fee;
    const std::uint64_t distance =
        weight > target ? std::min(weight - target, target) : target - weight;
    const auto move = static_cast<std::uint64_t>(static_cast<base::Uint128>(fee) * distance /
                                                 target / kMoveDivisor);
    const std::uint64_t step = std::max<std::uint64_t>(move, 1);
    if (weight < target)
        return base::maximum(parameters.base_fee_min,
                             base::Amount::of(fee > step ? fee - step : 0));
    return base::Amount::checked(fee + step).value_or(base_fee);
}

Chain chain_in_block(const Chain& chain, const BlockContext& block, const Parameters& parameters) {
    if (chain.recorded_height == block.height) return chain;
    ASSAY_CHECK(chain.recorded_height < block.height);
    Chain next = chain;
    next.base_fee = next_base_fee(chain.base_fee, chain.block_weight, parameters);
    const std::uint64_t empty =
        std::min(block.height.value - chain.recorded_height.value - 1, kEmptyBlocksMax);
    for (std::uint64_t i = 0; i < empty && next.base_fee > parameters.base_fee_min; ++i) {
        next.base_fee = next_base_fee(next.base_fee, 0, parameters);
    }
    next.recorded_live = live_time(chain, block.height, block.time, parameters.live_step_ms_max);
    next.recorded_block_time = std::max(chain.recorded_block_time, block.time);
    next.recorded_height = block.height;
    next.block_weight = 0;
    return next;
}

std::optional<base::Amount> transaction_fee(base::Amount base_fee, std::uint64_t weight) {
    return base::multiply(base_fee, weight);
}

}  // namespace assay::market
