#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "ledger/block.h"
#include "records.h"

/// The hex examples of docs/formats are read from the documents themselves: lines "name hex" inside
/// ```golden blocks.
namespace assay::ledger {
namespace {

using base::Bytes;
using base::Hash;

class Golden : public testing::Test {
  protected:
    void read(const std::string& document) {
        std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + document);
        bool inside = false;
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("```")) {
                inside = line == "```golden";
            } else if (inside) {
                const auto space = line.find(' ');
                values_[line.substr(0, space)] = line.substr(space + 1);
            }
        }
    }
    void expect(const std::string& name, base::ByteView bytes) {
        EXPECT_EQ(values_[name], base::to_hex(bytes)) << name;
    }

    std::map<std::string, std::string> values_;
};

Hash filled(std::uint8_t byte) {
    Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

Head example_head() {
    Head head;
    head.height = {3};
    head.time = {1'700'000'000'123};
    head.app_version = 1;
    head.state_root = filled(0x11);
    head.log_root = filled(0x22);
    head.log_size = 5;
    head.params_id = filled(0x33);
    head.app_hash = app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id);
    const auto key = base::SecretKey::from_seed(Bytes(32, 7));
    head.signature =
        key.sign(kHeadDomain, filled(0x44), head_message(head.height, head.time, head.app_hash));
    return head;
}

Block example_block() {
    Block block;
    block.previous_app_hash = filled(0x55);
    block.transactions.push_back(
        {Bytes{0xc0, 0xff, 0xee}, market::Refusal::none, base::Amount::of(9)});
    block.events = 2;
    block.head = example_head();
    return block;
}

Receipt example_receipt(std::uint32_t index, std::uint64_t log_index) {
    return {{base::sha256(Bytes{0xc0, 0xff, 0xee})},
            {3},
            {1'700'000'000'123},
            index,
            market::Refusal::none,
            base::Amount::of(9),
            log_index};
}

StoredEvent example_event() {
    return {{{3}, 1}, {1'700'000'000'123}, {"job_opened", {{"job", "ab"}}}};
}

TEST_F(Golden, Head) {
    read("block.md");
    const Head head = example_head();
    expect("app_hash", head.app_hash.view());
    expect("head_message", head_message(head.height, head.time, head.app_hash));
    expect("head", encode_head(head));
    EXPECT_TRUE(
        verify_head(head, base::SecretKey::from_seed(Bytes(32, 7)).public_key(), filled(0x44)));
}

TEST_F(Golden, BlockReceiptAndEvent) {
    read("block.md");
    expect("block", encode_block(example_block()));
    expect("receipt", encode_receipt(example_receipt(0, 4)));
    expect("event", encode_event(example_event()));
}

TEST_F(Golden, ReceiptLog) {
    read("receipt_log.md");
    std::vector<Hash> leaves;
    for (std::uint32_t i = 0; i < 5; ++i) {
        leaves.push_back(
            base::merkle_leaf(base::MerkleFamily::sha256, encode_receipt(example_receipt(i, i))));
    }
    expect("leaf_0", leaves[0].view());
    expect("root_4",
           base::merkle_root(base::MerkleFamily::sha256, std::span(leaves).first(4)).view());
    expect("root_5", base::merkle_root(base::MerkleFamily::sha256, leaves).view());
}

TEST_F(Golden, StoreKeysAndRecords) {
    read("ledger_store.md");
    class Empty : public TreeReader {
        [[nodiscard]] std::optional<Bytes> node(base::ByteView) const override {
            return std::nullopt;
        }
    };
    TreeChanges changes;
    changes[base::state_path(base::view_of("a"))] = base::state_value_hash(base::view_of("1"));
    changes[base::state_path(base::view_of("b"))] = base::state_value_hash(base::view_of("2"));
    const TreeUpdate update = update_tree(Empty(), changes);
    std::size_t number = 0;
    for (const auto& [key, record] : update.records) {
        expect("position_" + std::to_string(number), key);
        expect("record_" + std::to_string(number), *record);
        ++number;
    }
    EXPECT_FALSE(values_.contains("position_" + std::to_string(number)));
    expect("log_key", log_key({2, 258}));
}

/// Every prefix, every longer text and every flipped bit that changes the meaning: refused, or
/// another value.
template <class Value, class Decode, class Encode>
void refuses_other_spellings(const Value& value, const Decode& decode, const Encode& encode) {
    const Bytes bytes = encode(value);
    EXPECT_EQ(decode(bytes), value);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode(base::ByteView(bytes).first(size))) << size;
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode(longer));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        Bytes flipped = bytes;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
        const auto other = decode(flipped);
        EXPECT_NE(other, value) << bit;
        if (other) {
            EXPECT_EQ(encode(*other), flipped) << bit;
        }
    }
}

TEST(BlockCodec, HasOneSpellingPerValue) {
    refuses_other_spellings(example_head(), decode_head, encode_head);
    refuses_other_spellings(example_block(), decode_block, encode_block);
    refuses_other_spellings(example_receipt(1, 7), decode_receipt, encode_receipt);
    refuses_other_spellings(example_event(), decode_event, encode_event);
}

TEST(Heads, AreRefusedWhenAnythingIsChanged) {
    const auto key = base::SecretKey::from_seed(Bytes(32, 7)).public_key();
    const Head good = example_head();
    EXPECT_TRUE(verify_head(good, key, filled(0x44)));
    EXPECT_FALSE(verify_head(good, key, filled(0x45)));
    EXPECT_FALSE(
        verify_head(good, base::SecretKey::from_seed(Bytes(32, 8)).public_key(), filled(0x44)));
    const auto refused = [&](auto change) {
        Head bad = good;
        change(bad);
        EXPECT_FALSE(verify_head(bad, key, filled(0x44)));
    };
    refused([](Head& head) { head.height.value += 1; });
    refused([](Head& head) { head.time.value += 1; });
    refused([](Head& head) { head.state_root = filled(0x12); });
    refused([](Head& head) { head.log_root = filled(0x12); });
    refused([](Head& head) { head.log_size += 1; });
    refused([](Head& head) { head.params_id = filled(0x12); });
    refused([](Head& head) { head.app_hash = filled(0x12); });
    refused([](Head& head) { head.signature.bytes[0] ^= 1; });
}

}  // namespace
}  // namespace assay::ledger
