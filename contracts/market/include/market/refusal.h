#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::market {

/// Why the rules refuse a transaction: wire result, log word and test expectation at once
/// (docs/formats/refusals.md says what each means). The numbers are part of receipts: append, never
/// reorder.
/// Every refusal: word, what it is about, one sentence for people.
// clang-format off
#define ASSAY_MARKET_REFUSALS(X) \
    X(none, accepted, "accepted") \
    /* bytes */ \
    X(malformed, bytes, "the bytes are not the one encoding of a transaction") \
    X(oversize, size, "the transaction is too large") \
    /* frame */ \
    X(wrong_chain, bytes, "the transaction is signed for another chain") \
    X(wrong_version, bytes, "the transaction is signed for another version of the rules") \
    X(unknown_account, what, "the account does not exist or has not shown its first key") \
    X(wrong_signature, who, "the signature is not by a key that may send this") \
    X(wrong_nonce, state, "the nonce is not the lane's next") \
    X(nonce_lane_out_of_range, content, "there is no such nonce lane") \
    X(expired, state, "valid_until is below the height") \
    X(valid_until_too_far, content, "valid_until is too far above the height") \
    X(fee_limit_too_low, state, "the fee is above the limit") \
    X(fee_not_covered, state, "the fee is above the balance") \
    /* money and keys */ \
    X(insufficient_balance, state, "the balance is too low") \
    X(amount_zero, content, "the amount is zero") \
    X(amount_too_large, content, "an amount would be 2^63 grains or more") \
    X(transfer_to_self, content, "a transfer to the sender") \
    X(system_account, content, "a transfer to an account of the system") \
    X(cold_key_required, who, "only the cold key changes keys") \
    X(weak_key, content, "a key is not a valid point") \
    X(keys_unchanged, state, "these are the keys already") \
    X(too_many_keys, state, "the account replaced too many keys lately") \
    /* stake */ \
    X(role_not_open, content, "nobody can stake in this role yet") \
    X(insufficient_free_stake, state, "too much of the stake is locked") \
    X(below_minimum_stake, state, "the stake would be below the minimum") \
    X(too_many_unbondings, state, "too many unbonding entries are open") \
    X(jailed, who, "the account is jailed") \
    X(tombstoned, who, "the account may never act again") \
    X(stake_missing, state, "the account has no stake in this role") \
    X(profile_unknown, content, "the profile is unknown") \
    X(speed_out_of_range, content, "the speed is outside its bounds") \
    X(vrf_key_missing, state, "the account has no VRF key") \
    X(not_jailed, state, "the account is not jailed") \
    X(jail_not_over, state, "the jail is not over yet") \
    X(validator_unknown, what, "the account has not declared itself as validator") \
    /* offers */ \
    X(offer_unknown, what, "there is no such offer") \
    X(offer_not_yours, who, "the offer belongs to another account") \
    X(price_out_of_range, content, "the price is outside its bounds") \
    X(seconds_out_of_range, content, "the time of a segment is outside its bounds") \
    X(memory_out_of_range, content, "the memory is outside its bounds") \
    X(slots_out_of_range, content, "the number of slots is outside its bounds") \
    X(bond_too_small, content, "the bond is too small") \
    X(too_many_offers, state, "the account has as many offers as it may") \
    X(validator_cannot_work, who, "a declared validator audits; work from another account") \
    /* jobs */ \
    X(spec_invalid, content, "the spec is not valid") \
    X(spec_unjudgeable, content, "a disagreement about this job could not be judged") \
    X(receipt_invalid, content, "a store's receipt is not valid") \
    X(receipt_expires_early, content, "a store's receipt ends too early") \
    X(data_size_wrong, content, "the data has another size than the spec says") \
    X(init_size_wrong, content, "the initial state has another size than the spec says") \
    X(receipt_size_wrong, content, "a receipt's size is not the one that follows from the spec") \
    X(no_auditors, state, "less than half of all weight may audit this job") \
    X(audit_too_long, content, "one audit of this job would take too long") \
    X(too_many_parts, content, "the job would have too many open parts") \
    X(audit_lag_refused, content, "audit_lag is too large") \
    X(hold_limit_too_low, state, "the hold would be more than the limit") \
    X(segment_too_small, content, "a segment is worth too little for its fees") \
    X(job_unknown, what, "there is no such job") \
    X(job_not_yours, who, "the job belongs to another account") \
    X(job_state, state, "the job's state does not allow it") \
    /* leases */ \
    X(not_reserved, state, "no reservation of this lane waits for the account") \
    X(lease_unknown, what, "there is no such lease") \
    X(lease_not_yours, who, "the lease belongs to another account") \
    X(lease_ended, state, "the lease has ended") \
    X(parts_open, state, "the lease has open parts") \
    /* parts */ \
    X(part_unknown, what, "there is no such part") \
    X(part_not_yours, who, "the part belongs to another account") \
    X(part_state, state, "the part's state does not allow it") \
    X(round_not_open, state, "the round is not open") \
    X(part_out_of_order, state, "it is not the lane's next part") \
    X(lane_waits, state, "the lane waits for audit money or auditors") \
    X(key_used, state, "this part key has signed a tree already") \
    X(wrong_segment_count, content, "the part has another number of segments") \
    X(wrong_start_root, content, "the start root is not the lane's") \
    X(payload_missing, content, "the part needs a payload") \
    X(payload_unexpected, content, "the part has no payload") \
    X(wrong_attempt, state, "it is not the part's next attempt") \
    X(too_many_attempts, state, "the part has no attempts left") \
    /* epochs and draws */ \
    X(epoch_unknown, what, "there is no such epoch") \
    X(epoch_open, state, "the epoch is not closed yet") \
    X(epoch_closed, state, "the time for contributions is over") \
    X(not_member, who, "the account is no member of this epoch") \
    X(already_contributed, state, "the account has contributed") \
    X(wrong_commitments, content, "the commitments' root is not the ledger's") \
    X(wrong_log, content, "the receipt log is not the ledger's") \
    X(proof_invalid, content, "the proof does not verify") \
    /* delivery, verdicts, closing */ \
    X(not_drawn, state, "nobody drew this segment") \
    X(already_delivered, state, "the segment is delivered already") \
    X(wrong_path, content, "the path does not lead to the committed root") \
    X(wrong_leaf, content, "the leaf is not the committed one") \
    X(audit_unknown, what, "there is no such audit") \
    X(audit_not_yours, who, "the audit belongs to another account") \
    X(audit_state, state, "the audit's state does not allow it") \
    X(deadline_passed, state, "the deadline is over") \
    X(wrong_seal, content, "what is revealed is not what was sealed") \
    X(wrong_verdict, content, "the verdict has no sense") \
    X(wrong_cells, content, "the cells are not those that were sealed") \
    X(not_judged, state, "audits of the part have not ended") \
    X(wrong_leaves, content, "the leaves are not the committed ones") \
    X(roots_not_continuous, content, "a segment does not start where the one before ends") \
    /* rounds and merges */ \
    X(merge_not_due, state, "the merge is not due") \
    X(not_your_turn, state, "it is not the turn of this account") \
    X(merge_known, state, "the merge is posted already") \
    X(merge_unexpected, state, "the round has no merge") \
    /* evidence */ \
    X(not_equivocation, content, "the two transactions are no evidence") \
    X(evidence_known, state, "the evidence is known already") \
    X(confess_too_late, state, "the time to confess is over") \
    /* questions */ \
    X(target_unknown, what, "nobody committed to that") \
    X(target_closed, state, "nothing rests on that any more") \
    X(chunk_out_of_range, content, "the blob has no such chunk") \
    X(question_known, state, "the question is open already") \
    X(too_many_questions, state, "the account has as many open questions as it may") \
    X(question_unknown, what, "no such question is open") \
    X(question_not_yours, who, "the question belongs to another account") \
    X(not_asked, state, "nothing is asked at the moment") \
    X(not_answered, state, "the last question is not answered yet") \
    X(wrong_chunk, content, "the bytes are not this chunk of the blob") \
    X(leaf_agrees, content, "the leaf is what the tree says") \
    /* disputes */ \
    X(seal_known, state, "the seal is there already") \
    X(seal_unknown, what, "no seal hides this challenge") \
    X(seal_too_young, state, "the seal is of this very block") \
    X(dispute_target_unknown, what, "there is no such work to challenge") \
    X(dispute_target_closed, state, "the work cannot be challenged now") \
    X(own_work, who, "an account may not challenge its own work") \
    X(wrong_claim, content, "the claimed root is zeros or the asserted one") \
    X(too_many_disputes, state, "the account has as many challenges as it may") \
    X(already_challenged, state, "the account challenges this already") \
    X(dispute_unknown, what, "there is no such dispute") \
    X(dispute_not_yours, who, "the account does not play in this dispute") \
    X(dispute_over, state, "the dispute is over") \
    X(malformed_move, content, "the bytes are not a move") \
    X(wrong_move, content, "the game asks for another move") \
    X(wrong_count, content, "the move has the wrong number of hashes") \
    X(wrong_hash, content, "what is posted does not hash to what it stands for") \
    X(wrong_place, content, "the move names a place that does not exist") \
    X(wrong_record, content, "a record is not at its place") \
    X(wrong_openings, content, "the openings do not let the referee judge")
// clang-format on

/// What a refusal is about.
enum class RefusalClass : std::uint8_t {
    accepted,
    bytes,  ///< they are no transaction
    who,    ///< the sender may not
    what,   ///< what is named is not there
    size,
    content,  ///< never acceptable as it is
    state,    ///< what depends on the present state and may be different later
};

#define ASSAY_MARKET_REFUSAL_NAME(word, about, explanation) word,
enum class Refusal : std::uint8_t { ASSAY_MARKET_REFUSALS(ASSAY_MARKET_REFUSAL_NAME) };
#undef ASSAY_MARKET_REFUSAL_NAME

/// The word of a refusal, as in the list above: "wrong_nonce".
std::string_view to_word(Refusal refusal);
RefusalClass class_of(Refusal refusal);
std::string_view explanation_of(Refusal refusal);
std::optional<Refusal> refusal_from_word(std::string_view word);
/// For decoders: nothing when the number is none of the list.
std::optional<Refusal> refusal_from_number(std::uint8_t number);

}  // namespace assay::market
