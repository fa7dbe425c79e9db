#pragma once

#include <functional>

#include "client/client.h"
#include "market/transactions.h"

namespace assay::client {

/// Who signs: an account of a chain, on one of its nonce lanes. Whoever acts independently of
/// others uses a lane of its own.
struct Sender {
    base::Hash chain_id;
    base::AccountId account;
    std::uint32_t nonce_lane = 0;
};
struct Sent : Submitted {
    market::TransactionHeader header;  ///< under which it went into a block
};

/// Signs a message and waits until it is durable in a block. A nonce that somebody else used, a fee
/// that rose and a validity that ran out meanwhile are dealt with here, a few times; every other
/// refusal is the caller's (`code` is a market refusal's word). `stop` is asked between attempts.
/// The one place where fees, nonces and validity are chosen.
Result<Sent> sign_and_send(Client& node, const Sender& sender, const base::SecretKey& key,
                           const market::Message& message, const std::function<bool()>& stop);

/// True when the node or the rules refused with this word.
[[nodiscard]] bool is_refusal(const ClientError& error, market::Refusal refusal);

}  // namespace assay::client
