// The exported model, loaded by stock libtorch code that knows nothing of programs, has the
// validation loss that Assay reports.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/signature.h"
#include "commit/dataset.h"
#include "commit/model_export.h"
#include "runtime/segment.h"
#include "torch_executor/gpt2.h"

namespace assay {
namespace {

/// A folder of its own for one test, removed at the end.
class Folder {
  public:
    Folder()
        : path_(std::filesystem::temp_directory_path() /
                ("assay_model_test_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// The project's own pages as text: real sentences, on every machine the same.
std::string some_text() {
    std::string text;
    for (const char* page :
         {"README.md", "docs/architecture.md", "docs/numerics.md", "docs/program.md"}) {
        std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/" + page, std::ios::binary);
        text.append(std::istreambuf_iterator<char>(in), {});
    }
    return text;
}

void compare(const market::GptModel& model) {
    ASSERT_FALSE(base::crypto_self_test().has_value());
    const Folder folder;
    std::ofstream(folder.path() / "text", std::ios::binary) << some_text();
    const auto data =
        commit::import_data(folder.path() / "text", {.format = "text", .validation_ppm = 300'000},
                            folder.path() / "blob");
    ASSERT_TRUE(data.has_value()) << data.error();
    market::JobSpec spec;
    spec.model = model;
    spec.data = data->spec;
    spec.batch = 4;
    spec.seed = 3;
    spec.optimizer.learning_rate_ppb = 3'000'000;
    spec.optimizer.learning_rate_min_ppb = 300'000;
    spec.round_steps = spec.segment_steps = 60;
    const auto job = runtime::Job::open(spec, data->blob, {.threads = 1, .micro_batch = 4});
    ASSERT_TRUE(job.has_value()) << job.error();
    commit::State state = (*job)->initial_state();
    const double untrained = runtime::validation_loss(**job, state, 40);
    for (std::uint32_t h = 0; h < spec.round_steps; ++h)
        (*job)->executor().run_step(state, (*job)->data(), 0, 0, h);
    const double ours = runtime::validation_loss(**job, state, 40);
    EXPECT_LT(ours, untrained - 0.5)
        << "the model did not learn, so the comparison would mean little";

    ASSERT_TRUE(
        commit::export_model((*job)->program(), spec, state, folder.path() / "model").has_value());
    auto stock = torch_executor::Gpt2::open(folder.path() / "model", 1);
    ASSERT_TRUE(stock.has_value()) << stock.error();
    const auto& tokens = std::get<market::TokenData>(data->spec);
    const auto blob = commit::Dataset::open(data->blob, data->spec);
    ASSERT_TRUE(blob.has_value()) << blob.error();
    const auto theirs = stock->loss(blob->words(), tokens.train_tokens, 40);
    ASSERT_TRUE(theirs.has_value()) << theirs.error();
    EXPECT_NEAR(ours, *theirs, 1e-4);
}

TEST(ExportedModel, HasTheReportedLossInStockLibtorch) {
    compare({.layers = 2, .heads = 4, .width = 48, .context = 40, .bias = true});
}

TEST(ExportedModel, WithoutBiasesHasTheReportedLossToo) {
    compare({.layers = 1,
             .heads = 2,
             .width = 32,
             .context = 33,
             .bias = false,
             .activation = market::Activation::gelu_erf});
}

TEST(ExportedModel, IsRefusedWhenAFileIsDamaged) {
    const Folder folder;
    EXPECT_FALSE(torch_executor::Gpt2::open(folder.path(), 1).has_value());
    std::ofstream(folder.path() / "config.json")
        << R"({"n_layer": 1, "n_head": 3, "n_embd": 32, "n_positions": 8, "vocab_size": 10})";
    EXPECT_FALSE(torch_executor::Gpt2::open(folder.path(), 1).has_value());
}

}  // namespace
}  // namespace assay
