#pragma once

#include <cstdint>
#include <optional>

#include "base/amount.h"
#include "market/draw.h"

/// What things cost and what a cheat would risk: integers only, shown to people by `assay plan` and
/// enforced by the rules (docs/formats/money.md). Every function gives nothing when a result would
/// not fit an amount.
namespace assay::market {

inline constexpr std::uint64_t kPartsPerMillion = 1'000'000;

/// grains per GFLOP times FLOPs / 10^9, rounded up, at least one grain.
std::optional<base::Amount> protocol_cost(base::Amount grains_per_gflop, std::uint64_t flops);

/// Price of an audit of so many FLOPs: its protocol cost, at least twice the fees of its messages
/// (seal, reveal, opening of the cells) at this base fee, or whoever judges something small would
/// pay for it. Twice, because the base fee may rise until then.
std::optional<base::Amount> audit_price(base::Amount grains_per_gflop, base::Amount base_fee,
                                        std::uint64_t flops);

/// What decides one lease's lock.
struct LockTerms {
    base::Amount price;          ///< of one segment, as offered
    base::Amount protocol_cost;  ///< price of an audit of one segment
    std::uint32_t rate_ppm = 0;  ///< audit rate of the lease
    std::uint32_t collusion_max_ppm = 0;
    std::uint32_t unfinal_rounds = 0;  ///< W
    std::uint32_t lanes = 0;  ///< S: one poisoned lane voids the work of all that merged with it
    std::uint32_t round_segments = 0;  ///< G
    std::uint32_t part_segments = 0;   ///< K
};

/// What turns a worker's record into an audit rate.
struct RecordTerms {
    base::Amount segment_value;      ///< max(price, protocol cost) of one segment of the lease
    std::uint32_t rate_new_ppm = 0;  ///< of a worker without record
    std::uint32_t value_factor = 0;  ///< Q
};

/// The rate that a record of R grains demands: 1 / rate = 1 / rate_new + R / (Q p), as
/// ceil(rate_new Q p / (Q p + floor(R rate_new / 10^6))) in parts per million. Never above
/// rate_new.
std::uint32_t record_rate_ppm(const RecordTerms& terms, base::Amount record);

/// The least record that demands no more than `rate_ppm`; nothing when none does (rate 0) or when
/// it would not fit an amount.
std::optional<base::Amount> record_needed(const RecordTerms& terms, std::uint32_t rate_ppm);

/// What paid and final work adds to a record: the protocol cost of its audited segments, at most
/// `fee_factor` times the protocol fee that was paid for these. Rounded down.
base::Amount record_earned(base::Amount audit_price, std::uint64_t audited,
                           base::Amount protocol_fee, std::uint64_t segments,
                           std::uint32_t fee_factor);

/// E = (1 - q)^(1 - collusion_max), the chance that a fake segment passes who holds that share of
/// the weight, as a fraction of 2^64 rounded up.
std::uint64_t escape_chance(std::uint32_t rate_ppm, std::uint32_t collusion_max_ppm);

/// 2 p E / (1 - E), rounded up: what being caught once must cost so that faking does not pay.
/// Nothing when nothing is ever drawn.
std::optional<base::Amount> deterrence(const LockTerms& terms);

/// max(2 p E / (1 - E), 2 W S G p, part pay + audits) with p = max(price, protocol cost), each
/// rounded up. Nothing when nothing is ever drawn: no lock makes cheating unprofitable then. Twice
/// W S G p, because at most half of a taken lock pays for lost work.
std::optional<base::Amount> lease_lock(const LockTerms& terms);

/// What a reserve bond of an offer must be: half a part at max(price, protocol cost), rounded up.
std::optional<base::Amount> lease_bond(const LockTerms& terms);

/// Stake of a validator claimed by one open audit: 2 x price / control rate, rounded up.
std::optional<base::Amount> audit_lock(base::Amount audit_price, std::uint32_t control_ppm);

/// Audits that work expects, controls of them included, in 32.32: n (1 + n_c), n_c those of one
/// control.
std::uint64_t expected_with_controls(std::uint32_t rate_ppm, std::uint32_t control_ppm);
/// Audits at `price` as audits at the greatest price, in 32.32, rounded up: what Job::expected
/// counts. Requires 0 < price <= greatest.
std::uint64_t in_greatest(std::uint64_t expected, base::Amount price, base::Amount greatest);
/// What the pool must hold for open work that expects `expected` audits in 32.32 at `price` and
/// pays at most `highest` for one. On average it pays expected x price, in whatever pieces
/// (audit_pay); no pieces spread more than `highest` ones, of which m = expected x price / highest
/// are expected: highest x audits_bound(m).
std::optional<base::Amount> audit_pool(std::uint64_t expected, base::Amount price,
                                       base::Amount highest);

/// What `job_post` holds: pay of all segments at the ceiling, fees, and the pool for all audits of
/// the job.
struct HoldTerms {
    std::uint64_t segments = 0;  ///< of the whole job, all lanes
    std::uint32_t rounds = 0;    ///< that are merged; 0 without merges
    base::Amount price_ceiling, fees;
    base::Amount audit_price, merge_price,
        init_price;  ///< of one audit (audit_price); merge_price may be zero without merges
    base::Amount highest_pay;  ///< for one audit of whatever the job has, at the greatest weight
    std::uint32_t rate_ppm = 0, rate_sure_ppm = 0, control_ppm = 0;
};
struct HoldParts {
    base::Amount segment_pay;  ///< segments x ceiling
    base::Amount audits;       ///< everything that pays auditors
    base::Amount fees;
    base::Amount total;
    std::uint64_t expected =
        0;  ///< audits of the whole job, as audits at the greatest price, 32.32
};
std::optional<HoldParts> job_hold(const HoldTerms& terms);

/// The numbers that `assay plan` prints about cheating, for somebody that holds a share of the
/// weight. Who fakes k segments gets through with chance E^k, saves at most k x p and risks the
/// lock.
struct CheatNumbers {
    std::uint32_t share_ppm = 0;
    std::uint64_t caught_ppm = 0;  ///< 1 - E for one fake segment, rounded down
    base::Amount lock;
    base::Amount saved_per_segment;          ///< p, what faking one segment saves at most
    base::Amount expected_loss_per_segment;  ///< (1 - E) x (lock + price), rounded down
    std::uint64_t survive_job_ppb =
        0;  ///< chance to fake every segment of one lane's job unnoticed, rounded up
    bool deterred = false;  ///< expected loss > saving
};
std::optional<CheatNumbers> cheat_numbers(const LockTerms& terms, std::uint64_t lane_segments,
                                          std::uint32_t share_ppm);

}  // namespace assay::market
