#include <algorithm>

#include "base/check.h"
#include "client/json.h"
#include "json_reader.h"

namespace assay::client {
namespace {

using market::Parameters;
using market::SpecError;

/// Calls `visit(name, member)` for every number of the parameters, so that reading and writing
/// cannot disagree.
template <class P, class Visit>
void each_parameter(P& p, const Visit& visit) {
    visit("protocol_price", p.protocol_price);
    visit("protocol_fee_ppm", p.protocol_fee_ppm);
    visit("base_fee_min", p.base_fee_min);
    visit("block_weight_max", p.block_weight_max);
    visit("block_weight_target", p.block_weight_target);
    visit("retract_fee", p.retract_fee);
    visit("segment_fee_factor", p.segment_fee_factor);
    visit("epoch_ms", p.epoch_ms);
    visit("grace_ms", p.grace_ms);
    visit("window_ms", p.window_ms);
    visit("retention_ms", p.retention_ms);
    visit("unbonding_ms", p.unbonding_ms);
    visit("part_ms_max", p.part_ms_max);
    visit("audit_ms_max", p.audit_ms_max);
    visit("dispute_clock_ms", p.dispute_clock_ms);
    visit("evidence_delay_ms", p.evidence_delay_ms);
    visit("open_ms_max", p.open_ms_max);
    visit("pause_ms_max", p.pause_ms_max);
    visit("pause_leave_ms", p.pause_leave_ms);
    visit("jail_ms", p.jail_ms);
    visit("accept_ms", p.accept_ms);
    visit("settle_ms_max", p.settle_ms_max);
    visit("live_step_ms_max", p.live_step_ms_max);
    visit("valid_blocks_max", p.valid_blocks_max);
    visit("rate_floor_ppm", p.rate_floor_ppm);
    visit("rate_new_ppm", p.rate_new_ppm);
    visit("rate_sure_ppm", p.rate_sure_ppm);
    visit("control_ppm", p.control_ppm);
    visit("collusion_max_ppm", p.collusion_max_ppm);
    visit("draws_per_block_max", p.draws_per_block_max);
    visit("audit_time_factor", p.audit_time_factor);
    visit("reference_flops", p.reference_flops);
    visit("backlog_ms_max", p.backlog_ms_max);
    visit("miss_prices", p.miss_prices);
    visit("absence_fine", p.absence_fine);
    visit("contribution_share_ppm", p.contribution_share_ppm);
    visit("record_half_life_ms", p.record_half_life_ms);
    visit("record_max", p.record_max);
    visit("record_fee_factor", p.record_fee_factor);
    visit("record_value_factor", p.record_value_factor);
    visit("worker_stake_min", p.worker_stake_min);
    visit("validator_stake_min", p.validator_stake_min);
    visit("unbondings_max", p.unbondings_max);
    visit("unfinal_rounds_max", p.unfinal_rounds_max);
    visit("open_parts_max", p.open_parts_max);
    visit("candidates_max", p.candidates_max);
    visit("lane_time_factor", p.lane_time_factor);
    visit("round_time_factor", p.round_time_factor);
    visit("pause_pay_ppm", p.pause_pay_ppm);
    visit("offers_per_worker_max", p.offers_per_worker_max);
    visit("timers_per_block_max", p.timers_per_block_max);
    visit("nonce_lanes_max", p.nonce_lanes_max);
    visit("dispute_replay_ms_max", p.dispute_replay_ms_max);
    visit("challenge_open_ms", p.challenge_open_ms);
    visit("challenge_bond_factor", p.challenge_bond_factor);
    visit("dispute_game_weight", p.dispute_game_weight);
    visit("concede_fee", p.concede_fee);
    visit("disputes_per_account_max", p.disputes_per_account_max);
    visit("question_bond_min", p.question_bond_min);
    visit("question_bond_factor", p.question_bond_factor);
    visit("question_answer_ms", p.question_answer_ms);
    visit("questions_raised_max", p.questions_raised_max);
}

void read_value(ObjectReader& reader, const char* name, base::Amount& value) {
    value = reader.amount(name, value);
}
void read_value(ObjectReader& reader, const char* name, std::uint64_t& value) {
    value = reader.u64(name, value);
}
void read_value(ObjectReader& reader, const char* name, std::uint32_t& value) {
    value = reader.u32(name, value);
}
Json value_json(base::Amount value) { return value.decimal(); }
Json value_json(std::uint64_t value) { return std::to_string(value); }
Json value_json(std::uint32_t value) { return value; }

market::GenesisAccount read_account(ObjectReader reader) {
    market::GenesisAccount account;
    account.cold = reader.key("cold");
    account.hot = reader.key("hot", account.cold);
    account.vrf = reader.key("vrf", account.hot);
    account.balance = reader.amount("balance", base::Amount());
    account.worker_stake = reader.amount("worker_stake", base::Amount());
    account.validator_stake = reader.amount("validator_stake", base::Amount());
    if (reader.has("validator")) {
        ObjectReader inner = reader.object("validator");
        market::GenesisValidator validator;
        validator.profile = inner.text("profile", validator.profile, 32);
        validator.flops_per_second = inner.u64("flops_per_second");
        inner.refuse_unknown();
        account.validator = validator;
    }
    reader.refuse_unknown();
    return account;
}

Json account_json(const market::GenesisAccount& account) {
    Json json{{"cold", account.cold.hex()},
              {"hot", account.hot.hex()},
              {"vrf", account.vrf.hex()},
              {"balance", account.balance.decimal()},
              {"worker_stake", account.worker_stake.decimal()},
              {"validator_stake", account.validator_stake.decimal()}};
    if (account.validator) {
        json["validator"] = {
            {"profile", account.validator->profile},
            {"flops_per_second", std::to_string(account.validator->flops_per_second)}};
    }
    return json;
}

}  // namespace

Json parameters_to_json(const Parameters& parameters) {
    Json json = Json::object();
    each_parameter(parameters,
                   [&](const char* name, const auto& value) { json[name] = value_json(value); });
    return json;
}

tl::expected<Parameters, SpecError> parameters_from_json(const Json& json,
                                                         const Parameters& defaults) {
    std::optional<SpecError> error;
    ObjectReader reader(json, "parameters", error);
    Parameters parameters = defaults;
    each_parameter(parameters,
                   [&](const char* name, auto& value) { read_value(reader, name, value); });
    reader.refuse_unknown();
    if (error) return tl::unexpected(*error);
    return parameters;
}

tl::expected<market::Genesis, SpecError> genesis_from_json(const Json& json) {
    std::optional<SpecError> error;
    if (!json.is_object()) return tl::unexpected(SpecError{"(document)", "must be an object"});
    ObjectReader reader(json, "", error);
    market::Genesis genesis;
    genesis.chain_name = reader.text("chain_name", std::nullopt, 64);
    genesis.time.value = reader.u64("time_ms");
    genesis.app_version = reader.u32("app_version", genesis.app_version);
    genesis.operator_key = reader.key("operator_key");
    const Json& accounts = reader.member("accounts");
    if (!accounts.is_array()) reader.fail("accounts", "must be a list");
    if (accounts.is_array()) {
        for (std::size_t i = 0; i < accounts.size(); ++i) {
            genesis.accounts.push_back(read_account(
                ObjectReader(accounts[i], "accounts[" + std::to_string(i) + "]", error)));
        }
    }
    std::sort(genesis.accounts.begin(), genesis.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    if (const Json& parameters = reader.member("parameters", true); !parameters.is_null()) {
        auto read = parameters_from_json(parameters, genesis.parameters);
        if (!read && !error) error = read.error();
        if (read) genesis.parameters = *read;
    }
    reader.refuse_unknown();
    if (error) return tl::unexpected(*error);
    if (const auto refused = market::check_genesis(genesis))
        return tl::unexpected(SpecError{"(document)", *refused});
    return genesis;
}

Json genesis_to_json(const market::Genesis& genesis) {
    Json accounts = Json::array();
    for (const auto& account : genesis.accounts) accounts.push_back(account_json(account));
    return {{"chain_name", genesis.chain_name},
            {"time_ms", std::to_string(genesis.time.value)},
            {"app_version", genesis.app_version},
            {"operator_key", genesis.operator_key.hex()},
            {"accounts", accounts},
            {"parameters", parameters_to_json(genesis.parameters)}};
}

}  // namespace assay::client
