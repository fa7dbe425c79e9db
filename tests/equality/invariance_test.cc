#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "runtime/segment.h"
#include "runtime/training.h"
#include "text_jobs.h"

/// The four invariances of profile `f32` over 100 steps on real text: threads, micro-batch,
/// instruction set, interruption. Roots are compared every ten steps, so a failure says where the
/// runs parted.
namespace assay::equality {
namespace {

using runtime::ExecutorOptions;
using runtime::Target;

constexpr std::uint32_t kSteps = 100, kEvery = 10;
/// The definition runs instruction by instruction; fewer steps keep the test short.
constexpr std::uint32_t kScalarSteps = 30;

const std::vector<TextJob>& jobs() {
    static const std::vector<TextJob> all = [] {
        const std::string text = genesis();
        std::vector<TextJob> made;
        made.push_back(gpt_on_text(text, kSteps));
        made.push_back(ragged_gpt_on_text(text, kSteps));
        made.push_back(mlp_on_text(text, kSteps));
        return made;
    }();
    return all;
}

/// State roots after every tenth step of lane 1's (or the only lane's) first round.
std::vector<std::string> roots_of(const TextJob& job, const ExecutorOptions& options,
                                  std::uint32_t steps = kSteps) {
    const std::uint32_t lane = job.spec.lanes - 1;
    runtime::Executor executor(job.program, options);
    commit::State state = commit::State::zeros(job.program);
    executor.run_init(state);
    std::vector<std::string> roots;
    for (std::uint32_t step = 0; step < steps; ++step) {
        const runtime::StepResult result = executor.run_step(state, job.data(), 0, lane, step);
        EXPECT_EQ(result.fault, 0);
        if ((step + 1) % kEvery == 0)
            roots.push_back(std::to_string(step + 1) + " " +
                            root_after(job, state, lane, step + 1).hex());
    }
    return roots;
}

std::vector<std::string> expected_of(const TextJob& job) {
    static std::map<std::string, std::vector<std::string>> known;
    auto& roots = known[job.name];
    if (roots.empty()) roots = roots_of(job, {1, 1, Target::best});
    return roots;
}

TEST(Invariance, ThreadsChangeNoBit) {
    for (const TextJob& job : jobs()) {
        for (const unsigned threads : {1U, 2U, 3U, 5U, 8U}) {
            EXPECT_EQ(roots_of(job, {threads, 3, Target::best}), expected_of(job))
                << job.name << " on " << threads << " threads";
        }
    }
}

TEST(Invariance, MicroBatchChangesNoBit) {
    for (const TextJob& job : jobs()) {
        for (const unsigned sequences : {1U, 2U, 3U, job.spec.batch}) {
            EXPECT_EQ(roots_of(job, {2, sequences, Target::best}), expected_of(job))
                << job.name << " with " << sequences << " sequences at a time";
        }
    }
}

TEST(Invariance, InstructionSetChangesNoBit) {
    for (const TextJob& job : jobs()) {
        for (const std::string& name : runtime::available_targets()) {
            const Target target = *runtime::target_from_name(name);
            const std::uint32_t steps = target == Target::scalar ? kScalarSteps : kSteps;
            std::vector<std::string> expected = expected_of(job);
            expected.resize(steps / kEvery);
            EXPECT_EQ(roots_of(job, {1, 2, target}, steps), expected) << job.name << " on " << name;
        }
    }
}

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed) {}
    std::uint32_t operator()(std::uint32_t below) {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>((state_ >> 33U) % below);
    }

  private:
    std::uint64_t state_;
};

/// Other settings each time, never the definition: it is too slow for many steps.
ExecutorOptions random_options(Draw& draw, const market::JobSpec& spec) {
    const std::vector<std::string> names = runtime::available_targets();
    const auto fast = static_cast<std::uint32_t>(names.size()) - 1;
    return {1 + draw(8), 1 + draw(spec.batch), *runtime::target_from_name(names[1 + draw(fast)])};
}

/// A state moves between executors after random numbers of steps; some of them have run other steps
/// before, so that what they left in their memory would show.
TEST(Invariance, InterruptionChangesNoBit) {
    constexpr std::uint64_t kSeed = 40'961;
    Draw draw(kSeed);
    for (const TextJob& job : jobs()) {
        const std::uint32_t lane = job.spec.lanes - 1;
        commit::State state = commit::State::zeros(job.program);
        runtime::Executor(job.program, random_options(draw, job.spec)).run_init(state);
        std::vector<std::string> roots;
        for (std::uint32_t step = 0; step < kSteps;) {
            runtime::Executor executor(job.program, random_options(draw, job.spec));
            if (draw(2) == 0) {
                commit::State other = state.clone();
                executor.run_step(other, job.data(), 0, 0, draw(kSteps));
            }
            const std::uint32_t end = std::min(kSteps, step + 1 + draw(15));
            for (; step < end; ++step) {
                executor.run_step(state, job.data(), 0, lane, step);
                if ((step + 1) % kEvery == 0)
                    roots.push_back(std::to_string(step + 1) + " " +
                                    root_after(job, state, lane, step + 1).hex());
            }
            state = state.clone();  // At other addresses.
        }
        EXPECT_EQ(roots, expected_of(job)) << job.name << ", seed " << kSeed;
    }
}

/// A folder that is removed with its contents.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "equality-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A whole job (two lanes, two rounds, a merge after each) is stopped at random steps and goes on
/// from its folder with other settings.
TEST(Invariance, WholeJobsGoOnWithOtherSettings) {
    constexpr std::uint64_t kSeed = 90'113;
    Draw draw(kSeed);
    const Folder folder;
    const TextJob job = ragged_gpt_on_text(genesis(), 25);
    job.write_blob(folder / "blob");
    const auto run = [&](const std::string& name, const ExecutorOptions& options, bool resume,
                         std::uint32_t stop_after) {
        auto opened = runtime::Job::open(job.spec, folder / "blob", options);
        EXPECT_TRUE(opened.has_value()) << opened.error();
        runtime::TrainingOptions how;
        how.directory = folder / name;
        how.roots_every = 1;
        how.roots_file = folder / (name + ".roots");
        how.save_every = 1 + draw(7);
        how.resume = resume;
        how.progress = [left = stop_after](const runtime::StepReport&) mutable {
            return --left != 0;
        };
        auto trained = runtime::train(**opened, how);
        EXPECT_TRUE(trained.has_value()) << trained.error();
        return std::move(*trained);
    };
    const auto whole = run("whole", {1, 1, Target::best}, false, 0);
    ASSERT_TRUE(whole.completed);
    for (const std::string name : {"first", "second", "third"}) {
        auto cut = run(name, random_options(draw, job.spec), false, 1 + draw(30));
        while (!cut.completed) cut = run(name, random_options(draw, job.spec), true, 1 + draw(30));
        EXPECT_EQ(cut.final_root, whole.final_root) << name << ", seed " << kSeed;
        EXPECT_EQ(cut.opening_roots, whole.opening_roots) << name << ", seed " << kSeed;
        EXPECT_EQ(content_of(folder / (name + ".roots")), content_of(folder / "whole.roots"))
            << name << ", seed " << kSeed;
    }
}

}  // namespace
}  // namespace assay::equality
