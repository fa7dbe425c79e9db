#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/signature.h"
#include "market/rules.h"

/// The ledger's records and their bytes: docs/formats/block.md. Plain values; encoding is
/// canonical, decoding strict.
namespace assay::ledger {

/// Domain of the operator's signature on a head.
inline constexpr std::string_view kHeadDomain = "assay.head";

/// The state of the chain after a block, signed by the operator over domain "assay.head" and the
/// bytes of `head_message`.
struct Head {
    base::Height height;
    base::TimeMs time;
    std::uint32_t app_version = 0;
    base::Hash state_root;  ///< of the state tree (base/state_tree.h)
    base::Hash log_root;    ///< of the receipt log (RFC 9162, SHA-256)
    std::uint64_t log_size = 0;
    base::Hash params_id;
    base::Hash app_hash;  ///< app_hash_of the four above
    base::Signature signature;
    bool operator==(const Head&) const = default;
};

/// SHA-256("assay.app.v1" || state_root || log_root || u64 log_size || params_id).
base::Hash app_hash_of(const base::Hash& state_root, const base::Hash& log_root,
                       std::uint64_t log_size, const base::Hash& params_id);
/// What the operator signs: height, time, app hash.
base::Bytes head_message(base::Height height, base::TimeMs time, const base::Hash& app_hash);
/// The app hash fits its parts and the operator signed it for this chain.
[[nodiscard]] bool verify_head(const Head& head, const base::PublicKey& operator_key,
                               const base::Hash& chain_id);
base::Bytes encode_head(const Head& head);
std::optional<Head> decode_head(base::ByteView bytes);

/// One transaction as a block carries it, with its result.
struct BlockTransaction {
    base::Bytes raw;
    market::Refusal code = market::Refusal::none;
    base::Amount fee;
    bool operator==(const BlockTransaction&) const = default;
};

struct Block {
    base::Hash previous_app_hash;
    std::vector<BlockTransaction> transactions;
    std::uint32_t events = 0;  ///< how many events the block has
    Head head;                 ///< height, time, version and roots after the block
    bool operator==(const Block&) const = default;
};
base::Bytes encode_block(const Block& block);
std::optional<Block> decode_block(base::ByteView bytes);

/// What happened to a transaction; its leaf in the receipt log is merkle_leaf(sha256,
/// encode_receipt(...)).
struct Receipt {
    base::TransactionId id;
    base::Height height;
    base::TimeMs time;
    std::uint32_t index = 0;  ///< within the block
    market::Refusal code = market::Refusal::none;
    base::Amount fee;
    std::uint64_t log_index = 0;  ///< leaf number in the receipt log
    bool operator==(const Receipt&) const = default;
};
base::Bytes encode_receipt(const Receipt& receipt);
std::optional<Receipt> decode_receipt(base::ByteView bytes);

/// Place of an event in the gap-free log. The first event of a block has index 0.
struct EventCursor {
    base::Height height;
    std::uint32_t index = 0;
    auto operator<=>(const EventCursor&) const = default;
};
struct StoredEvent {
    EventCursor cursor;
    base::TimeMs time;
    market::Event event;
    bool operator==(const StoredEvent&) const = default;
};
base::Bytes encode_event(const StoredEvent& event);
std::optional<StoredEvent> decode_event(base::ByteView bytes);

}  // namespace assay::ledger
