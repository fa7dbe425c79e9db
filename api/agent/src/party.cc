#include "agent/party.h"

#include <chrono>
#include <utility>

#include "agent/log.h"
#include "agent/stop.h"

namespace assay::agent {

namespace {

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
    auto sent =
        client::sign_and_send(node_, {identity_.chain_id(), identity_.account(), nonce_lane_}, key,
                              message, stop_requested);
    if (!sent) return tl::unexpected(sent.error());
    return std::move(*sent);
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
