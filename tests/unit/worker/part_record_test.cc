#include "part_record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/merkle.h"

namespace assay::worker {
namespace {

base::Hash hash_of(int n) { return base::blake2b("assay.test", base::view_of(std::to_string(n))); }

PartRecord example() {
    PartRecord record;
    record.key = {base::JobId{hash_of(1)}, 3, 1, 0, 2, base::AccountId{hash_of(2)}, 1};
    record.lease = base::LeaseId{hash_of(3)};
    record.first_segment = 4;
    record.start_root = hash_of(4);
    record.end_root = hash_of(5);
    record.start_blob = base::BlobRoot{hash_of(6)};
    for (int i = 0; i < 3; ++i) {
        SegmentRecord segment;
        segment.leaf = {hash_of(10 + i), hash_of(20 + i), hash_of(30 + i)};
        segment.state_root = hash_of(50 + i);
        record.segments.push_back(segment);
    }
    record.end_receipt.blob = base::BlobRoot{hash_of(8)};
    record.end_receipt.bytes = 100;
    record.payload_root = hash_of(9);
    record.payload_receipt = record.end_receipt;
    record.last_loss_bits = 0x3f800000;
    return record;
}

TEST(PartRecord, ComesBackAsItWas) {
    const PartRecord record = example();
    EXPECT_EQ(decode_part_record(encode_part_record(record)), record);
    PartRecord bare;
    EXPECT_EQ(decode_part_record(encode_part_record(bare)), bare);
}

TEST(PartRecord, IsTheOneOfTheFormatsPage) {
    std::ifstream page(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/worker_folder.md");
    std::string line, found;
    while (std::getline(page, line)) {
        if (line.starts_with("part_record_example ")) found = line.substr(20);
    }
    EXPECT_EQ(found, base::to_hex(encode_part_record(PartRecord{})));
}

TEST(PartRecord, RefusesEveryChangedByte) {
    const base::Bytes bytes = encode_part_record(example());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes bad = bytes;
        bad[i] ^= 1U;
        EXPECT_FALSE(decode_part_record(bad)) << i;
    }
}

TEST(PartRecord, RefusesTruncationAndTail) {
    base::Bytes bytes = encode_part_record(example());
    for (std::size_t size = 0; size < bytes.size(); size += 7)
        EXPECT_FALSE(decode_part_record(base::ByteView(bytes).first(size)));
    bytes.push_back(0);
    EXPECT_FALSE(decode_part_record(bytes));
}

TEST(PartRecord, CommitsToTheTreeOverItsLeaves) {
    const PartRecord record = example();
    const market::PartCommit message = record.commit_message();
    EXPECT_EQ(message.tree_root,
              base::merkle_root(base::MerkleFamily::blake2b, record.leaf_hashes()));
    EXPECT_EQ(message.segments, 3U);
    EXPECT_EQ(message.attempt, 1U);
    PartRecord other = record;
    other.segments[1].leaf.end_field = hash_of(99);
    EXPECT_NE(other.commit_message().tree_root, message.tree_root);
}

class PartStoreTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "assay-parts-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
    const base::PartId id_{hash_of(1000)};
};

TEST_F(PartStoreTest, KeepsAndForgets) {
    const PartStore store(folder_);
    EXPECT_EQ(store.load(id_).value(), std::optional<PartRecord>{});
    ASSERT_TRUE(store.save(id_, example()));
    EXPECT_EQ(store.load(id_).value(), std::optional<PartRecord>(example()));
    EXPECT_EQ(store.list(), std::vector<base::PartId>{id_});
    store.remove(id_);
    EXPECT_TRUE(store.list().empty());
}

TEST_F(PartStoreTest, ADamagedRecordIsAnErrorNotAnAbsence) {
    const PartStore store(folder_);
    ASSERT_TRUE(store.save(id_, example()));
    std::ofstream(folder_ / id_.hex() / "record", std::ios::binary | std::ios::app) << "x";
    EXPECT_FALSE(store.load(id_));
}

}  // namespace
}  // namespace assay::worker
