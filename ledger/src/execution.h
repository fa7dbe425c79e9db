#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "ledger/block.h"
#include "ledger/engine.h"
#include "ledger/rule_set.h"
#include "market/overlay.h"
#include "receipt_log.h"
#include "state_tree.h"

namespace assay::ledger {

/// One block while the rules run: begin, then apply for each transaction, then end. The node and
/// `verify_chain` both use it, so a replay executes what the node executed. No I/O besides reading
/// `state`.
class Execution {
  public:
    Execution(const RuleSet& rules, const market::StateReader& state,
              const market::BlockContext& context);
    /// A transaction that was run on top of those already applied, and may be kept.
    struct Attempt {
        market::TransactionResult result;
        market::StateChanges changes;
        std::vector<market::Event> events;
    };
    [[nodiscard]] Attempt attempt(base::ByteView raw) const;
    void keep(Attempt attempt, base::Bytes raw);
    /// Whatever the rules say to it.
    void apply(base::Bytes raw);
    /// Runs the end of the block. When money was made or lost: a dump for people, and the block
    /// must not be committed.
    [[nodiscard]] std::optional<std::string> end();

    [[nodiscard]] const market::Overlay& state() const { return overlay_; }
    [[nodiscard]] const market::BlockContext& context() const { return context_; }
    [[nodiscard]] const std::vector<BlockTransaction>& transactions() const {
        return transactions_;
    }
    [[nodiscard]] const std::vector<market::Event>& events() const { return events_; }

  private:
    [[nodiscard]] std::optional<std::string> supply_dump() const;

    const RuleSet& rules_;
    const market::StateReader& before_;
    market::BlockContext context_;
    market::Overlay overlay_;
    std::vector<BlockTransaction> transactions_;
    std::vector<market::Event> events_;
};

/// A block and every record that changes with it.
struct Sealed {
    Finalized finalized;
    TreeUpdate tree;
    LogUpdate log;
};
/// Roots, receipts and events of an ended execution, after `previous`.
Sealed seal(const RuleSet& rules, const Execution& execution, const Head& previous,
            const TreeReader& tree, const LogReader& log);

/// Height 0: the state that the genesis makes, under an empty log, without transactions and events.
struct GenesisBlock {
    market::StateChanges state;
    Sealed sealed;
};
GenesisBlock genesis_block(const RuleSet& rules, const GenesisFacts& facts, base::ByteView genesis);

/// SHA-256 of the raw bytes, as market/rules.h defines it.
base::TransactionId transaction_id_of(base::ByteView raw);
/// Paths and value hashes of state changes.
TreeChanges tree_changes(const market::StateChanges& changes);

}  // namespace assay::ledger
