#include <map>

#include "base/check.h"
#include "base/encoding.h"
#include "execution.h"
#include "ledger/node.h"
#include "records.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;

constexpr std::uint64_t kProgressBlocks = 100;

class MemoryTree : public TreeReader {
  public:
    [[nodiscard]] std::optional<Bytes> node(ByteView key) const override {
        const auto found = records.find(key);
        if (found == records.end()) return std::nullopt;
        return found->second;
    }
    std::map<Bytes, Bytes, market::KeyOrder> records;
};

class MemoryLog : public LogReader {
  public:
    [[nodiscard]] Hash subtree(const LogPlace& place) const override {
        const auto found = records.find(place);
        ASSAY_CHECK(found != records.end());
        return found->second;
    }
    std::map<LogPlace, Hash> records;
};

/// A chain that is replayed in memory beside the stored one.
class Replay {
  public:
    Replay(const StoreView& view, const RuleSet& rules) : view_(view), rules_(rules) {}

    std::optional<std::string> genesis() {
        base::Encoder format;
        format.u32(kStoreFormat);
        if (view_.get(Table::meta, format_key()) != format.view())
            return "the store has another format";
        const auto bytes = view_.get(Table::meta, genesis_key());
        const auto facts = bytes ? rules_.read_genesis(*bytes)
                                 : tl::unexpected(std::string("the genesis is missing"));
        if (!facts) return facts.error();
        facts_ = *facts;
        GenesisBlock first = genesis_block(rules_, facts_, *bytes);
        keep(first.state, first.sealed);
        return compare(first.sealed);
    }

    std::optional<std::string> block(base::Height height) {
        const auto stored = stored_block(view_, height);
        if (!stored) return at(height, "the block is missing or malformed");
        if (stored->head.height != height || stored->head.time <= head_.time)
            return at(height, "height or time does not follow the previous block");
        Execution execution(
            rules_, state_,
            {height, stored->head.time, head_.log_size, head_.log_root, rules_.referee});
        const std::uint64_t weight_max = rules_.block_weight_max(state_);
        std::uint64_t weight = 0;
        for (const BlockTransaction& transaction : stored->transactions) {
            const auto own_weight = rules_.check_bytes(transaction.raw, facts_.chain_id);
            if (!own_weight) {
                return at(height, "transaction " + transaction_id_of(transaction.raw).hex() +
                                      " is malformed");
            }
            weight += *own_weight;
            if (weight > weight_max)
                return at(height, "the transactions are heavier than a block may be");
            execution.apply(transaction.raw);
        }
        if (auto dump = execution.end()) return dump;
        Sealed sealed = seal(rules_, execution, head_, tree_, log_);
        keep(execution.state().changes(), sealed);
        return compare(sealed);
    }

    /// After the last block: every table holds exactly what the replay made, and the state tree is
    /// right by its definition.
    std::optional<std::string> tables() {
        if (rules_.total_supply(state_) != facts_.supply)
            return "the state does not hold the genesis supply";
        std::map<Hash, Hash> leaves;
        for (const auto& [key, value] : state_.entries())
            leaves[base::state_path(key)] = base::state_value_hash(value);
        if (root_from_scratch(leaves) != head_.state_root)
            return "the state tree rebuilt from scratch has another root";
        if (auto what = same_table(Table::state, "state", state_.entries())) return what;
        if (auto what = same_table(Table::tree, "tree", tree_.records)) return what;
        std::map<Bytes, Bytes, market::KeyOrder> log;
        for (const auto& [place, hash] : log_.records)
            log[log_key(place)] = Bytes(hash.bytes.begin(), hash.bytes.end());
        if (auto what = same_table(Table::log, "log", log)) return what;
        if (count_of(Table::blocks) != report.blocks + 1)
            return "there are more blocks than the head says";
        if (count_of(Table::results) != report.transactions)
            return "there are receipts of transactions that are in no block";
        if (count_of(Table::events) != report.events) return "there are events that no block made";
        return std::nullopt;
    }

    VerifyReport report;
    [[nodiscard]] const Head& head() const { return head_; }
    [[nodiscard]] std::size_t entries() const { return state_.entries().size(); }

