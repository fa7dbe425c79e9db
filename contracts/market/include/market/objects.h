#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/signature.h"
#include "base/vrf.h"
#include "market/commitment.h"
#include "market/draw.h"
#include "market/genesis.h"
#include "market/job_facts.h"
#include "market/referee.h"

/// Every object of the market's state as a plain value with one canonical encoding (docs/formats/market_state.md). Times are live time in ms since
/// genesis unless the name says `block_time`. Decoding is strict: nothing when a byte is wrong or left over.
namespace assay::market {

// ---- Accounts and stake -------------------------------------------------------------------------------------------------------------

struct KeyRecord {
    base::PublicKey cold;                    ///< rotates keys
    base::PublicKey hot;                     ///< signs everything else
    base::PublicKey vrf;                     ///< zeros: none
    base::Height valid_from;
    base::TimeMs registered_at;              ///< live time; a VRF key counts two epoch lengths later (0 in genesis counts at once)
    bool operator==(const KeyRecord&) const = default;
};

struct Account {
    base::AccountId id;
    base::Amount balance;
    std::optional<KeyRecord> keys;           ///< none: nobody has shown the first key yet, or a system account
    bool operator==(const Account&) const = default;
};

/// Id of the account whose first key is `cold`: H("assay.account", chain, key).
base::AccountId account_id(const base::Hash& chain_id, const base::PublicKey& cold);
enum class SystemAccount : std::uint8_t { burned = 1, insurance = 2, fees = 3, dust = 4 };
base::AccountId system_account(SystemAccount account);

enum class Role : std::uint8_t { worker = 1, validator = 2, sequencer = 3 };

/// Stake of one account in one role. `locked` is the part of `active` that backs leases (worker) or open audits (validator).
struct Stake {
    base::AccountId account;
    Role role = Role::worker;
    base::Amount active;
    std::uint64_t shares = 0;                ///< equal to active until stake is delegated
    base::Amount locked;
    base::TimeMs jailed_until;               ///< 0: not jailed
    bool tombstoned = false;
    std::uint32_t misses = 0;                ///< since the last jail
    std::uint32_t unbondings = 0;            ///< open entries
    std::uint64_t unbonding_next = 0;        ///< number of the next entry
    [[nodiscard]] base::Amount free() const { return active - locked; }
    bool operator==(const Stake&) const = default;
};

struct Unbonding {
    base::AccountId account;
    Role role = Role::worker;
    std::uint64_t number = 0;
    base::Amount amount;
    base::TimeMs matures_at;
    bool operator==(const Unbonding&) const = default;
};

/// A validator's declaration. The stake is in its Stake record.
struct Validator {
    base::AccountId account;
    std::string profile;
    std::uint64_t flops_per_second = 0;
    std::uint32_t capacity = 0;
    std::uint32_t open_audits = 0;
    base::TimeMs declared_at;
    bool operator==(const Validator&) const = default;
};

/// What a worker has shown by audited work, in grains (docs/audits.md). It lowers the audit rate of its next leases, as far as it does not back
/// those that run. Gone when the worker is convicted or confesses.
struct WorkRecord {
    base::AccountId worker;
    base::Amount amount;
    base::Amount in_use;                     ///< by leases that are not settled; may exceed what halving left of the amount
    base::TimeMs halved_at;                  ///< live time up to which halving is done
    [[nodiscard]] base::Amount free() const { return amount - base::minimum(amount, in_use); }
    bool operator==(const WorkRecord&) const = default;
};

// ---- Offers and jobs ----------------------------------------------------------------------------------------------------------------

struct Offer {
    base::OfferId id;
    base::AccountId worker;
    base::Amount price_per_gflop;
    std::uint64_t segment_ms = 0;            ///< least time of a segment it promises
    std::string profile;
    std::uint64_t memory_bytes = 0;
    std::uint64_t flops_per_second = 0;      ///< measured
    std::uint32_t slots = 0;                 ///< leases at the same time
    std::uint32_t slots_used = 0;
    base::Amount bond;                       ///< held here; what backs leases has moved to them
    std::uint64_t arrival = 0;               ///< order of arrival, breaks ties of price
    bool withdrawn = false;                  ///< no new leases; gone when slots_used is 0
    bool operator==(const Offer&) const = default;
};

enum class JobState : std::uint8_t {
    open = 1, running = 2, paused = 3, verifying = 4,
    completed = 5, failed = 6, cancelled = 7, expired = 8, insufficient_funds = 9, diverged = 10,
};
[[nodiscard]] bool is_terminal(JobState state);

enum class CloseReason : std::uint8_t {
    none = 0, finished = 1, submitter = 2, no_offer = 3, no_workers = 4, merge_unresolved = 5, no_merge = 6,
    hold_used_up = 7, numeric_fault = 8, data_missing = 9,
};

/// What the rules read of a spec, copied when the job is posted.
struct JobShape {
    std::string profile;
    std::uint32_t lanes = 0, rounds = 0, round_steps = 0, segment_steps = 0, part_segments = 0, min_lanes = 0;
    base::Amount price_ceiling;
    std::uint32_t audit_rate_ppm = 0, audit_lag = 0, round_deadline_s = 0;
    bool public_job = true;
    [[nodiscard]] std::uint32_t segments_per_round() const { return round_steps / segment_steps; }
    [[nodiscard]] std::uint32_t parts_per_round() const { return market::parts_per_round(segments_per_round(), part_segments); }
    [[nodiscard]] bool has_merge() const { return lanes > 1 || rounds > 1; }
    bool operator==(const JobShape&) const = default;
};

/// The submitter's money that is set aside. Every payment of the job comes from here; what is left returns.
struct Hold {
    base::Amount segment_pay;                ///< pays workers
    base::Amount audits;                     ///< pays auditors of segments and merges
    base::Amount fees;                       ///< pays the protocol fee
    [[nodiscard]] base::Amount total() const { return segment_pay + audits + fees; }
    bool operator==(const Hold&) const = default;
};

/// Where the job's money went so far: hold + everything here is what was held at post.
struct Spent {
    base::Amount workers, auditors, protocol_fees, refunded, pauses;
    bool operator==(const Spent&) const = default;
};

struct Job {
    base::JobId id;
    base::AccountId submitter;
    std::uint32_t nonce_lane = 0;            ///< of the posting transaction, with the nonce part of the id
    std::uint64_t nonce = 0;
    base::Hash spec_root, program_root, init_root;
    base::BlobRoot init_blob;
    base::Hash params_id;                    ///< parameters it was made under
    JobCosts costs;
    JobShape shape;
    base::Amount audit_price;                ///< protocol cost of a segment
    base::Amount merge_audit_price;
    base::Amount held;                       ///< at post
    Hold hold;
    Spent spent;

