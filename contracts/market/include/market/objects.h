#pragma once

#include <optional>
#include <string_view>

#include "base/schema.h"
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

ASSAY_ENUM(TimerKind, match = 1, job_deadline, lane_deadline, round_deadline, unbonding, retention,
           epoch, delivery, audit, part_close, merge, window, settle, draw, fund, pause, question,
           dispute, challenge,
           advance  ///< something that this waits for has ended: at once, after what is being done
)

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
    ASSAY_FIELDS(Chain, id, operator_key, app_version, params_id, recorded_height,
                 recorded_block_time, recorded_live, base_fee, block_weight, epoch_next, epoch_open,
                 backlog_flops, arrivals, supply)
};

// ---- Encodings

/// Every type that the state, its history or a receipt holds.
// clang-format off
#define ASSAY_MARKET_OBJECTS(X) \
    X(Account) X(Stake) X(Unbonding) X(Validator) X(WorkRecord) X(Offer) X(Job) X(Lane) X(Lease) \
    X(Receipt) X(Round) X(MergeRecord) X(Part) X(Claim) X(Epoch) X(EpochMember) \
    X(EpochCommitment) X(Audit) X(Question) X(QuestionDuty) X(Pool) X(PoolMember) X(Dispute) \
    X(GameLoad) X(ChallengeSeal) X(Chain) X(JobHistoryEntry)
// clang-format on

#define ASSAY_MARKET_CODEC(Type) base::Bytes encode(const Type& value);
ASSAY_MARKET_OBJECTS(ASSAY_MARKET_CODEC)
#undef ASSAY_MARKET_CODEC
/// Of each of these types. Instantiated in objects.cc only.
template <class T>
std::optional<T> decode(base::ByteView bytes);

using base::from_word;
using base::to_word;

}  // namespace assay::market
