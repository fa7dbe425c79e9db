#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/signature.h"
#include "market/commitment.h"
#include "market/job_facts.h"

/// A job's life: the job, its lanes, leases and rounds. Times are live time in ms since genesis.
namespace assay::market {

ASSAY_ENUM(
    JobState,
    open = 1,  ///< its initial state is audited, then it looks for workers
    running, paused,
    verifying,  ///< everything is trained; audits and windows run
    completed, failed, cancelled, expired, insufficient_funds, diverged,
    settling  ///< it will end as `end_state`: nothing new is committed, what is committed is judged
)
[[nodiscard]] bool is_terminal(JobState state);

ASSAY_ENUM(CloseReason, none, finished, submitter, no_offer, no_workers, wrong_init,
           merge_unresolved, no_merge, hold_used_up, numeric_fault, data_missing,
           no_auditors  ///< what was committed waited in vain for somebody to judge it
)

/// What the rules read of a spec, copied when the job is posted.
struct JobShape {
    std::string profile;
    std::uint32_t lanes = 0, rounds = 0, round_steps = 0, segment_steps = 0, part_segments = 0,
                  min_lanes = 0;
    base::Amount price_ceiling;
    std::uint32_t audit_rate_ppm = 0, audit_lag = 0, round_deadline_s = 0;
    bool public_job = true;
    [[nodiscard]] std::uint32_t segments_per_round() const { return round_steps / segment_steps; }
    [[nodiscard]] std::uint32_t parts_per_round() const {
        return market::parts_per_round(segments_per_round(), part_segments);
    }
    [[nodiscard]] bool has_merge() const { return lanes > 1 || rounds > 1; }
    ASSAY_FIELDS(JobShape, profile, lanes, rounds, round_steps, segment_steps, part_segments,
                 min_lanes, price_ceiling, audit_rate_ppm, audit_lag, round_deadline_s, public_job)
};

/// The submitter's money that is set aside. Every payment of the job comes from here; what is left
/// returns.
struct Hold {
    base::Amount segment_pay;  ///< pays workers
    base::Amount audits;       ///< the audit pool: pays auditors, and nothing else ever does
    base::Amount drawn;        ///< promised to audits that are open
    base::Amount fees;         ///< pays the protocol fee
    [[nodiscard]] base::Amount total() const { return segment_pay + audits + drawn + fees; }
    ASSAY_FIELDS(Hold, segment_pay, audits, drawn, fees)
};

/// Where the job's money went so far: hold + everything here is what was held at post or added
/// since.
struct Spent {
    base::Amount workers, auditors, protocol_fees, refunded, pauses;
    base::Amount unproved;  ///< burned: the price of work that was drawn and could not be judged
    ASSAY_FIELDS(Spent, workers, auditors, protocol_fees, refunded, pauses, unproved)
};

struct Job {
    base::JobId id;
    base::AccountId submitter;
    std::uint32_t nonce_lane = 0;  ///< of the posting transaction, with the nonce part of the id
    std::uint64_t nonce = 0;
    base::Hash spec_root, program_root, init_root;
    base::BlobRoot init_blob;
    base::Hash params_id;  ///< parameters it was made under
    JobCosts costs;
    std::uint64_t init_flops = 0;  ///< of recomputing the initial state
    JobShape shape;
    base::Amount audit_price;  ///< of an audit of one segment: its protocol cost, or what covers
                               ///< the fees of an audit (pricing.h)
    base::Amount merge_audit_price;
    base::Amount init_audit_price;
    base::Amount held;  ///< at post and added since
    Hold hold;
    Spent spent;

    JobState state = JobState::open;
    CloseReason reason = CloseReason::none;
    JobState end_state = JobState::open;  ///< settling: what it becomes
    base::TimeMs posted_at, state_since;
    base::TimeMs
        deadline;  ///< of the state: expiry while open, end of a pause or of settling; 0: none
    base::TimeMs window_ends;  ///< settling: of the challenges of what was judged; 0: something is
                               ///< not judged yet
    base::TimeMs paused_ms;    ///< sum of all pauses
    bool init_passed = false;  ///< the audits of the initial state are over: lanes are matched

    std::uint32_t round = 0;  ///< the one being trained; == rounds when all are trained
    base::Hash opening_root;  ///< state root that opens `round`
    base::BlobRoot opening_blob;
    std::uint32_t final_rounds = 0;  ///< rounds [0, final_rounds) are final
    base::Hash final_root;           ///< state root after the last final round (init root at first)
    base::BlobRoot final_blob;
    std::uint64_t final_segments = 0, audited_segments = 0, unproved_segments = 0;
    std::uint32_t active_leases = 0;
    std::uint64_t expected = 0;  ///< audits that all open work together expects, as audits at the
                                 ///< greatest price, 32.32: the pool covers their bound
    std::uint64_t backlog_flops =
        0;  ///< that this work's audits are counted with in Chain::backlog_flops
    std::uint32_t open_claims = 0;  ///< merges, initial states and segments that are not judged yet
    std::uint32_t open_disputes = 0, open_questions = 0;