    JobState state = JobState::open;
    CloseReason reason = CloseReason::none;
    base::TimeMs posted_at, state_since;
    base::TimeMs deadline;                   ///< of the state: expiry while open, end of a pause; 0: none
    base::TimeMs paused_ms;                  ///< sum of all pauses

    std::uint32_t round = 0;                 ///< the one being trained; == rounds when all are trained
    base::Hash opening_root;                 ///< state root that opens `round`
    base::BlobRoot opening_blob;
    std::uint32_t final_rounds = 0;          ///< rounds [0, final_rounds) are final
    base::Hash final_root;                   ///< state root after the last final round (init root at first)
    base::BlobRoot final_blob;
    std::uint64_t final_segments = 0, audited_segments = 0, unaudited_segments = 0;
    std::uint32_t active_leases = 0;

    base::Hash history;                      ///< H("assay.history", history, encoded entry) over all entries
    std::uint64_t history_count = 0;
    base::TimeMs closed_at;                  ///< terminal since; removed one retention period later
    base::BlobRoot data_blob;
    /// Canonical sizes: of every state checkpoint, of the data, of every payload (0 without merges).
    std::uint64_t init_bytes = 0, data_bytes = 0, payload_bytes = 0;
    bool operator==(const Job&) const = default;
};

/// One of the S replicas. Counters are those of the job's current round.
struct Lane {
    base::JobId job;
    std::uint32_t lane = 0;
    base::LeaseId lease;                     ///< zeros: vacant
    std::uint32_t leases = 0;                ///< how many it has had
    std::uint32_t passed_parts = 0;          ///< parts [0, passed_parts) of this round have passed
    std::uint32_t committed_parts = 0;       ///< parts [0, committed_parts) are committed and not void
    base::Hash next_start_root;              ///< start root that the next commitment must have
    base::BlobRoot next_start_blob;
    base::Hash plant_seed;                   ///< app hash of the block that opened the round or accepted the previous part
    base::TimeMs vacant_since;
    std::vector<base::AccountId> excluded;   ///< workers that lost this lane, oldest first
    base::OfferId match_after;               ///< last offer that a match without result examined; zeros: the next one begins with the cheapest
    // After a conviction: what the successor costs more than this price, for so many segments, is paid to the submitter from the pot.
    base::Amount relet_price;
    std::uint32_t relet_segments = 0;
    base::Amount relet_pot;                  ///< held here until the next match, then what is left is burned
    bool operator==(const Lane&) const = default;
};
inline constexpr std::size_t kExcludedMax = 64;

enum class LeaseState : std::uint8_t { active = 1, ended = 2, settled = 3 };
enum class LeaseEnd : std::uint8_t {
    none = 0, finished = 1, left = 2, deadline = 3, slashed = 4, confessed = 5, job_closed = 6, unresolved = 7, paused = 8,
};

struct Lease {
    base::LeaseId id;
    base::JobId job;
    std::uint32_t lane = 0;
    base::AccountId worker;
    base::OfferId offer;
    base::Amount price;                      ///< of one segment
    std::uint32_t rate_ppm = 0;
    base::Amount lock;                       ///< part of the worker's stake; freed when settled
    base::Amount bond;                       ///< held here; returns to the offer or is burned
    std::uint64_t segment_ms = 0;            ///< that the worker offered for this job
    LeaseState state = LeaseState::active;
    LeaseEnd end = LeaseEnd::none;
    base::TimeMs started_at, ended_at;
    base::TimeMs deadline;                   ///< for committing all parts of the current round; 0: nothing owed
    std::uint32_t start_round = 0, start_part = 0;
    std::uint32_t last_round = 0;            ///< the last round in which it has a passed part
    std::uint32_t commits = 0;               ///< commitments ever made
    std::uint32_t open_parts = 0;            ///< committed, not yet passed, void or retracted
    std::uint32_t passed_segments = 0;       ///< passed and not yet final
    std::uint32_t paid_segments = 0;
    base::Amount record_used;                ///< of the worker's record, for a rate below that of a new worker; returned when settled
    bool operator==(const Lease&) const = default;
};

// ---- Rounds, parts, epochs, audits --------------------------------------------------------------------------------------------------

/// A store's signature over (chain, blob root, bytes, kept until).
struct Receipt {
    base::BlobRoot blob;
    std::uint64_t bytes = 0;
    base::TimeMs kept_until_block_time;
    base::Signature signature;
    bool operator==(const Receipt&) const = default;
};
inline constexpr std::string_view kReceiptDomain = "assay.receipt";
[[nodiscard]] bool verify_receipt(const Receipt& receipt, const base::PublicKey& store, const base::Hash& chain_id);

enum class RoundState : std::uint8_t { open = 1, closed = 2, merged = 3, final = 4, failed = 5 };

struct RoundMember {
    std::uint32_t lane = 0;
    base::AccountId worker;                  ///< of the lane's last part
    base::LeaseId lease;
    base::PartId part;                       ///< the lane's last part
    base::Hash end_root;
    base::Hash payload_root;
    base::BlobRoot payload_blob;
    base::BlobRoot end_blob;
    bool operator==(const RoundMember&) const = default;
};

/// H local steps of every lane, then a merge. In a job without merge the only round ends with its lane's end root.
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
    std::vector<RoundMember> members;        ///< ascending by lane; fixed when it closes
    base::Hash closing_root;                 ///< root that opens the next round; zeros until merged
    base::BlobRoot closing_blob;
    base::TimeMs merged_at;
    base::TimeMs window_ends;                ///< 0: audits are still running
    std::uint32_t open_parts = 0;            ///< committed and neither passed, void nor retracted
    std::uint32_t open_votes = 0;
    bool merge_audited = false;
    std::uint32_t open_disputes = 0;         ///< games about its segments and its merge: it is not final before they are over
    bool operator==(const Round&) const = default;
};

