#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "function_soak.h"
#include "training_soak.h"

/// The short form of the soak: what scripts/soak runs for long, stopped and resumed in the middle.
namespace assay::soak {
namespace {

class Soak : public ::testing::Test {
  protected:
    Soak() {
        std::string name = (std::filesystem::temp_directory_path() / "soak-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    ~Soak() override {
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }
    TrainingReport train(const equality::TextJob& job, std::uint32_t steps,
                         std::uint32_t stop_after) {
        TrainingSoakOptions options;
        options.directory = folder_;
        options.steps = steps;
        options.progress = [&](std::uint32_t step, double) { return step < stop_after; };
        auto report = soak_training(job, options);
        EXPECT_TRUE(report.has_value()) << report.error();
        return report ? *report : TrainingReport{};
    }
    std::filesystem::path folder_;
};

TEST_F(Soak, TheFastestKernelsTrainTheDefinitionsGpt) {
    const equality::TextJob job = equality::gpt_on_text(equality::genesis(), 200);
    const TrainingReport first = train(job, 200, 70);
    EXPECT_EQ(first.difference, "");
    EXPECT_EQ(first.steps, 70U);
    const TrainingReport report = train(job, 200, 1000);
    EXPECT_EQ(report.difference, "");
    EXPECT_EQ(report.steps, 200U);
    EXPECT_EQ(report.resumed_at, 70U);
    EXPECT_LT(report.last_loss, report.first_loss) << "it did not learn";
}

TEST_F(Soak, MomentsPassTheCut) {
    const equality::TextJob job = equality::mlp_on_text(equality::genesis(), 200);
    const TrainingReport report = train(job, 200, 1000);
    EXPECT_EQ(report.difference, "");
    EXPECT_LT(report.last_loss, report.first_loss) << "it did not learn";
    // What the job is for: moments that decay through the last powers of two before the cut.
    EXPECT_GT(report.moments_near_cut, 100U);
    EXPECT_GT(report.moments_cut, 100U);
}

TEST_F(Soak, RefusesAStateOfAnotherJob) {
    train(equality::gpt_on_text(equality::genesis(), 10), 10, 1000);
    TrainingSoakOptions options;
    options.directory = folder_;
    options.progress = [](std::uint32_t, double) { return true; };
    const auto report = soak_training(equality::gpt_on_text(equality::genesis(), 20), options);
    ASSERT_FALSE(report.has_value());
    EXPECT_NE(report.error().find("another job"), std::string::npos) << report.error();
}

TEST_F(Soak, FunctionsGoOnWhereTheyWere) {
    FunctionSoakOptions options;
    options.directory = folder_;
    options.functions = {"neg", "sqrt"};
    options.pieces = 1;
    std::vector<std::string> lines;
    options.progress = [&](const std::string& line) { lines.push_back(line); };
    const auto first = soak_functions(options);
    ASSERT_TRUE(first.has_value()) << first.error();
    // The end of a line that a kill cut off does not count.
    std::filesystem::resize_file(folder_ / "functions.txt",
                                 std::filesystem::file_size(folder_ / "functions.txt") - 1);
    lines.clear();
    const auto second = soak_functions(options);
    ASSERT_TRUE(second.has_value()) << second.error();
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines.front(), "1 pieces are on record, 1 are left");
    for (const FunctionReport& report : *second) {
        EXPECT_EQ(report.inputs, std::uint64_t{1} << 24U) << report.name;
        EXPECT_EQ(report.mismatches, 0U) << report.first_mismatch;
    }
}

}  // namespace
}  // namespace assay::soak
