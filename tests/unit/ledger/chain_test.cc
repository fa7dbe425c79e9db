#include "chain.h"

#include <gtest/gtest.h>

#include "fake_rules.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using fake::Transfer;
using market::Refusal;

constexpr base::TimeMs kTime{fake::kGenesisTime + 1000};

/// A chain in a directory of its own, without a sequencer.
class Solitary {
  public:
    Solitary() : key_(fake::operator_key()) {
        options_.rules = &fake::rules();
        options_.block_transactions_max = 4;
        options_.block_bytes_max = 400;
        store_ = std::move(*Store::open(dir_.path(), Store::Mode::create_or_open));
        const Bytes genesis = fake::genesis();
        chain_ = std::move(*Chain::open(*store_, genesis, key_, options_));
    }
    Chain& chain() { return *chain_; }

  private:
    fake::TemporaryDirectory dir_;
    base::SecretKey key_;
    Options options_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Chain> chain_;
};

Proposal proposal_of(std::vector<Bytes> transactions) {
    return {{1}, kTime, std::move(transactions)};
}

TEST(ChainProcess, AcceptsWhatPrepareProposes) {
    Solitary solitary;
    const Prepared prepared =
        solitary.chain().prepare(kTime, {fake::encode({}), fake::encode({.nonce = 1})});
    EXPECT_EQ(prepared.included.size(), 2U);
    EXPECT_EQ(solitary.chain().process(prepared.proposal), std::nullopt);
}

TEST(ChainProcess, RejectsAnotherHeight) {
    Solitary solitary;
    EXPECT_EQ(solitary.chain().process({{2}, kTime, {}}), ProposalProblem::wrong_height);
    EXPECT_EQ(solitary.chain().process({{0}, kTime, {}}), ProposalProblem::wrong_height);
}

TEST(ChainProcess, RejectsATimeThatIsNotLater) {
    Solitary solitary;
    EXPECT_EQ(solitary.chain().process({{1}, {fake::kGenesisTime}, {}}),
              ProposalProblem::time_not_after_previous);
}

TEST(ChainProcess, RejectsTooManyTransactions) {
    Solitary solitary;
    const Bytes one = fake::encode({});
    EXPECT_EQ(solitary.chain().process(proposal_of({one, one, one, one, one})),
              ProposalProblem::too_many_transactions);
}

TEST(ChainProcess, RejectsTooManyBytes) {
    Solitary solitary;
    EXPECT_EQ(solitary.chain().process(proposal_of({Bytes(401)})), ProposalProblem::too_many_bytes);
}

TEST(ChainProcess, RejectsMalformedTransactions) {
    Solitary solitary;
    EXPECT_EQ(solitary.chain().process(proposal_of({Bytes{1}})),
              ProposalProblem::malformed_transaction);
    EXPECT_EQ(solitary.chain().process(proposal_of({fake::encode({}, fake::chain_id(3))})),
              ProposalProblem::malformed_transaction);
}

TEST(ChainProcess, RejectsATransactionTwice) {
    Solitary solitary;
    const Bytes one = fake::encode({});
    EXPECT_EQ(solitary.chain().process(proposal_of({one, one})),
              ProposalProblem::duplicate_transaction);
}

TEST(ChainProcess, RejectsTooMuchWeight) {
    Solitary solitary;
    const Bytes heavy = fake::encode({.to = fake::kHeavy});
    const Bytes heavy_too = fake::encode({.to = fake::kHeavy, .nonce = 1});
    EXPECT_EQ(solitary.chain().process(proposal_of({heavy})), std::nullopt);
    EXPECT_EQ(solitary.chain().process(proposal_of({heavy, heavy_too})),
              ProposalProblem::too_heavy);
    EXPECT_EQ(solitary.chain().process(proposal_of({fake::encode({.to = fake::kTooHeavy})})),
              ProposalProblem::too_heavy);
}

TEST(ChainPrepare, StopsAtTheWeightOfABlock) {
    Solitary solitary;
    const Prepared prepared = solitary.chain().prepare(
        kTime, {fake::encode({.to = fake::kTooHeavy}), fake::encode({.to = fake::kHeavy}),
                fake::encode({.to = fake::kHeavy, .nonce = 1})});
    EXPECT_EQ(prepared.included, (std::vector<std::size_t>{1}));
    ASSERT_EQ(prepared.left_out.size(), 1U);
    EXPECT_EQ(prepared.left_out[0].code, Refusal::oversize);
    EXPECT_EQ(solitary.chain().process(prepared.proposal), std::nullopt);
}