enum class MergeState : std::uint8_t { waiting = 1, posted = 2, audited = 3, replaced = 4, failed = 5, unaudited = 6 };

/// Who must post the merge of a round, and what was posted.
struct MergeRecord {
    base::JobId job;
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    MergeState state = MergeState::waiting;
    std::uint32_t turn = 0;                  ///< index into the round's members
    base::TimeMs deadline;                   ///< of the one whose turn it is
    base::AccountId poster;
    base::LeaseId lease;                     ///< of the poster
    base::Hash root;
    base::BlobRoot blob;
    base::PartId commitment;                 ///< merge_commitment_id
    std::uint64_t epoch = 0;
    base::AuditId audit;                     ///< zeros: not drawn
    std::uint64_t bytes = 0;                 ///< size of `blob`, from the receipt
    std::vector<base::AccountId> barred;     ///< members whose merge was refuted: they don't post again
    bool operator==(const MergeRecord&) const = default;
};

enum class PartState : std::uint8_t {
    committed = 1,   ///< in an open epoch, or waiting for the draw
    drawn = 2,       ///< deliveries, seals and reveals are under way
    revealed = 3,    ///< all revealed, or none drawn: the worker owes part_close
    judged = 4,      ///< a vote on one of its segments is open
    passed = 5,
    settled = 6,     ///< passed and paid
    retracted = 7,
    void_ = 8,       ///< the lane was matched again without it
};

