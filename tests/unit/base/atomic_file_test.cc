#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

namespace assay::base {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
  protected:
    AtomicFileTest() { fs::create_directories(folder_); }
    ~AtomicFileTest() override { fs::remove_all(folder_); }

    std::string content() const {
        std::ifstream in(file_);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::size_t names() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
    }
    const fs::path folder_ =
        fs::temp_directory_path() / ("assay-atomic-" + std::to_string(getpid()));
    const fs::path file_ = folder_ / "file";
};

TEST_F(AtomicFileTest, ReplacesTheWholeFile) {
    EXPECT_FALSE(save_atomically(file_, view_of("a longer text"), {}));
    EXPECT_FALSE(save_atomically(file_, view_of("short"), {}));
    EXPECT_EQ(content(), "short");
    EXPECT_EQ(names(), 1U);
}

TEST_F(AtomicFileTest, LeavesTheOldOneUntilItIsPublished) {
    ASSERT_FALSE(save_atomically(file_, view_of("old"), {}));
    {
        std::error_code wrong;
        AtomicFile file(file_, {}, wrong);
        ASSERT_FALSE(wrong);
        EXPECT_FALSE(file.write(view_of("new")));
        EXPECT_EQ(content(), "old");
        EXPECT_EQ(names(), 2U);
    }
    EXPECT_EQ(content(), "old");
    EXPECT_EQ(names(), 1U);
}

TEST_F(AtomicFileTest, KeepsWhatMayNotBeReplaced) {
    AtomicFile::Options once;
    once.replaces = false;
    EXPECT_FALSE(save_atomically(file_, view_of("first"), once));
    EXPECT_EQ(save_atomically(file_, view_of("second"), once), std::errc::file_exists);
    EXPECT_EQ(content(), "first");
    EXPECT_EQ(names(), 1U);
}

TEST_F(AtomicFileTest, FollowsNoLinkWhenExclusive) {
    fs::create_symlink(folder_ / "elsewhere", folder_ / "file.partial");
    AtomicFile::Options options;
    options.exclusive = true;
    EXPECT_EQ(save_atomically(file_, view_of("x"), options), std::errc::file_exists);
    EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
    EXPECT_TRUE(fs::is_symlink(folder_ / "file.partial"));  // somebody else's: it stays
}

TEST_F(AtomicFileTest, SaysWhyItCannotWrite) {
    EXPECT_EQ(save_atomically(folder_ / "missing" / "file", view_of("x"), {}),
              std::errc::no_such_file_or_directory);
    fs::create_directory(file_);
    EXPECT_TRUE(save_atomically(file_, view_of("x"), {}));
    EXPECT_EQ(names(), 1U);
}

TEST_F(AtomicFileTest, AFullDiskIsAnError) {
    const int descriptor = ::open("/dev/full", O_WRONLY);
    ASSERT_GE(descriptor, 0);
    EXPECT_FALSE(write_all(descriptor, view_of("x")));
    EXPECT_EQ(errno, ENOSPC);
    ::close(descriptor);
}

}  // namespace
}  // namespace assay::base
