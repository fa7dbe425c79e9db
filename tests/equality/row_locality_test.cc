#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "exact/environment.h"
#include "exact/math.h"
#include "program/builder.h"
#include "reference_machine.h"
#include "text_jobs.h"

/// Row i of a forward pass depends on rows up to i and not on how many follow: one prefill audits a
/// decode from a cache (docs/program.md).
namespace assay::equality {
namespace {

constexpr std::uint32_t kContext = 32;
constexpr std::uint64_t kWindow = 1234;

/// The same job with a shorter context.
TextJob with_context(TextJob job, std::uint32_t context) {
    std::get<market::GptModel>(job.spec.model).context = context;
    auto built = program::build_program(job.spec);
    EXPECT_TRUE(built.has_value());
    job.program = std::move(*built);
    return job;
}

/// The state of the whole context for a program with fewer positions: wpe loses its last rows.
commit::State shortened(const TextJob& from, const commit::State& state, const TextJob& to) {
    const std::vector<program::TensorId> ids = from.program.state_tensors();
    commit::State result = commit::State::zeros(to.program);
    EXPECT_EQ(result.tensors.size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::size_t bytes = std::min(result.tensors[i].size(), state.tensors[i].size());
        std::memcpy(result.tensors[i].data(), state.tensors[i].data(), bytes);
    }
    return result;
}

/// A few trained steps, so that no row is like another.
commit::State trained(const TextJob& job) {
    runtime::Executor executor(job.program, {2, 4, runtime::Target::best});
    commit::State state = commit::State::zeros(job.program);
    executor.run_init(state);
    for (std::uint32_t step = 0; step < 20; ++step)
        executor.run_step(state, job.data(), 0, 0, step);
    return state;
}

/// The losses of all rows of one window by the definition.
std::vector<float> row_losses(const TextJob& job, const commit::State& state) {
    const exact::FloatEnvironment environment;
    exact::ReferenceMachine machine(job.program);
    const std::vector<program::TensorId> ids = job.program.state_tensors();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::span<std::byte> to = machine.bytes(ids[i]);
        std::memcpy(to.data(), state.tensors[i].data(), to.size());
    }
    machine.run_window({job.data().words, job.data().train_count, 1}, kWindow);
    const auto losses = job.program.find("head.loss");
    EXPECT_TRUE(losses.has_value());
    const std::span<const float> rows = std::as_const(machine).f32(*losses);
    return {rows.begin(), rows.end()};
}

TEST(RowLocality, LossesOfRowsDoNotDependOnLaterRows) {
    const TextJob whole = gpt_on_text(genesis(), 20);
    const commit::State state = trained(whole);
    const std::vector<float> losses = row_losses(whole, state);
    ASSERT_EQ(losses.size(), kContext);
    for (const std::uint32_t context : {1U, 2U, 3U, 7U, 16U, 17U, 31U}) {
        const TextJob part = with_context(whole, context);
        const std::vector<float> fewer = row_losses(part, shortened(whole, state, part));
        ASSERT_EQ(fewer.size(), context);
        EXPECT_EQ(std::memcmp(fewer.data(), losses.data(), context * sizeof(float)), 0)
            << context << " rows";
    }
}

/// The executor only shows the mean of a window; the sums of shorter and shorter windows follow
/// from the row losses of the longest, on every target.
TEST(RowLocality, ExecutorsAgreeForEveryLength) {
    const exact::FloatEnvironment environment;
    const TextJob whole = gpt_on_text(genesis(), 20);
    const commit::State state = trained(whole);
    const std::vector<float> losses = row_losses(whole, state);
    float sum = 0.0F;
    for (std::uint32_t context = 1; context <= kContext; ++context) {
        sum = exact::fma_f32(1.0F, exact::flush_operand(losses[context - 1]), sum);
        const TextJob part = with_context(whole, context);
        const commit::State fewer = shortened(whole, state, part);
        for (const std::string& name : runtime::available_targets()) {
            runtime::Executor executor(part.program, {2, 1, *runtime::target_from_name(name)});
            EXPECT_EQ(executor.window_loss(fewer, part.data(), kWindow),
                      sum / static_cast<float>(context))
                << context << " rows on " << name;
        }
    }
}

}  // namespace
}  // namespace assay::equality