struct DeliveredSegment {
    std::uint32_t segment = 0;               ///< within the part
    SegmentLeaf leaf;
    base::BlobRoot start_blob;
    std::uint64_t start_bytes = 0;           ///< size of the blob, from the receipt
    bool operator==(const DeliveredSegment&) const = default;
};

/// One commitment: the worker's signed tree over up to K consecutive segments.
struct Part {
    base::PartId id;
    PartKey key;
    base::LeaseId lease;
    PartState state = PartState::committed;
    base::Hash tree_root;
    std::uint32_t first_segment = 0, segments = 0;
    base::Hash start_root, end_root;         ///< end_root is the state root where it ends, not the leaf's end field
    base::BlobRoot start_blob, end_blob;
    base::Hash payload_root;                 ///< zeros unless the last part of a round of a job with merges
    base::BlobRoot payload_blob;
    std::uint32_t last_loss_bits = 0;
    base::TransactionId transaction;
    std::uint64_t epoch = 0;
    base::Hash plant_seed;
    base::TimeMs committed_at;
    base::TimeMs deadline;                   ///< of the phase; 0: none
    std::vector<DeliveredSegment> delivered; ///< ascending by segment
    std::vector<base::AuditId> audits;       ///< in the order of the draw
    std::vector<std::uint32_t> unaudited;    ///< drawn, but no auditor came; ascending
    base::TimeMs passed_at;
    std::uint64_t end_bytes = 0, payload_bytes = 0;  ///< sizes of the blobs, from the receipts
    std::uint64_t passed_entry = 0;          ///< once passed: its PartPassed in the job's history, which holds the leaves
    bool operator==(const Part&) const = default;
};

enum class EpochState : std::uint8_t { open = 1, contributing = 2, drawing = 3, done = 4 };

struct EpochMember {
    base::AccountId validator;
    std::uint64_t weight = 0;                ///< grains of active stake when the epoch closed
    std::optional<base::Hash> y;             ///< contribution_output once given
    bool operator==(const EpochMember&) const = default;
};

