#include "ledger/block.h"

#include "base/encoding.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using base::ByteView;
using base::Decoder;
using base::Encoder;
using base::Hash;

constexpr std::string_view kAppTag = "assay.app.v1";
constexpr std::string_view kReceiptTag = "assay.receipt.v1";
constexpr std::uint8_t kBlockFormat = 1;
constexpr std::uint32_t kTransactionsMax = 1U << 20U;
constexpr std::size_t kTransactionBytesMax = std::size_t{16} << 20U;
constexpr std::uint32_t kAttributesMax = 256;
constexpr std::size_t kTextMax = std::size_t{1} << 20U;

std::uint8_t number_of(market::Refusal code) { return static_cast<std::uint8_t>(code); }

market::Refusal read_code(Decoder& in) {
    const auto code = market::refusal_from_number(in.u8());
    if (!code) in.fail();
    return code.value_or(market::Refusal::none);
}

void write_head(Encoder& out, const Head& head) {
    out.count(head.height)
        .count(head.time)
        .u32(head.app_version)
        .hash(head.state_root)
        .hash(head.log_root);
    out.u64(head.log_size).hash(head.params_id).hash(head.app_hash).raw(head.signature.view());
}

base::Signature read_signature(Decoder& in) {
    const Bytes raw = in.raw(64);
    const auto signature = base::signature_from_bytes(raw);
    if (!signature) {
        in.fail();
        return {};
    }
    return *signature;
}

Head read_head(Decoder& in) {
    Head head;
    head.height = in.count_of<base::Height>();
    head.time = in.count_of<base::TimeMs>();
    head.app_version = in.u32();
    head.state_root = in.hash();
    head.log_root = in.hash();
    head.log_size = in.u64();
    head.params_id = in.hash();
    head.app_hash = in.hash();
    head.signature = read_signature(in);
    if (head.app_hash != app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id))
        in.fail();
    return head;
}

}  // namespace

Hash app_hash_of(const Hash& state_root, const Hash& log_root, std::uint64_t log_size,
                 const Hash& params_id) {
    Encoder out;
    out.raw(base::view_of(kAppTag)).hash(state_root).hash(log_root).u64(log_size).hash(params_id);
    return base::sha256(out.view());
}

Bytes head_message(base::Height height, base::TimeMs time, const Hash& app_hash) {
    Encoder out;
    out.count(height).count(time).hash(app_hash);
    return out.take();
}

bool verify_head(const Head& head, const base::PublicKey& operator_key, const Hash& chain_id) {
    if (head.app_hash != app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id))
        return false;
    return base::verify(operator_key, head.signature, kHeadDomain, chain_id,
                        head_message(head.height, head.time, head.app_hash));
}

Bytes encode_head(const Head& head) {
    Encoder out;
    write_head(out, head);
    return out.take();
}

std::optional<Head> decode_head(ByteView bytes) {
    Decoder in(bytes);
    Head head = read_head(in);
    if (!in.finished()) return std::nullopt;
    return head;
}

Bytes encode_block(const Block& block) {
    Encoder out;
    out.u8(kBlockFormat)
        .hash(block.previous_app_hash)
        .u32(static_cast<std::uint32_t>(block.transactions.size()));
    for (const BlockTransaction& transaction : block.transactions) {
        out.bytes(transaction.raw).u8(number_of(transaction.code)).amount(transaction.fee);
    }
    out.u32(block.events);
    write_head(out, block.head);
    return out.take();
}

std::optional<Block> decode_block(ByteView bytes) {
    Decoder in(bytes);
    Block block;
    if (in.u8() != kBlockFormat) return std::nullopt;
    block.previous_app_hash = in.hash();
    const std::uint32_t count = in.length(kTransactionsMax);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        BlockTransaction transaction;
        transaction.raw = in.bytes(kTransactionBytesMax);
        transaction.code = read_code(in);
        transaction.fee = in.amount();
        block.transactions.push_back(std::move(transaction));
    }
    block.events = in.u32();
    block.head = read_head(in);
    if (!in.finished()) return std::nullopt;
    return block;
}

Bytes encode_receipt(const Receipt& receipt) {
    Encoder out;
    out.raw(base::view_of(kReceiptTag))
        .id(receipt.id)
        .count(receipt.height)
        .count(receipt.time)
        .u32(receipt.index);
    out.u8(number_of(receipt.code)).amount(receipt.fee).u64(receipt.log_index);
    return out.take();
}

std::optional<Receipt> decode_receipt(ByteView bytes) {
    Decoder in(bytes);
    const Bytes tag = in.raw(kReceiptTag.size());
    if (tag != Bytes(kReceiptTag.begin(), kReceiptTag.end())) return std::nullopt;
    Receipt receipt;
    receipt.id = in.id_of<base::TransactionId>();
    receipt.height = in.count_of<base::Height>();
    receipt.time = in.count_of<base::TimeMs>();
    receipt.index = in.u32();
    receipt.code = read_code(in);
    receipt.fee = in.amount();
    receipt.log_index = in.u64();
    if (!in.finished()) return std::nullopt;
    return receipt;
}

Bytes encode_event(const StoredEvent& event) {
    Encoder out;
    out.count(event.cursor.height).u32(event.cursor.index).count(event.time).text(event.event.kind);
    out.u32(static_cast<std::uint32_t>(event.event.attributes.size()));
    for (const auto& [name, value] : event.event.attributes) out.text(name).text(value);
    return out.take();
}

std::optional<StoredEvent> decode_event(ByteView bytes) {
    Decoder in(bytes);
    StoredEvent event;
    event.cursor.height = in.count_of<base::Height>();
    event.cursor.index = in.u32();
    event.time = in.count_of<base::TimeMs>();
    event.event.kind = in.text(kTextMax);
    const std::uint32_t count = in.length(kAttributesMax);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        std::string name = in.text(kTextMax);
        std::string value = in.text(kTextMax);
        event.event.attributes.emplace_back(std::move(name), std::move(value));
    }
    if (!in.finished()) return std::nullopt;
    return event;
}

}  // namespace assay::ledger
