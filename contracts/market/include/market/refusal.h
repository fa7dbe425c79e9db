#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::market {

/// Why the rules refuse a transaction: wire result, log word and test expectation at once
/// (docs/formats/refusals.md says what each means). The numbers are part of receipts: append, never
/// reorder.
#define ASSAY_MARKET_REFUSALS(X)                                                                   \
    X(none)                                                                                        \
    /* bytes */                                                                                    \
    X(malformed)                                                                                   \
    X(oversize)                                                                                    \
    X(wrong_chain)                                                                                 \
    X(wrong_version) /* frame */                                                                   \
    X(unknown_account)                                                                             \
    X(wrong_signature)                                                                             \
    X(wrong_nonce)                                                                                 \
    X(nonce_lane_out_of_range) X(expired) X(valid_until_too_far) X(fee_limit_too_low)              \
        X(fee_not_covered) /* money and keys */                                                    \
        X(insufficient_balance) X(amount_zero) X(amount_too_large) X(transfer_to_self)             \
            X(system_account) X(cold_key_required) X(weak_key) X(keys_unchanged)                   \
                X(too_many_keys) /* stake */                                                       \
        X(role_not_open) X(insufficient_free_stake) X(below_minimum_stake) X(too_many_unbondings)  \
            X(jailed) X(tombstoned) X(stake_missing) X(profile_unknown) X(speed_out_of_range)      \
                X(vrf_key_missing) X(not_jailed) X(jail_not_over)                                  \
                    X(validator_unknown) /* offers */                                              \
        X(offer_unknown) X(offer_not_yours) X(price_out_of_range) X(seconds_out_of_range)          \
            X(memory_out_of_range) X(slots_out_of_range) X(bond_too_small) X(too_many_offers)      \
                X(validator_cannot_work) /* jobs */                                                \
        X(spec_invalid) X(spec_unjudgeable) X(receipt_invalid) X(receipt_expires_early)            \
            X(data_size_wrong) X(init_size_wrong) X(receipt_size_wrong) X(no_auditors)             \
                X(audit_too_long) X(too_many_parts) X(audit_lag_refused) X(hold_limit_too_low)     \
                    X(segment_too_small) X(job_unknown) X(job_not_yours) X(job_state) /* leases */ \
        X(not_reserved) X(lease_unknown) X(lease_not_yours) X(lease_ended)                         \
            X(parts_open) /* parts */                                                              \
        X(part_unknown) X(part_not_yours) X(part_state) X(round_not_open) X(part_out_of_order)     \
            X(lane_waits) X(key_used) X(wrong_segment_count) X(wrong_start_root)                   \
                X(payload_missing) X(payload_unexpected) X(wrong_attempt)                          \
                    X(too_many_attempts) /* epochs and draws */                                    \
        X(epoch_unknown) X(epoch_open) X(epoch_closed) X(not_member) X(already_contributed)        \
            X(wrong_commitments) X(wrong_log) X(proof_invalid) /* delivery, verdicts, closing */   \
        X(not_drawn) X(already_delivered) X(wrong_path) X(wrong_leaf) X(audit_unknown)             \
            X(audit_not_yours) X(audit_state) X(deadline_passed) X(wrong_seal) X(wrong_verdict)    \
                X(wrong_cells) X(not_judged) X(wrong_leaves)                                       \
                    X(roots_not_continuous) /* rounds and merges */                                \
        X(merge_not_due) X(not_your_turn) X(merge_known) X(merge_unexpected) /* evidence */        \
        X(not_equivocation) X(evidence_known) X(confess_too_late)            /* questions */       \
        X(target_unknown) X(target_closed) X(chunk_out_of_range) X(question_known)                 \
            X(too_many_questions) X(question_unknown) X(question_not_yours) X(not_asked)           \
                X(not_answered) X(wrong_chunk) X(leaf_agrees) /* disputes */                       \
        X(seal_known) X(seal_unknown) X(seal_too_young) X(dispute_target_unknown)                  \
            X(dispute_target_closed) X(own_work) X(wrong_claim) X(too_many_disputes)               \
                X(already_challenged) X(dispute_unknown) X(dispute_not_yours) X(dispute_over)      \
                    X(malformed_move) X(wrong_move) X(wrong_count) X(wrong_hash) X(wrong_place)    \
                        X(wrong_record) X(wrong_openings)

#define ASSAY_MARKET_REFUSAL_NAME(name) name,
enum class Refusal : std::uint8_t { ASSAY_MARKET_REFUSALS(ASSAY_MARKET_REFUSAL_NAME) };
#undef ASSAY_MARKET_REFUSAL_NAME

/// The word of a refusal, as in the list above: "wrong_nonce".
std::string_view to_word(Refusal refusal);
std::optional<Refusal> refusal_from_word(std::string_view word);
/// For decoders: nothing when the number is none of the list.
std::optional<Refusal> refusal_from_number(std::uint8_t number);

}  // namespace assay::market
