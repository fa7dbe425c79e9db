#include "agent/durable_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace assay::agent {
namespace {

class DurableFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "assay-agent-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

TEST_F(DurableFile, ReplacesTheWholeContent) {
    const std::filesystem::path file = folder_ / "new" / "record";
    ASSERT_TRUE(save_durable(file, base::view_of("a long first content")));
    ASSERT_TRUE(save_durable(file, base::view_of("short")));
    const auto bytes = load_file(file, 100);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(std::string(bytes->begin(), bytes->end()), "short");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "new" / "record.new"));
}

TEST_F(DurableFile, ALeftoverOfACrashDoesNotMatter) {
    const std::filesystem::path file = folder_ / "record";
    ASSERT_TRUE(save_durable(file, base::view_of("old")));
    ASSERT_TRUE(save_durable(folder_ / "record.new", base::view_of("half of a new rec")));
    EXPECT_EQ(load_file(file, 100), (base::Bytes{'o', 'l', 'd'}));
    ASSERT_TRUE(save_durable(file, base::view_of("new")));
    EXPECT_EQ(load_file(file, 100), (base::Bytes{'n', 'e', 'w'}));
}

TEST_F(DurableFile, RefusesWhatIsMissingOrTooLarge) {
    EXPECT_FALSE(load_file(folder_ / "none", 100));
    ASSERT_TRUE(save_durable(folder_ / "record", base::view_of("12345")));
    EXPECT_FALSE(load_file(folder_ / "record", 4));
    EXPECT_TRUE(load_file(folder_ / "record", 5));
}

TEST_F(DurableFile, SaysWhyAFileCannotBeWritten) {
    ASSERT_TRUE(save_durable(folder_ / "file", base::view_of("x")));
    const auto saved = save_durable(folder_ / "file" / "below", base::view_of("x"));
    ASSERT_FALSE(saved);
    EXPECT_NE(saved.error().find("cannot write"), std::string::npos);
}

TEST_F(DurableFile, OneProcessHoldsAFolder) {
    {
        const auto first = FolderLock::acquire(folder_ / "data");
        ASSERT_TRUE(first);
        EXPECT_FALSE(FolderLock::acquire(folder_ / "data"));
        EXPECT_TRUE(FolderLock::acquire(folder_ / "other"));
    }
    EXPECT_TRUE(FolderLock::acquire(folder_ / "data"));
}

}  // namespace
}  // namespace assay::agent