  private:
    static std::string at(base::Height height, const std::string& what) {
        return "block " + std::to_string(height.value) + ": " + what;
    }

    void keep(const market::StateChanges& changes, const Sealed& sealed) {
        state_.write(changes);
        for (const auto& [key, record] : sealed.tree.records) {
            if (record) {
                tree_.records[key] = *record;
            } else {
                tree_.records.erase(key);
            }
        }
        for (const auto& [place, hash] : sealed.log.records) log_.records[place] = hash;
    }

    /// The replayed block against the stored records. Moves the head on.
    std::optional<std::string> compare(Sealed& sealed) {
        Block& block = sealed.finalized.block;
        const base::Height height = block.head.height;
        const auto stored = stored_block(view_, height);
        if (!stored) return at(height, "the block is missing or malformed");
        block.head.signature = stored->head.signature;
        if (stored->head.state_root != block.head.state_root)
            return at(height, "the replay reaches another state root");
        if (stored->head.log_root != block.head.log_root)
            return at(height, "the replay reaches another log root");
        if (*stored != block) return at(height, "the replay gives another block");
        if (facts_.operator_key && !verify_head(block.head, *facts_.operator_key, facts_.chain_id))
            return at(height, "the operator did not sign the head");
        for (const Receipt& receipt : sealed.finalized.receipts) {
            if (stored_receipt(view_, receipt.id) != receipt)
                return at(height, "the receipt of " + receipt.id.hex() + " differs");
        }
        for (const StoredEvent& event : sealed.finalized.events) {
            if (view_.get(Table::events, event_key(event.cursor)) != encode_event(event)) {
                return at(height, "event " + std::to_string(event.cursor.index) + " (" +
                                      event.event.kind + ") differs");
            }
        }
        report.blocks = height.value;
        report.transactions += sealed.finalized.receipts.size();
        report.events += sealed.finalized.events.size();
        head_ = block.head;
        return std::nullopt;
    }

    std::optional<std::string> same_table(
        Table table, const char* name,
        const std::map<Bytes, Bytes, market::KeyOrder>& expected) const {
        auto next = expected.begin();
        Bytes from;
        while (auto entry = view_.seek(table, from, {})) {
            if (next == expected.end() || entry->first != next->first ||
                entry->second != next->second) {
                return std::string("table ") + name + " differs at key " +
                       base::to_hex(entry->first);
            }
            ++next;
            from = std::move(entry->first);
            from.push_back(0);
        }
        if (next != expected.end())
            return std::string("table ") + name + " lacks key " + base::to_hex(next->first);
        return std::nullopt;
    }

    [[nodiscard]] std::uint64_t count_of(Table table) const {
        std::uint64_t count = 0;
        Bytes from;
        while (auto entry = view_.seek(table, from, {})) {
            ++count;
            from = std::move(entry->first);
            from.push_back(0);
        }
        return count;
    }

    const StoreView& view_;
    const RuleSet& rules_;
    GenesisFacts facts_;
    market::MemoryState state_;
    MemoryTree tree_;
    MemoryLog log_;
    Head head_;
};

}  // namespace

tl::expected<VerifyReport, std::string> verify_chain(
    const std::filesystem::path& dir, const std::function<void(const VerifyProgress&)>& progress,
    const RuleSet& rules) {
    const auto store = Store::open(dir, Store::Mode::read_only);
    if (!store) return tl::unexpected(store.error().detail);
    const StoreView view = (*store)->view();
    const auto head = stored_head(view);
    if (!head) return tl::unexpected(std::string("the head is missing or malformed"));
    Replay replay(view, rules);
    if (auto what = replay.genesis()) return tl::unexpected(std::move(*what));
    for (std::uint64_t height = 1; height <= head->height.value; ++height) {
        if (auto what = replay.block({height})) return tl::unexpected(std::move(*what));
        if (progress && (height % kProgressBlocks == 0 || height == head->height.value))
            progress({height, head->height.value});
    }
    if (replay.head() != *head)
        return tl::unexpected(std::string("the stored head is not the head of the last block"));
    if (auto what = replay.tables()) return tl::unexpected(std::move(*what));
    replay.report.head = *head;
    replay.report.state_entries = replay.entries();
    return replay.report;
}

}  // namespace assay::ledger