struct Epoch {
    std::uint64_t number = 0;
    EpochState state = EpochState::open;
    base::TimeMs opened_at;
    base::TimeMs deadline;                   ///< of the state: close, then contributions
    base::Hash commitments_root;             ///< c_e; zeros while open
    std::uint32_t commitments = 0;
    std::vector<EpochMember> members;        ///< ascending by account; fixed when it closes
    base::PartId draw_after;                 ///< cursor of the draw sweep: commitments up to this id are drawn
    std::uint32_t draw_segment = 0;          ///< next segment of the commitment after the cursor
    bool operator==(const Epoch&) const = default;
};

/// What an epoch holds under a commitment id (key: epoch, id).
struct EpochCommitment {
    std::uint64_t epoch = 0;
    base::PartId id;
    bool merge = false;
    base::JobId job;                         ///< of a merge
    std::uint32_t round = 0;                 ///< of a merge
    base::Hash root;                         ///< tree root, or merge root
    bool operator==(const EpochCommitment&) const = default;
};

enum class AuditKind : std::uint8_t { segment = 1, merge = 2, vote_segment = 3, vote_merge = 4 };
enum class AuditState : std::uint8_t {
    drawn = 1,       ///< waits for the delivery
    open = 2,        ///< the auditor works: its clock runs
    sealed = 3,
    revealed = 4,
    missed = 5,      ///< nothing came in time; drawn again under another id
    withdrawn = 6,   ///< an `invalid` taken back
    settled = 7,     ///< paid (or unpaid), the lock is free
};

struct Audit {
    base::AuditId id;
    AuditKind kind = AuditKind::segment;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::PartId part;                       ///< or the merge's commitment
    std::uint32_t segment = 0;               ///< within the part
    base::AccountId worker;                  ///< whose work it is
    base::LeaseId lease;
    base::AccountId auditor;
    base::Hash y;                            ///< the auditor's contribution: chooses the opened steps
    std::uint64_t epoch = 0;
    std::uint32_t place = 0;                 ///< in the segment's draw order
    std::uint32_t redraws = 0;               ///< how often this segment was drawn again before
    base::Amount price;                      ///< earmarked in the job's hold
    base::Amount lock;                       ///< of the auditor's stake
    AuditState state = AuditState::drawn;
    base::TimeMs drawn_at;
    base::TimeMs deadline;                   ///< of the state
    base::Hash seal;
    std::optional<Verdict> verdict;
    bool paid = false;
    bool operator==(const Audit&) const = default;
};

enum class VoteState : std::uint8_t { open = 1, upheld = 2, unresolved = 3 };

/// A judgement by vote: the accused thing, what the accuser found, and the jurors' audits. The id of the vote is that of the audit that
/// caused it.
struct Vote {
    base::Hash id;
    AuditKind kind = AuditKind::vote_segment;
    VoteState state = VoteState::open;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::PartId part;
    std::uint32_t segment = 0;
    base::LeaseId lease;                     ///< the accused one
    base::Hash claim;                        ///< end root (merge root) that the accuser found
    std::vector<base::AuditId> audits;       ///< the accuser's first, then the jurors'
    base::TimeMs opened_at;
    bool operator==(const Vote&) const = default;
};

// ---- Availability -------------------------------------------------------------------------------------------------------------------

/// What a chunk challenge is about, and so who owes the answer.
enum class ChunkTargetKind : std::uint8_t {
    checkpoint = 1,  ///< end blob of a part: its worker
    payload = 2,     ///< payload blob of a part: its worker
    merge = 3,       ///< merged state of a round: who posted it
    init = 4,        ///< initial state of a job: the submitter
    data = 5,        ///< dataset of a job: the submitter
    start = 6,       ///< start checkpoint of a delivered segment: the part's worker
};

struct ChunkTarget {
    ChunkTargetKind kind = ChunkTargetKind::checkpoint;
    base::Hash subject;                      ///< part id, or job id for merge, init and data
    std::uint32_t number = 0;                ///< round of a merge, segment of a start; 0 otherwise
    bool operator==(const ChunkTarget&) const = default;
};

