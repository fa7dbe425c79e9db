#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "fake_rules.h"
#include "ledger/node.h"
#include "market/genesis.h"
#include "market/queries.h"
#include "market/tables.h"
#include "market/transactions.h"

/// The node with the rules of the market.
namespace assay::ledger {
namespace {

using base::Amount;
using base::Bytes;
using market::Refusal;

/// Never asked in these tests.
class NoReferee : public market::Referee {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec&, base::ByteView) const override {
        return tl::unexpected(market::SpecError{"", "no job is posted here"});
    }
    [[nodiscard]] market::QuestionStatus open_question(
        const market::QuestionSubject&) const override {
        return {};
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(
        base::ByteView, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(
        base::ByteView, std::uint32_t) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(
        base::ByteView, std::uint64_t, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject&) const override {
        return 0;
    }
    [[nodiscard]] market::GameStatus open(const market::GameSubject&) const override { return {}; }
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(
        base::ByteView, market::Side, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
};

class MarketNodeTest : public testing::Test {
  protected:
    void SetUp() override {
        genesis_.chain_name = "node-test";
        genesis_.time = clock_.now();
        genesis_.operator_key = fake::operator_key().public_key();
        genesis_.parameters = market::demo_parameters();
        market::GenesisAccount account;
        account.cold = account.hot = account.vrf = key_.public_key();
        account.balance = Amount::of(1'000'000'000'000);
        account.worker_stake = Amount::of(5'000'000'000);
        genesis_.accounts = {account};
        ASSERT_EQ(market::check_genesis(genesis_), std::nullopt);
        chain_ = market::chain_id(genesis_);
        account_ = market::account_id(chain_, key_.public_key());
        friend_ = market::account_id(chain_, base::SecretKey::from_seed(Bytes(32, 4)).public_key());
        open();
    }
    void open() {
        Options options;
        options.clock = &clock_;
        options.rules = &rules_;
        const Bytes bytes = market::encode_genesis(genesis_);
        auto node = Node::open(dir_.path(), bytes, fake::operator_key(), options);
        ASSERT_TRUE(node.has_value()) << node.error().detail;
        node_ = std::move(*node);
    }
    /// Another genesis, another chain.
    void restart() {
        node_.reset();
        std::filesystem::remove_all(dir_.path());
        chain_ = market::chain_id(genesis_);
        account_ = market::account_id(chain_, key_.public_key());
        friend_ = market::account_id(chain_, base::SecretKey::from_seed(Bytes(32, 4)).public_key());
        open();
    }
    Outcome send(const market::Message& message, std::uint64_t nonce) {
        market::TransactionHeader header;
        header.chain_id = chain_;
        header.account = account_;
        header.nonce = nonce;
        header.valid_until = {1000};
        header.fee_limit = Amount::of(1'000'000'000);
        std::mutex mutex;
        std::condition_variable changed;
        std::optional<Outcome> out;
        node_->submit(market::build_transaction(header, message, key_),
                      [&](const Outcome& outcome) {
                          const std::lock_guard lock(mutex);
                          out = outcome;
                          changed.notify_all();
                      });
        std::unique_lock lock(mutex);
        EXPECT_TRUE(
            changed.wait_for(lock, std::chrono::seconds(20), [&] { return out.has_value(); }));
        return out.value_or(Outcome{});
    }

    fake::TemporaryDirectory dir_;
    fake::ManualClock clock_;
    base::SecretKey key_ = base::SecretKey::from_seed(Bytes(32, 3));
    market::Genesis genesis_;
    base::Hash chain_;
    base::AccountId account_, friend_;
    const NoReferee referee_;
    const RuleSet rules_ = market_rules(referee_);
    std::unique_ptr<Node> node_;
};

TEST_F(MarketNodeTest, RunsTransfersAndReplays) {
    EXPECT_EQ(node_->chain_id(), chain_);
    const market::Transfer transfer{market::system_account(market::SystemAccount::burned),
                                    Amount::of(5)};
    const Outcome refused = send(transfer, 0);
    EXPECT_EQ(refused.status, Outcome::Status::refused);
    for (std::uint64_t nonce = 0; nonce < 5; ++nonce) {
        const Outcome outcome = send(market::Transfer{friend_, Amount::of(1000)}, nonce);
        ASSERT_EQ(outcome.status, Outcome::Status::in_block) << market::to_word(outcome.code);
        ASSERT_EQ(outcome.code, Refusal::none) << market::to_word(outcome.code);
        EXPECT_GT(outcome.receipt->fee.grains(), 0U);
    }
    EXPECT_EQ(send(market::Transfer{friend_, Amount::of(1)}, 2).code, Refusal::wrong_nonce);
    {
        const Snapshot snapshot = node_->snapshot();
        EXPECT_EQ(market::balance_of(snapshot.state(), friend_).grains(), 5000U);
        EXPECT_EQ(market::total_supply(snapshot.state()), market::genesis_supply(genesis_));
        const Bytes key = market::account_key(friend_);
        const Bytes value = *snapshot.state().get(key);
        EXPECT_TRUE(base::state_verify(snapshot.head().state_root, key, base::ByteView(value),
                                       snapshot.state_proof(key)));
    }
    node_.reset();
    const auto report = verify_chain(dir_.path(), {}, rules_);
    ASSERT_TRUE(report.has_value()) << report.error();
    EXPECT_EQ(report->transactions, 5U);
}

TEST_F(MarketNodeTest, TimersOfTheMarketMakeBlocks) {
    const Amount stake = Amount::of(1'000'000);
    ASSERT_EQ(send(market::StakeUnbond{market::Role::worker, stake}, 0).code, Refusal::none);
    const Amount before = market::balance_of(node_->snapshot().state(), account_);
    // Live time advances by at most five seconds a block, so the node has to keep making blocks
    // until the entry matures.
    const std::uint64_t steps_max = genesis_.parameters.unbonding_ms / 5000 + 1;
    std::uint64_t steps = 0;
    while (market::balance_of(node_->snapshot().state(), account_) == before && steps < steps_max) {
        const base::Height height = node_->snapshot().head().height;
        clock_.advance(5001);
        node_->wake();
        ASSERT_TRUE(node_->wait_above(height, std::chrono::seconds(20))) << steps;
        ++steps;
    }
    EXPECT_GE(steps, genesis_.parameters.unbonding_ms / 5001);
    EXPECT_EQ(market::balance_of(node_->snapshot().state(), account_), before + stake);
    node_.reset();
    EXPECT_TRUE(verify_chain(dir_.path(), {}, rules_).has_value());
    open();
    EXPECT_EQ(market::balance_of(node_->snapshot().state(), account_), before + stake);
}

TEST_F(MarketNodeTest, RefusesAnOperatorThatTheGenesisDoesNotName) {
    node_.reset();
    Options options;
    options.clock = &clock_;
    options.rules = &rules_;
    const auto node = Node::open(dir_.path(), std::nullopt, fake::operator_key(8), options);
    ASSERT_FALSE(node.has_value());
    EXPECT_EQ(node.error().problem, OpenProblem::wrong_operator);
}

TEST_F(MarketNodeTest, BlocksCarryTheLogBeforeThem) {
    ASSERT_EQ(send(market::Transfer{friend_, Amount::of(1)}, 0).code, Refusal::none);
    const Snapshot snapshot = node_->snapshot();
    const market::BlockContext next = snapshot.next_block(clock_.now());
    EXPECT_EQ(next.log_size, 1U);
    EXPECT_EQ(next.log_size, snapshot.head().log_size);
    EXPECT_EQ(next.log_root, snapshot.head().log_root);
    EXPECT_EQ(next.referee, &referee_);
}

/// Two unbondings are due and a block sweeps one timer: what needs both is not let into the block
/// that has seen only one.
TEST_F(MarketNodeTest, AdmissionSweepsNothingThatTheBlockHasNotSwept) {
    genesis_.parameters.timers_per_block_max = 1;
    genesis_.parameters.live_step_ms_max = 2 * genesis_.parameters.unbonding_ms;
    genesis_.accounts[0].balance = Amount::of(1'000'000);
    restart();
    for (std::uint64_t nonce = 0; nonce < 2; ++nonce)
        ASSERT_EQ(
            send(market::StakeUnbond{market::Role::worker, Amount::of(1'000'000'000)}, nonce).code,
            Refusal::none);
    clock_.advance(genesis_.parameters.unbonding_ms + 1000);
    const Outcome outcome = send(market::Transfer{friend_, Amount::of(1'500'000'000)}, 2);
    EXPECT_EQ(outcome.status, Outcome::Status::refused) << market::to_word(outcome.code);
    EXPECT_EQ(outcome.code, Refusal::insufficient_balance);
}

}  // namespace
}  // namespace assay::ledger
