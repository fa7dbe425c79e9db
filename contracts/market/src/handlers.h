#pragma once

#include <set>

#include "context.h"
#include "market/objects.h"
#include "market/refusal.h"
#include "market/transactions.h"

/// The handlers of all transactions and timers, by contract. A handler checks everything first
/// (guards), then asserts what the guards imply, then changes state (effects): one that refuses has
/// changed nothing.
namespace assay::market {

#define ASSAY_MARKET_MESSAGE(Type, word, ...) \
    Refusal apply_##word(Context& context, const Type& message);
ASSAY_MARKET_MESSAGES(ASSAY_MARKET_MESSAGE)
#undef ASSAY_MARKET_MESSAGE

// clang-format off
/// By kind of timer; `advance`: a claim, or what waits for one, goes on.
#define ASSAY_MARKET_TIMERS(X) \
    X(match) X(job_deadline) X(lane_deadline) X(round_deadline) X(unbonding) X(retention) \
    X(epoch) X(delivery) X(audit) X(part_close) X(merge) X(window) X(settle) X(draw) X(fund) \
    X(pause) X(question) X(dispute) X(challenge) X(advance)
// clang-format on
#define ASSAY_MARKET_TIMER(kind) void on_##kind(Context& context, const Timer& timer);
ASSAY_MARKET_TIMERS(ASSAY_MARKET_TIMER)
#undef ASSAY_MARKET_TIMER

// accounts.cc
/// The signature is by a key that the account has or had.
bool signed_by_account(const Context& context, const base::AccountId& account, base::ByteView body,
                       const base::Signature& signature);

// validators.cc
/// It has declared itself as a validator and has stake.
bool audits(const Context& context, const base::AccountId& account);
/// Declared for the profile, with one lock's worth of stake, not tombstoned, not the submitter and
/// without a lease of the job, now or before.
bool may_audit(const Context& context, const base::AccountId& validator, const Job& job,
               base::Amount lock);
/// A VRF key that counts in an epoch: registered two epoch lengths before it opened, or in genesis.
bool vrf_key_counts(const Context& context, const KeyRecord& keys, base::TimeMs epoch_opened);
/// Opens and closes an audit in the validator's books: FLOPs ahead, and the claim on its stake.
void begin_audit_duty(Context& context, const base::AccountId& validator, base::Amount lock,
                      std::uint64_t flops);
void end_audit_duty(Context& context, const base::AccountId& validator, std::uint64_t flops);
void jail(Context& context, const base::AccountId& account, Role role);
/// Milliseconds an auditor gets: max(grace, FLOPs open and ahead / speed x factor), speed at least
/// the class's reference.
std::uint64_t audit_time_ms(const Context& context, const base::AccountId& validator);

// offers.cc
/// A lease gave its slot and bond back.
void return_slot(Context& context, const base::OfferId& offer, const base::AccountId& worker,
                 base::Amount bond);

// jobs.cc
/// Ends the job: leases end, timers of its phases are ignored from now on, what is left of the hold
/// returns, JobClosed enters the history and the open epoch. Nothing of it may be open.
void finish_job(Context& context, Job& job, JobState state, CloseReason reason);

// pauses.cc
/// A paused job runs again: pays its workers for the pause, moves the deadlines.
void end_pause(Context& context, Job& job);

// matching.cc
/// Asks for a match of a vacant lane in the next block.
void want_match(Context& context, const base::JobId& job, std::uint32_t lane);
/// Nobody is asked for the lane any more: slots go back. Changes the lane.
void drop_asked(Context& context, Lane& lane);
/// A convicted worker's lane has a successor at `price`, or the job ends (price 0): the submitter
/// gets what the successor costs more, as far as the lane's pot has, and the rest of the pot is
/// burned. Changes `lane`.
void settle_relet(Context& context, const Job& job, Lane& lane, base::Amount price);

// records.cc
/// A worker's record now, halvings done; an empty one when it has none.
WorkRecord record_of(const Context& context, const base::AccountId& worker);
/// Audited segments of a part became final and `protocol_fee` was paid for the part.
void earn_record(Context& context, const Job& job, const Part& part, std::uint64_t audited,
                 base::Amount protocol_fee);
/// A lease's rate rests on so much of the free record.
void use_record(Context& context, const base::AccountId& worker, base::Amount amount);
/// The lease is settled: what it used is free again.
void return_record(Context& context, Lease& lease);
/// The worker was convicted or confessed.
void erase_record(Context& context, const base::AccountId& worker);

// leases.cc
/// Ends a lane's lease and asks for a new match when the job still trains. Sets the lane back to
/// `keep_parts` parts of this round: the successor starts there. `exclude`: the worker may not get
/// this lane again. `burn_bond`: its bond is forfeited, else it returns when the lease is settled.
/// Locks stay until settle_lease_if_done.
struct LaneRelease {
    LeaseEnd end = LeaseEnd::left;
    bool exclude = true;
    bool burn_bond = false;
    std::uint32_t keep_parts = 0;
    base::Hash start_root;  ///< of the part after the kept ones
    base::BlobRoot start_blob;
};
void release_lane(Context& context, Job& job, std::uint32_t lane, const LaneRelease& release);
/// An ended lease without open parts and unfinal segments: its lock is freed, its bond and slot
/// return.
void settle_lease_if_done(Context& context, const base::LeaseId& lease);

// round_start.cc
/// Opens `job.round` with job.opening_root / opening_blob: makes the Round, resets the lanes, sets
/// deadlines of leases and round, asks for matches of vacant lanes.
void start_round(Context& context, Job& job);
/// Sets lanes of the open round to the parts of them that stand, after a roll-back: new deadlines
/// for their leases and the round, matches for vacant ones.
void resume_lanes(Context& context, Job& job, const std::set<std::uint32_t>& lanes);
/// A lease joined the current round: the round's deadline may move.
void extend_round_for(Context& context, Job& job, const Lease& lease);
/// The lease's clock for what it has to commit of the open round. Changes the lease.
void set_lane_deadline(Context& context, const Job& job, const Lane& lane, Lease& lease);

}  // namespace assay::market
