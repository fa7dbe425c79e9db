#include "runtime/segment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/merkle.h"
#include "fixtures.h"
#include "runtime/job_cache.h"

namespace assay::runtime {
namespace {

class Segment : public ::testing::Test {
  protected:
    std::unique_ptr<Job> open(const market::JobSpec& spec, unsigned threads = 1,
                              unsigned micro_batch = 1) {
        ExecutorOptions options;
        options.threads = threads;
        options.micro_batch = micro_batch;
        auto job = Job::open(spec, folder_ / "blob", options);
        EXPECT_TRUE(job.has_value()) << job.error();
        return std::move(*job);
    }
    market::JobSpec spec() {
        market::JobSpec result = commit::small_gpt();
        commit::add_text(result, folder_ / "blob", 2'000);
        return result;
    }
    commit::TemporaryFolder folder_;
};

TEST_F(Segment, OpenRefusesBadSpecsAndData) {
    market::JobSpec good = spec();
    EXPECT_FALSE(Job::open(good, folder_ / "missing", {}).has_value());
    market::JobSpec bad = good;
    bad.batch = 0;
    EXPECT_FALSE(Job::open(bad, folder_ / "blob", {}).has_value());
    bad = good;
    bad.profile = "int8";
    EXPECT_FALSE(Job::open(bad, folder_ / "blob", {}).has_value());
    bad = good;
    bad.builder_version = 77;
    EXPECT_FALSE(Job::open(bad, folder_ / "blob", {}).has_value());
    bad = good;
    std::get<market::TokenData>(bad.data).blob = {};
    EXPECT_FALSE(Job::open(bad, folder_ / "blob", {}).has_value());
}

TEST_F(Segment, ResultFollowsFromItsStates) {
    const auto job = open(spec());
    const commit::State opening = job->initial_state();
    commit::State state = opening.clone();
    SegmentPlace place{0, 1, 0, job->initial_root()};
    const SegmentResult first = run_segment(*job, state, nullptr, place, {});
    EXPECT_EQ(first.start_root, job->initial_root());
    EXPECT_EQ(first.state_root,
              commit::state_root(job->program(), state, state_descriptor(*job, place, 2)));
    EXPECT_EQ(first.end_root, first.state_root);
    EXPECT_FALSE(first.payload.has_value());
    EXPECT_EQ(first.steps.size(), 2U);
    place.segment = 1;
    commit::State again = state.clone();
    const SegmentResult last = run_segment(*job, state, &opening, place, {});
    EXPECT_EQ(last.start_root, first.state_root);
    // A caller that has the root saves hashing the state; nothing else differs.
    place.start_root = first.state_root;
    const SegmentResult known = run_segment(*job, again, &opening, place, {});
    EXPECT_EQ(known.start_root, first.state_root);
    EXPECT_EQ(known.end_root, last.end_root);
    ASSERT_TRUE(last.payload.has_value());
    EXPECT_EQ(*last.payload_root, commit::payload_root(job->program(), *last.payload));
    EXPECT_EQ(last.end_root, commit::end_root(last.state_root, *last.payload_root));
    EXPECT_EQ(last.steps[1].fault, 0);
    EXPECT_TRUE(std::isfinite(last.steps[1].loss));
    const commit::Payload* members[] = {&*last.payload};
    commit::State merged = opening.clone();
    const base::Hash root = run_merge(*job, merged, members, 0, job->initial_root());
    EXPECT_EQ(root, job->opening_root(merged, 1, job->initial_root()));
    EXPECT_NE(root, job->initial_root());
}

TEST_F(Segment, BitsDoNotDependOnThreadsOrMicroBatch) {
    const market::JobSpec job_spec = spec();
    std::vector<base::Hash> roots;
    for (const auto& [threads, micro_batch] : {std::pair{1U, 1U}, {3U, 1U}, {1U, 2U}, {2U, 3U}}) {
        const auto job = open(job_spec, threads, micro_batch);
        commit::State state = job->initial_state();
        roots.push_back(
            run_segment(*job, state, nullptr, {0, 0, 0, job->initial_root()}, {}).end_root);
    }
    for (const base::Hash& root : roots) EXPECT_EQ(root, roots[0]);
}

TEST_F(Segment, LanesDrawTheirOwnData) {
    const auto job = open(spec());
    commit::State a = job->initial_state(), b = job->initial_state();
    EXPECT_NE(run_segment(*job, a, nullptr, {0, 0, 0, job->initial_root()}, {}).steps[0].loss,
              run_segment(*job, b, nullptr, {0, 1, 0, job->initial_root()}, {}).steps[0].loss);
}

TEST_F(Segment, ContinuesInsideASegmentWithEqualBits) {
    const auto job = open(spec());
    commit::State whole = job->initial_state(), parts = job->initial_state();
    const SegmentPlace place{0, 0, 0, job->initial_root()};
    const SegmentResult expected = run_segment(*job, whole, nullptr, place, {});
    const SegmentResult begun =
        run_segment(*job, parts, nullptr, place, [](const StepReport&) { return false; });
    EXPECT_TRUE(begun.stopped);
    ASSERT_EQ(begun.steps.size(), 1U);
    const SegmentResult finished = run_segment(*job, parts, nullptr, place, {}, 1);
    EXPECT_EQ(finished.start_root, expected.start_root);
    EXPECT_EQ(finished.end_root, expected.end_root);
}

TEST_F(Segment, ValidationLossStartsNearTheUniformLoss) {
    const auto job = open(spec());
    const commit::State state = job->initial_state();
    EXPECT_NEAR(validation_loss(*job, state, 200), std::log(24.0), 0.5);
    // 200 tokens hold 12 windows of 16 with their labels: asking for more changes nothing.
    EXPECT_EQ(validation_loss(*job, state, 12), validation_loss(*job, state, 200));
    EXPECT_NE(validation_loss(*job, state, 1), validation_loss(*job, state, 12));
    EXPECT_TRUE(std::isnan(validation_loss(*job, state, 0)));
}

}  // namespace
}  // namespace assay::runtime
