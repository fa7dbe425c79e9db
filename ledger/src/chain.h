#pragma once

#include <memory>
#include <optional>

#include "execution.h"
#include "ledger/engine.h"
#include "ledger/options.h"
#include "records.h"
#include "store.h"

namespace assay::ledger {

/// The application over the store: executes proposals with the rules and commits each block in one
/// write. One thread.
class Chain : public Application {
  public:
    /// Opens the chain of the store, or writes the genesis block into an empty one. `store`, `key`
    /// and the options' rules outlive it.
    static tl::expected<std::unique_ptr<Chain>, OpenError> open(
        Store& store, std::optional<base::ByteView> genesis, const base::SecretKey& key,
        const Options& options);

    ~Chain() override;
    [[nodiscard]] const Head& head() const override { return head_; }
    Prepared prepare(base::TimeMs time, std::vector<base::Bytes> candidates) override;
    [[nodiscard]] std::optional<ProposalProblem> process(const Proposal& proposal) const override;
    const Finalized& finalize(const Proposal& proposal) override;
    void commit() override;

    /// Forgets what prepare or finalize did.
    void abandon();
    [[nodiscard]] const GenesisFacts& facts() const { return facts_; }
    /// What the transactions of the next block may weigh together.
    [[nodiscard]] std::uint64_t block_weight_max() const;
    /// When the earliest pending timer is due, in block time, if any is pending.
    [[nodiscard]] std::optional<base::TimeMs> next_due() const;

    struct CommitCost {
        std::uint64_t execute_us = 0, tree_us = 0, write_us = 0, state_writes = 0, block_bytes = 0;
    };
    /// Of the last committed block.
    [[nodiscard]] const CommitCost& cost() const { return cost_; }

  private:
    struct Working;
    Chain(Store& store, const base::SecretKey& key, const Options& options);
    std::optional<OpenError> begin(base::ByteView genesis);
    std::optional<OpenError> resume(std::optional<base::ByteView> genesis);
    [[nodiscard]] OpenError wrong_operator() const;
    [[nodiscard]] std::optional<std::string> contradiction(const StoreView& view) const;
    void write_block(const market::StateChanges& state, Sealed& sealed,
                     std::vector<StoreWrite> writes);
    Working& start(base::TimeMs time);

    Store& store_;
    const base::SecretKey& key_;
    const Options& options_;
    const RuleSet& rules_;
    GenesisFacts facts_;
    Head head_;
    std::unique_ptr<Working> working_;
    CommitCost cost_;
};

}  // namespace assay::ledger
