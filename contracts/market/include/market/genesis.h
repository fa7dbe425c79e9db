#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/signature.h"

namespace assay::market {

inline constexpr std::uint32_t kAppVersion = 1;

/// How a mismatch between worker and auditor is decided: by two more auditors, or by the dispute game (market/referee.h).
enum class Judgement : std::uint8_t { vote = 1, referee = 2 };

/// Every number that the rules read. Amounts in grains, times in ms of live time, rates in parts per million. Set in genesis; params_id is
/// H("assay.params", encoding). Jobs keep the id of the parameters they were made under.
struct Parameters {
    // Money.
    base::Amount protocol_price = base::Amount::of(100'000);   ///< grains per GFLOP
    std::uint32_t protocol_fee_ppm = 10'000;                 ///< of each segment payment, to insurance
    base::Amount base_fee_min = base::Amount::of(1);         ///< grains per unit of weight
    std::uint64_t block_weight_max = 500'000;                ///< one unit is about a microsecond of the reference machine
    std::uint64_t block_weight_target = 250'000;
    base::Amount retract_fee = base::Amount::of(1000);
    std::uint64_t segment_fee_factor = 100;                  ///< a segment is worth at least this many times its base fees at post
    // Time.
    std::uint64_t epoch_ms = 500;
    std::uint64_t grace_ms = 30'000;
    std::uint64_t window_ms = 10'000;
    std::uint64_t retention_ms = 86'400'000;                 ///< terminal objects stay this long
    std::uint64_t unbonding_ms = 600'000;
    std::uint64_t part_ms_max = 120'000;                     ///< the longest a worker may train before it commits
    std::uint64_t audit_ms_max = 120'000;                    ///< the longest audit deadline
    std::uint64_t dispute_clock_ms = 60'000;
    std::uint64_t evidence_delay_ms = 60'000;
    std::uint64_t open_ms_max = 86'400'000;                  ///< a job that found no worker expires
    std::uint64_t pause_ms_max = 86'400'000;
    std::uint64_t pause_leave_ms = 3'600'000;                ///< after this workers may leave without loss
    std::uint64_t jail_ms = 60'000;
    std::uint64_t live_step_ms_max = 5'000;                  ///< live time advances at most this much per block
    std::uint64_t valid_blocks_max = 1'000'000;              ///< how far ahead `valid_until` may be
    // Audits.
    std::uint32_t plant_ppm = 100'000;
    std::uint32_t rate_floor_ppm = 100'000;
    std::uint32_t rate_new_ppm = 450'000;                    ///< of a worker without record
    std::uint32_t collusion_max_ppm = 100'000;
    std::uint32_t committee_max = 64;
    std::uint32_t draws_per_block_max = 2'000;
    std::uint32_t redraws_max = 2;
    std::uint32_t misses_jail = 3;                           ///< missed audits before jail
    std::uint32_t unaudited_windows = 4;
    std::uint32_t audit_time_factor = 4;                     ///< audit deadline = max(grace, FLOPs / declared speed x this)
    std::uint32_t auditors_min = 3;                          ///< eligible validators that `job_post` wants: a vote needs three
    std::uint64_t record_half_life_ms = 2'592'000'000;       ///< a worker's record halves each time: 30 days
    base::Amount record_max = base::Amount::of(1'000'000'000'000'000);  ///< no record is worth more
    std::uint32_t record_fee_factor = 100;                   ///< a record grows by at most this times the protocol fees paid for the work
    std::uint32_t record_value_factor = 200;                 ///< the greater, the more record a lower rate takes (record_rate_ppm)
    Judgement judgement = Judgement::referee;
    std::uint32_t jurors = 3;
    // Stake.
    base::Amount worker_stake_min;
    base::Amount validator_stake_min = base::Amount::of(1);
    std::uint32_t unbondings_max = 16;                       ///< open entries per account and role
    // Jobs and matching.
    std::uint32_t unfinal_rounds_max = 4;                    ///< W
    std::uint32_t candidates_max = 64;
    std::uint32_t lane_time_factor = 3;
    std::uint32_t round_time_factor = 3;
    std::uint32_t pause_pay_ppm = 50'000;
    std::uint32_t offers_per_worker_max = 16;
    std::uint32_t timers_per_block_max = 4'096;
    std::uint32_t nonce_lanes_max = 64;
    // Disputes: read with judgement = referee only.
    std::uint64_t dispute_replay_ms_max = 40'000;            ///< a side's clock grows by four planned replays, at most by this
    std::uint64_t challenge_open_ms = 60'000;                ///< how long a sealed challenge may wait to be opened
    std::uint32_t challenge_bond_factor = 4;                 ///< bond of a challenge = this times the cost of a replay + the fees of a game
    std::uint64_t dispute_game_weight = 400'000;             ///< what the moves of a whole game weigh
    base::Amount concede_fee = base::Amount::of(100'000);    ///< of a concession before the first traced move
    std::uint32_t disputes_per_target_max = 8;               ///< games at the same time about one segment or merge
    std::uint32_t disputes_per_account_max = 16;             ///< challenges that one account has sealed or open
    std::uint32_t challenge_pool_max = 4;                    ///< challengers with the same root in one dispute
    // Chunk challenges.
    base::Amount chunk_bond_min = base::Amount::of(10'000);
    std::uint32_t chunk_bond_factor = 4;                     ///< bond = this times the fee of a 64 KiB answer at the base fee of the challenge
    std::uint64_t chunk_answer_ms = 500;                     ///< what every further open challenge of one account adds to its time
    std::uint32_t chunks_raised_max = 64;                    ///< open challenges of one challenger

    bool operator==(const Parameters&) const = default;
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
    std::uint32_t capacity = 0;              ///< audits at the same time
    bool operator==(const GenesisValidator&) const = default;
};

/// An account that exists from the start. Its id is account_id(chain id, cold).
struct GenesisAccount {
    base::PublicKey cold, hot, vrf;
    base::Amount balance;                    ///< free money
    base::Amount worker_stake, validator_stake;
    std::optional<GenesisValidator> validator;
    bool operator==(const GenesisAccount&) const = default;
};

struct Genesis {
    std::string chain_name;                  ///< 1 to 64 visible ASCII characters
    base::TimeMs time;                       ///< block time of height 0
    std::uint32_t app_version = kAppVersion;
    base::PublicKey operator_key;            ///< signs heads and, as the default store, receipts
    base::Amount insurance;                  ///< endowment
    std::vector<GenesisAccount> accounts;    ///< ascending by cold key, each once
    Parameters parameters;
    bool operator==(const Genesis&) const = default;
};

inline constexpr std::size_t kGenesisAccountsMax = 100'000;

/// Canonical (docs/formats/genesis.md); requires a genesis that check_genesis accepts.
base::Bytes encode_genesis(const Genesis& genesis);
tl::expected<Genesis, std::string> decode_genesis(base::ByteView bytes);
[[nodiscard]] std::optional<std::string> check_genesis(const Genesis& genesis);
/// H("assay.chain", encoding).
base::Hash chain_id(const Genesis& genesis);
/// Everything that exists: balances, stakes, insurance.
base::Amount genesis_supply(const Genesis& genesis);

/// Parameters of the demo chain (PROTOCOL section 6): epoch 500 ms, window 10 s, W 4, grace 30 s, unbonding 10 min.
Parameters demo_parameters();

}  // namespace assay::market
