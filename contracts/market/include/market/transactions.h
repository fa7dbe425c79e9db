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
    bool operator==(const KeysSet&) const = default;
};  ///< signed by the first or the cold key; vrf may be zeros
struct Transfer {
    base::AccountId to;
    base::Amount amount;
    bool operator==(const Transfer&) const = default;
};
struct StakeBond {
    Role role = Role::worker;
    base::Amount amount;
    bool operator==(const StakeBond&) const = default;
};
struct StakeUnbond {
    Role role = Role::worker;
    base::Amount amount;
    bool operator==(const StakeUnbond&) const = default;
};
struct ValidatorDeclare {
    std::string profile;
    std::uint64_t flops_per_second = 0;
    base::Amount weight_max;  ///< draws as if it had no more stake; 0: all of it
    bool away = false;        ///< leaves, or stays away: nothing new is drawn for it
    bool operator==(const ValidatorDeclare&) const = default;
};
struct ValidatorReturn {
    bool operator==(const ValidatorReturn&) const = default;
};  ///< ends its jail
struct OfferPost {
    base::Amount price_per_gflop;
    std::uint64_t segment_ms = 0;
    std::string profile;
    std::uint64_t memory_bytes = 0;
    std::uint64_t flops_per_second = 0;
    std::uint32_t slots = 0;
    base::Amount bond;
    bool operator==(const OfferPost&) const = default;
};
struct OfferWithdraw {
    base::OfferId offer;
    bool operator==(const OfferWithdraw&) const = default;
};
struct JobPost {
    base::Bytes spec;  ///< market::encode_spec
    base::Hash init_root;
    Receipt init_receipt, data_receipt;
    base::Amount hold_limit;  ///< refused when the hold would be more
    bool operator==(const JobPost&) const = default;
};
struct JobFund {
    base::JobId job;
    base::Amount amount;
    bool operator==(const JobFund&) const = default;
};  ///< adds to the audit pool
struct JobCancel {
    base::JobId job;
    bool operator==(const JobCancel&) const = default;
};
struct JobPause {
    base::JobId job;
    bool operator==(const JobPause&) const = default;
};
struct JobResume {
    base::JobId job;
    bool operator==(const JobResume&) const = default;
};
struct LeaseAccept {
    base::JobId job;
    std::uint32_t lane = 0;
    bool operator==(const LeaseAccept&) const = default;
};  ///< of a reservation
struct LeaseLeave {
    base::LeaseId lease;
    bool operator==(const LeaseLeave&) const = default;
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
    bool operator==(const PartCommit&) const = default;
};
struct PartRetract {
    base::PartId part;
    bool operator==(const PartRetract&) const = default;
};
struct EpochContribute {
    std::uint64_t epoch = 0;
    base::Hash commitments_root;  ///< c_e
    std::uint64_t log_size = 0;   ///< the receipt log when the epoch closed: what the sender states
                                  ///< to extend all that it has seen
    base::Hash log_root;
    base::VrfProof proof;  ///< over contribution_alpha
    bool operator==(const EpochContribute&) const = default;
};
struct SegmentDeliver {
    base::PartId part;
    std::uint32_t segment = 0;  ///< within the part
    SegmentLeaf leaf;
    std::vector<base::Hash> path;  ///< from leaf to root
    Receipt start_receipt;         ///< of the checkpoint with leaf.start_root
    bool operator==(const SegmentDeliver&) const = default;
};
struct VerdictSeal {
    base::AuditId audit;
    base::Hash seal;
    bool operator==(const VerdictSeal&) const = default;
};
struct VerdictReveal {
    base::AuditId audit;
    Verdict verdict;
    base::Hash nonce;
    std::optional<base::VrfProof> proof;  ///< of a `valid`, over spot_alpha
    bool operator==(const VerdictReveal&) const = default;
};
/// The cells behind a `valid` that is controlled, or those of the control.
struct CellsOpen {
    base::AuditId audit;
    base::Hash salt;
    std::vector<base::Hash> cells;  ///< kCells
    bool operator==(const CellsOpen&) const = default;
};
struct PartClose {
    base::PartId part;
    std::vector<SegmentLeaf> leaves;  ///< all of them
    bool operator==(const PartClose&) const = default;
};
struct MergePost {
    base::JobId job;
    std::uint32_t round = 0;
    base::Hash merge_root;
    Receipt receipt;  ///< of the merged state
    bool operator==(const MergePost&) const = default;
};
struct EquivocationReport {
    base::Bytes first, second;
    bool operator==(const EquivocationReport&) const = default;
};
struct Confess {
    base::PartId part;
    bool operator==(const Confess&) const = default;
};

struct ChunkAsk {
    StoredTarget target;
    std::uint64_t chunk = 0;
    bool operator==(const ChunkAsk&) const = default;
};
struct ChunkAnswer {
    base::Hash question;  ///< chunk_question_id
    base::Bytes bytes;    ///< of the chunk
    base::ChunkProof proof;
    bool operator==(const ChunkAnswer&) const = default;
};
struct StateAsk {
    StoredTarget target;
    bool operator==(const StateAsk&) const = default;
};
struct StateAnswer {
    base::Hash question;
    base::Bytes bytes;
    bool operator==(const StateAnswer&) const = default;
};  ///< at most kAnswerBytesMax
struct StateNext {
    base::Hash question;
    std::uint32_t child = 0;
    bool operator==(const StateNext&) const = default;
};
/// A leaf of the blob that is not what the tree says.
struct StateShow {
    base::Hash question;
    std::uint64_t leaf = 0;  ///< 1 KiB leaves of the blob, from 0
    base::Bytes bytes;       ///< of the chunk that holds it
    base::ChunkProof proof;
    bool operator==(const StateShow&) const = default;
};
struct ChallengeSealPost {
    base::Hash digest;
    bool operator==(const ChallengeSealPost&) const = default;
};  ///< challenge_digest
struct ChallengeOpen {
    ChallengeTarget target;
    base::Hash claimed;  ///< the root that the challenger found
    base::Hash nonce;
    Role role = Role::validator;  ///< whose stake the bond comes from: validator or worker
    bool operator==(const ChallengeOpen&) const = default;
};
struct DisputeMove {
    base::DisputeId dispute;
    base::Bytes move;  ///< at most kMoveBytesMax, what it means is the referee's
    bool operator==(const DisputeMove&) const = default;
};
struct DisputeConcede {
    base::DisputeId dispute;
    bool operator==(const DisputeConcede&) const = default;
};

using Message =
    std::variant<KeysSet, Transfer, StakeBond, StakeUnbond, ValidatorDeclare, ValidatorReturn,
                 OfferPost, OfferWithdraw, JobPost, JobFund, JobCancel, JobPause, JobResume,
                 LeaseAccept, LeaseLeave, PartCommit, PartRetract, EpochContribute, SegmentDeliver,
                 VerdictSeal, VerdictReveal, CellsOpen, PartClose, MergePost, EquivocationReport,
                 Confess, ChunkAsk, ChunkAnswer, StateAsk, StateAnswer, StateNext, StateShow,
                 ChallengeSealPost, ChallengeOpen, DisputeMove, DisputeConcede>;

struct TransactionHeader {
    base::Hash chain_id;
    std::uint32_t app_version = kAppVersion;
    base::AccountId account;
    std::uint32_t nonce_lane = 0;
    std::uint64_t nonce = 0;
    base::Height valid_until;  ///< the last height at which it may stand in a block
    base::Amount fee_limit;
    bool operator==(const TransactionHeader&) const = default;
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
