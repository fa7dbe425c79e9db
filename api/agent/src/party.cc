#include "agent/party.h"

#include <chrono>
#include <utility>

#include "agent/log.h"
#include "agent/stop.h"

namespace assay::agent {

namespace {

/// Blocks come only when something happens, so this is long in time.
constexpr std::uint64_t kValidBlocks = 500;
/// The base fee moves by an eighth per block at most; this leaves room for a dozen full blocks.
constexpr std::uint64_t kFeeMargin = 4;
constexpr int kAttemptsMax = 5;
constexpr std::chrono::seconds kWaitingLineEvery{10};

}  // namespace

Identity::Identity(client::KeySet keys, const base::Hash& chain_id)
    : keys_(std::move(keys)),
      chain_id_(chain_id),
      account_(market::account_id(chain_id, keys_.first_key())) {}

Party::Party(const Identity& identity, client::Client& node, std::uint32_t nonce_lane)
    : identity_(identity), node_(node), nonce_lane_(nonce_lane) {}

client::Result<client::Submitted> Party::send(const market::Message& message) {
    return send_signed(message, identity_.hot());
}

client::Result<client::Submitted> Party::send_with_first_key(const market::Message& message) {
    return send_signed(message, identity_.first());
}

client::Result<client::Submitted> Party::send_signed(const market::Message& message,
                                                     const base::SecretKey& key) {
    client::Result<client::Submitted> outcome = tl::unexpected(client::ClientError{});
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        const auto chain = node_.chain();
        if (!chain) return tl::unexpected(chain.error());
        const auto nonce = node_.next_nonce(identity_.account(), nonce_lane_);
        if (!nonce) return tl::unexpected(nonce.error());
        market::TransactionHeader header;
        header.chain_id = identity_.chain_id();
        header.app_version = chain->app_version;
        header.account = identity_.account();
        header.nonce_lane = nonce_lane_;
        header.nonce = *nonce;
        header.valid_until = base::Height{chain->height.value + kValidBlocks};
        // The weight depends on the size, and the size on nothing that the fee limit changes by
        // more than a few bytes.
        const base::Bytes draft = market::build_transaction(header, message, key);
        const std::uint64_t weight = market::message_weight(message, draft.size() + 16);
        header.fee_limit = base::multiply(chain->base_fee, weight * kFeeMargin)
                               .value_or(base::Amount::of(base::Amount::kMax));
        outcome = node_.submit_transaction(market::build_transaction(header, message, key));
        const bool again =
            !outcome && (is_refusal(outcome.error(), market::Refusal::wrong_nonce) ||
                         is_refusal(outcome.error(), market::Refusal::fee_limit_too_low) ||
                         is_refusal(outcome.error(), market::Refusal::expired));
        if (!again || stop_requested()) break;
    }
    return outcome;
}

bool is_refusal(const client::ClientError& error, market::Refusal refusal) {
    return error.code == market::to_word(refusal);
}

client::Result<bool> ensure_keys(Party& party) {
    const Identity& identity = party.identity();
    const auto account = party.node().account(identity.account());
    if (!account && !account.error().not_found()) return tl::unexpected(account.error());
    const market::KeysSet wanted{identity.first().public_key(), identity.hot().public_key(),
                                 identity.vrf().public_key()};
    if (account && account->keys && account->keys->cold == wanted.cold &&
        account->keys->hot == wanted.hot && account->keys->vrf == wanted.vrf) {
        return false;
    }
    const auto sent = party.send_with_first_key(wanted);
    if (!sent && !is_refusal(sent.error(), market::Refusal::keys_unchanged))
        return tl::unexpected(sent.error());
    return true;
}

client::ClientOptions patient_options() {
    client::ClientOptions options;
    options.stop = stop_requested;
    // Once per outage and then now and then, not at every attempt.
    options.waiting =
        [last = std::chrono::steady_clock::time_point()](const client::ClientError& error) mutable {
            const auto now = std::chrono::steady_clock::now();
            if (now - last < kWaitingLineEvery) return;
            last = now;
            log(LogLevel::warning, "node.waiting", "the node does not answer, trying again",
                {{"error", error.text()}});
        };
    return options;
}

}  // namespace assay::agent
