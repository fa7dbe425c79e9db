#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "fake_rules.h"
#include "ledger/node.h"
#include "records.h"
#include "store.h"

namespace assay::ledger {
namespace {

using base::Bytes;
using fake::Transfer;

class VerifyTest : public testing::Test {
  protected:
    void make_chain() {
        Options options;
        options.clock = &clock;
        options.rules = &fake::rules();
        const Bytes genesis = fake::genesis();
        auto node = Node::open(dir.path(), genesis, fake::operator_key(), options);
        ASSERT_TRUE(node.has_value());
        for (std::uint64_t nonce = 0; nonce < 12; ++nonce) {
            std::mutex mutex;
            std::condition_variable changed;
            bool done = false;
            (*node)->submit(fake::encode(Transfer{
                                .nonce = nonce, .amount = nonce, .timer_delay_ms = nonce % 3}),
                            [&](const Outcome& outcome) {
                                const std::lock_guard lock(mutex);
                                EXPECT_EQ(outcome.status, Outcome::Status::in_block);
                                done = true;
                                changed.notify_all();
                            });
            std::unique_lock lock(mutex);
            ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return done; }));
        }
    }
    tl::expected<VerifyReport, std::string> verify() {
        return verify_chain(dir.path(), {}, fake::rules());
    }

    /// Changes one record behind the node's back.
    void change(Table table, const Bytes& key, std::optional<Bytes> value) {
        auto store = Store::open(dir.path(), Store::Mode::open);
        ASSERT_TRUE(store.has_value());
        (*store)->write({{table, key, std::move(value)}});
    }
    Bytes read(Table table, const Bytes& key) {
        auto store = Store::open(dir.path(), Store::Mode::open);
        EXPECT_TRUE(store.has_value());
        const auto value = (*store)->get(table, key);
        EXPECT_TRUE(value.has_value());
        return value.value_or(Bytes{});
    }
    /// The first key of a table.
    Bytes first(Table table) {
        auto store = Store::open(dir.path(), Store::Mode::open);
        EXPECT_TRUE(store.has_value());
        return (*store)->view().seek(table, {}, {})->first;
    }
    void expect_found(const std::string& words) {
        const auto report = verify();
        ASSERT_FALSE(report.has_value());
        EXPECT_NE(report.error().find(words), std::string::npos) << report.error();
    }

    fake::TemporaryDirectory dir;
    fake::ManualClock clock;
};

TEST_F(VerifyTest, AcceptsAnHonestChain) {
    make_chain();
    std::uint64_t last = 0;
    const auto report = verify_chain(
        dir.path(), [&](const VerifyProgress& progress) { last = progress.height; }, fake::rules());
    ASSERT_TRUE(report.has_value()) << report.error();
    EXPECT_EQ(report->transactions, 12U);
    EXPECT_EQ(report->blocks, report->head.height.value);
    EXPECT_EQ(last, report->blocks);
    EXPECT_GE(report->events, 12U);
    EXPECT_GT(report->state_entries, 100U);
}

TEST_F(VerifyTest, RefusesAnEmptyDirectory) { EXPECT_FALSE(verify().has_value()); }

TEST_F(VerifyTest, FindsAChangedStateEntry) {
    make_chain();
    change(Table::state, fake::balance_key(50), Bytes(8, 1));
    expect_found("table state differs");
}

TEST_F(VerifyTest, FindsAnAddedStateEntry) {
    make_chain();
    change(Table::state, Bytes{'z'}, Bytes{1});
    expect_found("table state differs");
}

TEST_F(VerifyTest, FindsAMissingStateEntry) {
    make_chain();
    change(Table::state, fake::balance_key(50), std::nullopt);
    expect_found("table state");
}

TEST_F(VerifyTest, FindsAChangedTreeRecord) {
    make_chain();
    const Bytes key = first(Table::tree);
    Bytes record = read(Table::tree, key);
    record.back() ^= 1;
    change(Table::tree, key, record);
    expect_found("table tree differs");
}

TEST_F(VerifyTest, FindsAChangedEvent) {
    make_chain();
    const Bytes key = event_key({{3}, 0});
    Bytes event = read(Table::events, key);
    event.back() ^= 1;
    change(Table::events, key, event);
    expect_found("block 3: event 0");
}

TEST_F(VerifyTest, FindsAnAddedEvent) {
    make_chain();
    change(Table::events, event_key({{3}, 77}), Bytes{1});
    expect_found("events that no block made");
}

TEST_F(VerifyTest, FindsAChangedReceipt) {
    make_chain();
    const Bytes key = first(Table::results);
    Receipt receipt = *decode_receipt(read(Table::results, key));
    receipt.fee = base::Amount::of(99);
    change(Table::results, key, encode_receipt(receipt));
    expect_found("the receipt of");
}

TEST_F(VerifyTest, FindsAChangedTransaction) {
    make_chain();
    Block block = *decode_block(read(Table::blocks, height_key({2})));
    ASSERT_FALSE(block.transactions.empty());
    block.transactions[0].raw = fake::encode(Transfer{.nonce = 1, .amount = 500});
    change(Table::blocks, height_key({2}), encode_block(block));
    expect_found("block 2: the replay reaches another state root");
}

TEST_F(VerifyTest, FindsAChangedResult) {
    make_chain();
    Block block = *decode_block(read(Table::blocks, height_key({2})));
    ASSERT_FALSE(block.transactions.empty());
    block.transactions[0].fee = base::Amount::of(2);
    change(Table::blocks, height_key({2}), encode_block(block));
    expect_found("block 2: the replay gives another block");
}

TEST_F(VerifyTest, FindsAMissingBlock) {
    make_chain();
    change(Table::blocks, height_key({4}), std::nullopt);
    expect_found("block 4: the block is missing");
}

TEST_F(VerifyTest, FindsABlockBehindTheHead) {
    make_chain();
    change(Table::blocks, height_key({400}), Bytes{1});
    expect_found("more blocks");
}

TEST_F(VerifyTest, FindsAChangedLogRecord) {
    make_chain();
    const Bytes key = log_key({0, 4});
    Bytes record = read(Table::log, key);
    record[0] ^= 1;
    change(Table::log, key, record);
    expect_found("table log differs");
}

TEST_F(VerifyTest, TheNodeRefusesAStoreThatContradictsItself) {
    make_chain();
    const Bytes key = first(Table::tree);
    Bytes record = read(Table::tree, key);
    record.back() ^= 1;
    change(Table::tree, key, record);
    Options options;
    options.clock = &clock;
    options.rules = &fake::rules();
    const auto node = Node::open(dir.path(), std::nullopt, fake::operator_key(), options);
    ASSERT_FALSE(node.has_value());
    EXPECT_EQ(node.error().problem, OpenProblem::corrupt);
    EXPECT_NE(node.error().detail.find("state tree"), std::string::npos);
}

}  // namespace
}  // namespace assay::ledger
