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
#include "market/state.h"

namespace assay::market {

/// What a handler works in: the state, the block, and who sends what. Made for one call of
/// begin_block or apply; never outlives it.
struct Context {
    StateWriter& state;
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
// clang-format off
#define ASSAY_MARKET_EVENTS(X) \
    X(keys_changed) X(transferred) X(stake_bonded) X(stake_unbonding) X(stake_released) \
    X(validator_declared) X(validator_returned) X(offer_posted) X(offer_withdrawn) X(job_posted) \
    X(job_funded) X(job_running) X(job_paused) X(job_resumed) X(job_verifying) X(job_settling) \
    X(job_closed) X(job_removed) X(init_passed) X(lane_asked) X(lane_waits) X(lane_goes_on) \
    X(lease_started) X(lease_ended) X(lease_settled) X(round_opened) X(round_extended) \
    X(round_closed) X(round_reopened) X(round_final) X(merge_due) X(merge_posted) X(merge_audited) \
    X(part_committed) X(part_retracted) X(part_due_delivery) X(part_due_close) X(part_passed) \
    X(part_void) X(part_unproved) X(segment_delivered) X(epoch_opened) X(epoch_closed) \
    X(epoch_contributed) X(epoch_member) X(commitment_joined) X(member_barred) X(epoch_drawn) X(epoch_carried) X(epoch_void) X(audit_drawn) \
    X(audit_open) X(audit_sealed) X(audit_reveal_due) X(audit_revealed) X(audit_cells_due) \
    X(audit_cells_opened) X(audit_missed) X(audit_settled) X(claim_redrawn) X(claim_judged) \
    X(paid) X(burned) X(slashed) X(fined) X(jailed) X(question_opened) X(question_answered) \
    X(question_next) X(question_closed) X(challenge_sealed) X(challenge_expired) \
    X(dispute_opened) X(dispute_joined) X(dispute_moved) X(dispute_closed)
// clang-format on

#define ASSAY_MARKET_EVENT_NAME(name) name,
enum class EventKind : std::uint8_t { ASSAY_MARKET_EVENTS(ASSAY_MARKET_EVENT_NAME) };
#undef ASSAY_MARKET_EVENT_NAME
std::string_view to_word(EventKind kind);

using Attributes = std::vector<std::pair<std::string, std::string>>;
void emit(Context& context, EventKind kind, Attributes attributes);

}  // namespace assay::market
