#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfenv>
#include <cstring>

#include "exact/environment.h"
#include "jobs.h"
#include "program/builder.h"
#include "reference_machine.h"

namespace assay::runtime {
namespace {

using testing::ragged_gpt;
using testing::small_mlp;
using testing::with_dropout;

using StateBytes = std::vector<std::vector<std::byte>>;

template <class Tensors>
StateBytes bytes_of(const std::vector<Tensors>& tensors, const program::Program& program,
                    program::TensorClass cls) {
    StateBytes all;
    std::vector<std::size_t> sizes;
    for (const program::Tensor& tensor : program.tensors) {
        if (tensor.cls == cls)
            sizes.push_back(std::size_t{tensor.rows} * tensor.cols *
                            program::size_of(tensor.dtype));
    }
    for (std::size_t i = 0; i < tensors.size(); ++i)
        all.emplace_back(tensors[i].data(), tensors[i].data() + sizes[i]);
    return all;
}

/// A compiled job with its data.
struct Fixture {
    explicit Fixture(const market::JobSpec& s) : spec(s), words(testing::words_for(s)) {
        auto built = program::build_program(spec);
        EXPECT_TRUE(built.has_value());
        program = std::move(*built);
        data.words = words;
        if (const auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
            data.train_count = tokens->train_tokens;
        } else {
            data.train_count = std::get<market::TableData>(spec.data).train_rows;
            data.row_words = std::get<market::TableData>(spec.data).features + 1;
        }
    }
    [[nodiscard]] exact::DatasetWords reference_data() const {
        return {data.words, data.train_count, data.row_words};
    }
    [[nodiscard]] StateBytes state_bytes(const commit::State& state) const {
        return bytes_of(state.tensors, program, program::TensorClass::state);
    }
    /// The name of the first tensor that differs, or nothing.
    [[nodiscard]] std::string difference(const StateBytes& a, const StateBytes& b) const {
        const std::vector<program::TensorId> ids = program.state_tensors();
        if (a.size() != ids.size() || b.size() != ids.size()) return "count";
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (a[i] != b[i]) return program.tensors[ids[i]].name;
        }
        return "";
    }
    /// The state after `steps` steps of round 0, lane 1.
    [[nodiscard]] StateBytes train(const ExecutorOptions& options, std::uint32_t steps) const {
        Executor executor(program, options);
        commit::State state = commit::State::zeros(program);
        executor.run_init(state);
        for (std::uint32_t h = 0; h < steps; ++h) {
            const StepResult result = executor.run_step(state, data, 0, 1, h);
            EXPECT_EQ(result.fault, 0);
        }
        return state_bytes(state);
    }
    [[nodiscard]] StateBytes reference(std::uint32_t steps) const {
        const exact::FloatEnvironment environment;
        exact::ReferenceMachine machine(program);
        machine.run_init();
        for (std::uint32_t h = 0; h < steps; ++h) machine.run_step(reference_data(), 0, 1, h);
        return machine.state();
    }

