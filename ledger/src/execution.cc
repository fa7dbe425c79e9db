#include "execution.h"

#include "base/check.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;
using base::MerkleFamily;

/// A sum of amounts that cannot wrap.
__extension__ using Wide = unsigned __int128;

class EmptyTree : public TreeReader {
  public:
    [[nodiscard]] std::optional<Bytes> node(ByteView) const override { return std::nullopt; }
};

class EmptyLog : public LogReader {
  public:
    [[nodiscard]] Hash subtree(const LogPlace&) const override {
        ASSAY_CHECK(false && "an empty log has no subtrees");
        return {};
    }
};

void seal_head(const RuleSet& rules, const market::StateReader& state, Head& head) {
    head.app_version = rules.app_version(state);
    head.params_id = rules.params_id(state);
    head.app_hash = app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id);
}

}  // namespace

Execution::Execution(const RuleSet& rules, const market::StateReader& state,
                     const market::BlockContext& context)
    : rules_(rules), before_(state), context_(context), overlay_(state) {
    rules_.begin_block(overlay_, context_, events_);
}

Execution::Attempt Execution::attempt(ByteView raw) const {
    Attempt attempt;
    market::Overlay trial(overlay_);
    attempt.result = rules_.apply(trial, context_, raw, attempt.events);
    attempt.changes = trial.take_changes();
    return attempt;
}

void Execution::keep(Attempt attempt, Bytes raw) {
    for (auto& [key, value] : attempt.changes) {
        if (value)
            overlay_.put(key, *value);
        else
            overlay_.erase(key);
    }
    events_.insert(events_.end(), std::make_move_iterator(attempt.events.begin()),
                   std::make_move_iterator(attempt.events.end()));
    transactions_.push_back({std::move(raw), attempt.result.code, attempt.result.fee});
}

void Execution::apply(Bytes raw) {
    const market::TransactionResult result = rules_.apply(overlay_, context_, raw, events_);
    transactions_.push_back({std::move(raw), result.code, result.fee});
}

std::optional<std::string> Execution::end() {
    rules_.end_block(overlay_, context_, events_);
    overlay_.drop_unchanged();
    return supply_dump();
}

std::optional<std::string> Execution::supply_dump() const {
    Wide before = 0, after = 0;
    for (const auto& [key, value] : overlay_.changes()) {
        const auto old = before_.get(key);
        if (old) before += rules_.money_in(key, *old).grains();
        if (value) after += rules_.money_in(key, *value).grains();
    }
    if (before == after) return std::nullopt;
    const auto by = static_cast<std::uint64_t>(after > before ? after - before : before - after);
    std::string out = "block " + std::to_string(context_.height.value) +
                      (after > before ? " makes " : " loses ") + std::to_string(by) +
                      " grains. Entries that it changes:\n";
    for (const auto& [key, value] : overlay_.changes()) {
        out +=
            "  " + base::to_hex(key) + " = " + (value ? base::to_hex(*value) : "(erased)") + "\n";
    }
    return out;
}

base::TransactionId transaction_id_of(ByteView raw) { return {base::sha256(raw)}; }

TreeChanges tree_changes(const market::StateChanges& changes) {
    TreeChanges out;
    for (const auto& [key, value] : changes) {
        std::optional<Hash> value_hash;
        if (value) value_hash = base::state_value_hash(*value);
        out[base::state_path(key)] = value_hash;
    }
    return out;
}

Sealed seal(const RuleSet& rules, const Execution& execution, const Head& previous,
            const TreeReader& tree, const LogReader& log) {
    Sealed sealed;
    const market::BlockContext& context = execution.context();
    std::vector<Hash> leaves;
    for (const BlockTransaction& transaction : execution.transactions()) {
        const auto index = static_cast<std::uint32_t>(sealed.finalized.receipts.size());
        const Receipt receipt{transaction_id_of(transaction.raw),
                              context.height,
                              context.time,
                              index,
                              transaction.code,
                              transaction.fee,
                              previous.log_size + index};
        leaves.push_back(base::merkle_leaf(MerkleFamily::sha256, encode_receipt(receipt)));
        sealed.finalized.receipts.push_back(receipt);
    }
    for (const market::Event& event : execution.events()) {
        const auto index = static_cast<std::uint32_t>(sealed.finalized.events.size());
        sealed.finalized.events.push_back({{context.height, index}, context.time, event});
    }
    sealed.tree = update_tree(tree, tree_changes(execution.state().changes()));
    sealed.log = append_log(log, previous.log_size, leaves);

    Block& block = sealed.finalized.block;
    block.previous_app_hash = previous.app_hash;
    block.transactions = execution.transactions();
    block.events = static_cast<std::uint32_t>(sealed.finalized.events.size());
    block.head.height = context.height;
    block.head.time = context.time;
    block.head.state_root = sealed.tree.root;
    block.head.log_root = sealed.log.root;
    block.head.log_size = sealed.log.size;
    seal_head(rules, execution.state(), block.head);
    return sealed;
}

GenesisBlock genesis_block(const RuleSet& rules, const GenesisFacts& facts, ByteView genesis) {
    const market::MemoryState nothing;
    market::Overlay state(nothing);
    rules.apply_genesis(state, genesis);
    ASSAY_CHECK(rules.total_supply(state) == facts.supply);
    GenesisBlock out;
    out.state = state.changes();
    out.sealed.tree = update_tree(EmptyTree(), tree_changes(out.state));
    out.sealed.log = append_log(EmptyLog(), 0, {});
    Head& head = out.sealed.finalized.block.head;
    head.time = facts.time;
    head.state_root = out.sealed.tree.root;
    head.log_root = out.sealed.log.root;
    seal_head(rules, state, head);
    return out;
}

}  // namespace assay::ledger
