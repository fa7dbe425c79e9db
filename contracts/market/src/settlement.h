#pragma once

#include <optional>
#include <vector>

#include "handlers.h"
#include "money.h"
#include "store.h"

/// From commitment to payment: what the files of the settlement share. The rule of store.h about copies holds: a function that takes an object
/// by reference changes it and leaves saving to its caller; what a function loads by id, it saves.
namespace assay::market {

/// Parts of one round are at most lanes x parts x attempts; lists of them are read in one go up to this bound.
inline constexpr std::size_t kPartsPerRoundMax = 1U << 20U;
/// Number of a `settle` timer whose subject is a lease; 0: a job.
inline constexpr std::uint64_t kSettleLease = 1;

// audits.cc
/// The members that contributed, as the draw wants them.
std::vector<DrawMember> contributors(const Epoch& epoch);
/// The stake one open audit of `job` locks.
base::Amount audit_lock_of(const Context& context, const Job& job, base::Amount price);
/// Makes an audit from `wanted` (kind, job, round, lane, part, segment, worker, lease, epoch, redraws, price are set) for the first
/// eligible validator of the draw order from `first_place` on, around to the places before it, leaving out `used`. `juror`: capacity and
/// lock are ignored. Nothing when nobody is eligible. Saves the audit in state `drawn`.
std::optional<Audit> assign_audit(Context& context, const Job& job, const Audit& wanted, std::uint32_t first_place,
                                  const std::vector<base::AccountId>& used, bool juror);
/// The auditor's clock runs from now on. Saves.
void start_audit(Context& context, const Job& job, Audit& audit);
/// A sealed audit must be revealed within grace. Saves.
void ask_reveal(Context& context, Audit& audit);
/// Ends an audit's duty and pays it or not. Changes the job's hold, saves the audit. `insured`: insurance pays first, then the hold.
enum class AuditPay : std::uint8_t { none, hold, insured };
void settle_audit(Context& context, Job& job, Audit& audit, AuditPay pay);
/// The audits of a part in the order of the draw.
std::vector<Audit> audits_of_part(const Context& context, const Part& part);
AuditFact fact_of(const Audit& audit);
/// Draws the next auditor for a segment whose audit came to nothing; without one the segment is `unaudited`. Changes the part.
void redraw_segment(Context& context, const Job& job, Part& part, const Audit& old);

// deliveries.cc
/// The end field of a part's last segment, which is never a plant.
base::Hash last_end_field(const Part& part);

// verdicts.cc
/// Moves a part on when nobody owes anything in its phase. Loads and saves.
void advance_part(Context& context, const base::PartId& part);

// parts.cc
/// Takes a commitment out of the lane's work: its audits end (paid where a verdict was sealed), counters go back, the history notes it. Says
/// what auditors were paid for it. The caller saves the job.
base::Amount void_part(Context& context, Job& job, Part& part);
/// Ends the audits, votes and timers of a part; says what auditors were paid. The caller saves the job.
base::Amount end_audits(Context& context, Job& job, const Part& part);
/// One more or one less part of its round and lease is open.
void count_open_part(Context& context, const Part& part, bool more);
/// Where a lane goes on: after its last passed part of this round, else at the round's start.
LaneRelease restart_of(const Context& context, const Job& job, std::uint32_t lane);

// epochs.cc
/// Adds a commitment to the open epoch, opening one when there is none; its number.
std::uint64_t join_epoch(Context& context, EpochCommitment commitment);

// rounds.cc
/// Closes the current round when every lane has passed, or, with an audit lag, has committed its last part. The caller saves the job.
void close_round_if_done(Context& context, Job& job);
/// Opens the next round, or goes to `verifying` after the last, when the current one is merged and not too many are unfinal.
void open_next_round(Context& context, Job& job);
/// Fails the job: pays what has passed, voids the rest, refunds. The caller saves the job.
void fail_job(Context& context, Job& job, CloseReason reason);

// merges.cc
void wait_for_merge(Context& context, const Job& job, std::uint32_t round, std::size_t members);
void draw_merge_audit(Context& context, const EpochCommitment& commitment, const Epoch& epoch);
/// Whoever has to post the merge of a round gets its time again: a blob it may need has just been shown.
void renew_merge_turn(Context& context, const base::JobId& job, std::uint32_t round);
/// Moves the audit of a merge on. Loads and saves.
void advance_merge(Context& context, const base::AuditId& audit);
/// The merge's auditor did not come: the next one, or `unaudited`.
void redraw_merge(Context& context, const Audit& old);
/// The merge audit is over: the root that stands is known. The caller saves the job.
void merge_vote_decided(Context& context, Job& job, const Vote& vote, bool upheld);

// finality.cc
/// Starts a round's window when its parts, votes and merge audit are done, and opens the next round when that waited for the audits. The
/// caller saves the job.
void start_window_if_done(Context& context, Job& job, std::uint32_t round);
/// One part that passed is paid; says the protocol fee. Changes job and part; the caller saves both.
base::Amount pay_part(Context& context, Job& job, Part& part);

// judgement.cc
/// Opens a vote on an `invalid` verdict. Loads and saves what it needs.
void open_vote(Context& context, const Audit& accusation);
/// The vote that an audit belongs to as a juror's.
std::optional<Vote> vote_of_juror(const Context& context, const Audit& audit);
void advance_vote(Context& context, const base::Hash& vote);
void redraw_juror(Context& context, const Audit& old);
/// Ends an open vote without a decision: its jurors' duties end, paid where they sealed. Says what was paid. The caller saves the job.
base::Amount drop_vote(Context& context, Job& job, Vote& vote, AuditPay pay);

// chunks.cc
/// A challenge about this round, what opened it, or the job's own blobs is open: who needs such a blob may be unable to do what it owes.
bool waits_for_chunk(const Context& context, const base::JobId& job, std::uint32_t round);

// slashing.cc
/// Under this id a double signature is noted, once for each part.
base::Hash double_sign_evidence(const base::PartId& part);
/// A lease's lane goes on without its worker.
void release_lease(Context& context, Job& job, const base::LeaseId& lease, LeaseEnd end, bool burn_bond);

}  // namespace assay::market