/// Under this round challenges of a job's own blobs are listed: no round waits for them.
inline constexpr std::uint32_t kNoRound = 0xffffffff;

/// An open challenge: somebody has to show one chunk of a blob before the deadline. Gone when it is answered or judged.
struct ChunkChallenge {
    base::Hash id;                           ///< chunk_challenge_id
    ChunkTarget target;
    std::uint64_t chunk = 0;
    base::BlobRoot blob;
    std::uint64_t bytes = 0;                 ///< size of the blob
    base::JobId job;
    std::uint32_t round = kNoRound;          ///< whose finality waits for it
    base::AccountId obliged;
    base::LeaseId lease;                     ///< whose lock answers for it; zeros: the submitter's
    base::AccountId challenger;
    base::Amount bond;                       ///< held here; goes to the answerer, or back
    base::TimeMs opened_at, deadline;
    bool operator==(const ChunkChallenge&) const = default;
};
/// H("assay.chunk", kind, subject, number, chunk): one open challenge for one chunk.
base::Hash chunk_challenge_id(const ChunkTarget& target, std::uint64_t chunk);

/// Open challenges of one account. Gone when all are zero.
struct ChunkDuty {
    base::AccountId account;
    std::uint32_t raised = 0;                ///< open, by this account
    std::uint32_t owed = 0;                  ///< open, that this account is obliged to answer
    base::TimeMs last_deadline;              ///< of those owed: the next one queues behind it
    bool operator==(const ChunkDuty&) const = default;
};

// ---- Disputes -----------------------------------------------------------------------------------------------------------------------

enum class DisputeTarget : std::uint8_t {
    segment = 1,
    merge = 2,
    steps = 3,       ///< step digests that an auditor's do not match: opened by part_close, never by a challenge
};

/// What a challenge disputes. segment: `part` and `segment`, the rest zeros. merge: `part` is the merge's commitment, with job and round.
struct ChallengeTarget {
    DisputeTarget kind = DisputeTarget::segment;
    base::PartId part;
    std::uint32_t segment = 0;               ///< within the part
    base::JobId job;
    std::uint32_t round = 0;
    bool operator==(const ChallengeTarget&) const = default;
};
/// H("assay.challenge", account, kind, part, segment, job, round, claimed root, nonce): binding by the hash, hiding by the 32-byte nonce.
base::Hash challenge_digest(const base::AccountId& account, const ChallengeTarget& target, const base::Hash& claimed, const base::Hash& nonce);

/// A challenge that is announced and not yet opened. Gone when it is opened or its time is over.
struct ChallengeSeal {
    base::AccountId account;
    std::uint64_t number = 0;                ///< among the account's
    base::Hash digest;
    base::Height height;                     ///< it may be opened in a later block only
    base::TimeMs deadline;
    bool operator==(const ChallengeSeal&) const = default;
};

/// One who challenges with a bond. The bond left its stake and is held here.
struct Challenger {
    base::AccountId account;
    Role role = Role::validator;             ///< whose stake the bond came from and returns to
    base::Amount bond;
    bool lost = false;                       ///< it played and lost
    bool late = false;                       ///< sealed after the game was opened: no share of the bounty unless it plays
    bool operator==(const Challenger&) const = default;
};

enum class DisputeState : std::uint8_t {
    open = 1,
    upheld = 2,      ///< the challenger won: the work is wrong
    rejected = 3,    ///< the asserter won against everybody who challenged with this root
    conceded = 4,    ///< the asserter gave the work up before the first traced move
    withdrawn = 5,   ///< the auditor took its verdict back before the first traced move
    dropped = 6,     ///< what it was about is void, or the job is over
};