    market::JobSpec spec;
    std::vector<std::uint32_t> words;
    program::Program program;
    DataView data;
};

std::vector<Target> fast_targets() {
    std::vector<Target> targets;
    for (const std::string& name : available_targets()) targets.push_back(*target_from_name(name));
    return targets;
}

TEST(ExecutorTarget, RefusesUnknownNames) {
    EXPECT_FALSE(target_from_name("").has_value());
    EXPECT_FALSE(target_from_name("AVX2").has_value());
    EXPECT_FALSE(target_from_name("portable").has_value());
    EXPECT_EQ(target_from_name("best"), Target::best);
}

TEST(ExecutorTarget, RefusesInstructionsThatThisMachineLacks) {
    const std::vector<std::string> here = available_targets();
    for (const char* name : {"scalar", "sse4", "avx2", "avx512", "neon"}) {
        const bool listed = std::find(here.begin(), here.end(), name) != here.end();
        EXPECT_EQ(target_from_name(name).has_value(), listed) << name;
    }
    EXPECT_LT(here.size(), 5U) << "no machine has all of them";
}

TEST(ExecutorStep, EqualsTheReferenceOnEveryTarget) {
    for (const market::JobSpec& spec : {ragged_gpt(), with_dropout(ragged_gpt()), small_mlp()}) {
        const Fixture fixture(spec);
        const StateBytes expected = fixture.reference(3);
        for (const Target target : fast_targets()) {
            EXPECT_EQ(fixture.difference(fixture.train({1, 1, target}, 3), expected), "")
                << static_cast<int>(target);
        }
    }
}

TEST(ExecutorStep, DependsOnNeitherThreadsNorMicroBatch) {
    const Fixture fixture(with_dropout(ragged_gpt()));
    const StateBytes expected = fixture.train({1, 1, Target::best}, 30);
    for (const unsigned threads : {1U, 2U, 3U, 5U}) {
        for (const unsigned micro_batch : {1U, 2U, 3U, 5U}) {
            if (threads == 1 && micro_batch == 1) continue;
            EXPECT_EQ(fixture.difference(fixture.train({threads, micro_batch, Target::best}, 30),
                                         expected),
                      "")
                << threads << " threads, " << micro_batch << " sequences";
        }
    }
}

TEST(ExecutorStep, RecomputingChangesMemoryAndNoBit) {
    for (const market::JobSpec& spec : {ragged_gpt(), with_dropout(ragged_gpt()), small_mlp()}) {
        const Fixture fixture(spec);
        const StateBytes expected = fixture.train({1, 2, Target::best}, 12);
        for (const Target target : fast_targets()) {
            if (target == Target::scalar) continue;
            EXPECT_EQ(fixture.difference(fixture.train({2, 3, target, true}, 12), expected), "")
                << static_cast<int>(target);
        }
    }
    const Fixture fixture(with_dropout(ragged_gpt()));
    Executor keeping(fixture.program, {1, 5, Target::best, false});
    Executor recomputing(fixture.program, {1, 5, Target::best, true});
    EXPECT_LT(recomputing.planned_bytes(), keeping.planned_bytes());
}

TEST(ExecutorStep, DoesNotSeeTheCallersRounding) {
    const Fixture fixture(with_dropout(ragged_gpt()));
    for (const Target target : fast_targets()) {
        const StateBytes expected = fixture.train({2, 2, target}, 3);
        ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
        const StateBytes found = fixture.train({2, 2, target}, 3);
        EXPECT_EQ(std::fegetround(), FE_UPWARD);
        ASSERT_EQ(std::fesetround(FE_TONEAREST), 0);
        EXPECT_EQ(fixture.difference(found, expected), "") << static_cast<int>(target);
    }
}

TEST(ExecutorStep, TakesABatchOfItsOwnChoice) {
    const Fixture fixture(ragged_gpt());
    EXPECT_EQ(fixture.difference(fixture.train({2, 0, Target::best}, 4),
                                 fixture.train({1, 1, Target::best}, 4)),
              "");
}

TEST(ExecutorStep, InstructionSetsAgreeOverManySteps) {
    const Fixture fixture(ragged_gpt());
    const StateBytes expected = fixture.train({1, 5, Target::best}, 40);
    for (const Target target : fast_targets()) {
        if (target == Target::scalar) continue;
        EXPECT_EQ(fixture.difference(fixture.train({2, 3, target}, 40), expected), "")
            << static_cast<int>(target);
    }
}

TEST(ExecutorStep, WorksInAHostileFloatEnvironment) {
#if defined(__x86_64__)
    const Fixture fixture(ragged_gpt());
    const StateBytes expected = fixture.train({2, 2, Target::best}, 2);
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040U |
                           0x6000U);  // Flush, denormals are zero, round towards zero.
    const StateBytes actual = fixture.train({2, 2, Target::best}, 2);
    EXPECT_EQ(__builtin_ia32_stmxcsr() & 0xe040U, 0xe040U);
    __builtin_ia32_ldmxcsr(before);
    EXPECT_EQ(fixture.difference(actual, expected), "");
#else
    GTEST_SKIP() << "MXCSR is a matter of x86";
#endif
}

TEST(ExecutorStep, IsAnIdentityAfterAFault) {
    const Fixture fixture(ragged_gpt());
    Executor executor(fixture.program, {2, 2, Target::best});
    commit::State state = commit::State::zeros(fixture.program);
    executor.run_init(state);
    const std::vector<program::TensorId> ids = fixture.program.state_tensors();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (fixture.program.tensors[ids[i]].name == "wpe.weight") state.tensors[i].f32()[3] = 1e30F;
        if (fixture.program.tensors[ids[i]].name == "wte.weight") {
            for (std::size_t e = 0; e < state.tensors[i].size() / 4; ++e)
                state.tensors[i].f32()[e] = 3e38F;
        }
    }
    const StateBytes poisoned = fixture.state_bytes(state);
    const StepResult first = executor.run_step(state, fixture.data, 0, 0, 7);
    EXPECT_EQ(first.fault, 8);
    const StateBytes faulty = fixture.state_bytes(state);
    const StepResult second = executor.run_step(state, fixture.data, 0, 0, 8);
    EXPECT_EQ(second.fault, 8);
    EXPECT_EQ(fixture.difference(fixture.state_bytes(state), faulty), "");
    // The weights stand as they were; only the scalars may differ.
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (fixture.program.tensors[ids[i]].weight) {
            EXPECT_EQ(faulty[i], poisoned[i]);
        }
    }
}

