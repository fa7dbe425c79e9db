#include "agent/blob_keeper.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/chunk_nodes.h"

namespace assay::agent {
namespace {

class BlobKeeperTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-keeper-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    [[nodiscard]] std::filesystem::path file_with(const std::string& text) const {
        const std::filesystem::path file = folder / "upload";
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }

    std::filesystem::path folder;
    base::JobId job{base::blake2b("assay.test", base::view_of("job"))};
};

TEST_F(BlobKeeperTest, FindsWhatItKeepsAfterARestart) {
    const base::BlobRoot blob = base::blob_root(base::view_of("state"));
    {
        const BlobKeeper keeper(folder / "owed");
        EXPECT_FALSE(keeper.find(blob).has_value());
        ASSERT_TRUE(keeper.keep(job, 7, blob, file_with("state")).has_value());
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "upload")) << "the file was taken over";
    const BlobKeeper keeper(folder / "owed");
    const auto found = keeper.find(blob);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(base::blob_root_of_file(*found), blob);
    EXPECT_FALSE(keeper.find(base::blob_root(base::view_of("other"))).has_value());
}

TEST_F(BlobKeeperTest, KeepsOneBlobForTwoRounds) {
    const base::BlobRoot blob = base::blob_root(base::view_of("state"));
    const BlobKeeper keeper(folder / "owed");
    ASSERT_TRUE(keeper.keep(job, 1, blob, file_with("state")).has_value());
    ASSERT_TRUE(keeper.keep(job, 2, blob, file_with("state")).has_value());
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder / "owed"))
        ++files;
    EXPECT_EQ(files, 4U) << "each with the nodes of its chunks beside it";
}

TEST_F(BlobKeeperTest, KeepsTheNodesOfTheChunks) {
    const base::BlobRoot blob = base::blob_root(base::view_of("state"));
    const BlobKeeper keeper(folder / "owed");
    ASSERT_TRUE(keeper.keep(job, 1, blob, file_with("state")).has_value());
    EXPECT_TRUE(std::filesystem::exists(base::chunk_nodes_file(*keeper.find(blob))));
    EXPECT_FALSE(keeper.keep(job, 2, blob, file_with("other")).has_value())
        << "what is not that blob answers nothing";
}

TEST_F(BlobKeeperTest, IgnoresFilesWithOtherNames) {
    const base::BlobRoot blob = base::blob_root(base::view_of("state"));
    std::filesystem::create_directories(folder / "owed");
    const std::string hex = blob.hex();
    for (const std::string& name :
         {hex, job.hex() + "-" + hex, job.hex() + "--" + hex, job.hex() + "-x-" + hex,
          job.hex() + "-1-" + hex + ".partial", std::string(64, 'Z') + "-1-" + hex}) {
        std::ofstream(folder / "owed" / name) << "state";
    }
    EXPECT_FALSE(BlobKeeper(folder / "owed").find(blob).has_value());
}

TEST_F(BlobKeeperTest, SaysWhenItCannotKeep) {
    const base::BlobRoot blob = base::blob_root(base::view_of("state"));
    EXPECT_FALSE(BlobKeeper(folder / "owed").keep(job, 1, blob, folder / "nothing").has_value());
    std::ofstream(folder / "blocked") << "a file where the folder should be";
    EXPECT_FALSE(BlobKeeper(folder / "blocked").keep(job, 1, blob, file_with("state")).has_value());
}

}  // namespace
}  // namespace assay::agent