/// A game about one segment or merge. The bytes of the game are kept beside it, under the same id, while it is open.
struct Dispute {
    base::DisputeId id;
    DisputeTarget target = DisputeTarget::segment;
    DisputeState state = DisputeState::open;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::PartId part;                       ///< or the merge's commitment
    std::uint32_t segment = 0;               ///< within the part
    base::LeaseId lease;                     ///< of the asserter
    base::AccountId asserter;
    base::AccountId challenger;              ///< who plays: the auditor, or the pool's player
    base::AuditId audit;                     ///< the auditor's, whose lock is its bond; zeros: a challenge
    base::Hash asserted;                     ///< end field of the leaf, merged root, or digest of the step digests shown
    base::Hash claimed;                      ///< what the challenger found in its place
    std::vector<Challenger> pool;            ///< in the order in which they came; empty when an auditor plays
    std::uint32_t player = 0;                ///< index into the pool
    Side turn = Side::asserter;
    bool traced = false;                     ///< conceding costs everything from now on
    base::Height opened_height;
    base::TimeMs opened_at;
    base::TimeMs turn_since;
    base::TimeMs deadline;                   ///< of the side to move; 0: over
    std::uint64_t asserter_ms = 0, challenger_ms = 0;  ///< left on each clock when the turn began
    std::uint32_t moves = 0;
    std::vector<base::Hash> digests;         ///< steps: what the worker showed at opened_steps of the audit
    /// Fees of the moves that the two players of this game made: the winner's return to it.
    base::Amount asserter_spent, challenger_spent;
    bool operator==(const Dispute&) const = default;
};
/// H("assay.dispute", audit) or H("assay.dispute", transaction that opened the challenge).
base::DisputeId dispute_id(const base::Hash& cause);

// ---- Time ---------------------------------------------------------------------------------------------------------------------------

enum class TimerKind : std::uint8_t {
    match = 1, job_deadline = 2, lane_deadline = 3, round_deadline = 4, unbonding = 5, retention = 6,
    epoch = 7, delivery = 8, audit = 9, part_close = 10, merge = 11, window = 12, settle = 13, draw = 14, vote = 15, pause = 16, seed = 17,
    chunk = 18,
    dispute = 19, challenge = 20,
};

/// Something that happens by itself at `due` (live time). Kept in the key alone: (due, kind, subject, number).
struct Timer {
    base::TimeMs due;
    TimerKind kind = TimerKind::match;
    base::Hash subject;                      ///< id of the object
    std::uint64_t number = 0;                ///< lane, round, epoch, entry: what the kind says
    auto operator<=>(const Timer&) const = default;
};

/// The one record of the chain itself.
struct Chain {
    base::Hash id;
    base::PublicKey operator_key;
    std::uint32_t app_version = 1;
    base::Hash params_id;
    base::Height recorded_height;            ///< of the last block that changed something
    base::TimeMs recorded_block_time;
    base::TimeMs recorded_live;
    base::Amount base_fee;                   ///< grains per unit of weight
    std::uint64_t block_weight = 0;          ///< used in recorded_height
    std::uint64_t epoch_next = 0;            ///< number of the next epoch
    std::optional<std::uint64_t> epoch_open;
    std::uint64_t arrivals = 0;              ///< offers ever posted
    base::Amount supply;                     ///< of genesis
    bool operator==(const Chain&) const = default;
};

// ---- History ------------------------------------------------------------------------------------------------------------------------

struct AuditFact {
    std::uint32_t segment = 0;               ///< within the part
    base::AuditId audit;
    base::AccountId auditor;
    VerdictKind verdict = VerdictKind::valid;
    base::Hash end_root;                     ///< that an invalid verdict found
    bool operator==(const AuditFact&) const = default;
};

