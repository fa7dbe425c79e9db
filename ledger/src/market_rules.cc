#include "base/check.h"
#include "ledger/rule_set.h"
#include "market/genesis.h"
#include "market/queries.h"
#include "market/rules.h"
#include "market/supply.h"

namespace assay::ledger {
namespace {

using base::ByteView;

tl::expected<GenesisFacts, std::string> read_genesis(ByteView bytes) {
    const auto genesis = market::decode_genesis(bytes);
    if (!genesis) return tl::unexpected(genesis.error());
    return GenesisFacts{market::chain_id(*genesis), genesis->time, market::genesis_supply(*genesis),
                        genesis->operator_key};
}

void apply_genesis(market::StateWriter& state, ByteView bytes) {
    const auto genesis = market::decode_genesis(bytes);
    ASSAY_CHECK(genesis.has_value());
    market::apply_genesis(state, *genesis);
}

base::Hash params_id(const market::StateReader& state) {
    return market::load_chain(state).params_id;
}

std::uint32_t app_version(const market::StateReader& state) {
    return market::load_chain(state).app_version;
}

std::uint64_t block_weight_max(const market::StateReader& state) {
    return market::current_parameters(state).block_weight_max;
}

}  // namespace

RuleSet market_rules(const market::Referee& referee) {
    return {
        .read_genesis = read_genesis,
        .apply_genesis = apply_genesis,
        .begin_block = market::begin_block,
        .check_bytes = market::check_transaction_bytes,
        .apply = market::apply,
        .end_block = market::end_block,
        .next_due = market::next_due,
        .total_supply = market::total_supply,
        .money_in = market::money_in,
        .params_id = params_id,
        .app_version = app_version,
        .block_weight_max = block_weight_max,
        .referee = &referee,
    };
}

}  // namespace assay::ledger
