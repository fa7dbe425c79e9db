#include "base/check.h"
#include "handlers.h"
#include "money.h"
#include "store.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint32_t kSlotsMax = 64;
constexpr std::uint64_t kSegmentMsMax = 7 * 86'400'000ULL;
constexpr std::uint64_t kMemoryMax = std::uint64_t{1} << 50U;
constexpr std::uint64_t kFlopsMax = std::uint64_t{1} << 62U;
/// Above this the price of a large segment would not fit an amount.
constexpr std::uint64_t kPriceMax = std::uint64_t{1} << 40U;

Refusal check_offer(const Context& context, const OfferPost& message) {
    if (message.profile != "f32") return Refusal::profile_unknown;
    if (message.price_per_gflop.is_zero() || message.price_per_gflop.grains() > kPriceMax)
        return Refusal::price_out_of_range;
    if (message.segment_ms == 0 || message.segment_ms > kSegmentMsMax)
        return Refusal::seconds_out_of_range;
    if (message.memory_bytes == 0 || message.memory_bytes > kMemoryMax)
        return Refusal::memory_out_of_range;
    if (message.flops_per_second == 0 || message.flops_per_second > kFlopsMax)
        return Refusal::speed_out_of_range;
    if (message.slots == 0 || message.slots > kSlotsMax) return Refusal::slots_out_of_range;
    if (message.bond.is_zero()) return Refusal::bond_too_small;
    const auto stake = find_stake(context.state, context.sender, Role::worker);
    if (!stake || stake->active.is_zero()) return Refusal::stake_missing;
    if (stake->tombstoned) return Refusal::tombstoned;
    if (audits(context, context.sender)) return Refusal::validator_cannot_work;
    const std::size_t most = context.parameters.offers_per_worker_max;
    return offers_of(context.state, context.sender, most).size() < most ? Refusal::none
                                                                        : Refusal::too_many_offers;
}

/// A withdrawn offer without leases gives its bond back and disappears.
void end_if_done(Context& context, const Offer& offer) {
    if (!offer.withdrawn || offer.slots_used > 0) return;
    credit(context, offer.worker, offer.bond);
    erase(context.state, offer);
}

}  // namespace

Refusal apply_offer_post(Context& context, const OfferPost& message) {
    if (const Refusal refusal = check_offer(context, message); refusal != Refusal::none)
        return refusal;
    if (!debit(context, context.sender, message.bond)) return Refusal::insufficient_balance;
    Offer offer;
    offer.id = offer_id(context.chain.id, context.sender, context.nonce_lane, context.nonce);
    offer.worker = context.sender;
    offer.price_per_gflop = message.price_per_gflop;
    offer.segment_ms = message.segment_ms;
    offer.profile = message.profile;
    offer.memory_bytes = message.memory_bytes;
    offer.flops_per_second = message.flops_per_second;
    offer.slots = message.slots;
    offer.bond = message.bond;
    offer.arrival = context.chain.arrivals++;
    save(context.state, offer);
    emit(context, EventKind::offer_posted,
         {{"offer", offer.id.hex()},
          {"worker", offer.worker.hex()},
          {"price_per_gflop", offer.price_per_gflop.decimal()},
          {"slots", std::to_string(offer.slots)}});
    return Refusal::none;
}

Refusal apply_offer_withdraw(Context& context, const OfferWithdraw& message) {
    auto* offer = live_offer(context, message.offer);
    if (!offer || offer->withdrawn) return Refusal::offer_unknown;
    if (offer->worker != context.sender) return Refusal::offer_not_yours;
    offer->withdrawn = true;
    end_if_done(context, *offer);
    emit(context, EventKind::offer_withdrawn,
         {{"offer", offer->id.hex()}, {"worker", offer->worker.hex()}});
    return Refusal::none;
}

void return_slot(Context& context, const base::OfferId& id, const base::AccountId& worker,
                 Amount bond) {
    auto* offer = live_offer(context, id);
    ASSAY_CHECK(offer && offer->worker == worker && offer->slots_used > 0);
    offer->slots_used -= 1;
    offer->bond += bond;
    end_if_done(context, *offer);
}

}  // namespace assay::market