/// A part passed: the leaves are those `part_close` opened.
struct PartPassed {
    PartKey key;
    base::PartId part;
    std::uint32_t first_segment = 0;
    base::Hash tree_root, start_root, end_root, payload_root;
    std::vector<SegmentLeaf> leaves;
    std::vector<AuditFact> audits;           ///< ascending by segment, then audit id
    std::vector<std::uint32_t> unaudited;
    bool operator==(const PartPassed&) const = default;
};
struct PartVoided {
    PartKey key;
    base::PartId part;
    bool operator==(const PartVoided&) const = default;
};
struct RoundClosed {
    std::uint32_t round = 0;
    base::Hash opening_root;
    std::vector<RoundMember> members;
    bool operator==(const RoundClosed&) const = default;
};
struct RoundMerged {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    base::AccountId poster;
    base::Hash root;
    base::BlobRoot blob;
    bool operator==(const RoundMerged&) const = default;
};
struct MergeAudited {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    MergeState outcome = MergeState::audited;
    base::Hash root;                         ///< the one that stands
    std::vector<AuditFact> audits;
    bool operator==(const MergeAudited&) const = default;
};
struct RoundFinal {
    std::uint32_t round = 0;
    base::Hash root;
    std::uint64_t segments = 0, audited = 0, unaudited = 0;
    bool operator==(const RoundFinal&) const = default;
};
enum class SlashReason : std::uint8_t { judgement = 1, equivocation = 2, no_delivery = 3, no_close = 4, confession = 5, no_chunk = 6, concession = 7 };
struct Slashed {
    base::AccountId worker;
    base::LeaseId lease;
    SlashReason reason = SlashReason::judgement;
    base::Hash evidence;                     ///< id of the vote, part or report
    base::Amount amount;
    bool operator==(const Slashed&) const = default;
};
struct JobClosed {
    JobState state = JobState::completed;
    CloseReason reason = CloseReason::finished;
    base::Hash final_root;
    std::uint32_t final_rounds = 0;
    Spent spent;
    bool operator==(const JobClosed&) const = default;
};
/// One settled fact of a job. The variant's index is the tag of its encoding: append, never reorder.
using JobHistoryEntry = std::variant<PartPassed, PartVoided, RoundClosed, RoundMerged, MergeAudited, RoundFinal, Slashed, JobClosed>;
/// H("assay.history", history, encoded entry).
base::Hash extend_history(const base::Hash& history, base::ByteView encoded_entry);

// ---- Encodings ----------------------------------------------------------------------------------------------------------------------

base::Bytes encode(const Account& value);
base::Bytes encode(const Stake& value);
base::Bytes encode(const Unbonding& value);
base::Bytes encode(const Validator& value);
base::Bytes encode(const WorkRecord& value);
base::Bytes encode(const Offer& value);
base::Bytes encode(const Job& value);
base::Bytes encode(const Lane& value);
base::Bytes encode(const Lease& value);
base::Bytes encode(const Receipt& value);
base::Bytes encode(const Round& value);
base::Bytes encode(const MergeRecord& value);
base::Bytes encode(const Part& value);
base::Bytes encode(const Epoch& value);
base::Bytes encode(const EpochCommitment& value);
base::Bytes encode(const Audit& value);
base::Bytes encode(const Vote& value);
base::Bytes encode(const ChunkChallenge& value);
base::Bytes encode(const ChunkDuty& value);
base::Bytes encode(const Dispute& value);
base::Bytes encode(const ChallengeSeal& value);
base::Bytes encode(const Chain& value);
base::Bytes encode(const JobHistoryEntry& value);

/// decode<Job>(bytes): for each type above. Instantiated in objects.cc only.
template <class T>
std::optional<T> decode(base::ByteView bytes);

/// Words for people and events.
std::string_view to_word(Role role);
std::string_view to_word(JobState state);
std::string_view to_word(CloseReason reason);
std::string_view to_word(LeaseState state);
std::string_view to_word(LeaseEnd end);
std::string_view to_word(RoundState state);
std::string_view to_word(MergeState state);
std::string_view to_word(PartState state);
std::string_view to_word(EpochState state);
std::string_view to_word(AuditKind kind);
std::string_view to_word(AuditState state);
std::string_view to_word(VoteState state);
std::string_view to_word(ChunkTargetKind kind);
std::optional<ChunkTargetKind> chunk_target_kind_from_word(std::string_view word);
std::string_view to_word(VerdictKind kind);
std::string_view to_word(SlashReason reason);
std::string_view to_word(Judgement judgement);
std::string_view to_word(DisputeTarget target);
std::string_view to_word(DisputeState state);
std::string_view to_word(Side side);

}  // namespace assay::market
