#include <algorithm>

#include "base/check.h"
#include "client/json.h"
#include "json_reader.h"

namespace assay::client {
namespace {

using market::Parameters;
using market::SpecError;

/// Calls `visit(name, member)` for every number of the parameters.
template <class P, class Visit>
void each_parameter(P& p, const Visit& visit) {
    std::size_t i = 0;
    std::apply(
        [&](auto&... field) {
            (visit(std::string(base::kNamesOf<Parameters>[i++]).c_str(), field), ...);
        },
        p.fields());
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