TEST(ExecutorStep, DiffersByLaneRoundAndStep) {
    const Fixture fixture(ragged_gpt());
    Executor executor(fixture.program, {1, 5, Target::best});
    commit::State start = commit::State::zeros(fixture.program);
    executor.run_init(start);
    const auto after = [&](std::uint32_t round, std::uint32_t lane, std::uint32_t h) {
        commit::State state = start.clone();
        executor.run_step(state, fixture.data, round, lane, h);
        return fixture.state_bytes(state);
    };
    const StateBytes base = after(0, 0, 5);
    EXPECT_EQ(fixture.difference(after(0, 0, 5), base), "");
    EXPECT_NE(fixture.difference(after(0, 1, 5), base), "");
    EXPECT_NE(fixture.difference(after(1, 0, 5), base), "");
    EXPECT_NE(fixture.difference(after(0, 0, 6), base), "");
}

TEST(ExecutorMerge, EqualsTheReference) {
    const Fixture fixture(ragged_gpt());
    const exact::FloatEnvironment environment;
    exact::ReferenceMachine machine(fixture.program);
    machine.run_init();
    const StateBytes opening = machine.state();
    std::vector<StateBytes> payloads;
    for (std::uint32_t lane = 0; lane < 2; ++lane) {
        machine.set_state(opening);
        machine.open_round();
        machine.run_step(fixture.reference_data(), 0, lane, 0);
        machine.run_payload(0);
        payloads.push_back(machine.payload());
    }
    machine.set_state(opening);
    machine.open_round();
    machine.run_merge(payloads, 0);
    for (const Target target : fast_targets()) {
        Executor executor(fixture.program, {2, 3, target});
        commit::State start = commit::State::zeros(fixture.program);
        executor.run_init(start);
        std::vector<commit::Payload> members;
        for (std::uint32_t lane = 0; lane < 2; ++lane) {
            commit::State state = start.clone();
            executor.run_step(state, fixture.data, 0, lane, 0);
            members.push_back(commit::Payload::zeros(fixture.program));
            executor.run_payload(start, state, 0, members.back());
            EXPECT_EQ(
                bytes_of(members.back().tensors, fixture.program, program::TensorClass::payload),
                payloads[lane]);
        }
        const commit::Payload* list[] = {&members[0], &members[1]};
        executor.run_merge(start, list, 0);
        EXPECT_EQ(fixture.difference(fixture.state_bytes(start), machine.state()), "");
    }
}

TEST(ExecutorWindow, LossIsTheReferenceForwardPass) {
    const Fixture fixture(ragged_gpt());
    const exact::FloatEnvironment environment;
    exact::ReferenceMachine machine(fixture.program);
    machine.run_init();
    const float sum = machine.run_window(fixture.reference_data(), 410);
    for (const Target target : fast_targets()) {
        Executor executor(fixture.program, {2, 3, target});
        commit::State state = commit::State::zeros(fixture.program);
        executor.run_init(state);
        const StateBytes before = fixture.state_bytes(state);
        EXPECT_EQ(executor.window_loss(state, fixture.data, 410), sum / 19.0F);
        EXPECT_EQ(fixture.difference(fixture.state_bytes(state), before), "");
    }
}

TEST(ExecutorWindow, IgnoresDropout) {
    const Fixture dry(ragged_gpt()), wet(with_dropout(ragged_gpt()));
    const auto loss = [](const Fixture& fixture) {
        Executor executor(fixture.program, {1, 1, Target::best});
        commit::State state = commit::State::zeros(fixture.program);
        for (commit::Buffer& tensor : state.tensors) {
            for (std::size_t i = 0; i < tensor.size() / 4; ++i)
                tensor.f32()[i] = static_cast<float>(i % 17) * 0.01F - 0.07F;
        }
        return executor.window_loss(state, fixture.data, 420);
    };
    EXPECT_EQ(loss(dry), loss(wet));
}

}  // namespace
}  // namespace assay::runtime
