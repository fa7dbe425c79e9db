#include "ledger/node.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "fake_rules.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using fake::Transfer;
using market::Refusal;

constexpr std::chrono::seconds kDeadline{20};

/// Collects outcomes and waits for them.
class Answers {
  public:
    std::function<void(const Outcome&)> taker() {
        return [this](const Outcome& outcome) {
            const std::lock_guard lock(mutex_);
            outcomes_.push_back(outcome);
            changed_.notify_all();
        };
    }
    std::vector<Outcome> wait(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, kDeadline, [&] { return outcomes_.size() >= count; }));
        return outcomes_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Outcome> outcomes_;
};

class NodeTest : public testing::Test {
  protected:
    Options options() {
        Options out;
        out.clock = &clock;
        out.rules = &fake::rules();
        return out;
    }
    std::unique_ptr<Node> open(Options given) {
        const Bytes genesis = fake::genesis();
        auto node = Node::open(dir.path(), genesis, fake::operator_key(), given);
        EXPECT_TRUE(node.has_value()) << (node ? "" : node.error().detail);
        return node ? std::move(*node) : nullptr;
    }
    std::unique_ptr<Node> open() { return open(options()); }

    static Outcome send(Node& node, const Bytes& raw) {
        Answers answers;
        node.submit(raw, answers.taker());
        return answers.wait(1).front();
    }
    static Outcome send(Node& node, const Transfer& transfer) {
        return send(node, fake::encode(transfer));
    }

    fake::TemporaryDirectory dir;
    fake::ManualClock clock;
};

OpenProblem problem_of(const tl::expected<std::unique_ptr<Node>, OpenError>& node) {
    EXPECT_FALSE(node.has_value());
    return node ? OpenProblem{} : node.error().problem;
}

TEST_F(NodeTest, StartsWithTheGenesisState) {
    const auto node = open();
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(snapshot.head().height.value, 0U);
    EXPECT_EQ(snapshot.head().time.value, fake::kGenesisTime);
    EXPECT_EQ(fake::balance(snapshot.state(), 5), fake::kSupply / 100);
    EXPECT_TRUE(verify_head(snapshot.head(), node->operator_key(), node->chain_id()));
    EXPECT_EQ(node->genesis(), fake::genesis());
    EXPECT_TRUE(snapshot.events(std::nullopt, 10).empty());
}

TEST_F(NodeTest, PutsATransactionInADurableBlock) {
    auto node = open();
    const Outcome outcome = send(*node, Transfer{.from = 1, .to = 2, .amount = 10});
    ASSERT_EQ(outcome.status, Outcome::Status::in_block);
    EXPECT_EQ(outcome.code, Refusal::none);
    ASSERT_TRUE(outcome.receipt);
    EXPECT_EQ(outcome.receipt->height.value, 1U);
    node.reset();

    node = open();
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(snapshot.head().height.value, 1U);
    EXPECT_EQ(fake::balance(snapshot.state(), 2), fake::kSupply / 100 + 10);
    EXPECT_EQ(snapshot.receipt(outcome.id), outcome.receipt);
    const auto block = snapshot.block({1});
    ASSERT_TRUE(block);
    ASSERT_EQ(block->transactions.size(), 1U);
    EXPECT_EQ(block->head, snapshot.head());
}

TEST_F(NodeTest, AnswersARepeatedTransactionWithItsFirstReceipt) {
    const auto node = open();
    const Outcome first = send(*node, Transfer{});
    const Outcome second = send(*node, Transfer{});
    EXPECT_EQ(second.status, Outcome::Status::in_block);
    EXPECT_EQ(second.receipt, first.receipt);
    EXPECT_EQ(node->snapshot().head().height.value, 1U);
}

TEST_F(NodeTest, RefusesMalformedBytesWithoutABlock) {
    const auto node = open();
    const Outcome outcome = send(*node, Bytes{1, 2, 3});
    EXPECT_EQ(outcome.status, Outcome::Status::refused);
    EXPECT_EQ(outcome.code, Refusal::malformed);
    EXPECT_FALSE(outcome.receipt);
    EXPECT_EQ(node->snapshot().head().height.value, 0U);
}

TEST_F(NodeTest, RefusesATransactionOfAnotherChain) {
    const auto node = open();
    const Outcome outcome = send(*node, fake::encode(Transfer{}, fake::chain_id(9)));
    EXPECT_EQ(outcome.status, Outcome::Status::refused);
    EXPECT_EQ(outcome.code, Refusal::wrong_chain);
}

