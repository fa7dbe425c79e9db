#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "market/genesis.h"
#include "market/objects.h"
#include "market/rules.h"
#include "work.h"

namespace assay::market {

/// What a handler works in: the state, the block, and who sends what. Made for one call of
/// begin_block or apply; never outlives it.
struct Context {
    Work state;
    const BlockContext& block;
    std::vector<Event>& events;
    Chain chain;            ///< written back once at the end of the call when it changed
    Parameters parameters;  ///< in force now; a job's own: parameters_of
    base::TimeMs live;
    // Of the transaction; zeros in begin_block.
    base::AccountId sender;
    base::TransactionId transaction;
    std::uint32_t nonce_lane = 0;
    std::uint64_t nonce = 0;
    std::set<base::Bytes>* fresh_timers =
        nullptr;  ///< while timers are swept: keys of those that were set meanwhile
    std::uint32_t offers_seen = 0;  ///< by this block's searches for workers
    std::uint32_t pairs_drawn = 0;  ///< (segment, member) pairs of this block's sweeps
    base::Amount fee = {};          ///< that the sender paid for this transaction

    [[nodiscard]] base::TimeMs in(std::uint64_t ms) const { return {live.value + ms}; }
};

/// The parameters a job was made under.
Parameters parameters_of(const Context& context, const Job& job);

/// Every kind of event (docs/formats/events.md). Closed: append.
ASSAY_ENUM(EventKind, keys_changed, transferred, stake_bonded, stake_unbonding, stake_released,
           validator_declared, validator_returned, offer_posted, offer_withdrawn, job_posted,
           job_funded, job_running, job_paused, job_resumed, job_verifying, job_settling,
           job_closed, job_removed, init_passed, lane_asked, lane_waits, lane_goes_on,
           lease_started, lease_ended, lease_settled, round_opened, round_extended, round_closed,
           round_reopened, round_final, merge_due, merge_posted, merge_audited, part_committed,
           part_retracted, part_due_delivery, part_due_close, part_passed, part_void, part_unproved,
           segment_delivered, epoch_opened, epoch_closed, epoch_contributed, epoch_member,
           commitment_joined, member_barred, epoch_drawn, epoch_carried, epoch_void, audit_drawn,
           audit_open, audit_sealed, audit_reveal_due, audit_revealed, audit_cells_due,
           audit_cells_opened, audit_missed, audit_settled, claim_redrawn, claim_judged, paid,
           burned, slashed, fined, jailed, question_opened, question_answered, question_next,
           question_closed, challenge_sealed, challenge_expired, dispute_opened, dispute_joined,
           dispute_moved, dispute_closed)

using Attributes = std::vector<std::pair<std::string, std::string>>;
void emit(Context& context, EventKind kind, Attributes attributes);

}  // namespace assay::market
