#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/signature.h"
#include "base/vrf.h"
#include "market/commitment.h"
#include "market/draw.h"

/// What is committed, drawn and judged. Times are live time in ms since genesis unless the name
/// says `block_time`.
namespace assay::market {

/// A store's signature over (chain, blob root, bytes, kept until).
struct Receipt {
    base::BlobRoot blob;
    std::uint64_t bytes = 0;
    base::TimeMs kept_until_block_time;
    base::Signature signature;
    ASSAY_FIELDS(Receipt, blob, bytes, kept_until_block_time, signature)
};
inline constexpr std::string_view kReceiptDomain = "assay.receipt";
[[nodiscard]] bool verify_receipt(const Receipt& receipt, const base::PublicKey& store,
                                  const base::Hash& chain_id);

ASSAY_ENUM(
    PartState,
    committed = 1,  ///< in an epoch whose draw is not over
    auditing,       ///< deliveries, audits, controls, games and redraws are under way
    closing,  ///< all of its segments are judged, or none was drawn: the worker owes part_close
    passed,
    settled,  ///< passed and paid
    retracted,
    void_,    ///< the lane was matched again without it
    unproved  ///< drawn and never judged: its price is burned
)

struct DeliveredSegment {
    std::uint32_t segment = 0;  ///< within the part
    SegmentLeaf leaf;
    base::BlobRoot start_blob;
    std::uint64_t start_bytes = 0;  ///< size of the blob, from the receipt
    ASSAY_FIELDS(DeliveredSegment, segment, leaf, start_blob, start_bytes)
};

/// One commitment: the worker's signed tree over up to K consecutive segments.
struct Part {
    base::PartId id;
    PartKey key;
    base::LeaseId lease;
    PartState state = PartState::committed;
    base::Hash tree_root;
    std::uint32_t first_segment = 0, segments = 0;
    base::Hash start_root,
        end_root;  ///< end_root is the state root where it ends, not the leaf's end field
    base::BlobRoot start_blob, end_blob;
    base::Hash payload_root;  ///< zeros unless the last part of a round of a job with merges
    base::BlobRoot payload_blob;
    std::uint32_t last_loss_bits = 0;
    base::TransactionId transaction;  ///< that committed it
    base::TransactionId closing;      ///< that closed it
    std::uint64_t epoch = 0;          ///< the first one that draws it
    base::TimeMs committed_at;
    base::TimeMs deadline;                    ///< of deliveries, or of part_close; 0: none
    std::vector<DeliveredSegment> delivered;  ///< ascending by segment
    std::uint32_t draws =
        0;  ///< epochs that still draw the whole part: one, and one more after each void one
    std::uint32_t open_claims = 0;  ///< drawn segments that are not judged yet
    std::uint64_t expected = 0;     ///< its audits, as counted in Job::expected, 32.32
    base::TimeMs passed_at;
    std::uint64_t end_bytes = 0, payload_bytes = 0;  ///< sizes of the blobs, from the receipts
    std::uint64_t passed_entry =
        0;  ///< once passed: its PartPassed in the job's history, which holds the leaves
    ASSAY_FIELDS(Part, id, key, lease, state, tree_root, first_segment, segments, start_root,
                 end_root, start_blob, end_blob, payload_root, payload_blob, last_loss_bits,
                 transaction, closing, epoch, committed_at, deadline, delivered, draws, open_claims,
                 expected, passed_at, end_bytes, payload_bytes, passed_entry)
};

/// What is judged: a drawn segment of a part, a merge, or an initial state. Key: subject, segment.
struct Claim {
    base::PartId subject;       ///< part, merge_commitment_id or init_commitment_id
    std::uint32_t segment = 0;  ///< within the part
    ClaimKind kind = ClaimKind::segment;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::AccountId worker;      ///< whose work it is; of an initial state the submitter
    base::LeaseId lease;         ///< zeros for an initial state
    std::uint32_t rate_ppm = 0;  ///< of its first draw
    std::uint32_t draws = 0;     ///< epochs that will draw it again
    std::uint32_t open = 0;      ///< audits and controls that have not ended
    std::uint32_t redraws = 0;   ///< how often it was drawn again
    std::uint32_t valid = 0;     ///< audits that ended with `valid`
    std::uint32_t sought =
        0;  ///< of an initial state: how often it was drawn again to find who stands for it
    std::uint32_t missed = 0;  ///< audits that came to nothing since it was drawn last: one redraw
                               ///< stands for all of them
    base::Amount fund;  ///< fines of missed audits: they pay its redraws and nothing else; the rest
                        ///< is burned
    bool over = false;  ///< judged and counted, or void; a void epoch may draw it again and open it
                        ///< once more
    [[nodiscard]] bool judged() const { return draws == 0 && open == 0 && missed == 0; }
    ASSAY_FIELDS(Claim, subject, segment, kind, job, round, lane, worker, lease, rate_ppm, draws,
                 open, redraws, valid, sought, missed, fund, over)
};

ASSAY_ENUM(EpochState, open = 1, closing, contributing, drawing, done)

/// A member of a closed epoch. Key: epoch, validator.
struct EpochMember {
    std::uint64_t epoch = 0;
    base::AccountId validator;
    std::uint64_t weight =
        0;  ///< grains of stake when the epoch closed, or less by its own declaration
    std::optional<base::Hash> y;      ///< contribution_output once given
    base::TransactionId transaction;  ///< that gave it
    base::PartId barred_from;  ///< of the commitment that is drawn now: it was weighed without this
                               ///< member, and is drawn without it
    ASSAY_FIELDS(EpochMember, epoch, validator, weight, y, transaction, barred_from)
};

/// Of the draw of one commitment: each goes over all members.
ASSAY_ENUM(DrawPhase,
           look = 1,  ///< whether anybody may audit that has not failed before
           weigh,     ///< the weight of those who may
           draw)

struct Epoch {
    std::uint64_t number = 0;
    EpochState state = EpochState::open;
    base::TimeMs opened_at;
    base::TimeMs deadline;        ///< of the state: close, then contributions
    base::Hash commitments_root;  ///< c_e; zeros while open
    std::uint32_t commitments = 0;
    std::uint64_t log_size = 0;  ///< the receipt log when it closed: what contributions sign
    base::Hash log_root;
    std::uint32_t members = 0, contributed = 0;
    std::uint64_t weight = 0;         ///< of its members
    std::uint64_t jailed_weight = 0;  ///< of those that were jailed within one unbonding time:
                                      ///< missing, and part of all weight
    std::uint64_t contributed_weight = 0;
    base::Hash members_hash;  ///< extend_members over all members
    bool void_ = false;  ///< more than half of all weight was missing: it draws with all weight,
                         ///< and everything is drawn again
    // Cursors of the sweeps.
    base::AccountId member_after;    ///< closing, and ending contributions
    std::uint64_t weight_after = 0;  ///< closing: the weight of `member_after` when it was listed
    base::PartId draw_after;         ///< commitments up to this id are drawn
    std::uint32_t draw_segment = 0;  ///< of the commitment after that
    base::AccountId draw_member;     ///< members up to this one are done with the phase
    DrawPhase draw_phase = DrawPhase::look;
    bool draw_unbarred = false;  ///< all who may audit it have failed before: they are drawn again
    std::uint64_t draw_weight = 0;  ///< of the members that may audit that commitment
    std::uint32_t drawn = 0;        ///< audits that the commitment has got so far
    [[nodiscard]] std::uint64_t all_weight() const { return weight + jailed_weight; }
    ASSAY_FIELDS(Epoch, number, state, opened_at, deadline, commitments_root, commitments, log_size,
                 log_root, members, contributed, weight, jailed_weight, contributed_weight, void_,
                 member_after, weight_after, draw_after, draw_segment, draw_member, draw_phase,
                 draw_unbarred, draw_weight, drawn, members_hash)
};

ASSAY_ENUM(CommitmentKind, part = 1, merge, init,
           redraw,   ///< a segment, merge or initial state that is drawn again
           control,  ///< a revealed `valid`
           job       ///< a closed job: its history
)

/// What an epoch holds under a commitment id (key: epoch, id).
struct EpochCommitment {
    std::uint64_t epoch = 0;
    base::PartId id;
    CommitmentKind kind = CommitmentKind::part;
    base::JobId job;
    base::PartId subject;       ///< of a part, redraw or control: the claim's
    std::uint32_t segment = 0;  ///< of a redraw or control
    base::AuditId audit;        ///< of a control: the audit that is controlled
    std::uint32_t round = 0;    ///< of a merge
    base::Hash root;  ///< tree root, merge root, initial root, verdict's digest, or job history
    ASSAY_FIELDS(EpochCommitment, epoch, id, kind, job, subject, segment, audit, round, root)
};

ASSAY_ENUM(AuditKind, audit = 1, control)
ASSAY_ENUM(
    AuditState,
    drawn = 1,  ///< waits for the delivery
    open,       ///< the auditor works: its clock runs
    sealed,     ///< waits for the other seals; of a control: for the cells of the audit it controls
    revealed,   ///< a `valid`: until its controls are over; an `invalid`: until its game is
    disputed,   ///< its cells are in a game
    missed,     ///< nothing came in time, or a game about its cells was lost
    settled)

/// One auditor's duty: recompute a claim (audit), or the cells of another's audit (control).
struct Audit {
    base::AuditId id;
    AuditKind kind = AuditKind::audit;
    ClaimKind claim = ClaimKind::segment;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::PartId subject;       ///< the claim's
    std::uint32_t segment = 0;  ///< within the part
    base::AccountId worker;     ///< whose work it is
    base::LeaseId lease;
    base::AccountId auditor;
    std::uint64_t epoch = 0;  ///< that drew it
    base::AuditId controls;   ///< of a control: the audit
    base::Amount price;       ///< promised by the job's pool
    base::Amount fund;        ///< promised by the claim's fund, and held here
    base::Amount lock;        ///< claim on the auditor's stake
    std::uint64_t flops = 0;
    AuditState state = AuditState::drawn;
    base::TimeMs epoch_opened;  ///< opening of that epoch, which may be gone before its audits are
                                ///< over: the auditor's VRF key is older
    base::TimeMs drawn_at;
    base::TimeMs deadline;  ///< of what its auditor owes next; 0: nothing
    base::Hash seal;
    std::optional<Verdict> verdict;
    base::VrfOutput spot{};         ///< of a revealed `valid`: chooses its cells
    base::Hash salt;                ///< of the cells, once opened
    std::vector<base::Hash> cells;  ///< once opened: kCells hashes
    std::uint32_t controls_open =
        0;  ///< epochs that will draw its controls, and controls that have not ended
    std::uint32_t redraws = 0;     ///< of its controls
    std::uint32_t extensions = 0;  ///< of its time, because its auditor had asked a question
    bool paid = false;
    base::TransactionId revealed;  ///< the transaction that revealed it
    ASSAY_FIELDS(Audit, id, kind, claim, job, round, lane, subject, segment, worker, lease, auditor,
                 epoch, controls, price, fund, lock, flops, state, epoch_opened, drawn_at, deadline,
                 seal, verdict, spot, salt, cells, controls_open, redraws, extensions, paid,
                 revealed)
};

}  // namespace assay::market
