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

class MarketNodeTest : public testing::Test {
  protected:
    void SetUp() override {
        genesis_.chain_name = "node-test";
        genesis_.time = clock_.now();
        genesis_.operator_key = fake::operator_key().public_key();
        genesis_.insurance = Amount::of(1'000'000);
        genesis_.parameters = market::demo_parameters();
        genesis_.parameters.judgement = market::Judgement::vote;
        market::GenesisAccount account;
        account.cold = account.hot = account.vrf = key_.public_key();
        account.balance = Amount::of(1'000'000'000'000);
        account.worker_stake = Amount::of(5'000'000'000);
        genesis_.accounts = {account};
        ASSERT_EQ(market::check_genesis(genesis_), std::nullopt);
        chain_ = market::chain_id(genesis_);
        account_ = market::account_id(chain_, key_.public_key());
        open();
    }
    void open() {
        Options options;
        options.clock = &clock_;
        const Bytes bytes = market::encode_genesis(genesis_);
        auto node = Node::open(dir_.path(), bytes, fake::operator_key(), options);
        ASSERT_TRUE(node.has_value()) << node.error().detail;
        node_ = std::move(*node);
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
        node_->submit(market::build_transaction(header, message, key_), [&](const Outcome& outcome) {
            const std::lock_guard lock(mutex);
            out = outcome;
            changed.notify_all();
        });
        std::unique_lock lock(mutex);
        EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return out.has_value(); }));
        return out.value_or(Outcome{});
    }

    fake::TemporaryDirectory dir_;
    fake::ManualClock clock_;
    base::SecretKey key_ = base::SecretKey::from_seed(Bytes(32, 3));
    market::Genesis genesis_;
    base::Hash chain_;
    base::AccountId account_;
    std::unique_ptr<Node> node_;
};

TEST_F(MarketNodeTest, RunsTransfersAndReplays) {
    EXPECT_EQ(node_->chain_id(), chain_);
    const market::Transfer transfer{market::system_account(market::SystemAccount::insurance), Amount::of(5)};
    const Outcome refused = send(transfer, 0);
    EXPECT_EQ(refused.status, Outcome::Status::refused);
    const base::AccountId friend_id = market::account_id(chain_, base::SecretKey::from_seed(Bytes(32, 4)).public_key());
    for (std::uint64_t nonce = 0; nonce < 5; ++nonce) {
        const Outcome outcome = send(market::Transfer{friend_id, Amount::of(1000)}, nonce);
        ASSERT_EQ(outcome.status, Outcome::Status::in_block) << market::to_word(outcome.code);
        ASSERT_EQ(outcome.code, Refusal::none) << market::to_word(outcome.code);
        EXPECT_GT(outcome.receipt->fee.grains(), 0U);
    }
    EXPECT_EQ(send(market::Transfer{friend_id, Amount::of(1)}, 2).code, Refusal::wrong_nonce);
    {
        const Snapshot snapshot = node_->snapshot();
        EXPECT_EQ(market::balance_of(snapshot.state(), friend_id).grains(), 5000U);
        EXPECT_EQ(market::total_supply(snapshot.state()), market::genesis_supply(genesis_));
        const Bytes key = market::account_key(friend_id);
        const Bytes value = *snapshot.state().get(key);
        EXPECT_TRUE(base::state_verify(snapshot.head().state_root, key, base::ByteView(value), snapshot.state_proof(key)));
    }
    node_.reset();
    const auto report = verify_chain(dir_.path(), {});
    ASSERT_TRUE(report.has_value()) << report.error();
    EXPECT_EQ(report->transactions, 5U);
}

TEST_F(MarketNodeTest, TimersOfTheMarketMakeBlocks) {
    const Amount stake = Amount::of(1'000'000);
    ASSERT_EQ(send(market::StakeUnbond{market::Role::worker, stake}, 0).code, Refusal::none);
    const Amount before = market::balance_of(node_->snapshot().state(), account_);
    // Live time advances by at most five seconds a block, so the node has to keep making blocks until the entry matures.
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
    EXPECT_TRUE(verify_chain(dir_.path(), {}).has_value());
    open();
    EXPECT_EQ(market::balance_of(node_->snapshot().state(), account_), before + stake);
}

TEST_F(MarketNodeTest, RefusesAnOperatorThatTheGenesisDoesNotName) {
    node_.reset();
    Options options;
    options.clock = &clock_;
    const auto node = Node::open(dir_.path(), std::nullopt, fake::operator_key(8), options);
    ASSERT_FALSE(node.has_value());
    EXPECT_EQ(node.error().problem, OpenProblem::wrong_operator);
}

/// Never asked in these tests: what counts is that there is one.
class NoGame : public market::Referee {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(const market::JobSpec&, base::ByteView) const override {
        return tl::unexpected(market::SpecError{"(bytes)", "never asked"});
    }
    [[nodiscard]] market::GameStatus open(const market::GameSubject&) const override { return {}; }
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(base::ByteView, market::Side, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] market::QuestionStatus open_question(const market::QuestionSubject&) const override { return {}; }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(base::ByteView, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(base::ByteView, std::uint32_t) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(base::ByteView, std::uint64_t, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject&) const override { return 0; }
};

TEST_F(MarketNodeTest, AGenesisWithARefereeIsNotOpenedWithoutOne) {
    genesis_.parameters.judgement = market::Judgement::referee;
    const Bytes bytes = market::encode_genesis(genesis_);
    const fake::TemporaryDirectory dir;
    Options options;
    options.clock = &clock_;
    const auto refused = [&] {
        const auto node = Node::open(dir.path(), bytes, fake::operator_key(), options);
        return !node && node.error().problem == OpenProblem::no_referee;
    };
    EXPECT_TRUE(refused());
    const NoGame referee;
    const RuleSet rules = market_rules(referee);
    {
        Options with = options;
        with.rules = &rules;
        const auto node = Node::open(dir.path(), bytes, fake::operator_key(), with);
        ASSERT_TRUE(node.has_value()) << node.error().detail;
        EXPECT_EQ((*node)->snapshot().next_block(clock_.now()).referee, &referee);
    }
    EXPECT_TRUE(refused());
    EXPECT_TRUE(verify_chain(dir.path(), {}, rules).has_value());
    EXPECT_FALSE(verify_chain(dir.path(), {}).has_value());
}

}  // namespace
}  // namespace assay::ledger