TEST_F(NodeTest, NeverPutsAWrongSealOrNonceInABlock) {
    const auto node = open();
    EXPECT_EQ(send(*node, Transfer{.spoil_seal = true}).code, Refusal::malformed);
    EXPECT_EQ(send(*node, Transfer{.nonce = 1}).code, Refusal::wrong_nonce);
    EXPECT_EQ(node->snapshot().head().height.value, 0U);
    EXPECT_EQ(node->metrics().refused_at_admission, 2U);
    // What was refused for its nonce may be sent again when its turn has come.
    EXPECT_EQ(send(*node, Transfer{.nonce = 0}).status, Outcome::Status::in_block);
    EXPECT_EQ(send(*node, Transfer{.nonce = 1}).status, Outcome::Status::in_block);
}

TEST_F(NodeTest, RefusesWhatTheHeadCannotPay) {
    const auto node = open();
    const Outcome outcome = send(*node, Transfer{.amount = fake::kSupply});
    EXPECT_EQ(outcome.status, Outcome::Status::refused);
    EXPECT_EQ(outcome.code, Refusal::insufficient_balance);
    EXPECT_EQ(fake::nonce(node->snapshot().state(), 1), 0U);
}

TEST_F(NodeTest, AdmitsNoncesThatBuildOnQueuedOnes) {
    const auto node = open();
    Answers answers;
    for (std::uint64_t nonce = 0; nonce < 50; ++nonce)
        node->submit(fake::encode(Transfer{.nonce = nonce}), answers.taker());
    for (const Outcome& outcome : answers.wait(50))
        EXPECT_EQ(outcome.status, Outcome::Status::in_block);
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(fake::nonce(snapshot.state(), 1), 50U);
    EXPECT_EQ(snapshot.head().log_size, 50U);
}

TEST_F(NodeTest, OneTransactionSubmittedTwiceAtOnceIsAppliedOnce) {
    const auto node = open();
    Answers answers;
    for (int i = 0; i < 8; ++i) node->submit(fake::encode(Transfer{}), answers.taker());
    for (const Outcome& outcome : answers.wait(8)) {
        EXPECT_EQ(outcome.status, Outcome::Status::in_block);
        EXPECT_EQ(outcome.receipt->height.value, 1U);
    }
    EXPECT_EQ(fake::nonce(node->snapshot().state(), 1), 1U);
}

TEST_F(NodeTest, SaysBusyWhenTheQueueIsFull) {
    Options small = options();
    small.queue_transactions_max = 0;
    const auto node = open(small);
    EXPECT_EQ(send(*node, Transfer{}).status, Outcome::Status::busy);
    EXPECT_EQ(node->metrics().refused_busy, 1U);
}

TEST_F(NodeTest, CutsBlocksAtTheirLimits) {
    Options small = options();
    small.block_transactions_max = 3;
    const auto node = open(small);
    Answers answers;
    for (std::uint64_t nonce = 0; nonce < 10; ++nonce)
        node->submit(fake::encode(Transfer{.nonce = nonce}), answers.taker());
    answers.wait(10);
    const Snapshot snapshot = node->snapshot();
    EXPECT_GE(snapshot.head().height.value, 4U);
    for (std::uint64_t height = 1; height <= snapshot.head().height.value; ++height) {
        EXPECT_LE(snapshot.block({height})->transactions.size(), 3U);
    }
}

TEST_F(NodeTest, CutsBlocksAtTheirWeight) {
    const auto node = open();
    Answers answers;
    for (std::uint64_t nonce = 0; nonce < 3; ++nonce)
        node->submit(fake::encode({.to = fake::kHeavy, .nonce = nonce}), answers.taker());
    for (const Outcome& outcome : answers.wait(3))
        EXPECT_EQ(outcome.status, Outcome::Status::in_block);
    EXPECT_EQ(node->snapshot().head().height.value, 3U);
    const Outcome refused = send(*node, Transfer{.to = fake::kTooHeavy, .nonce = 3});
    EXPECT_EQ(refused.status, Outcome::Status::refused);
    EXPECT_EQ(refused.code, Refusal::oversize);
    EXPECT_EQ(node->snapshot().head().height.value, 3U);
}

