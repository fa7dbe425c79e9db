#pragma once

#include <optional>
#include <string_view>

#include "market/audits.h"
#include "market/disputes.h"
#include "market/genesis.h"
#include "market/history.h"
#include "market/jobs.h"
#include "market/parties.h"

/// Every object of the market's state as a plain value with one canonical encoding
/// (docs/formats/market_state.md): parties.h, jobs.h, audits.h, disputes.h, history.h, and here
/// what is left, with the encodings. Decoding is strict: nothing when a byte is wrong or left over.
namespace assay::market {

// ---- Time
// ---------------------------------------------------------------------------------------------------------------------------

enum class TimerKind : std::uint8_t {
    match = 1,
    job_deadline = 2,
    lane_deadline = 3,
    round_deadline = 4,
    unbonding = 5,
    retention = 6,
    epoch = 7,
    delivery = 8,
    audit = 9,
    part_close = 10,
    merge = 11,
    window = 12,
    settle = 13,
    draw = 14,
    fund = 15,
    pause = 16,
    question = 17,
    dispute = 18,
    challenge = 19,
    advance = 20,  ///< something that this waits for has ended: at once, after what is being done
};

/// Something that happens by itself at `due` (live time). Kept in the key alone: (due, kind,
/// subject, number).
struct Timer {
    base::TimeMs due;
    TimerKind kind = TimerKind::match;
    base::Hash subject;        ///< id of the object
    std::uint64_t number = 0;  ///< lane, round, epoch, entry: what the kind says
    auto operator<=>(const Timer&) const = default;
};

/// The one record of the chain itself.
struct Chain {
    base::Hash id;
    base::PublicKey operator_key;
    std::uint32_t app_version = kAppVersion;
    base::Hash params_id;
    base::Height recorded_height;  ///< of the last block that changed something
    base::TimeMs recorded_block_time;
    base::TimeMs recorded_live;
    base::Amount base_fee;           ///< grains per unit of weight
    std::uint64_t block_weight = 0;  ///< used in recorded_height
    std::uint64_t epoch_next = 0;    ///< number of the next epoch
    std::optional<std::uint64_t> epoch_open;
    std::uint64_t backlog_flops =
        0;                       ///< of audits that open work of all jobs expects, bounds included
    std::uint64_t arrivals = 0;  ///< offers ever posted
    base::Amount supply;         ///< of genesis
    bool operator==(const Chain&) const = default;
};

// ---- Encodings
// ----------------------------------------------------------------------------------------------------------------------

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
base::Bytes encode(const Claim& value);
base::Bytes encode(const Epoch& value);
base::Bytes encode(const EpochMember& value);
base::Bytes encode(const EpochCommitment& value);
base::Bytes encode(const Audit& value);
base::Bytes encode(const Question& value);
base::Bytes encode(const QuestionDuty& value);
base::Bytes encode(const Pool& value);
base::Bytes encode(const PoolMember& value);
base::Bytes encode(const Dispute& value);
base::Bytes encode(const GameLoad& value);
base::Bytes encode(const ChallengeSeal& value);
base::Bytes encode(const Chain& value);
base::Bytes encode(const JobHistoryEntry& value);

/// decode<Job>(bytes): for each type above. Instantiated in objects.cc only.
template <class T>
std::optional<T> decode(base::ByteView bytes);

/// Words for people and events.
std::string_view to_word(Role value);
std::string_view to_word(JobState value);
std::string_view to_word(CloseReason value);
std::string_view to_word(LaneWait value);
std::string_view to_word(LeaseState value);
std::string_view to_word(LeaseEnd value);
std::string_view to_word(RoundState value);
std::string_view to_word(MergeState value);
std::string_view to_word(PartState value);
std::string_view to_word(EpochState value);
std::string_view to_word(CommitmentKind value);
std::string_view to_word(ClaimKind value);
std::string_view to_word(AuditKind value);
std::string_view to_word(AuditState value);
std::string_view to_word(StoredKind value);
std::string_view to_word(QuestionKind value);
std::string_view to_word(VerdictKind value);
std::string_view to_word(SlashReason value);
std::string_view to_word(DisputeTarget value);
std::string_view to_word(DisputeState value);
std::string_view to_word(Side value);
std::optional<StoredKind> stored_kind_from_word(std::string_view word);

}  // namespace assay::market
