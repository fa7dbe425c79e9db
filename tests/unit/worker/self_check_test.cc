#include "runtime/self_check.h"

#include <gtest/gtest.h>

namespace assay::runtime {
namespace {

TEST(ExactnessRoot, IsTheKnownOneOnEveryTargetThreadCountAndBatch) {
    const auto folder = std::filesystem::temp_directory_path();
    for (const std::string& name : available_targets()) {
        ExecutorOptions options;
        options.target = target_from_name(name).value();
        options.threads = 2;
        options.micro_batch = 2;
        const auto root = exactness_root(folder, options);
        ASSERT_TRUE(root) << root.error();
        EXPECT_EQ(root->hex(), known_exactness_root().hex()) << name;
    }
}

TEST(ExactnessRoot, SaysWhenTheFolderCannotBeWritten) {
    EXPECT_FALSE(exactness_root("/proc/none", {}));
    EXPECT_FALSE(measure_flops("/proc/none", {}, 0.1));
}

}  // namespace
}  // namespace assay::runtime
