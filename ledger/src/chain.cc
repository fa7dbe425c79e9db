#include "chain.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/check.h"
#include "base/encoding.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;

/// Measures for /metrics only; never enters a result.
class Stopwatch {
  public:
    [[nodiscard]] std::uint64_t us() const {
        const auto passed = std::chrono::steady_clock::now() - begin_;
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
    }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

OpenError error(OpenProblem problem, std::string detail) { return {problem, std::move(detail)}; }

}  // namespace

std::string_view word_of(ProposalProblem problem) {
    switch (problem) {
        case ProposalProblem::wrong_height:
            return "wrong_height";
        case ProposalProblem::time_not_after_previous:
            return "time_not_after_previous";
        case ProposalProblem::too_many_transactions:
            return "too_many_transactions";
        case ProposalProblem::too_many_bytes:
            return "too_many_bytes";
        case ProposalProblem::malformed_transaction:
            return "malformed_transaction";
        case ProposalProblem::duplicate_transaction:
            return "duplicate_transaction";
        case ProposalProblem::too_heavy:
            return "too_heavy";
    }
    return "unknown";
}

/// A block in progress, with the view of the store it stands on.
struct Chain::Working {
    StoreView view;
    StoredState state;
    Execution execution;
    Stopwatch since;
    std::optional<Sealed> sealed;

    Working(const Store& store, const RuleSet& rules, const market::BlockContext& context)
        : view(store.view()), state(view), execution(rules, state, context) {}
};

Chain::Chain(Store& store, const base::SecretKey& key, const Options& options)
    : store_(store), key_(key), options_(options), rules_(*options.rules) {}

Chain::~Chain() = default;

void Chain::abandon() { working_.reset(); }

tl::expected<std::unique_ptr<Chain>, OpenError> Chain::open(Store& store,
                                                            std::optional<ByteView> genesis,
                                                            const base::SecretKey& key,
                                                            const Options& options) {
    auto chain = std::unique_ptr<Chain>(new Chain(store, key, options));
    const bool exists = store.get(Table::meta, format_key()).has_value();
    if (!exists && !genesis)
        return tl::unexpected(
            error(OpenProblem::not_found, "the store is empty and no genesis was given"));
    const auto problem = exists ? chain->resume(genesis) : chain->begin(*genesis);
    if (problem) return tl::unexpected(*problem);
    return chain;
}

std::optional<OpenError> Chain::begin(ByteView genesis) {
    auto facts = rules_.read_genesis(genesis);
    if (!facts) return error(OpenProblem::wrong_genesis, facts.error());
    facts_ = *facts;
    if (facts_.operator_key && *facts_.operator_key != key_.public_key()) return wrong_operator();
    GenesisBlock first = genesis_block(rules_, facts_, genesis);
    base::Encoder format;
    format.u32(kStoreFormat);
    write_block(first.state, first.sealed,
                {{Table::meta, format_key(), format.take()},
                 {Table::meta, genesis_key(), Bytes(genesis.begin(), genesis.end())}});
    return std::nullopt;
}

std::optional<OpenError> Chain::resume(std::optional<ByteView> genesis) {
    const StoreView view = store_.view();
    base::Encoder format;
    format.u32(kStoreFormat);
    if (view.get(Table::meta, format_key()) != format.view()) {
        return error(OpenProblem::wrong_format, "the store was written in another format than " +
                                                    std::to_string(kStoreFormat));
    }
    const auto stored = view.get(Table::meta, genesis_key());
    const auto facts = stored ? rules_.read_genesis(*stored)
                              : tl::unexpected(std::string("the genesis is missing"));
    if (!facts) return error(OpenProblem::corrupt, facts.error());
    facts_ = *facts;
    if (genesis && !std::equal(genesis->begin(), genesis->end(), stored->begin(), stored->end())) {
        return error(OpenProblem::wrong_genesis, "the store holds chain " + facts_.chain_id.hex() +
                                                     ", which began with another genesis");
    }
    const auto head = stored_head(view);
    if (!head) return error(OpenProblem::corrupt, "the head is missing or malformed");
    head_ = *head;
    if (facts_.operator_key && *facts_.operator_key != key_.public_key()) return wrong_operator();
    if (!verify_head(head_, key_.public_key(), facts_.chain_id)) {
        return error(OpenProblem::wrong_operator,
                     "the head is not signed by " + key_.public_key().hex());
    }
    if (rules_.total_supply(StoredState(view)) != facts_.supply)
        return error(OpenProblem::corrupt, "the state does not hold the genesis supply");
    if (auto what = contradiction(view)) return error(OpenProblem::corrupt, std::move(*what));
    return std::nullopt;
}

OpenError Chain::wrong_operator() const {
    return error(OpenProblem::wrong_operator, "the genesis names operator key " +
                                                  facts_.operator_key->hex() + ", not " +
                                                  key_.public_key().hex());
}

std::optional<std::string> Chain::contradiction(const StoreView& view) const {
    const auto block = stored_block(view, head_.height);
    if (!block || block->head != head_)
        return "the last block is missing or does not end in the head";
    if (tree_root(StoredTree(view)) != head_.state_root)
        return "the state tree does not have the head's root";
    if (log_root(StoredLog(view), head_.log_size) != head_.log_root)
        return "the receipt log does not have the head's root";
    if (view.seek(Table::blocks, height_key({head_.height.value + 1}), {}))
        return "there is a block after the head";
    return std::nullopt;
}

Chain::Working& Chain::start(base::TimeMs time) {
    working_.reset();
    const market::BlockContext context{
        {head_.height.value + 1}, time, head_.log_size, head_.log_root, rules_.referee};
    working_ = std::make_unique<Working>(store_, rules_, context);
    return *working_;
}

