#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/schema.h"
#include "base/signature.h"

namespace assay::market {

inline constexpr std::uint32_t kAppVersion = 2;

/// Every number that the rules read. Amounts in grains, times in ms of live time, rates in parts
/// per million. Set in genesis; params_id is H("assay.params", encoding). Jobs keep the id of the
/// parameters they were made under.
struct Parameters {
    // Money.
    base::Amount protocol_price = base::Amount::of(100'000);  ///< grains per GFLOP
    std::uint32_t protocol_fee_ppm = 10'000;                  ///< of each segment payment, burned
    base::Amount base_fee_min = base::Amount::of(1);          ///< grains per unit of weight
    std::uint64_t block_weight_max =
        500'000;  ///< one unit is about a microsecond of the reference machine
    std::uint64_t block_weight_target = 250'000;
    base::Amount retract_fee = base::Amount::of(1000);
    std::uint64_t segment_fee_factor =
        100;  ///< a segment is worth at least this many times its base fees at post
    // Time.
    std::uint64_t epoch_ms = 500;
    std::uint64_t grace_ms = 30'000;
    std::uint64_t window_ms = 10'000;
    std::uint64_t retention_ms = 86'400'000;  ///< terminal objects stay this long
    std::uint64_t unbonding_ms = 600'000;
    std::uint64_t part_ms_max = 120'000;   ///< the longest a worker may train before it commits
    std::uint64_t audit_ms_max = 120'000;  ///< the longest audit deadline
    std::uint64_t dispute_clock_ms = 60'000;
    std::uint64_t evidence_delay_ms = 60'000;
    std::uint64_t open_ms_max = 86'400'000;  ///< a job that found no worker expires
    std::uint64_t pause_ms_max = 86'400'000;
    std::uint64_t pause_leave_ms = 3'600'000;  ///< after this workers may leave without loss
    std::uint64_t jail_ms = 60'000;            ///< validator_return comes no earlier
    std::uint64_t accept_ms = 10'000;          ///< a reserved worker accepts within this
    std::uint64_t settle_ms_max = 3'600'000;   ///< a job that settles waits at most so long without
                                               ///< an open audit, question or game
    std::uint64_t live_step_ms_max = 5'000;    ///< live time advances at most this much per block
    std::uint64_t valid_blocks_max = 1'000'000;  ///< how far ahead `valid_until` may be
    // Audits.
    std::uint32_t rate_floor_ppm = 100'000;
    std::uint32_t rate_new_ppm = 450'000;  ///< of a worker without record
    std::uint32_t rate_sure_ppm =
        990'000;  ///< least rate of merges, initial states and whatever is drawn again
    std::uint32_t control_ppm =
        62'500;  ///< of a `valid`: how often another validator recomputes its cells
    std::uint32_t collusion_max_ppm =
        100'000;  ///< share of the weight that may audit a job which a cheat is assumed to hold
    std::uint32_t draws_per_block_max = 2'000;  ///< (segment, member) pairs
    std::uint32_t audit_time_factor =
        4;  ///< an audit is due after max(grace, FLOPs open and ahead / speed x this)
    std::uint64_t reference_flops =
        10'000'000'000;  ///< FLOPs per second of the class: nobody counts as slower
    std::uint64_t backlog_ms_max =
        600'000;  ///< audits that all validators together may have ahead, at reference speed
    std::uint32_t miss_prices = 5;  ///< audit prices that a missed audit costs
    base::Amount absence_fine = base::Amount::of(1'000);  ///< of a member that does not contribute
    std::uint32_t contribution_share_ppm = 50'000;  ///< of the blocks, at most: epochs stretch
    std::uint64_t record_half_life_ms =
        2'592'000'000;  ///< a worker's record halves each time: 30 days
    base::Amount record_max = base::Amount::of(1'000'000'000'000'000);  ///< no record is worth more
    std::uint32_t record_fee_factor =
        100;  ///< a record grows by at most this times the protocol fees paid for the work
    std::uint32_t record_value_factor =
        200;  ///< the greater, the more record a lower rate takes (record_rate_ppm)
    // Stake.
    base::Amount worker_stake_min;
    base::Amount validator_stake_min = base::Amount::of(1'000'000);
    std::uint32_t unbondings_max = 16;  ///< open entries per account and role
    // Jobs and matching.
    std::uint32_t unfinal_rounds_max = 4;  ///< W
    std::uint32_t open_parts_max =
        1'024;  ///< lanes x parts of a round x unfinal rounds: what one handler may have to touch
    std::uint32_t candidates_max = 64;
    std::uint32_t lane_time_factor = 3;
    std::uint32_t round_time_factor = 3;
    std::uint32_t pause_pay_ppm = 50'000;
    std::uint32_t offers_per_worker_max = 16;
    std::uint32_t timers_per_block_max = 4'096;
    std::uint32_t nonce_lanes_max = 64;
    // Disputes.
    std::uint64_t dispute_replay_ms_max =
        40'000;  ///< a planned replay counts at most this, four times, in a side's clock
    std::uint64_t challenge_open_ms =
        60'000;  ///< how long a sealed challenge may wait to be opened
    std::uint32_t challenge_bond_factor =
        4;  ///< bond of a challenge = this times the cost of a replay + the fees of a game
    std::uint64_t dispute_game_weight = 400'000;  ///< what the moves of a whole game weigh
    base::Amount concede_fee =
        base::Amount::of(100'000);  ///< of a concession before the first traced move
    std::uint32_t disputes_per_account_max =
        16;  ///< challenges that one account has sealed or open
    // Questions.
    base::Amount question_bond_min = base::Amount::of(10'000);
    std::uint32_t question_bond_factor = 4;  ///< bond = this times the fee of a 64 KiB answer at
                                             ///< the base fee of the question, per answer
    std::uint64_t question_answer_ms =
        500;  ///< what every further open question of one account adds to its time
    std::uint32_t questions_raised_max = 64;  ///< open questions of one asker

    ASSAY_FIELDS(Parameters, protocol_price, protocol_fee_ppm, base_fee_min, block_weight_max,
                 block_weight_target, retract_fee, segment_fee_factor, epoch_ms, grace_ms,
                 window_ms, retention_ms, unbonding_ms, part_ms_max, audit_ms_max, dispute_clock_ms,
                 evidence_delay_ms, open_ms_max, pause_ms_max, pause_leave_ms, jail_ms, accept_ms,
                 settle_ms_max, live_step_ms_max, valid_blocks_max, rate_floor_ppm, rate_new_ppm,
                 rate_sure_ppm, control_ppm, collusion_max_ppm, draws_per_block_max,
                 audit_time_factor, reference_flops, backlog_ms_max, miss_prices, absence_fine,
                 contribution_share_ppm, record_half_life_ms, record_max, record_fee_factor,
                 record_value_factor, worker_stake_min, validator_stake_min, unbondings_max,
                 unfinal_rounds_max, open_parts_max, candidates_max, lane_time_factor,
                 round_time_factor, pause_pay_ppm, offers_per_worker_max, timers_per_block_max,
                 nonce_lanes_max, dispute_replay_ms_max, challenge_open_ms, challenge_bond_factor,
                 dispute_game_weight, concede_fee, disputes_per_account_max, question_bond_min,
                 question_bond_factor, question_answer_ms, questions_raised_max)
};

base::Bytes encode_parameters(const Parameters& parameters);
std::optional<Parameters> decode_parameters(base::ByteView bytes);
base::Hash parameters_id(const Parameters& parameters);
/// The longest that one side of a game may take for all its moves.
std::uint64_t dispute_clock_ms_max(const Parameters& parameters);
/// The first rule that the numbers break, as one sentence; among them
/// unbonding > part length + 2 epochs + audit + window + dispute clock + evidence delay.
[[nodiscard]] std::optional<std::string> check_parameters(const Parameters& parameters);

struct GenesisValidator {
    std::string profile = "f32";
    std::uint64_t flops_per_second = 0;
    ASSAY_FIELDS(GenesisValidator, profile, flops_per_second)
};

/// An account that exists from the start. Its id is account_id(chain id, cold).
struct GenesisAccount {
    base::PublicKey cold, hot, vrf;
    base::Amount balance;  ///< free money
    base::Amount worker_stake, validator_stake;
    std::optional<GenesisValidator> validator;
    ASSAY_FIELDS(GenesisAccount, cold, hot, vrf, balance, worker_stake, validator_stake, validator)
};

struct Genesis {
    std::string chain_name;  ///< 1 to 64 visible ASCII characters
    base::TimeMs time;       ///< block time of height 0
    std::uint32_t app_version = kAppVersion;
    base::PublicKey operator_key;          ///< signs heads and, as the default store, receipts
    std::vector<GenesisAccount> accounts;  ///< ascending by cold key, each once
    Parameters parameters;
    ASSAY_FIELDS(Genesis, chain_name, time, app_version, operator_key, accounts, parameters)
};

inline constexpr std::size_t kGenesisAccountsMax = 65'536;

/// Canonical (docs/formats/genesis.md); requires a genesis that check_genesis accepts.
base::Bytes encode_genesis(const Genesis& genesis);
tl::expected<Genesis, std::string> decode_genesis(base::ByteView bytes);
[[nodiscard]] std::optional<std::string> check_genesis(const Genesis& genesis);
/// H("assay.chain", encoding).
base::Hash chain_id(const Genesis& genesis);
/// Everything that exists: balances and stakes.
base::Amount genesis_supply(const Genesis& genesis);

/// Parameters of the demo chain (PROTOCOL section 6): epoch 500 ms, window 10 s, W 4, grace 30 s,
/// unbonding 10 min.
Parameters demo_parameters();

}  // namespace assay::market
