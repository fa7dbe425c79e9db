#pragma once

#include <cstdint>
#include <optional>

#include "base/amount.h"

/// What things cost and what a cheat would risk: integers only, shown to people by `assay plan` and enforced by the rules
/// (docs/formats/money.md). Every function gives nothing when a result would not fit an amount.
namespace assay::market {

inline constexpr std::uint64_t kPartsPerMillion = 1'000'000;

/// grains per GFLOP times FLOPs / 10^9, rounded up, at least one grain.
std::optional<base::Amount> protocol_cost(base::Amount grains_per_gflop, std::uint64_t flops);

/// What decides one lease's lock.
struct LockTerms {
    base::Amount price;                      ///< of one segment, as offered
    base::Amount protocol_cost;              ///< of one segment; also the audit price
    std::uint32_t rate_ppm = 0;              ///< audit rate of the lease
    std::uint32_t collusion_max_ppm = 0;
    std::uint32_t unfinal_rounds = 0;        ///< W
    std::uint32_t lanes = 0;                 ///< S: one poisoned lane voids the work of all that merged with it
    std::uint32_t round_segments = 0;        ///< G
    std::uint32_t part_segments = 0;         ///< K
};

/// What turns a worker's record into an audit rate.
struct RecordTerms {
    base::Amount segment_value;              ///< max(price, protocol cost) of one segment of the lease
    std::uint32_t rate_new_ppm = 0;          ///< of a worker without record
    std::uint32_t value_factor = 0;          ///< Q
};

/// The rate that a record of R grains demands: 1 / rate = 1 / rate_new + R / (Q p), as
/// ceil(rate_new Q p / (Q p + floor(R rate_new / 10^6))) in parts per million. Never above rate_new.
std::uint32_t record_rate_ppm(const RecordTerms& terms, base::Amount record);

/// The least record that demands no more than `rate_ppm`; nothing when none does (rate 0) or when it would not fit an amount.
std::optional<base::Amount> record_needed(const RecordTerms& terms, std::uint32_t rate_ppm);

/// What paid and final work adds to a record: the protocol cost of its audited segments, at most `fee_factor` times the protocol fee that
/// was paid for these. Rounded down.
base::Amount record_earned(base::Amount audit_price, std::uint64_t audited, base::Amount protocol_fee, std::uint64_t segments,
                           std::uint32_t fee_factor);

/// Rate against collusion, q' = rate x (1 - collusion_max), rounded down, in parts per million.
std::uint32_t effective_rate_ppm(std::uint32_t rate_ppm, std::uint32_t collusion_max_ppm);

/// 2 p (1 - q') / q', rounded up: what being caught once must cost so that faking does not pay. Nothing when q' is zero.
std::optional<base::Amount> deterrence(const LockTerms& terms);

/// max(2 p (1 - q') / q', W S G p, part pay + audit fees) with p = max(price, protocol cost), each rounded up. Nothing when q' is zero: no
/// lock makes cheating unprofitable then.
std::optional<base::Amount> lease_lock(const LockTerms& terms);

/// What a reserve bond of an offer must be: half a part at max(price, protocol cost), rounded up.
std::optional<base::Amount> lease_bond(const LockTerms& terms);

/// Stake of a validator locked for one open audit: 2 x audit price / plant rate, rounded up. With a plant rate of zero: 2 x audit price.
std::optional<base::Amount> audit_lock(base::Amount audit_price, std::uint32_t plant_ppm);

/// What `job_post` holds: segments x (ceiling + audit price x rate) + lanes x 2 audits + rounds x merge audit + fees.
struct HoldTerms {
    std::uint64_t segments = 0;              ///< of the whole job, all lanes
    base::Amount price_ceiling, audit_price, merge_audit_price, fees;
    std::uint32_t rate_ppm = 0;
    std::uint32_t lanes = 0, rounds = 0;
};
struct HoldParts {
    base::Amount segment_pay;                ///< segments x ceiling
    base::Amount audits;                     ///< everything that pays auditors
    base::Amount fees;
    base::Amount total;
};
std::optional<HoldParts> job_hold(const HoldTerms& terms);

/// The numbers that `assay plan` prints about cheating. A cheat that fakes k segments survives with probability (1 - q')^k, saves at most
/// k x p and risks the lock: cheating k = 1 pays less than honesty when saved < detection x (lock + price).
struct CheatNumbers {
    std::uint32_t effective_rate_ppm = 0;
    base::Amount lock;
    base::Amount saved_per_segment;          ///< p, what faking one segment saves at most
    base::Amount expected_loss_per_segment;  ///< q' x (lock + price), rounded down
    std::uint64_t survive_job_ppb = 0;       ///< probability to fake every segment of one lane's job unnoticed, rounded up
    std::uint32_t audits_to_survive = 0;     ///< segments of one lane's job
    bool deterred = false;                   ///< expected loss > saving
    bool one_step_deterred = false;          ///< only at rate 1: a single malicious step is always recomputed
};
std::optional<CheatNumbers> cheat_numbers(const LockTerms& terms, std::uint64_t lane_segments);

}  // namespace assay::market