Prepared Chain::prepare(base::TimeMs time, std::vector<Bytes> candidates) {
    ASSAY_CHECK(time > head_.time);
    Working& working = start(time);
    Prepared prepared;
    prepared.proposal.height = working.execution.context().height;
    prepared.proposal.time = time;
    std::size_t bytes = 0;
    const std::uint64_t weight_max = block_weight_max();
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (prepared.included.size() == options_.block_transactions_max) break;
        Execution::Attempt attempt = working.execution.attempt(candidates[i]);
        market::Refusal code = attempt.result.code;
        if (code == market::Refusal::none && attempt.result.weight > weight_max)
            code = market::Refusal::oversize;
        if (code != market::Refusal::none) {
            prepared.left_out.push_back({i, code});
            continue;
        }
        bytes += candidates[i].size();
        weight += attempt.result.weight;
        if (bytes > options_.block_bytes_max || weight > weight_max) break;
        working.execution.keep(std::move(attempt), candidates[i]);
        prepared.included.push_back(i);
        prepared.proposal.transactions.push_back(std::move(candidates[i]));
    }
    return prepared;
}

std::optional<ProposalProblem> Chain::process(const Proposal& proposal) const {
    if (proposal.height.value != head_.height.value + 1) return ProposalProblem::wrong_height;
    if (proposal.time <= head_.time) return ProposalProblem::time_not_after_previous;
    if (proposal.transactions.size() > options_.block_transactions_max)
        return ProposalProblem::too_many_transactions;
    std::size_t bytes = 0;
    const std::uint64_t weight_max = block_weight_max();
    std::uint64_t weight = 0;
    std::set<base::TransactionId> seen;
    for (const Bytes& raw : proposal.transactions) {
        bytes += raw.size();
        if (bytes > options_.block_bytes_max) return ProposalProblem::too_many_bytes;
        const auto own_weight = rules_.check_bytes(raw, facts_.chain_id);
        if (!own_weight) return ProposalProblem::malformed_transaction;
        weight += *own_weight;
        if (weight > weight_max) return ProposalProblem::too_heavy;
        if (!seen.insert(transaction_id_of(raw)).second)
            return ProposalProblem::duplicate_transaction;
    }
    return std::nullopt;
}

const Finalized& Chain::finalize(const Proposal& proposal) {
    // What prepare executed is what finalize would execute; anything else is executed from the
    // head.
    const auto same = [&](const Working& working) {
        const auto& done = working.execution.transactions();
        return !working.sealed && working.execution.context().time == proposal.time &&
               done.size() == proposal.transactions.size() &&
               std::equal(done.begin(), done.end(), proposal.transactions.begin(),
                          [](const BlockTransaction& transaction, const Bytes& raw) {
                              return transaction.raw == raw;
                          });
    };
    if (!working_ || !same(*working_)) {
        Working& fresh = start(proposal.time);
        for (const Bytes& raw : proposal.transactions) fresh.execution.apply(raw);
    }
    Working& working = *working_;
    if (const auto dump = working.execution.end()) {
        std::fprintf(stderr, "ledger: %sThe process stops before the block is written.\n",
                     dump->c_str());
        std::abort();
    }
    cost_ = {};
    cost_.execute_us = working.since.us();
    const Stopwatch trees;
    working.sealed =
        seal(rules_, working.execution, head_, StoredTree(working.view), StoredLog(working.view));
    cost_.tree_us = trees.us();
    return working.sealed->finalized;
}

void Chain::commit() {
    ASSAY_CHECK(working_ && working_->sealed);
    const std::unique_ptr<Working> working = std::move(working_);
    write_block(working->execution.state().changes(), *working->sealed, {});
}

void Chain::write_block(const market::StateChanges& state, Sealed& sealed,
                        std::vector<StoreWrite> writes) {
    Block& block = sealed.finalized.block;
    Head& head = block.head;
    head.signature = key_.sign(kHeadDomain, facts_.chain_id,
                               head_message(head.height, head.time, head.app_hash));

    for (const auto& [key, value] : state) writes.push_back({Table::state, key, value});
    for (const auto& [key, record] : sealed.tree.records)
        writes.push_back({Table::tree, key, record});
    for (const auto& [place, hash] : sealed.log.records) {
        writes.push_back({Table::log, log_key(place), Bytes(hash.bytes.begin(), hash.bytes.end())});
    }
    for (const Receipt& receipt : sealed.finalized.receipts) {
        const ByteView id = receipt.id.view();
        writes.push_back({Table::results, Bytes(id.begin(), id.end()), encode_receipt(receipt)});
    }
    for (const StoredEvent& event : sealed.finalized.events) {
        writes.push_back({Table::events, event_key(event.cursor), encode_event(event)});
    }
    Bytes encoded = encode_block(block);
    cost_.block_bytes = encoded.size();
    cost_.state_writes = state.size();
    writes.push_back({Table::blocks, height_key(head.height), std::move(encoded)});
    writes.push_back({Table::meta, head_key(), encode_head(head)});
    const Stopwatch write;
    store_.write(writes);
    cost_.write_us = write.us();
    head_ = head;
}

std::uint64_t Chain::block_weight_max() const {
    const StoreView view = store_.view();
    return rules_.block_weight_max(StoredState(view));
}

std::optional<base::TimeMs> Chain::next_due() const {
    const StoreView view = store_.view();
    return rules_.next_due(StoredState(view), head_.time);
}

}  // namespace assay::ledger
