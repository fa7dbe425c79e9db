#include "market/genesis.h"

#include <algorithm>

#include "base/archive.h"
#include "base/check.h"

namespace assay::market {

namespace {

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kDurationMax = 366 * kDayMs;
constexpr std::uint32_t kMillion = 1'000'000;
constexpr std::size_t kChainNameMax = 64;
constexpr std::string_view kGenesisMagic = "assay genesis 2";

std::optional<std::string> check_durations(const Parameters& p) {
    const std::pair<const char*, std::uint64_t> durations[] = {
        {"epoch_ms", p.epoch_ms},
        {"grace_ms", p.grace_ms},
        {"window_ms", p.window_ms},
        {"retention_ms", p.retention_ms},
        {"unbonding_ms", p.unbonding_ms},
        {"part_ms_max", p.part_ms_max},
        {"audit_ms_max", p.audit_ms_max},
        {"dispute_clock_ms", p.dispute_clock_ms},
        {"evidence_delay_ms", p.evidence_delay_ms},
        {"open_ms_max", p.open_ms_max},
        {"pause_ms_max", p.pause_ms_max},
        {"pause_leave_ms", p.pause_leave_ms},
        {"jail_ms", p.jail_ms},
        {"accept_ms", p.accept_ms},
        {"settle_ms_max", p.settle_ms_max},
        {"backlog_ms_max", p.backlog_ms_max},
        {"record_half_life_ms", p.record_half_life_ms},
        {"live_step_ms_max", p.live_step_ms_max},
        {"dispute_replay_ms_max", p.dispute_replay_ms_max},
        {"challenge_open_ms", p.challenge_open_ms},
        {"question_answer_ms", p.question_answer_ms}};
    for (const auto& [name, value] : durations) {
        if (value == 0 || value > kDurationMax)
            return std::string(name) + ": must be between 1 ms and 366 days";
    }
    // A game takes the clocks of both sides.
    const std::uint64_t needed = p.part_ms_max + 2 * p.epoch_ms + p.audit_ms_max + p.window_ms +
                                 2 * dispute_clock_ms_max(p) + p.evidence_delay_ms;
    if (p.unbonding_ms <= needed) {
        return "unbonding_ms: must be more than part_ms_max + 2 epoch_ms + audit_ms_max + "
               "window_ms + "
               "2 (dispute_clock_ms + grace_ms + dispute_replay_ms_max) + evidence_delay_ms = " +
               std::to_string(needed);
    }
    return std::nullopt;
}

std::optional<std::string> check_rates(const Parameters& p) {
    const std::pair<const char*, std::uint32_t> rates[] = {{"protocol_fee_ppm", p.protocol_fee_ppm},
                                                           {"rate_floor_ppm", p.rate_floor_ppm},
                                                           {"rate_new_ppm", p.rate_new_ppm},
                                                           {"pause_pay_ppm", p.pause_pay_ppm}};
    for (const auto& [name, value] : rates) {
        if (value > kMillion) return std::string(name) + ": at most 1000000";
    }
    if (p.collusion_max_ppm >= kMillion) return "collusion_max_ppm: must be below 1000000";
    if (p.rate_floor_ppm == 0 && p.rate_new_ppm == 0)
        return "rate_new_ppm: some audit rate must be above 0";
    // What a record is worth to a cheat must be less than the fees it took to earn
    // (docs/audits.md).
    const std::uint64_t honest = kMillion - p.collusion_max_ppm;
    if (std::uint64_t{p.record_value_factor} * honest <=
        std::uint64_t{p.record_fee_factor} * kMillion) {
        return "record_value_factor: must be more than record_fee_factor / (1 - collusion_max)";
    }
    return std::nullopt;
}

std::optional<std::string> check_counts(const Parameters& p) {
    struct Bound {
        const char* name;
        std::uint64_t value, least, most;
    };
    const Bound bounds[] = {
        {"rate_sure_ppm", p.rate_sure_ppm, 500'000, kMillion},
        {"control_ppm", p.control_ppm, 1'000, 500'000},
        {"contribution_share_ppm", p.contribution_share_ppm, 1'000, 500'000},
        {"draws_per_block_max", p.draws_per_block_max, 2, 2'000},
        {"audit_time_factor", p.audit_time_factor, 1, 1'000},
        {"reference_flops", p.reference_flops, 1'000'000, std::uint64_t{1} << 50U},
        {"miss_prices", p.miss_prices, 1, 100},
        {"absence_fine", p.absence_fine.grains(), 0, std::uint64_t{1} << 40U},
        // Who could not pay it would be absent for nothing, and everybody waits for who is absent.
        {"validator_stake_min", p.validator_stake_min.grains(),
         std::max<std::uint64_t>(p.absence_fine.grains(), 1), base::Amount::kMax},
        {"record_fee_factor", p.record_fee_factor, 0, 1'000'000},
        {"record_value_factor", p.record_value_factor, 1, 1'000'000},
        {"unbondings_max", p.unbondings_max, 1, 1'000},
        {"unfinal_rounds_max", p.unfinal_rounds_max, 1, 64},
        {"open_parts_max", p.open_parts_max, 1, 4'096},
        {"candidates_max", p.candidates_max, 1, 64},
        {"lane_time_factor", p.lane_time_factor, 1, 1'000},
        {"round_time_factor", p.round_time_factor, 1, 1'000},
        {"offers_per_worker_max", p.offers_per_worker_max, 1, 1'000},
        {"timers_per_block_max", p.timers_per_block_max, 1, 100'000},
        {"nonce_lanes_max", p.nonce_lanes_max, 1, 4'096},
        {"valid_blocks_max", p.valid_blocks_max, 1, 1'000'000'000},
        {"segment_fee_factor", p.segment_fee_factor, 0, 1'000'000},
        {"question_bond_min", p.question_bond_min.grains(), 1, std::uint64_t{1} << 40U},
        {"question_bond_factor", p.question_bond_factor, 1, 1'000},
        {"questions_raised_max", p.questions_raised_max, 1, 10'000},
        {"block_weight_max", p.block_weight_max, 20'000, 500'000},
        {"block_weight_target", p.block_weight_target, 1, p.block_weight_max},
        {"protocol_price", p.protocol_price.grains(), 1, std::uint64_t{1} << 40U},
        {"base_fee_min", p.base_fee_min.grains(), 0, std::uint64_t{1} << 32U},
        {"challenge_bond_factor", p.challenge_bond_factor, 2, 1'000},
        {"dispute_game_weight", p.dispute_game_weight, 1, 1'000'000'000},
        {"disputes_per_account_max", p.disputes_per_account_max, 1, 1'000}};
    for (const Bound& bound : bounds) {
        if (bound.value < bound.least || bound.value > bound.most) {
            return std::string(bound.name) + ": must be between " + std::to_string(bound.least) +
                   " and " + std::to_string(bound.most);
        }
    }
    return std::nullopt;
}

std::optional<std::string> check_account(const GenesisAccount& account) {
    if (!base::public_key_from_bytes(account.cold.view()) ||
        !base::public_key_from_bytes(account.hot.view())) {
        return "accounts: cold and hot must be valid keys";
    }
    if (!account.vrf.is_zero() && !base::public_key_from_bytes(account.vrf.view()))
        return "accounts: vrf must be a valid key or zeros";
    if (!account.validator) return std::nullopt;
    if (account.vrf.is_zero()) return "accounts: a validator needs a vrf key";
    if (account.validator->profile != "f32") return "accounts: validator.profile must be f32";
    if (account.validator->flops_per_second == 0)
        return "accounts: validator.flops_per_second must be above 0";
    return std::nullopt;
}

std::optional<base::Amount> supply_of(const Genesis& genesis) {
    std::optional<base::Amount> sum = base::Amount{};
    for (const GenesisAccount& account : genesis.accounts) {
        for (const base::Amount amount :
             {account.balance, account.worker_stake, account.validator_stake}) {
            if (sum) sum = base::add(*sum, amount);
        }
    }
    return sum;
}

}  // namespace

base::Bytes encode_parameters(const Parameters& parameters) { return base::to_bytes(parameters); }

std::optional<Parameters> decode_parameters(base::ByteView bytes) {
    return base::from_bytes<Parameters>(bytes);
}

base::Hash parameters_id(const Parameters& parameters) {
    return base::blake2b("assay.params", encode_parameters(parameters));
}

std::uint64_t dispute_clock_ms_max(const Parameters& parameters) {
    return parameters.grace_ms + parameters.dispute_clock_ms + parameters.dispute_replay_ms_max;
}

std::optional<std::string> check_parameters(const Parameters& parameters) {
    if (auto problem = check_durations(parameters)) return problem;
    if (auto problem = check_rates(parameters)) return problem;
    return check_counts(parameters);
}

base::Bytes encode_genesis(const Genesis& genesis) {
    ASSAY_CHECK(!check_genesis(genesis));
    base::Encoder out;
    out.text(kGenesisMagic);
    base::Writer{out}(genesis);
    return out.take();
}

tl::expected<Genesis, std::string> decode_genesis(base::ByteView bytes) {
    base::Decoder in(bytes);
    Genesis genesis;
    if (in.text(kGenesisMagic.size()) != kGenesisMagic)
        return tl::unexpected(std::string("not a genesis of this format"));
    base::Reader{in}(genesis);
    if (!in.finished())
        return tl::unexpected(
            std::string("the genesis bytes are cut short or have bytes left over"));
    if (auto problem = check_genesis(genesis)) return tl::unexpected(std::move(*problem));
    return genesis;
}

std::optional<std::string> check_genesis(const Genesis& genesis) {
    const auto visible = [](char c) { return c > ' ' && c <= '~'; };
    if (genesis.chain_name.empty() || genesis.chain_name.size() > kChainNameMax ||
        !std::all_of(genesis.chain_name.begin(), genesis.chain_name.end(), visible)) {
        return "chain_name: 1 to 64 visible ASCII characters without spaces";
    }
    if (genesis.app_version != kAppVersion) return "app_version: this program knows version 2";
    if (!base::public_key_from_bytes(genesis.operator_key.view()))
        return "operator_key: not a valid key";
    if (genesis.accounts.size() > kGenesisAccountsMax) return "accounts: too many";
    for (std::size_t i = 0; i < genesis.accounts.size(); ++i) {
        const GenesisAccount& account = genesis.accounts[i];
        if (auto problem = check_account(account)) return problem;
        if (account.validator && account.validator_stake < genesis.parameters.validator_stake_min)
            return "accounts: a validator needs validator_stake of at least validator_stake_min";
        if (i > 0 && !(genesis.accounts[i - 1].cold < genesis.accounts[i].cold)) {
            return "accounts: must be ascending by cold key, each once";
        }
    }
    if (!supply_of(genesis)) return "accounts: the sum of all amounts must stay below 2^63";
    return check_parameters(genesis.parameters);
}

base::Hash chain_id(const Genesis& genesis) {
    return base::blake2b("assay.chain", encode_genesis(genesis));
}

base::Amount genesis_supply(const Genesis& genesis) {
    const auto sum = supply_of(genesis);
    ASSAY_CHECK(sum.has_value());
    return *sum;
}

Parameters demo_parameters() { return {}; }

}  // namespace assay::market