    base::Hash history;  ///< H("assay.history", history, encoded entry) over all entries
    std::uint64_t history_count = 0;
    base::TimeMs closed_at;  ///< terminal since; removed one retention period later
    base::BlobRoot data_blob;
    std::uint64_t init_bytes = 0,
                  data_bytes =
                      0;  ///< sizes of the blobs; init_bytes is that of every state of the job
    std::uint64_t payload_bytes = 0;  ///< canonical size of a payload; 0 without merges
    base::TransactionId transaction;  ///< that posted it
    ASSAY_FIELDS(Job, id, submitter, nonce_lane, nonce, spec_root, program_root, init_root,
                 init_blob, params_id, costs, init_flops, shape, audit_price, merge_audit_price,
                 init_audit_price, held, hold, spent, state, reason, end_state, posted_at,
                 state_since, deadline, window_ends, paused_ms, init_passed, round, opening_root,
                 opening_blob, final_rounds, final_root, final_blob, final_segments,
                 audited_segments, unproved_segments, active_leases, expected, backlog_flops,
                 open_claims, open_disputes, open_questions, history, history_count, closed_at,
                 data_blob, init_bytes, data_bytes, payload_bytes, transaction)
};

/// What an offer was asked for: terms are fixed; bond, lock and deadline begin when its worker
/// accepts.
struct Reservation {
    base::OfferId offer;
    base::AccountId worker;
    base::Amount price, lock, bond, record_used;
    std::uint32_t rate_ppm = 0;
    std::uint64_t segment_ms = 0;
    bool accepted = false;
    ASSAY_FIELDS(Reservation, offer, worker, price, lock, bond, record_used, rate_ppm, segment_ms,
                 accepted)
};

/// Why nobody trains the lane's next part although somebody has it.
ASSAY_ENUM(LaneWait, none,
           audit_funds,   ///< the job's audit pool does not cover one more part
           audit_backlog  ///< the committee has more audits ahead than it may have
)

/// One of the S replicas. Counters are those of the job's current round.
struct Lane {
    base::JobId job;
    std::uint32_t lane = 0;
    base::LeaseId lease;                ///< zeros: vacant
    std::uint32_t leases = 0;           ///< how many it has had
    std::uint32_t passed_parts = 0;     ///< parts [0, passed_parts) of this round have passed
    std::uint32_t committed_parts = 0;  ///< parts [0, committed_parts) are committed and not void
    base::Hash next_start_root;         ///< start root that the next commitment must have
    base::BlobRoot next_start_blob;
    base::TimeMs vacant_since;
    LaneWait wait = LaneWait::none;
    std::uint64_t expected = 0;  ///< audits of the next part that are counted in Job::expected; 0:
                                 ///< it may not be trained yet
    base::TimeMs funded_at;      ///< since when the next part may be trained, or waits for that
    std::vector<Reservation> asked;  ///< the cheapest first; empty: nobody is asked now
    std::uint32_t ask = 1;           ///< how many are asked next: 1, then 2, 4, 8 …
    base::TimeMs ask_ends;
    std::vector<base::AccountId> excluded;  ///< workers that lost this lane, oldest first
    base::OfferId match_after;  ///< last offer that a match without result examined; zeros: the
                                ///< next one begins with the cheapest
    // After a conviction: what the successor costs more than this price, for so many segments, is
    // paid to the submitter from the pot.
    base::Amount relet_price;
    std::uint32_t relet_segments = 0;
    base::Amount relet_pot;  ///< held here until the next match, then what is left is burned
    ASSAY_FIELDS(Lane, job, lane, lease, leases, passed_parts, committed_parts, next_start_root,
                 next_start_blob, vacant_since, wait, expected, funded_at, asked, ask, ask_ends,
                 excluded, match_after, relet_price, relet_segments, relet_pot)
};
inline constexpr std::size_t kExcludedMax = 64;
inline constexpr std::uint32_t kAskedMax = 64;

ASSAY_ENUM(LeaseState, active = 1, ended, settled)
ASSAY_ENUM(LeaseEnd, none, finished, left, deadline, slashed, confessed, job_closed, convicted,
           paused, waited, conceded)

struct Lease {
    base::LeaseId id;
    base::JobId job;
    std::uint32_t lane = 0;
    base::AccountId worker;
    base::OfferId offer;
    base::Amount price;  ///< of one segment
    std::uint32_t rate_ppm = 0;
    base::Amount lock;             ///< part of the worker's stake; freed when settled
    base::Amount bond;             ///< held here; returns to the offer or is burned
    std::uint64_t segment_ms = 0;  ///< that the worker offered for this job
    LeaseState state = LeaseState::active;
    LeaseEnd end = LeaseEnd::none;
    base::TimeMs started_at, ended_at;
    base::TimeMs deadline;  ///< for committing all parts of the current round; 0: nothing owed
    std::uint32_t start_round = 0, start_part = 0;
    std::uint32_t last_round = 0;       ///< the last round in which it has a passed part
    std::uint32_t commits = 0;          ///< commitments ever made
    std::uint32_t open_parts = 0;       ///< committed, not yet passed, void or retracted
    std::uint32_t passed_segments = 0;  ///< passed and not yet final
    std::uint32_t paid_segments = 0;
    base::Amount record_used;  ///< of the worker's record, for a rate below that of a new worker;
                               ///< returned when settled
    std::uint32_t extensions = 0;  ///< of its deadline, because its worker had asked a question
    bool lacked_data = false;      ///< when it was extended last, somebody asked for the data
    ASSAY_FIELDS(Lease, id, job, lane, worker, offer, price, rate_ppm, lock, bond, segment_ms,
                 state, end, started_at, ended_at, deadline, start_round, start_part, last_round,
                 commits, open_parts, passed_segments, paid_segments, record_used, extensions,
                 lacked_data)
};

ASSAY_ENUM(RoundState, open = 1, closed, merged, final, failed)

struct RoundMember {
    std::uint32_t lane = 0;
    base::AccountId worker;  ///< of the lane's last part
    base::LeaseId lease;
    base::PartId part;  ///< the lane's last part
    base::Hash end_root;
    base::Hash payload_root;
    base::BlobRoot payload_blob;
    base::BlobRoot end_blob;
    ASSAY_FIELDS(RoundMember, lane, worker, lease, part, end_root, payload_root, payload_blob,
                 end_blob)
};

/// H local steps of every lane, then a merge. In a job without merge the only round ends with its
/// lane's end root.
struct Round {
    base::JobId job;
    std::uint32_t round = 0;
    RoundState state = RoundState::open;
    base::Hash opening_root;
    base::BlobRoot opening_blob;
    base::TimeMs opened_at;
    base::TimeMs deadline;
    bool extended = false;
    base::TimeMs closed_at;
    std::vector<RoundMember> members;  ///< ascending by lane; fixed when it closes
    base::Hash closing_root;           ///< root that opens the next round; zeros until merged
    base::BlobRoot closing_blob;
    base::TimeMs merged_at;
    base::TimeMs window_ends;      ///< 0: audits are still running
    std::uint32_t open_parts = 0;  ///< committed and neither passed, void nor retracted
    bool merge_audited = false;
    std::uint32_t open_disputes =
        0;  ///< games about its segments and its merge: it is not final before they are over
    std::uint32_t open_questions = 0;  ///< about states and chunks that it rests on
    ASSAY_FIELDS(Round, job, round, state, opening_root, opening_blob, opened_at, deadline,
                 extended, closed_at, members, closing_root, closing_blob, merged_at, window_ends,
                 open_parts, merge_audited, open_disputes, open_questions)
};

ASSAY_ENUM(MergeState, waiting = 1, posted, audited, refuted)

/// Who must post the merge of a round, and what was posted.
struct MergeRecord {
    base::JobId job;
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    MergeState state = MergeState::waiting;
    std::uint32_t turn = 0;  ///< index into the round's members
    base::TimeMs deadline;   ///< of the one whose turn it is
    base::AccountId poster;
    base::LeaseId lease;  ///< of the poster
    base::Hash root;
    base::BlobRoot blob;
    base::PartId commitment;  ///< merge_commitment_id
    std::uint64_t bytes = 0;  ///< size of `blob`, from the receipt
    std::vector<base::AccountId>
        barred;  ///< members whose merge was refuted: they don't post again
    std::uint32_t extensions =
        0;  ///< of a turn, because the one whose turn it is had asked a question
    base::TransactionId transaction;  ///< that posted it
    ASSAY_FIELDS(MergeRecord, job, round, attempt, state, turn, deadline, poster, lease, root, blob,
                 commitment, bytes, barred, extensions, transaction)
};

}  // namespace assay::market
