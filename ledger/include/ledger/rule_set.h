#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/amount.h"
#include "base/signature.h"
#include "market/rules.h"

namespace assay::ledger {

/// What the ledger must know of a genesis without knowing the market.
struct GenesisFacts {
    base::Hash chain_id;
    base::TimeMs time;
    base::Amount supply;
    std::optional<base::PublicKey>
        operator_key;  ///< who must sign heads; nothing: whoever opens the chain
};

/// The rules as the ledger calls them. `market_rules` is the market; tests bring smaller ones. All
/// functions are pure (market/rules.h).
struct RuleSet {
    /// Reads canonical genesis bytes; the error is one sentence for people.
    tl::expected<GenesisFacts, std::string> (*read_genesis)(base::ByteView genesis);
    /// Requires bytes that read_genesis accepted.
    void (*apply_genesis)(market::StateWriter& state, base::ByteView genesis);
    void (*begin_block)(market::StateWriter& state, const market::BlockContext& block,
                        std::vector<market::Event>& events);
    /// Well-formed, of this chain and version: what it weighs.
    tl::expected<std::uint64_t, market::Refusal> (*check_bytes)(base::ByteView raw,
                                                                const base::Hash& chain_id);
    market::TransactionResult (*apply)(market::StateWriter& state,
                                       const market::BlockContext& block, base::ByteView raw,
                                       std::vector<market::Event>& events);
    void (*end_block)(market::StateWriter& state, const market::BlockContext& block,
                      std::vector<market::Event>& events);
    std::optional<base::TimeMs> (*next_due)(const market::StateReader& state, base::TimeMs now);
    /// Reads the whole state: at opening and in `verify_chain`.
    base::Amount (*total_supply)(const market::StateReader& state);
    /// The money that one entry holds: total_supply is its sum. After every block the changed
    /// entries must hold together what they held before.
    base::Amount (*money_in)(base::ByteView key, base::ByteView value);
    /// Identity of the parameters in force, and the version of the rules: both are part of the
    /// head.
    base::Hash (*params_id)(const market::StateReader& state);
    std::uint32_t (*app_version)(const market::StateReader& state);
    /// What the transactions of one block may weigh together.
    std::uint64_t (*block_weight_max)(const market::StateReader& state);
    /// Set into every block's context; outlives the rules. The market needs one.
    const market::Referee* referee = nullptr;
};

/// The market; its games are judged by the referee, which outlives what is returned.
RuleSet market_rules(const market::Referee& referee);

}  // namespace assay::ledger
