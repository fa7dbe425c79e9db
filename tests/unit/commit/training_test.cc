#include "runtime/training.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "base/chunk_tree.h"
#include "commit/model_export.h"
#include "fixtures.h"

namespace assay::runtime {
namespace {

class Training : public ::testing::Test {
  protected:
    Training() : spec_(commit::small_gpt()) { commit::add_text(spec_, folder_ / "blob", 2'000); }
    std::unique_ptr<Job> open() {
        auto job = Job::open(spec_, folder_ / "blob", {});
        EXPECT_TRUE(job.has_value()) << job.error();
        return std::move(*job);
    }
    TrainingOptions options(const std::string& name) {
        TrainingOptions result;
        result.directory = folder_ / name;
        result.roots_every = 1;
        result.roots_file = folder_ / (name + ".roots");
        result.model_directory = folder_ / (name + ".model");
        return result;
    }
    std::string text(const std::string& name) {
        const base::Bytes bytes = commit::read_file(folder_ / name);
        return {bytes.begin(), bytes.end()};
    }
    commit::TemporaryFolder folder_;
    market::JobSpec spec_;
};

TEST_F(Training, EqualsSegmentsAndMergesByHand) {
    const auto job = open();
    const auto trained = train(*job, options("run"));
    ASSERT_TRUE(trained.has_value()) << trained.error();
    EXPECT_TRUE(trained->completed);
    commit::State opening = job->initial_state();
    std::vector<base::Hash> roots{job->initial_root()};
    for (std::uint32_t round = 0; round < 3; ++round) {
        std::vector<commit::Payload> payloads;
        for (std::uint32_t lane = 0; lane < 2; ++lane) {
            commit::State state = opening.clone();
            run_segment(*job, state, &opening, {round, lane, 0, roots.back()}, {});
            payloads.push_back(std::move(
                *run_segment(*job, state, &opening, {round, lane, 1, roots.back()}, {}).payload));
        }
        const commit::Payload* members[] = {&payloads[0], &payloads[1]};
        roots.push_back(run_merge(*job, opening, members, round, roots.back()));
    }
    EXPECT_EQ(trained->opening_roots, roots);
    EXPECT_EQ(trained->final_root, roots.back());
    EXPECT_EQ(trained->model_root, *commit::model_root(folder_ / "run.model"));
    const std::string lines = text("run.roots");
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2 * 3 * 4);
    EXPECT_TRUE(lines.starts_with("0 0 1 "));
}

TEST_F(Training, ResumesFromEveryStepWithEqualBits) {
    const auto job = open();
    const auto expected = train(*job, options("whole"));
    ASSERT_TRUE(expected.has_value()) << expected.error();
    for (int stop_after = 1; stop_after <= 24; stop_after += stop_after < 10 ? 1 : 5) {
        const std::string name = "cut" + std::to_string(stop_after);
        TrainingOptions cut = options(name);
        cut.save_every = 3;
        int steps = 0;
        cut.progress = [&](const StepReport&) { return ++steps < stop_after; };
        const auto begun = train(*job, cut);
        ASSERT_TRUE(begun.has_value()) << begun.error();
        EXPECT_FALSE(begun->model_root.has_value() && !begun->completed);
        cut.progress = {};
        cut.resume = true;
        const auto finished = train(*open(), cut);
        ASSERT_TRUE(finished.has_value()) << finished.error();
        EXPECT_EQ(finished->final_root, expected->final_root) << stop_after;
        EXPECT_EQ(finished->model_root, expected->model_root);
        EXPECT_EQ(text(name + ".roots"), text("whole.roots")) << stop_after;
    }
}

/// What a killed process leaves: files of an earlier moment than the roots file.
TEST_F(Training, SurvivesLosingItsResumePoint) {
    const auto job = open();
    const auto expected = train(*job, options("whole"));
    ASSERT_TRUE(expected.has_value());
    TrainingOptions cut = options("cut");
    int steps = 0;
    cut.progress = [&](const StepReport&) { return ++steps < 11; };
    ASSERT_TRUE(train(*job, cut).has_value());
    const base::Bytes point = commit::read_file(folder_ / "cut/lane-0.resume");
    ASSERT_FALSE(point.empty());
    commit::write_file(folder_ / "cut/lane-0.resume",
                       base::ByteView(point).first(point.size() / 2));
    base::Bytes lines = commit::read_file(folder_ / "cut.roots");
    lines.insert(lines.end(), {'1', ' ', '0', ' '});
    commit::write_file(folder_ / "cut.roots", lines);
    cut.progress = {};
    cut.resume = true;
    const auto finished = train(*job, cut);
    ASSERT_TRUE(finished.has_value()) << finished.error();
    EXPECT_EQ(finished->final_root, expected->final_root);
    EXPECT_EQ(text("cut.roots"), text("whole.roots"));
}

TEST_F(Training, FollowsARecordedMembership) {
    const auto job = open();
    TrainingOptions some = options("some");
    some.members = {{0, 1}, {1}, {0, 1}};
    const auto trained = train(*job, some);
    ASSERT_TRUE(trained.has_value()) << trained.error();
    const auto all = train(*job, options("all"));
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(trained->opening_roots[1], all->opening_roots[1]);
    EXPECT_NE(trained->opening_roots[2], all->opening_roots[2]);
    EXPECT_EQ(text("some.roots").find("\n1 0 "), std::string::npos)
        << "a lane that is not a member need not run";
}

TEST_F(Training, RefusesBadMembershipsAndDirectories) {
    const auto job = open();
    const std::vector<std::vector<std::vector<std::uint32_t>>> wrong{
        {{}}, {{2}}, {{1, 0}}, {{0, 0}}, {{0}, {0}, {0}, {0}}};
    for (const auto& members : wrong) {
        TrainingOptions bad = options("bad");
        bad.members = members;
        EXPECT_FALSE(train(*job, bad).has_value());
    }
    ASSERT_TRUE(train(*job, options("run")).has_value());
    EXPECT_FALSE(train(*job, options("run")).has_value()) << "holds a run already";
    TrainingOptions other = options("run");
    other.resume = true;
    other.members = {{0}};
    EXPECT_FALSE(train(*job, other).has_value()) << "another membership";
    spec_.seed += 1;
    other.members.clear();
    EXPECT_FALSE(train(*open(), other).has_value()) << "another job";
    spec_.seed -= 1;
    base::Bytes record = commit::read_file(folder_ / "run/training.record");
    record[50] ^= 1U;
    commit::write_file(folder_ / "run/training.record", record);
    EXPECT_FALSE(train(*job, other).has_value()) << "damaged";
}

TEST_F(Training, RefusesADamagedOpening) {
    const auto job = open();
    TrainingOptions cut = options("cut");
    cut.steps = 4;
    ASSERT_TRUE(train(*job, cut).has_value());
    base::Bytes state = commit::read_file(folder_ / "cut/opening-1.state");
    ASSERT_FALSE(state.empty());
    state.back() ^= 1U;
    commit::write_file(folder_ / "cut/opening-1.state", state);
    cut.resume = true;
    EXPECT_FALSE(train(*job, cut).has_value());
}

TEST_F(Training, StopsAtAStepAndGoesOn) {
    const auto job = open();
    const auto expected = train(*job, options("whole"));
    TrainingOptions limited = options("run");
    for (const std::uint64_t steps : {1U, 3U, 4U, 7U, 12U}) {
        limited.steps = steps;
        limited.resume = steps > 1;
        const auto trained = train(*job, limited);
        ASSERT_TRUE(trained.has_value()) << trained.error();
        EXPECT_EQ(trained->completed, steps == 12);
        EXPECT_EQ(trained->opening_roots.size(), 1 + steps / 4);
        EXPECT_EQ(steps == 12, trained->final_root == expected->final_root);
    }
    const std::string lines = text("run.roots");
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 24);
}

TEST_F(Training, OneLaneOneRoundNeedsNoMerge) {
    spec_.lanes = spec_.rounds = spec_.min_lanes = 1;
    const auto job = open();
    TrainingOptions run = options("run");
    const auto trained = train(*job, run);
    ASSERT_TRUE(trained.has_value()) << trained.error();
    EXPECT_TRUE(trained->completed);
    EXPECT_EQ(trained->final_descriptor.lane, 0U);
    EXPECT_EQ(trained->final_descriptor.step, 4U);
    ASSERT_TRUE(trained->model_root.has_value());
    run.resume = true;
    const auto again = train(*job, run);
    ASSERT_TRUE(again.has_value()) << again.error();
    EXPECT_TRUE(again->completed);
    EXPECT_EQ(again->final_root, trained->final_root);
    EXPECT_EQ(again->model_root, trained->model_root);
}

TEST_F(Training, SurvivesBeingKilled) {
    const auto expected = train(*open(), options("whole"));
    ASSERT_TRUE(expected.has_value()) << expected.error();
    TrainingOptions run = options("killed");
    run.resume = true;
    run.save_every = 2;
    for (int kill_after : {1, 2, 5, 3, 9, 1, 7}) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            run.progress = [&](const StepReport&) {
                return --kill_after > 0 || ::raise(SIGKILL) == 0;
            };
            const auto trained = train(*open(), run);
            ::_exit(trained ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    const auto finished = train(*open(), run);
    ASSERT_TRUE(finished.has_value()) << finished.error();
    EXPECT_EQ(finished->final_root, expected->final_root);
    EXPECT_EQ(finished->model_root, expected->model_root);
    EXPECT_EQ(text("killed.roots"), text("whole.roots"));
}

/// Twenty layers with weights of about 1,000 leave binary32's range.
TEST_F(Training, ReportsDivergence) {
    spec_ = commit::small_mlp();
    auto& model = std::get<market::MlpModel>(spec_.model);
    model.hidden.assign(20, 8);
    model.activation = market::Activation::gelu_tanh;
    spec_.optimizer = {};
    spec_.optimizer.learning_rate_ppb = spec_.optimizer.learning_rate_min_ppb = 1'000'000'000'000;
    spec_.optimizer.clip_norm_ppb = 0;
    spec_.round_steps = 32;
    base::Bytes table;
    for (std::uint32_t row = 0; row < 40; ++row) {
        for (std::uint32_t col = 0; col < 6; ++col) {
            const float value = col == 5 ? static_cast<float>(row % 3)
                                         : static_cast<float>((row * 7 + col * 3) % 11) - 5.0F;
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
            table.insert(table.end(), bytes, bytes + 4);
        }
    }
    commit::write_file(folder_ / "blob", table);
    std::get<market::TableData>(spec_.data).blob = base::blob_root(table);
    const auto trained = train(*open(), options("run"));
    ASSERT_TRUE(trained.has_value()) << trained.error();
    ASSERT_TRUE(trained->diverged_step.has_value());
    EXPECT_LT(*trained->diverged_step, 32U);
    EXPECT_FALSE(trained->completed);
    EXPECT_FALSE(trained->model_root.has_value());
}

}  // namespace
}  // namespace assay::runtime
