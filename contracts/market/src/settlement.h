#pragma once

#include <optional>
#include <vector>

#include "handlers.h"
#include "money.h"
#include "store.h"

/// From commitment to payment: what the files of the settlement share. What follows from a change
/// elsewhere (a part from its claims, a claim from its audits) is done by an `advance` timer, which
/// runs before anything else does.
namespace assay::market {

/// What one handler may have to touch; more is swept by timers. Lists of one round are at most this
/// (open_parts_max and the attempts of each).
inline constexpr std::size_t kTouchedMax = 4'096;
/// A round keeps a row of every attempt at a part: at most 1,024 parts (jobs.cc) times 16 attempts,
/// twice over.
inline constexpr std::size_t kPartRowsMax = 32'768;
/// Attempts under one part key: retracting and committing again has an end.
inline constexpr std::uint32_t kAttemptsMax = 16;
/// Numbers of a `settle` timer: the subject is a job, a lease, or a job that trains or waits, which
/// is looked at from time to time.
inline constexpr std::uint64_t kSettleJob = 0, kSettleLease = 1, kWatchJob = 2;
/// Numbers of an `advance` timer whose subject is no claim.
inline constexpr std::uint64_t kAdvancePart = std::uint64_t{1} << 32U;

// audits.cc
/// What a claim's audit costs at protocol price, and its FLOPs.
struct Duty {
    base::Amount price;
    std::uint64_t flops = 0;
};
Duty duty_of(const Job& job, ClaimKind kind);
/// The greatest of a job's prices.
base::Amount greatest_price(const Job& job);
/// One member is drawn for one claim (or control): earmarks its pay, claims its stake, starts its
/// clock when its start is known. Changes job and claim.
struct Drawn {
    const EpochCommitment* commitment = nullptr;
    const EpochMember* member = nullptr;
    std::uint64_t exponent = 0;  ///< member_exponent that drew it
    bool started = true;         ///< what it starts from is known
};
void draw_audit(Context& context, Job& job, Claim& claim, const Drawn& drawn);
/// The auditor's clock runs from now on.
void start_audit(Context& context, Audit& audit);
/// Ends an audit's duty and pays it or not. Changes job and claim. Does nothing to one that has
/// ended.
enum class AuditPay : std::uint8_t { none, full };
void settle_audit(Context& context, Job& job, Claim& claim, Audit& audit, AuditPay pay);
/// The same by its id.
void settle_audit(Context& context, const base::AuditId& audit, AuditPay pay);
/// The claim is drawn again in the next epoch, at rate_sure at least. Changes the claim.
void redraw_claim(Context& context, const Job& job, Claim& claim);
/// What the auditor did came to nothing; the claim is drawn again when its other audits are over,
/// at the auditor's cost: miss_prices audit prices, or as many as the redraw expects audits when
/// these are more. Changes job and claim.
void fail_audit(Context& context, Job& job, Claim& claim, Audit& audit);
/// What waits for this claim goes on, after what is being done.
void advance_later(Context& context, const base::PartId& subject, std::uint64_t number);
/// Ends all audits of a subject that is void or given up, paid where a verdict was sealed; its
/// claims are over. Says what was paid. Changes the job.
base::Amount end_claims(Context& context, Job& job, const base::PartId& subject);
AuditFact fact_of(const Audit& audit);
/// Facts of a subject's paid audits, ascending by segment, then id; the segments that a `valid`
/// confirmed are counted.
std::vector<AuditFact> facts_of(const Context& context, const base::PartId& subject);

// claims.cc
/// A claim that is drawn as a whole (merge, initial state): made with one draw ahead. Changes the
/// job.
void open_claim(Context& context, Job& job, Claim claim);

// deliveries.cc
/// The end field of a part's last segment.
base::Hash last_end_field(const Part& part);

// deliveries.cc
/// What bringing so many bytes to the store may take, at a rate that a home line has.
std::uint64_t transfer_ms(std::uint64_t bytes);
/// Somebody waits for segments of the part: they are due, in time to upload the states that they
/// start from. Changes the part.
void ask_delivery(Context& context, const Job& job, Part& part);

// parts.cc
/// Takes a commitment out of the lane's work: its audits end, counters go back, the history notes
/// it. Says what auditors were paid for it. `unproved`: it was drawn and never judged, so its price
/// is burned.
base::Amount void_part(Context& context, Job& job, Part& part, bool unproved = false);
/// Moves a part on when all of its claims are judged.
void advance_part(Context& context, const base::PartId& part);
/// Where a lane goes on: after its last passed part of this round, else at the round's start.
LaneRelease restart_of(const Context& context, const Job& job, std::uint32_t lane);
/// One more or one less part of its round and lease is open.
void count_open_part(Context& context, const Part& part, bool more);
/// Not judged yet.
bool is_open(const Part& part);

// funding.cc
/// Work that expects so many audits is open, or is not any more. `flops`: of one audit. Changes job
/// and chain.
void count_expected(Context& context, Job& job, std::uint64_t expected, bool more);
/// The pool covers the audits of one more, or one less, merge or initial state. Not in the
/// committee's backlog: a job that is posted and never trained must not keep others waiting.
/// Changes the job.
void count_sure(Context& context, Job& job, ClaimKind kind, bool more);
/// Nothing of the job is open any more. Changes job and chain.
void clear_expected(Context& context, Job& job);
/// Lets the lane's lease train its next part when the job's pool and the committee's backlog cover
/// its audits; otherwise the lane waits and is tried again. Changes job and lane.
void fund_lane(Context& context, Job& job, Lane& lane);
/// The lane's next part is not trained after all. Changes job and lane.
void unfund_lane(Context& context, Job& job, Lane& lane);

// epochs.cc
/// Adds a commitment to the open epoch, opening one when there is none; its number.
std::uint64_t join_epoch(Context& context, EpochCommitment commitment);

// rounds.cc
/// Closes the current round when every lane has passed, or, with an audit lag, has committed its
/// last part.
void close_round_if_done(Context& context, Job& job);
/// Opens the next round, or goes to `verifying` after the last, when the current one is merged and
/// not too many are unfinal.
void open_next_round(Context& context, Job& job);

// merges.cc
void wait_for_merge(Context& context, const Job& job, std::uint32_t round, std::size_t members);
/// Whoever has to post the merge of a round gets its time again: a blob it may need has just been
/// shown.
void renew_merge_turn(Context& context, const base::JobId& job, std::uint32_t round);
/// All audits of a merge are over.
void merge_judged(Context& context, Job& job, const Claim& claim);

// inits.cc
/// Moves the audits of an initial state on.
void advance_init(Context& context, Job& job, Claim& claim);

// finality.cc
/// Starts a round's window when its parts and merge audits are done, and opens the next round when
/// that waited for the audits.
void start_window_if_done(Context& context, Job& job, std::uint32_t round);
/// max(window, twice a replay of a segment on the minimum class + grace).
std::uint64_t challenge_window_ms(const Context& context, const Job& job);
/// One part that passed is paid; says the protocol fee. Changes job and part.
base::Amount pay_part(Context& context, Job& job, Part& part);
/// Segments of a part that a `valid` confirmed.
std::uint64_t audited_segments(const Context& context, const base::PartId& subject);

// settling.cc
/// Nothing new is committed from now on; what is committed is judged, then the job ends as `state`.
void begin_settling(Context& context, Job& job, JobState state, CloseReason reason);
void fail_job(Context& context, Job& job, CloseReason reason);
/// The job has settled for its time and nobody audits it any more: no new question or challenge
/// makes it longer.
bool settled_long_enough(const Context& context, const Job& job);
/// Looks every `settle_ms_max` whether what is committed waits in vain for somebody to judge it;
/// then the job settles.
void watch_job(Context& context, Job& job);
/// Goes on with a job that settles.
void settle_on(Context& context, Job& job);

// questions.cc
/// A question about this round, what opened it, or the job's own blobs is open: who needs such a
/// blob may be unable to do what it owes.
bool waits_for_answer(const Context& context, const base::JobId& job, std::uint32_t round);
/// Somebody asks for a chunk of the job's data.
bool asks_for_data(const Context& context, const base::JobId& job);
/// A game or a question is open that this lease's lock answers for.
bool answers_for_open(const Context& context, const Lease& lease);
/// The account has an open question about something in the job: nobody misses a deadline because
/// others do not show what it needs.
bool has_asked(const Context& context, const base::AccountId& account, const base::JobId& job);
/// One of them waits for its answer: it ends by itself, in the answer or in a conviction.
bool lacks_answer(const Context& context, const base::AccountId& account, const base::JobId& job);
/// A question ends within so many extensions of a deadline; one after the other must not hold up a
/// job for ever.
inline constexpr std::uint32_t kExtensionsMax = 8;
/// Ends questions about what is void or final; bonds return.
void drop_questions(Context& context, Job& job, const base::Hash& subject);
/// The same for the merge of a round.
void drop_merge_questions(Context& context, Job& job, std::uint32_t round);

// slashing.cc
/// Under this id a double signature is noted, once for each part.
base::Hash double_sign_evidence(const base::PartId& part);
/// A lease's lane goes on without its worker.
void release_lease(Context& context, Job& job, const base::LeaseId& lease, LeaseEnd end,
                   bool burn_bond);

}  // namespace assay::market
