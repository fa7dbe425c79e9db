#include "registration.h"

#include "agent/log.h"

namespace assay::worker {

namespace {

constexpr std::string_view kProfile = "f32";

tl::expected<void, agent::StartError> ensure_offer(agent::Party& party,
                                                   const WorkerSettings& settings,
                                                   std::uint64_t flops_per_second,
                                                   std::uint64_t memory_bytes) {
    const base::AccountId& id = party.identity().account();
    const auto chain = party.node().chain();
    if (!chain) return tl::unexpected(agent::start_error(chain.error(), "chain"));
    const auto account = party.node().account(id);
    if (!account) return tl::unexpected(agent::start_error(account.error(), "account"));
    const auto offers = party.node().offers_of(id);
    if (!offers) return tl::unexpected(agent::start_error(offers.error(), "offers"));
    market::OfferPost wanted;
    wanted.price_per_gflop = settings.price_per_gflop.value_or(chain->parameters.protocol_price);
    wanted.segment_ms = settings.segment_ms;
    wanted.profile = kProfile;
    wanted.memory_bytes = memory_bytes;
    wanted.flops_per_second = flops_per_second;
    wanted.slots = settings.slots;
    for (const market::Offer& offer : *offers) {
        if (offer.withdrawn) continue;
        const bool same = offer.price_per_gflop == wanted.price_per_gflop &&
                          offer.segment_ms == wanted.segment_ms && offer.slots == wanted.slots &&
                          offer.profile == wanted.profile &&
                          (!settings.bond || offer.bond == *settings.bond || offer.slots_used > 0);
        if (same) return {};
        const auto sent = party.send(market::OfferWithdraw{offer.id});
        if (!sent) return tl::unexpected(agent::start_error(sent.error(), "offer_withdraw"));
    }
    wanted.bond = settings.bond.value_or(base::Amount::of(account->balance.grains() / 10));
    const auto sent = party.send(wanted);
    if (!sent) return tl::unexpected(agent::start_error(sent.error(), "offer_post"));
    agent::log(agent::LogLevel::info, "offer.posted", "posted an offer",
               {{"price_per_gflop", wanted.price_per_gflop.decimal()},
                {"slots", std::to_string(wanted.slots)},
                {"gflops", std::to_string(flops_per_second / 1'000'000'000)}});
    return {};
}

}  // namespace

tl::expected<void, agent::StartError> ensure_registered(agent::Party& party,
                                                        const WorkerSettings& settings,
                                                        std::uint64_t flops_per_second,
                                                        std::uint64_t memory_bytes) {
    if (const auto keys = agent::ensure_keys(party); !keys)
        return tl::unexpected(agent::start_error(keys.error(), "keys_set"));
    if (auto stake = agent::ensure_stake(party, market::Role::worker, settings.stake); !stake)
        return stake;
    return ensure_offer(party, settings, flops_per_second, memory_bytes);
}

void withdraw_offers(agent::Party& party) {
    const auto offers = party.node().offers_of(party.identity().account());
    if (!offers) return;
    for (const market::Offer& offer : *offers) {
        if (!offer.withdrawn) static_cast<void>(party.send(market::OfferWithdraw{offer.id}));
    }
}

}  // namespace assay::worker
