#include "agent/uploads.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <thread>

#include "blob_collector.h"
#include "market_node.h"

/// How blobs come to a node without anybody waiting for them, and how they go again.
namespace assay::server {
namespace {

namespace fs = std::filesystem;

bool comes_true(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
}

class UploadsTest : public testing::Test {
  protected:
    UploadsTest() : folder_(node_.dir() / "files") { fs::create_directories(folder_); }
    fs::path file(const std::string& name, const std::string& bytes) {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
        return folder_ / name;
    }
    static base::BlobRoot root_of(const std::string& bytes) {
        return base::blob_root(base::view_of(bytes));
    }
    bool has(const std::string& bytes) { return node_.blobs().find(root_of(bytes)).has_value(); }
    /// As if the last promise had been given long ago.
    void age(const std::string& bytes) {
        fs::last_write_time(node_.blobs().find(root_of(bytes))->file,
                            fs::file_time_type::clock::now() - std::chrono::hours(2));
    }

    MarketNode node_;
    fs::path folder_;
};

TEST_F(UploadsTest, GoToTheStoreInTheBackground) {
    agent::Uploads uploads(node_.url());
    const fs::path first = file("1", "first"), second = file("2", "second");
    uploads.add(first);
    uploads.add(second, root_of("second"));
    uploads.add(first);
    EXPECT_TRUE(comes_true([&] { return has("first") && has("second"); }));
    EXPECT_TRUE(comes_true([&] { return uploads.stored(first) == root_of("first"); }));
    EXPECT_TRUE(comes_true([&] { return uploads.stored(second) == root_of("second"); }));
    const fs::path third = file("3", "third");
    EXPECT_TRUE(comes_true([&] { return uploads.stored(third).has_value(); }))
        << "whoever asks for it has it sent";
    EXPECT_TRUE(has("third"));
}

TEST_F(UploadsTest, BringBackWhatTheStoreHasLost) {
    agent::Uploads uploads(node_.url());
    const fs::path first = file("1", "first");
    uploads.add(first);
    ASSERT_TRUE(comes_true([&] { return uploads.stored(first).has_value(); }));
    age("first");
    ASSERT_TRUE(node_.blobs().remove(root_of("first")));
    uploads.again(first, root_of("first"));
    EXPECT_TRUE(comes_true([&] { return has("first"); }));
}

TEST_F(UploadsTest, GoOnAfterFilesThatAreGoneOrCannotBeStored) {
    agent::Uploads uploads(node_.url());
    uploads.add(folder_ / "gone");
    uploads.add(file("large", std::string(2 << 20, 'x')));
    fs::create_directories(folder_ / "part");
    const fs::path dropped = folder_ / "part" / "start-1";
    std::ofstream(dropped) << "dropped";
    uploads.forget(folder_ / "part");
    const fs::path last = file("last", "last");
    uploads.add(last);
    EXPECT_TRUE(comes_true([&] { return uploads.stored(last).has_value(); }));
    EXPECT_FALSE(has("dropped"));
}

TEST_F(UploadsTest, OfWhichNothingOnTheLedgerSpeaksGoAfterAnHour) {
    client::Client client(node_.url(), {});
    for (const std::string bytes : {"old", "fresh", "asked for again"})
        ASSERT_TRUE(client.put_blob(base::view_of(bytes)).has_value());
    age("old");
    age("asked for again");
    ASSERT_TRUE(client.blob_receipt(root_of("asked for again")).has_value());
    node::BlobCollector collector(node_.node(), node_.blobs());
    ASSERT_TRUE(client.submit_transaction(node_.transfer(0, 5)).has_value());
    EXPECT_TRUE(comes_true([&] { return !has("old"); }));
    EXPECT_TRUE(has("fresh"));
    EXPECT_TRUE(has("asked for again"));
}

}  // namespace
}  // namespace assay::server
