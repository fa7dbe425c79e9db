#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/amount.h"
#include "base/chunk_tree.h"
#include "base/ids.h"
#include "base/signature.h"
#include "base/vrf.h"
#include "market/commitment.h"
#include "market/draw.h"
#include "market/objects.h"
#include "market/refusal.h"

/// Transactions as plain structs (PROTOCOL section 6; wire form: contracts/proto). Clients build,
/// the rules decode; both here, so that one transaction has one encoding.
namespace assay::market {

struct KeysSet {
    base::PublicKey cold, hot, vrf;
    ASSAY_FIELDS(KeysSet, cold, hot, vrf)
};  ///< signed by the first or the cold key; vrf may be zeros
struct Transfer {
    base::AccountId to;
    base::Amount amount;
    ASSAY_FIELDS(Transfer, to, amount)
};
struct StakeBond {
    Role role = Role::worker;
    base::Amount amount;
    ASSAY_FIELDS(StakeBond, role, amount)
};
struct StakeUnbond {
    Role role = Role::worker;
    base::Amount amount;
    ASSAY_FIELDS(StakeUnbond, role, amount)
};
struct ValidatorDeclare {
    std::string profile;
    std::uint64_t flops_per_second = 0;
    base::Amount weight_max;  ///< draws as if it had no more stake; 0: all of it
    bool away = false;        ///< leaves, or stays away: nothing new is drawn for it
    ASSAY_FIELDS(ValidatorDeclare, profile, flops_per_second, weight_max, away)
};
struct ValidatorReturn {
    ASSAY_FIELDS(ValidatorReturn)
};  ///< ends its jail
struct OfferPost {
    base::Amount price_per_gflop;
    std::uint64_t segment_ms = 0;
    std::string profile;
    std::uint64_t memory_bytes = 0;
    std::uint64_t flops_per_second = 0;
    std::uint32_t slots = 0;
    base::Amount bond;
    ASSAY_FIELDS(OfferPost, price_per_gflop, segment_ms, profile, memory_bytes, flops_per_second,
                 slots, bond)
};
struct OfferWithdraw {
    base::OfferId offer;
    ASSAY_FIELDS(OfferWithdraw, offer)
};
struct JobPost {
    base::Bytes spec;  ///< market::encode_spec
    base::Hash init_root;
    Receipt init_receipt, data_receipt;
    base::Amount hold_limit;  ///< refused when the hold would be more
    ASSAY_FIELDS(JobPost, spec, init_root, init_receipt, data_receipt, hold_limit)
};
struct JobFund {
    base::JobId job;
    base::Amount amount;
    ASSAY_FIELDS(JobFund, job, amount)
};  ///< adds to the audit pool
struct JobCancel {
    base::JobId job;
    ASSAY_FIELDS(JobCancel, job)
};
struct JobPause {
    base::JobId job;
    ASSAY_FIELDS(JobPause, job)
};
struct JobResume {
    base::JobId job;
    ASSAY_FIELDS(JobResume, job)
};
struct LeaseAccept {
    base::JobId job;
    std::uint32_t lane = 0;
    ASSAY_FIELDS(LeaseAccept, job, lane)
};  ///< of a reservation
struct LeaseLeave {
    base::LeaseId lease;
    ASSAY_FIELDS(LeaseLeave, lease)
};
struct PartCommit {
    base::LeaseId lease;
    std::uint32_t round = 0, part = 0, attempt = 0;
    base::Hash tree_root;
    std::uint32_t segments = 0;
    base::Hash start_root, end_root;  ///< state roots
    Receipt end_receipt;              ///< of the checkpoint with end_root
    base::Hash payload_root;  ///< zeros unless the last part of a round of a job with merges
    std::optional<Receipt> payload_receipt;
    std::uint32_t last_loss_bits = 0;  ///< opaque, informational
    ASSAY_FIELDS(PartCommit, lease, round, part, attempt, tree_root, segments, start_root, end_root,
                 end_receipt, payload_root, payload_receipt, last_loss_bits)
};
struct PartRetract {
    base::PartId part;
    ASSAY_FIELDS(PartRetract, part)
};
struct EpochContribute {
    std::uint64_t epoch = 0;
    base::Hash commitments_root;  ///< c_e
    std::uint64_t log_size = 0;   ///< the receipt log when the epoch closed: what the sender states
                                  ///< to extend all that it has seen
    base::Hash log_root;
    base::VrfProof proof;  ///< over contribution_alpha
    ASSAY_FIELDS(EpochContribute, epoch, commitments_root, log_size, log_root, proof)
};
struct SegmentDeliver {
    base::PartId part;
    std::uint32_t segment = 0;  ///< within the part
    SegmentLeaf leaf;
    std::vector<base::Hash> path;  ///< from leaf to root
    Receipt start_receipt;         ///< of the checkpoint with leaf.start_root
    ASSAY_FIELDS(SegmentDeliver, part, segment, leaf, path, start_receipt)
};
struct VerdictSeal {
    base::AuditId audit;
    base::Hash seal;
    ASSAY_FIELDS(VerdictSeal, audit, seal)
};
struct VerdictReveal {
    base::AuditId audit;
    Verdict verdict;
    base::Hash nonce;
    std::optional<base::VrfProof> proof;  ///< of a `valid`, over spot_alpha
    ASSAY_FIELDS(VerdictReveal, audit, verdict, nonce, proof)
};
/// The cells behind a `valid` that is controlled, or those of the control.
struct CellsOpen {
    base::AuditId audit;
    base::Hash salt;
    std::vector<base::Hash> cells;  ///< kCells
    ASSAY_FIELDS(CellsOpen, audit, salt, cells)
};
struct PartClose {
    base::PartId part;
    std::vector<SegmentLeaf> leaves;  ///< all of them
    ASSAY_FIELDS(PartClose, part, leaves)
};
struct MergePost {
    base::JobId job;
    std::uint32_t round = 0;
    base::Hash merge_root;
    Receipt receipt;  ///< of the merged state
    ASSAY_FIELDS(MergePost, job, round, merge_root, receipt)
};
struct EquivocationReport {
    base::Bytes first, second;
    ASSAY_FIELDS(EquivocationReport, first, second)
};
struct Confess {
    base::PartId part;
    ASSAY_FIELDS(Confess, part)
};

struct ChunkAsk {
    StoredTarget target;
    std::uint64_t chunk = 0;
    ASSAY_FIELDS(ChunkAsk, target, chunk)
};
struct ChunkAnswer {
    base::Hash question;  ///< chunk_question_id
    base::Bytes bytes;    ///< of the chunk
    base::ChunkProof proof;
    ASSAY_FIELDS(ChunkAnswer, question, bytes, proof)
};
struct StateAsk {
    StoredTarget target;
    ASSAY_FIELDS(StateAsk, target)
};
struct StateAnswer {
    base::Hash question;
    base::Bytes bytes;
    ASSAY_FIELDS(StateAnswer, question, bytes)
};  ///< at most kAnswerBytesMax
struct StateNext {
    base::Hash question;
    std::uint32_t child = 0;
    ASSAY_FIELDS(StateNext, question, child)
};
/// A leaf of the blob that is not what the tree says.
struct StateShow {
    base::Hash question;
    std::uint64_t leaf = 0;  ///< 1 KiB leaves of the blob, from 0
    base::Bytes bytes;       ///< of the chunk that holds it
    base::ChunkProof proof;
    ASSAY_FIELDS(StateShow, question, leaf, bytes, proof)
};
struct ChallengeSealPost {
    base::Hash digest;
    ASSAY_FIELDS(ChallengeSealPost, digest)
};  ///< challenge_digest
struct ChallengeOpen {
    ChallengeTarget target;
    base::Hash claimed;  ///< the root that the challenger found
    base::Hash nonce;
    Role role = Role::validator;  ///< whose stake the bond comes from: validator or worker
    ASSAY_FIELDS(ChallengeOpen, target, claimed, nonce, role)
};
struct DisputeMove {
    base::DisputeId dispute;
    base::Bytes move;  ///< at most kMoveBytesMax, what it means is the referee's
    ASSAY_FIELDS(DisputeMove, dispute, move)
};
struct DisputeConcede {
    base::DisputeId dispute;
    ASSAY_FIELDS(DisputeConcede, dispute)
};

/// Every message: type, word, static weight, weight of each begun KiB of the raw bytes. One unit is
/// about a microsecond. The order is that of the wire's field numbers: append.
// clang-format off
#define ASSAY_MARKET_MESSAGES(X) \
    X(KeysSet, keys_set, 250, 10) \
    X(Transfer, transfer, 100, 10) \
    X(StakeBond, stake_bond, 100, 10) \
    X(StakeUnbond, stake_unbond, 100, 10) \
    X(ValidatorDeclare, validator_declare, 100, 10) \
    X(ValidatorReturn, validator_return, 100, 10) \
    X(OfferPost, offer_post, 120, 10) \
    X(OfferWithdraw, offer_withdraw, 100, 10) \
    X(JobPost, job_post, 1'000, 40) \
    X(JobFund, job_fund, 200, 10) \
    X(JobCancel, job_cancel, 1'000, 10) \
    X(JobPause, job_pause, 200, 10) \
    X(JobResume, job_resume, 200, 10) \
    X(LeaseAccept, lease_accept, 300, 10) \
    X(LeaseLeave, lease_leave, 300, 10) \
    X(PartCommit, part_commit, 300, 10) \
    X(PartRetract, part_retract, 200, 10) \
    X(EpochContribute, epoch_contribute, 300, 10) \
    X(SegmentDeliver, segment_deliver, 200, 10) \
    X(VerdictSeal, verdict_seal, 100, 10) \
    X(VerdictReveal, verdict_reveal, 500, 10) \
    X(CellsOpen, cells_open, 300, 10) \
    X(PartClose, part_close, 600, 40) \
    X(MergePost, merge_post, 300, 10) \
    X(EquivocationReport, equivocation_report, 2'500, 10) \
    X(Confess, confess, 300, 10) \
    X(ChunkAsk, chunk_ask, 300, 10) \
    X(ChunkAnswer, chunk_answer, 400, 10) \
    X(StateAsk, state_ask, 500, 10) \
    X(StateAnswer, state_answer, 500, 40) \
    X(StateNext, state_next, 300, 10) \
    X(StateShow, state_show, 500, 10) \
    X(ChallengeSealPost, challenge_seal, 100, 10) \
    X(ChallengeOpen, challenge_open, 2'000, 10) \
    X(DisputeMove, dispute_move, 1'000, 40) \
    X(DisputeConcede, dispute_concede, 2'000, 10)
// clang-format on

template <class None, class... T>
struct MessageOf {
    using Type = std::variant<T...>;
};
#define ASSAY_MARKET_MESSAGE(Type, ...) , Type
using Message = MessageOf<void ASSAY_MARKET_MESSAGES(ASSAY_MARKET_MESSAGE)>::Type;
#undef ASSAY_MARKET_MESSAGE

struct TransactionHeader {
    base::Hash chain_id;
    std::uint32_t app_version = kAppVersion;
    base::AccountId account;
    std::uint32_t nonce_lane = 0;
    std::uint64_t nonce = 0;
    base::Height valid_until;  ///< the last height at which it may stand in a block
    base::Amount fee_limit;
    ASSAY_FIELDS(TransactionHeader, chain_id, app_version, account, nonce_lane, nonce, valid_until,
                 fee_limit)
};

struct Transaction {
    TransactionHeader header;
    Message message;
    base::Bytes body;  ///< the signed bytes
    base::Signature signature;
    base::TransactionId id;
};

inline constexpr std::string_view kTransactionDomain = "assay.tx";
inline constexpr std::size_t kTransactionBytesMax = 640 * 1024;

/// Raw bytes of the signed transaction, ready for POST /v1/transactions. Requires counts within the
/// decoder's limits.
base::Bytes build_transaction(const TransactionHeader& header, const Message& message,
                              const base::SecretKey& key);
/// Strict: refuses unknown fields, non-minimal encodings, wrong lengths, points that are no keys,
/// amounts above Amount::kMax. Does not check the signature or anything against state.
tl::expected<Transaction, Refusal> decode_transaction(base::ByteView raw);
/// The word of a message: "part_commit".
std::string_view message_word(const Message& message);
/// Static weight: one unit is about a microsecond. Of a job_post it grows with the spec
/// (facts_weight). Fee = base fee x weight.
std::uint64_t message_weight(const Message& message, std::size_t raw_bytes);

/// Raw bytes of the largest answer, about: what an asker's bond is computed from.
inline constexpr std::size_t kChunkAnswerBytesMax = base::kBlobChunkBytes + 3 * 1024;

/// Ids that a transaction makes.
base::JobId job_id(const base::Hash& chain_id, const base::AccountId& account, std::uint64_t nonce,
                   std::uint32_t nonce_lane, const base::Hash& spec_root,
                   const base::Hash& program_root, const base::Hash& init_root);
base::OfferId offer_id(const base::Hash& chain_id, const base::AccountId& account,
                       std::uint32_t nonce_lane, std::uint64_t nonce);
base::LeaseId lease_id(const base::JobId& job, std::uint32_t lane, std::uint32_t number);
/// The audit that an epoch draws for one auditor: H("assay.audit", the commitment's id, segment,
/// epoch, auditor).
base::AuditId audit_id(const base::PartId& commitment, std::uint32_t segment, std::uint64_t epoch,
                       const base::AccountId& auditor);

}  // namespace assay::market
