#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/signature.h"
#include "market/genesis.h"
#include "market/referee.h"
#include "market/refusal.h"
#include "market/state.h"

/// The market's rules as pure state transitions: no I/O, no clock, no floats, no threads. The
/// ledger calls these in this order for each block: begin_block, apply for each transaction,
/// end_block; and commits what they wrote, or nothing.
namespace assay::market {

struct BlockContext {
    base::Height height;
    base::TimeMs time;           ///< block time, never before the previous block's
    std::uint64_t log_size = 0;  ///< the receipt log before this block
    base::Hash log_root;
    const Referee* referee = nullptr;  ///< required; outlives the call
};

/// One thing that happened; the event log is gap-free, cursor = (height, index). Attributes are
/// ordered name/value pairs; ids in hex, amounts in decimal. `kind` is from the closed list in
/// docs/formats/events.md.
struct Event {
    std::string kind;
    std::vector<std::pair<std::string, std::string>> attributes;
    bool operator==(const Event&) const = default;
};

struct TransactionResult {
    base::TransactionId id;
    Refusal code = Refusal::none;
    base::Amount fee;
    std::uint64_t weight = 0;  ///< message_weight; 0 of bytes that are no transaction
};

/// Writes the genesis state. Called once, for height 0.
void apply_genesis(StateWriter& state, const Genesis& genesis);

/// Live time, timers that are due, matching, epoch closes, draws: everything *done by the rules*.
void begin_block(StateWriter& state, const BlockContext& block, std::vector<Event>& events);
/// Stateless part: bytes -> well-formed, canonical, right chain and version, signature of the
/// account's key checked in apply.
/// Says what it weighs (message_weight).
[[nodiscard]] tl::expected<std::uint64_t, Refusal> check_transaction_bytes(
    base::ByteView raw, const base::Hash& chain_id);
/// Runs one transaction. A refused one whose signature and nonce are right pays its fee and uses
/// its nonce; `Refusal` says why.
TransactionResult apply(StateWriter& state, const BlockContext& block, base::ByteView raw,
                        std::vector<Event>& events);
/// What the transactions of `block` will find: `state`, which outlives it, with the sweep of
/// begin_block done in memory. Made once per head; any number of candidates is tried on it.
std::unique_ptr<const StateReader> begun(const StateReader& state, const BlockContext& block);
/// Would `raw` be accepted on a state on which begin_block has run, and perhaps other transactions
/// after it? Changes nothing and sweeps nothing. True second part: the refusal is one that must
/// keep it out of a block (wrong signature, nonce, bytes, fee not coverable).
struct Admission {
    Refusal code = Refusal::none;
    bool keep_out = false;
};
Admission admit(const StateReader& begun, const BlockContext& block, base::ByteView raw);
void end_block(StateWriter& state, const BlockContext& block, std::vector<Event>& events);

/// The block time at which the earliest pending timer is due, if any timer is pending: the
/// sequencer makes a block then.
std::optional<base::TimeMs> next_due(const StateReader& state, base::TimeMs now);

/// Sum of all balances, holds, stakes, locks and pools; equals the genesis supply after every block
/// (checked by the ledger).
base::Amount total_supply(const StateReader& state);

/// Id of a transaction: SHA-256 of its raw bytes.
base::TransactionId transaction_id(base::ByteView raw);

}  // namespace assay::market
