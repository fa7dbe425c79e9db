#include "refusal_status.h"

namespace assay::server {
namespace {

using market::Refusal;

struct Told {
    int status = 0;
    std::string_view explanation;
};

/// Without a default, so that a new refusal does not compile before it has its place here.
Told told(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return {200, "accepted"};
        case Refusal::malformed:
            return {400, "the bytes are not the one encoding of a transaction"};
        case Refusal::oversize:
            return {413, "the transaction is too large"};
        case Refusal::wrong_chain:
            return {400, "the transaction is signed for another chain"};
        case Refusal::wrong_version:
            return {400, "the transaction is signed for another version of the rules"};
        case Refusal::unknown_account:
            return {404, "the account does not exist or has not shown its first key"};
        case Refusal::wrong_signature:
            return {403, "the signature is not by a key that may send this"};
        case Refusal::wrong_nonce:
            return {409, "the nonce is not the lane's next"};
        case Refusal::nonce_lane_out_of_range:
            return {422, "there is no such nonce lane"};
        case Refusal::expired:
            return {409, "valid_until is below the height"};
        case Refusal::valid_until_too_far:
            return {422, "valid_until is too far above the height"};
        case Refusal::fee_limit_too_low:
            return {409, "the fee is above the limit"};
        case Refusal::fee_not_covered:
            return {409, "the fee is above the balance"};
        case Refusal::insufficient_balance:
            return {409, "the balance is too low"};
        case Refusal::amount_zero:
            return {422, "the amount is zero"};
        case Refusal::amount_too_large:
            return {422, "an amount would be 2^63 grains or more"};
        case Refusal::transfer_to_self:
            return {422, "a transfer to the sender"};
        case Refusal::system_account:
            return {422, "a transfer to an account of the system"};
        case Refusal::cold_key_required:
            return {403, "only the cold key changes keys"};
        case Refusal::weak_key:
            return {422, "a key is not a valid point"};
        case Refusal::keys_unchanged:
            return {409, "these are the keys already"};
        case Refusal::too_many_keys:
            return {409, "the account replaced too many keys lately"};
        case Refusal::role_not_open:
            return {422, "nobody can stake in this role yet"};
        case Refusal::insufficient_free_stake:
            return {409, "too much of the stake is locked"};
        case Refusal::below_minimum_stake:
            return {409, "the stake would be below the minimum"};
        case Refusal::too_many_unbondings:
            return {409, "too many unbonding entries are open"};
        case Refusal::jailed:
            return {403, "the account is jailed"};
        case Refusal::tombstoned:
            return {403, "the account may never act again"};
        case Refusal::stake_missing:
            return {409, "the account has no stake in this role"};
        case Refusal::profile_unknown:
            return {422, "the profile is unknown"};
        case Refusal::speed_out_of_range:
            return {422, "the speed is outside its bounds"};
        case Refusal::vrf_key_missing:
            return {409, "the account has no VRF key"};
        case Refusal::not_jailed:
            return {409, "the account is not jailed"};
        case Refusal::jail_not_over:
            return {409, "the jail is not over yet"};
        case Refusal::validator_unknown:
            return {404, "the account has not declared itself as validator"};
        case Refusal::offer_unknown:
            return {404, "there is no such offer"};
        case Refusal::offer_not_yours:
            return {403, "the offer belongs to another account"};
        case Refusal::price_out_of_range:
            return {422, "the price is outside its bounds"};
        case Refusal::seconds_out_of_range:
            return {422, "the time of a segment is outside its bounds"};
        case Refusal::memory_out_of_range:
            return {422, "the memory is outside its bounds"};
        case Refusal::slots_out_of_range:
            return {422, "the number of slots is outside its bounds"};
        case Refusal::bond_too_small:
            return {422, "the bond is too small"};
        case Refusal::too_many_offers:
            return {409, "the account has as many offers as it may"};
        case Refusal::validator_cannot_work:
            return {403, "a declared validator audits; work from another account"};
        case Refusal::spec_invalid:
            return {422, "the spec is not valid"};
        case Refusal::spec_unjudgeable:
            return {422, "a disagreement about this job could not be judged"};
        case Refusal::receipt_invalid:
            return {422, "a store's receipt is not valid"};
        case Refusal::receipt_expires_early:
            return {422, "a store's receipt ends too early"};
        case Refusal::data_size_wrong:
            return {422, "the data has another size than the spec says"};
        case Refusal::init_size_wrong:
            return {422, "the initial state has another size than the spec says"};
        case Refusal::receipt_size_wrong:
            return {422, "a receipt's size is not the one that follows from the spec"};
        case Refusal::no_auditors:
            return {409, "less than half of all weight may audit this job"};
        case Refusal::audit_too_long:
            return {422, "one audit of this job would take too long"};
        case Refusal::too_many_parts:
            return {422, "the job would have too many open parts"};
        case Refusal::audit_lag_refused:
            return {422, "audit_lag is too large"};
        case Refusal::hold_limit_too_low:
            return {409, "the hold would be more than the limit"};
        case Refusal::segment_too_small:
            return {422, "a segment is worth too little for its fees"};
        case Refusal::job_unknown:
            return {404, "there is no such job"};
        case Refusal::job_not_yours:
            return {403, "the job belongs to another account"};
        case Refusal::job_state:
            return {409, "the job's state does not allow it"};
        case Refusal::not_reserved:
            return {409, "no reservation of this lane waits for the account"};
        case Refusal::lease_unknown:
            return {404, "there is no such lease"};
        case Refusal::lease_not_yours:
            return {403, "the lease belongs to another account"};
        case Refusal::lease_ended:
            return {409, "the lease has ended"};
        case Refusal::parts_open:
            return {409, "the lease has open parts"};
        case Refusal::part_unknown:
            return {404, "there is no such part"};
        case Refusal::part_not_yours:
            return {403, "the part belongs to another account"};
        case Refusal::part_state:
            return {409, "the part's state does not allow it"};
        case Refusal::round_not_open:
            return {409, "the round is not open"};
        case Refusal::part_out_of_order:
            return {409, "it is not the lane's next part"};
        case Refusal::lane_waits:
            return {409, "the lane waits for audit money or auditors"};
        case Refusal::key_used:
            return {409, "this part key has signed a tree already"};
        case Refusal::wrong_segment_count:
            return {422, "the part has another number of segments"};
        case Refusal::wrong_start_root:
            return {422, "the start root is not the lane's"};
        case Refusal::payload_missing:
            return {422, "the part needs a payload"};
        case Refusal::payload_unexpected:
            return {422, "the part has no payload"};
        case Refusal::wrong_attempt:
            return {409, "it is not the part's next attempt"};
        case Refusal::too_many_attempts:
            return {409, "the part has no attempts left"};
        case Refusal::epoch_unknown:
            return {404, "there is no such epoch"};
        case Refusal::epoch_open:
            return {409, "the epoch is not closed yet"};
        case Refusal::epoch_closed:
            return {409, "the time for contributions is over"};
        case Refusal::not_member:
            return {403, "the account is no member of this epoch"};
        case Refusal::already_contributed:
            return {409, "the account has contributed"};
        case Refusal::wrong_commitments:
            return {422, "the commitments' root is not the ledger's"};
        case Refusal::wrong_log:
            return {422, "the receipt log is not the ledger's"};
        case Refusal::proof_invalid:
            return {422, "the proof does not verify"};
        case Refusal::not_drawn:
            return {409, "nobody drew this segment"};
        case Refusal::already_delivered:
            return {409, "the segment is delivered already"};
        case Refusal::wrong_path:
            return {422, "the path does not lead to the committed root"};
        case Refusal::wrong_leaf:
            return {422, "the leaf is not the committed one"};
        case Refusal::audit_unknown:
            return {404, "there is no such audit"};
        case Refusal::audit_not_yours:
            return {403, "the audit belongs to another account"};
        case Refusal::audit_state:
            return {409, "the audit's state does not allow it"};
        case Refusal::deadline_passed:
            return {409, "the deadline is over"};
        case Refusal::wrong_seal:
            return {422, "what is revealed is not what was sealed"};
        case Refusal::wrong_verdict:
            return {422, "the verdict has no sense"};
        case Refusal::wrong_cells:
            return {422, "the cells are not those that were sealed"};
        case Refusal::not_judged:
            return {409, "audits of the part have not ended"};
        case Refusal::wrong_leaves:
            return {422, "the leaves are not the committed ones"};
        case Refusal::roots_not_continuous:
            return {422, "a segment does not start where the one before ends"};
        case Refusal::merge_not_due:
            return {409, "the merge is not due"};
        case Refusal::not_your_turn:
            return {409, "it is not the turn of this account"};
        case Refusal::merge_known:
            return {409, "the merge is posted already"};
        case Refusal::merge_unexpected:
            return {409, "the round has no merge"};
        case Refusal::not_equivocation:
            return {422, "the two transactions are no evidence"};
        case Refusal::evidence_known:
            return {409, "the evidence is known already"};
        case Refusal::confess_too_late:
            return {409, "the time to confess is over"};
        case Refusal::target_unknown:
            return {404, "nobody committed to that"};
        case Refusal::target_closed:
            return {409, "nothing rests on that any more"};
        case Refusal::chunk_out_of_range:
            return {422, "the blob has no such chunk"};
        case Refusal::question_known:
            return {409, "the question is open already"};
        case Refusal::too_many_questions:
            return {409, "the account has as many open questions as it may"};
        case Refusal::question_unknown:
            return {404, "no such question is open"};
        case Refusal::question_not_yours:
            return {403, "the question belongs to another account"};
        case Refusal::not_asked:
            return {409, "nothing is asked at the moment"};
        case Refusal::not_answered:
            return {409, "the last question is not answered yet"};
        case Refusal::wrong_chunk:
            return {422, "the bytes are not this chunk of the blob"};
        case Refusal::leaf_agrees:
            return {422, "the leaf is what the tree says"};
        case Refusal::seal_known:
            return {409, "the seal is there already"};
        case Refusal::seal_unknown:
            return {404, "no seal hides this challenge"};
        case Refusal::seal_too_young:
            return {409, "the seal is of this very block"};
        case Refusal::dispute_target_unknown:
            return {404, "there is no such work to challenge"};
        case Refusal::dispute_target_closed:
            return {409, "the work cannot be challenged now"};
        case Refusal::own_work:
            return {403, "an account may not challenge its own work"};
        case Refusal::wrong_claim:
            return {422, "the claimed root is zeros or the asserted one"};
        case Refusal::too_many_disputes:
            return {409, "the account has as many challenges as it may"};
        case Refusal::already_challenged:
            return {409, "the account challenges this already"};
        case Refusal::dispute_unknown:
            return {404, "there is no such dispute"};
        case Refusal::dispute_not_yours:
            return {403, "the account does not play in this dispute"};
        case Refusal::dispute_over:
            return {409, "the dispute is over"};
        case Refusal::malformed_move:
            return {422, "the bytes are not a move"};
        case Refusal::wrong_move:
            return {422, "the game asks for another move"};
        case Refusal::wrong_count:
            return {422, "the move has the wrong number of hashes"};
        case Refusal::wrong_hash:
            return {422, "what is posted does not hash to what it stands for"};
        case Refusal::wrong_place:
            return {422, "the move names a place that does not exist"};
        case Refusal::wrong_record:
            return {422, "a record is not at its place"};
        case Refusal::wrong_openings:
            return {422, "the openings do not let the referee judge"};
    }
    return {500, "a refusal without a name"};
}

}  // namespace

int status_of(Refusal refusal) { return told(refusal).status; }

std::string_view explain(Refusal refusal) { return told(refusal).explanation; }

}  // namespace assay::server
