#include "market/objects.h"

#include "base/archive.h"

namespace assay::market {

#define ASSAY_MARKET_CODEC(Type)                                            \
    base::Bytes encode(const Type& value) { return base::to_bytes(value); } \
    template <>                                                             \
    std::optional<Type> decode<Type>(base::ByteView bytes) {                \
        return base::from_bytes<Type>(bytes);                               \
    }
ASSAY_MARKET_OBJECTS(ASSAY_MARKET_CODEC)
#undef ASSAY_MARKET_CODEC

base::AccountId account_id(const base::Hash& chain_id, const base::PublicKey& cold) {
    return {base::Hasher("assay.account").add(chain_id).add(cold.view()).finish()};
}

base::AccountId system_account(SystemAccount account) {
    return {base::Hasher("assay.system").add_u8(static_cast<std::uint8_t>(account)).finish()};
}

base::Hash chunk_question_id(const StoredTarget& target, std::uint64_t chunk) {
    return base::Hasher("assay.chunk")
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.subject)
        .add_u32(target.number)
        .add_u64(chunk)
        .finish();
}

base::Hash state_question_id(const StoredTarget& target, const base::AccountId& asker) {
    return base::Hasher("assay.question")
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.subject)
        .add_u32(target.number)
        .add(asker.hash)
        .finish();
}

base::Hash challenge_digest(const base::AccountId& account, const ChallengeTarget& target,
                            const base::Hash& claimed, const base::Hash& nonce) {
    return base::Hasher("assay.challenge")
        .add(account.hash)
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.part.hash)
        .add_u32(target.segment)
        .add(target.job.hash)
        .add_u32(target.round)
        .add(claimed)
        .add(nonce)
        .finish();
}

base::Hash pool_id(const ChallengeTarget& target, const base::Hash& claimed) {
    return base::Hasher("assay.pool")
        .add(target.part.hash)
        .add_u32(target.segment)
        .add(claimed)
        .finish();
}

base::DisputeId dispute_id(const base::Hash& cause, std::uint32_t number) {
    return {base::Hasher("assay.dispute").add(cause).add_u32(number).finish()};
}

base::Hash extend_history(const base::Hash& history, base::ByteView encoded_entry) {
    return base::Hasher("assay.history").add(history).add(encoded_entry).finish();
}

bool verify_receipt(const Receipt& receipt, const base::PublicKey& store,
                    const base::Hash& chain_id) {
    return base::verify(
        store, receipt.signature, kReceiptDomain, chain_id,
        receipt_message(receipt.blob, receipt.bytes, receipt.kept_until_block_time));
}

bool is_terminal(JobState state) {
    switch (state) {
        case JobState::open:
        case JobState::running:
        case JobState::paused:
        case JobState::verifying:
        case JobState::settling:
            return false;
        case JobState::completed:
        case JobState::failed:
        case JobState::cancelled:
        case JobState::expired:
        case JobState::insufficient_funds:
        case JobState::diverged:
            return true;
    }
    return false;
}

}  // namespace assay::market
