#include "server/blob_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/chunk_nodes.h"

namespace assay::server {
namespace {

namespace fs = std::filesystem;

class Blobs : public testing::Test {
  protected:
    Blobs() {
        std::string pattern = (fs::temp_directory_path() / "blob-test-XXXXXX").string();
        dir_ = ::mkdtemp(pattern.data());
        open();
    }
    ~Blobs() override { fs::remove_all(dir_); }
    void open() {
        auto store = BlobStore::open(dir_, {1000, 2500, 1});
        ASSERT_TRUE(store.has_value());
        store_ = std::move(*store);
    }
    tl::expected<BlobStore::Info, BlobProblem> put(const std::string& bytes) {
        auto writer = store_->begin(base::blob_root(base::view_of(bytes)), bytes.size());
        if (!writer) return tl::unexpected(writer.error());
        const auto written = (*writer)->write(base::view_of(bytes));
        if (!written) return tl::unexpected(written.error());
        return (*writer)->finish();
    }

    fs::path dir_;
    std::unique_ptr<BlobStore> store_;
};

TEST_F(Blobs, AreFoundAfterARestart) {
    const std::string bytes(900, 'a');
    ASSERT_TRUE(put(bytes).has_value());
    EXPECT_TRUE(put(bytes).has_value());
    open();
    const auto info = store_->find(base::blob_root(base::view_of(bytes)));
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->bytes, 900U);
    EXPECT_EQ(store_->count(), 1U);
    EXPECT_EQ(store_->bytes_stored(), 900U);
}

TEST_F(Blobs, AreInvisibleUntilTheyAreWholeAndRight) {
    const base::BlobRoot root = base::blob_root(base::view_of("0123456789"));
    {
        auto writer = *store_->begin(root, 10);
        ASSERT_TRUE(writer->write(base::view_of("01234")).has_value());
        EXPECT_FALSE(store_->find(root));
        EXPECT_EQ(writer->finish().error(), BlobProblem::incomplete);
    }
    {
        auto writer = *store_->begin(root, 10);
        ASSERT_TRUE(writer->write(base::view_of("9876543210")).has_value());
        EXPECT_EQ(writer->finish().error(), BlobProblem::wrong_root);
    }
    {
        auto writer = *store_->begin(root, 10);
        EXPECT_EQ(writer->write(base::view_of("0123456789x")).error(), BlobProblem::too_large);
    }
    EXPECT_FALSE(store_->find(root));
    EXPECT_TRUE(fs::is_empty(dir_ / "incoming")) << "dropped uploads leave nothing";
}

TEST_F(Blobs, LieBesideTheNodesOfTheirChunks) {
    const std::string bytes(900, 'a');
    const base::BlobRoot root = base::blob_root(base::view_of(bytes));
    const auto info = put(bytes);
    ASSERT_TRUE(info.has_value());
    const fs::path nodes = base::chunk_nodes_file(info->file);
    EXPECT_TRUE(fs::exists(nodes));
    EXPECT_TRUE(base::prove_chunk_of_file(info->file, root, 0).has_value());
    const fs::path orphan = info->file.parent_path() / (std::string(64, 'b') + ".chunks"),
                   half = fs::path(nodes) += ".1-1";
    std::ofstream(orphan) << "of a blob that is gone";
    std::ofstream(half) << "half-written";
    open();
    EXPECT_EQ(store_->count(), 1U) << "they are no blobs";
    EXPECT_EQ(store_->bytes_stored(), 900U);
    EXPECT_TRUE(fs::exists(nodes));
    EXPECT_FALSE(fs::exists(orphan));
    EXPECT_FALSE(fs::exists(half));
    fs::last_write_time(info->file, fs::file_time_type::clock::now() - std::chrono::hours(1));
    EXPECT_TRUE(store_->remove(root));
    EXPECT_FALSE(fs::exists(nodes)) << "they go with their blob";
}

TEST_F(Blobs, HalfWrittenOnesOfADeadProcessAreDropped) {
    std::ofstream(dir_ / "incoming" / "left") << "behind";
    open();
    EXPECT_TRUE(fs::is_empty(dir_ / "incoming"));
    EXPECT_EQ(store_->count(), 0U);
}

TEST_F(Blobs, RespectTheQuotaIncludingUploadsInProgress) {
    EXPECT_EQ(store_->begin({}, 1001).error(), BlobProblem::too_large);
    ASSERT_TRUE(put(std::string(1000, 'a')).has_value());
    {
        const std::string half(500, 'x');
        const auto first = store_->begin({}, 1000);
        ASSERT_TRUE(first.has_value());
        EXPECT_TRUE(store_->begin({}, 1000).has_value()) << "nothing has come yet";
        ASSERT_TRUE((*first)->write(base::view_of(half)).has_value());
        EXPECT_EQ(store_->begin({}, 600).error(), BlobProblem::no_room);
        EXPECT_TRUE(store_->begin({}, 500).has_value());
    }
    EXPECT_TRUE(put(std::string(600, 'b')).has_value()) << "a dropped upload gives its room back";
    const base::BlobRoot first = base::blob_root(base::view_of(std::string(1000, 'a')));
    // Whoever uploaded it may be about to put its receipt on the ledger.
    EXPECT_FALSE(store_->remove(first));
    const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
    std::filesystem::last_write_time(store_->find(first)->file, long_ago);
    EXPECT_TRUE(store_->promise(first).has_value());
    EXPECT_FALSE(store_->remove(first));
    std::filesystem::last_write_time(store_->find(first)->file, long_ago);
    EXPECT_TRUE(store_->remove(first));
    EXPECT_FALSE(store_->promise(first).has_value());
    EXPECT_EQ(store_->bytes_stored(), 600U);
    EXPECT_TRUE(put(std::string(1000, 'c')).has_value());
    EXPECT_TRUE(store_->remove({}));
    EXPECT_EQ(store_->count(), 2U);
}

/// Whoever announces bytes and sends none keeps nobody out: a worker that cannot upload is
/// convicted of silence.
TEST_F(Blobs, F12_AnnouncementsAloneTakeNoRoom) {
    std::vector<std::unique_ptr<BlobStore::Writer>> silent;
    for (int i = 0; i < 3; ++i) {
        auto writer = store_->begin(base::blob_root(base::view_of("never sent")), 800);
        ASSERT_TRUE(writer.has_value());
        silent.push_back(std::move(*writer));
    }
    const auto honest = put(std::string(400, 'h'));
    EXPECT_TRUE(honest.has_value())
        << "three connections that announce and send nothing keep everybody out";
}

/// Nor does one that sends, and never ends.
TEST_F(Blobs, OfOneAddressHoldAQuarterOfWhatIsFree) {
    const base::BlobRoot never = base::blob_root(base::view_of("never whole"));
    const std::string some(300, 's');
    EXPECT_EQ(store_->begin(never, 700, "attacker").error(), BlobProblem::no_room)
        << "more than 2500 / 4";
    std::vector<std::unique_ptr<BlobStore::Writer>> open;
    for (int i = 0; i < 2; ++i) {
        auto writer = store_->begin(never, 310, "attacker");
        ASSERT_TRUE(writer.has_value()) << i;
        ASSERT_TRUE((*writer)->write(base::view_of(some)).has_value()) << i;
        open.push_back(std::move(*writer));
    }
    EXPECT_EQ(store_->begin(never, 310, "attacker").error(), BlobProblem::no_room);
    const std::string bytes(400, 'h');
    {
        auto honest = store_->begin(base::blob_root(base::view_of(bytes)), 400, "worker");
        ASSERT_TRUE(honest.has_value()) << "another address has a share of its own";
        ASSERT_TRUE((*honest)->write(base::view_of(bytes)).has_value());
        EXPECT_TRUE((*honest)->finish().has_value());
    }
    open.clear();
    EXPECT_TRUE(store_->begin(never, 500, "attacker").has_value())
        << "what ends gives its room back";
    EXPECT_TRUE(put(std::string(1000, 'c')).has_value());
}

TEST_F(Blobs, NotPromisedForLongAreNamed) {
    const std::string bytes(900, 'a');
    const auto old = put(bytes), fresh = put(std::string(100, 'b'));
    ASSERT_TRUE(old.has_value() && fresh.has_value());
    EXPECT_TRUE(store_->not_promised_for(std::chrono::hours(1)).empty());
    fs::last_write_time(old->file, fs::file_time_type::clock::now() - std::chrono::hours(2));
    const base::BlobRoot root = base::blob_root(base::view_of(bytes));
    EXPECT_EQ(store_->not_promised_for(std::chrono::hours(1)), std::vector{root});
    EXPECT_FALSE(store_->remove(root, std::chrono::hours(3)));
    EXPECT_TRUE(store_->remove(root, std::chrono::hours(1)));
    EXPECT_EQ(store_->count(), 1U);
}

}  // namespace
}  // namespace assay::server
