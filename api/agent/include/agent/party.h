#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "client/client.h"
#include "client/key_file.h"
#include "client/sender.h"
#include "market/transactions.h"

namespace assay::agent {

/// A key on a chain. Owns the keys; knows the account and the chain's constants. Shared by threads:
/// everything here is read-only.
class Identity {
  public:
    Identity(client::KeySet keys, const base::Hash& chain_id);
    [[nodiscard]] const base::AccountId& account() const { return account_; }
    [[nodiscard]] const base::Hash& chain_id() const { return chain_id_; }
    [[nodiscard]] const base::SecretKey& hot() const { return keys_.hot; }
    /// Where the file has no VRF key the hot key proves too: the two uses never sign the same kind
    /// of bytes.
    [[nodiscard]] const base::SecretKey& vrf() const { return keys_.vrf ? *keys_.vrf : keys_.hot; }
    /// The key whose hash the account is; only it may register keys.
    [[nodiscard]] const base::SecretKey& first() const {
        return keys_.cold ? *keys_.cold : keys_.hot;
    }

  private:
    client::KeySet keys_;
    base::Hash chain_id_;
    base::AccountId account_;
};

/// Signs and submits messages of one identity on one nonce lane. Threads that act independently use
/// lanes of their own. Blocking; one thread at a time.
class Party {
  public:
    Party(const Identity& identity, client::Client& node, std::uint32_t nonce_lane);
    /// Waits until the transaction is durable in a block. A nonce that somebody else used and a fee
    /// that rose meanwhile are dealt with here; every other refusal is the caller's (`code` is a
    /// market refusal's word).
    client::Result<client::Submitted> send(const market::Message& message);
    /// The same with the first key, for `keys_set`.
    client::Result<client::Submitted> send_with_first_key(const market::Message& message);
    [[nodiscard]] const Identity& identity() const { return identity_; }
    [[nodiscard]] client::Client& node() { return node_; }

  private:
    client::Result<client::Submitted> send_signed(const market::Message& message,
                                                  const base::SecretKey& key);
    const Identity& identity_;
    client::Client& node_;
    std::uint32_t nonce_lane_;
};

/// True when the error says that the ledger has what the message wanted to achieve, or that it no
/// longer matters: a resend after a crash.
using client::is_refusal;

/// Registers hot and VRF keys when the ledger has none or others. Returns false when nothing had to
/// be sent.
client::Result<bool> ensure_keys(Party& party);

/// How long a program waits for the node before it gives up at the start, and how it waits later:
/// until it is told to stop.
client::ClientOptions patient_options();

}  // namespace assay::agent