TEST(ChainPrepare, LeavesOutWhatTheRulesRefuseAndSaysWhy) {
    Solitary solitary;
    const Prepared prepared = solitary.chain().prepare(
        kTime, {fake::encode({.nonce = 1}), fake::encode({}),
                fake::encode({.nonce = 1, .spoil_seal = true}), fake::encode({.nonce = 1})});
    EXPECT_EQ(prepared.included, (std::vector<std::size_t>{1, 3}));
    ASSERT_EQ(prepared.left_out.size(), 2U);
    EXPECT_EQ(prepared.left_out[0].candidate, 0U);
    EXPECT_EQ(prepared.left_out[0].code, Refusal::wrong_nonce);
    EXPECT_EQ(prepared.left_out[1].candidate, 2U);
    EXPECT_EQ(prepared.left_out[1].code, Refusal::malformed);
}

TEST(ChainPrepare, StopsAtTheLimitsOfABlock) {
    Solitary solitary;
    std::vector<Bytes> candidates;
    for (std::uint64_t nonce = 0; nonce < 9; ++nonce)
        candidates.push_back(fake::encode({.nonce = nonce}));
    const Prepared prepared = solitary.chain().prepare(kTime, candidates);
    EXPECT_EQ(prepared.included.size(), 4U);
    EXPECT_TRUE(prepared.left_out.empty());
    EXPECT_EQ(solitary.chain().process(prepared.proposal), std::nullopt);
}

TEST(ChainFinalize, IsTheSameWithAndWithoutPrepare) {
    Solitary proposer, follower;
    std::vector<Bytes> candidates{fake::encode({.timer_delay_ms = 5}),
                                  fake::encode({.nonce = 1, .amount = 77})};
    const Prepared prepared = proposer.chain().prepare(kTime, candidates);
    const Finalized proposed = proposer.chain().finalize(prepared.proposal);
    // The follower had prepared something else before.
    follower.chain().prepare(kTime, {fake::encode({.amount = 9})});
    const Finalized followed = follower.chain().finalize(prepared.proposal);
    EXPECT_EQ(proposed.block, followed.block);
    EXPECT_EQ(proposed.receipts, followed.receipts);
    EXPECT_EQ(proposed.events, followed.events);
    proposer.chain().commit();
    follower.chain().commit();
    EXPECT_EQ(proposer.chain().head(), follower.chain().head());
}

TEST(ChainFinalize, ATransactionThatFailsInTheBlockPaysAndUsesItsNonce) {
    Solitary solitary;
    const Proposal proposal = proposal_of({fake::encode({.amount = fake::kSupply})});
    ASSERT_EQ(solitary.chain().process(proposal), std::nullopt);
    const Finalized finalized = solitary.chain().finalize(proposal);
    EXPECT_EQ(finalized.receipts.at(0).code, Refusal::insufficient_balance);
    EXPECT_EQ(finalized.receipts.at(0).fee.grains(), 1U);
    solitary.chain().commit();
    EXPECT_EQ(
        solitary.chain().prepare({kTime.value + 1}, {fake::encode({.nonce = 1})}).included.size(),
        1U);
}

TEST(ChainFinalize, WithoutCommitNothingLasts) {
    Solitary solitary;
    const Head before = solitary.chain().head();
    solitary.chain().finalize(proposal_of({fake::encode({})}));
    EXPECT_EQ(solitary.chain().head(), before);
    solitary.chain().abandon();
    EXPECT_EQ(solitary.chain().prepare(kTime, {fake::encode({})}).included.size(), 1U);
}

TEST(ChainFinalize, ABlockThatChangesNothingKeepsTheAppHash) {
    Solitary solitary;
    const Head before = solitary.chain().head();
    solitary.chain().finalize(proposal_of({}));
    solitary.chain().commit();
    EXPECT_EQ(solitary.chain().head().height.value, 1U);
    EXPECT_EQ(solitary.chain().head().app_hash, before.app_hash);
}

}  // namespace
}  // namespace assay::ledger