TEST_F(NodeTest, AnswersStoppedAfterShutdown) {
    const auto node = open();
    node->shutdown();
    EXPECT_EQ(send(*node, Transfer{}).status, Outcome::Status::stopped);
    EXPECT_FALSE(node->wait_above({5}, std::chrono::milliseconds(20'000)));
    node->shutdown();
}

TEST_F(NodeTest, MakesNoBlockWithoutTransactionsAndTimers) {
    const auto node = open();
    clock.advance(1'000'000);
    node->wake();
    send(*node, Transfer{});  // the writer has looked at the clock before it gets here
    EXPECT_EQ(node->snapshot().head().height.value, 1U);
}

TEST_F(NodeTest, MakesABlockWhenATimerIsDue) {
    const auto node = open();
    send(*node, Transfer{.timer_delay_ms = 700});
    clock.advance(701);
    node->wake();
    ASSERT_TRUE(node->wait_above({1}, kDeadline));
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(snapshot.head().height.value, 2U);
    EXPECT_EQ(snapshot.block({2})->transactions.size(), 0U);
    const auto events = snapshot.events(std::nullopt, 10);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1].event.kind, "timer_fired");
    EXPECT_EQ(events[1].cursor, (EventCursor{{2}, 0}));
}

TEST_F(NodeTest, MakesABlockEveryIntervalWhileATimerIsPending) {
    const auto node = open();
    send(*node, Transfer{.timer_delay_ms = 60'000});
    for (std::uint64_t height = 1; height < 4; ++height) {
        clock.advance(5'001);
        node->wake();
        ASSERT_TRUE(node->wait_above({height}, kDeadline));
    }
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(snapshot.head().height.value, 4U);
    // Such a block changes nothing: the app hash stays.
    EXPECT_EQ(snapshot.head().app_hash, snapshot.block({1})->head.app_hash);
}

TEST_F(NodeTest, BlockTimesGrowThoughTheClockStands) {
    const auto node = open();
    for (std::uint64_t nonce = 0; nonce < 5; ++nonce) send(*node, Transfer{.nonce = nonce});
    const Snapshot snapshot = node->snapshot();
    EXPECT_EQ(snapshot.head().time.value, fake::kGenesisTime + 5);
}

TEST_F(NodeTest, ASnapshotDoesNotSeeLaterBlocks) {
    const auto node = open();
    const Snapshot before = node->snapshot();
    send(*node, Transfer{.amount = 10});
    EXPECT_EQ(fake::balance(before.state(), 2), fake::kSupply / 100);
    EXPECT_EQ(before.head().height.value, 0U);
    EXPECT_FALSE(before.block({1}));
    EXPECT_EQ(fake::balance(node->snapshot().state(), 2), fake::kSupply / 100 + 10);
}

TEST_F(NodeTest, ProvesEntriesAndTheirAbsence) {
    const auto node = open();
    send(*node, Transfer{.amount = 10});
    const Snapshot snapshot = node->snapshot();
    const base::Hash& root = snapshot.head().state_root;
    for (unsigned account = 0; account < 256; ++account) {
        const Bytes key = fake::balance_key(static_cast<std::uint8_t>(account));
        const auto value = snapshot.state().get(key);
        const base::StateProof proof = snapshot.state_proof(key);
        const auto shown = value ? std::optional<base::ByteView>(*value) : std::nullopt;
        EXPECT_TRUE(base::state_verify(root, key, shown, proof)) << account;
        const Bytes other{1, 2, 3};
        EXPECT_FALSE(base::state_verify(root, key, base::ByteView(other), proof)) << account;
        EXPECT_FALSE(base::state_verify(snapshot.block({0})->head.state_root, key, shown, proof))
            << account;
    }
}

TEST_F(NodeTest, ProvesReceiptsAndGrowthOfTheLog) {
    const auto node = open();
    std::vector<Receipt> receipts;
    for (std::uint64_t nonce = 0; nonce < 13; ++nonce)
        receipts.push_back(*send(*node, Transfer{.nonce = nonce}).receipt);
    const Snapshot snapshot = node->snapshot();
    const Head& head = snapshot.head();
    ASSERT_EQ(head.log_size, 13U);
    for (const Receipt& receipt : receipts) {
        const base::Hash leaf =
            base::merkle_leaf(base::MerkleFamily::sha256, encode_receipt(receipt));
        const auto proof = snapshot.receipt_inclusion(receipt.log_index, head.log_size);
        ASSERT_TRUE(proof);
        EXPECT_TRUE(base::merkle_verify(base::MerkleFamily::sha256, leaf, *proof, head.log_root));
    }
    for (std::uint64_t height = 1; height <= head.height.value; ++height) {
        const Head old = snapshot.block({height})->head;
        const auto proof = snapshot.receipt_consistency(old.log_size, head.log_size);
        ASSERT_TRUE(proof);
        EXPECT_TRUE(base::consistency_verify(base::MerkleFamily::sha256, old.log_size, old.log_root,
                                             head.log_size, head.log_root, *proof));
    }
    EXPECT_FALSE(snapshot.receipt_inclusion(13, 13));
    EXPECT_FALSE(snapshot.receipt_inclusion(0, 14));
    EXPECT_FALSE(snapshot.receipt_consistency(0, 13));
    EXPECT_FALSE(snapshot.receipt_consistency(5, 4));
    EXPECT_FALSE(snapshot.receipt_consistency(5, 14));
}

TEST_F(NodeTest, ReadsEventsByCursorWithoutGaps) {
    const auto node = open();
    for (std::uint64_t nonce = 0; nonce < 7; ++nonce) send(*node, Transfer{.nonce = nonce});
    const Snapshot snapshot = node->snapshot();
    std::optional<EventCursor> cursor;
    std::size_t read = 0;
    while (true) {
        const auto page = snapshot.events(cursor, 3);
        if (page.empty()) break;
        EXPECT_LE(page.size(), 3U);
        for (const StoredEvent& event : page) {
            EXPECT_EQ(event.cursor, (EventCursor{{read + 1}, 0}));
            ++read;
        }
        cursor = page.back().cursor;
    }
    EXPECT_EQ(read, 7U);
    EXPECT_TRUE(snapshot.events(EventCursor{{100}, 0}, 10).empty());
    EXPECT_TRUE(snapshot.events(std::nullopt, 0).empty());
}

TEST_F(NodeTest, TellsSubscribersAboutEachBlock) {
    const auto node = open();
    std::mutex mutex;
    std::vector<std::uint64_t> heights;
    auto subscription = node->subscribe([&](const Head& head) {
        const std::lock_guard lock(mutex);
        heights.push_back(head.height.value);
    });
    send(*node, Transfer{.nonce = 0});
    send(*node, Transfer{.nonce = 1});
    send(*node, Transfer{.nonce = 2});
    { const Node::Subscription ended = std::move(subscription); }
    send(*node, Transfer{.nonce = 3});
    const std::lock_guard lock(mutex);
    EXPECT_GE(heights.size(), 2U);
    for (std::size_t i = 0; i < heights.size(); ++i) EXPECT_EQ(heights[i], i + 1);
    EXPECT_LE(heights.size(), 3U);
}

TEST_F(NodeTest, ManyThreadsMaySubmit) {
    const auto node = open();
    Answers answers;
    {
        std::vector<std::jthread> threads;
        for (std::uint8_t account = 1; account <= 4; ++account) {
            threads.emplace_back([&node, &answers, account] {
                for (std::uint64_t nonce = 0; nonce < 25; ++nonce) {
                    node->submit(fake::encode(Transfer{.from = account, .to = 90, .nonce = nonce}),
                                 answers.taker());
                }
            });
        }
    }
    for (const Outcome& outcome : answers.wait(100))
        EXPECT_EQ(outcome.status, Outcome::Status::in_block);
    const Metrics metrics = node->metrics();
    EXPECT_EQ(metrics.transactions, 100U);
    EXPECT_EQ(metrics.queue_transactions, 0U);
    EXPECT_LE(metrics.blocks, 100U);
    EXPECT_EQ(fake::balance(node->snapshot().state(), 90), fake::kSupply / 100 + 100);
}

TEST_F(NodeTest, RefusesASecondOwner) {
    const auto node = open();
    const Bytes genesis = fake::genesis();
    EXPECT_EQ(problem_of(Node::open(dir.path(), genesis, fake::operator_key(), options())),
              OpenProblem::already_open);
    EXPECT_EQ(problem_of(Node::open(dir.path(), std::nullopt, fake::operator_key(), options())),
              OpenProblem::already_open);
}

TEST_F(NodeTest, RefusesAnEmptyDirectoryWithoutGenesis) {
    EXPECT_EQ(problem_of(Node::open(dir.path(), std::nullopt, fake::operator_key(), options())),
              OpenProblem::not_found);
    EXPECT_FALSE(std::filesystem::exists(dir.path() / "db"));
}

TEST_F(NodeTest, RefusesAnotherGenesis) {
    open();
    const Bytes other = fake::genesis(1);
    EXPECT_EQ(problem_of(Node::open(dir.path(), other, fake::operator_key(), options())),
              OpenProblem::wrong_genesis);
    const Bytes malformed{9};
    const fake::TemporaryDirectory fresh;
    EXPECT_EQ(problem_of(Node::open(fresh.path(), malformed, fake::operator_key(), options())),
              OpenProblem::wrong_genesis);
}

TEST_F(NodeTest, RefusesAnotherOperatorKey) {
    open();
    EXPECT_EQ(problem_of(Node::open(dir.path(), std::nullopt, fake::operator_key(8), options())),
              OpenProblem::wrong_operator);
    EXPECT_TRUE(Node::open(dir.path(), std::nullopt, fake::operator_key(), options()).has_value());
}

using NodeDeathTest = NodeTest;

TEST_F(NodeDeathTest, StopsBeforeMadeMoneyIsWritten) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            const auto node = open();
            send(*node, Transfer{.make_money = true});
        },
        "block 1 makes 1 grains");
}

}  // namespace
}  // namespace assay::ledger
