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
    visit("live_step_ms_max", p.live_step_ms_max);
    visit("valid_blocks_max", p.valid_blocks_max);
    visit("plant_ppm", p.plant_ppm);
    visit("rate_floor_ppm", p.rate_floor_ppm);
    visit("rate_new_ppm", p.rate_new_ppm);
    visit("collusion_max_ppm", p.collusion_max_ppm);
    visit("committee_max", p.committee_max);
    visit("draws_per_block_max", p.draws_per_block_max);
    visit("redraws_max", p.redraws_max);
    visit("misses_jail", p.misses_jail);
    visit("unaudited_windows", p.unaudited_windows);
    visit("audit_time_factor", p.audit_time_factor);
    visit("auditors_min", p.auditors_min);
    visit("record_half_life_ms", p.record_half_life_ms);
    visit("record_max", p.record_max);
    visit("record_fee_factor", p.record_fee_factor);
    visit("record_value_factor", p.record_value_factor);
    visit("jurors", p.jurors);
    visit("worker_stake_min", p.worker_stake_min);
    visit("validator_stake_min", p.validator_stake_min);
    visit("unbondings_max", p.unbondings_max);
    visit("unfinal_rounds_max", p.unfinal_rounds_max);
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
    visit("disputes_per_target_max", p.disputes_per_target_max);
    visit("disputes_per_account_max", p.disputes_per_account_max);
    visit("challenge_pool_max", p.challenge_pool_max);
    visit("chunk_bond_min", p.chunk_bond_min);
    visit("chunk_bond_factor", p.chunk_bond_factor);
    visit("chunk_answer_ms", p.chunk_answer_ms);
    visit("chunks_raised_max", p.chunks_raised_max);
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
Json value_json(base::Amount value) {
    return value.decimal();
}
Json value_json(std::uint64_t value) {
    return std::to_string(value);
}
Json value_json(std::uint32_t value) {
    return value;
}

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
        validator.capacity = inner.u32("capacity");
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
            {"flops_per_second", std::to_string(account.validator->flops_per_second)},
            {"capacity", account.validator->capacity}};
    }
    return json;
}

}  // namespace

Json parameters_to_json(const Parameters& parameters) {
    Json json = Json::object();
    each_parameter(parameters,
                   [&](const char* name, const auto& value) { json[name] = value_json(value); });
    json["judgement"] = parameters.judgement == market::Judgement::vote ? "vote" : "referee";
    return json;
}

tl::expected<Parameters, SpecError> parameters_from_json(const Json& json,
                                                         const Parameters& defaults) {
    std::optional<SpecError> error;
    ObjectReader reader(json, "parameters", error);
    Parameters parameters = defaults;
    each_parameter(parameters,
                   [&](const char* name, auto& value) { read_value(reader, name, value); });
    const std::string judgement = reader.text("judgement", std::string(market::to_word(parameters.judgement)), 16);
    if (judgement != "vote" && judgement != "referee")
        reader.fail("judgement", "must be one of: vote, referee");
    parameters.judgement =
        judgement == "vote" ? market::Judgement::vote : market::Judgement::referee;
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
    genesis.insurance = reader.amount("insurance", base::Amount());
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
            {"insurance", genesis.insurance.decimal()},
            {"accounts", accounts},
            {"parameters", parameters_to_json(genesis.parameters)}};
}

}  // namespace assay::client
