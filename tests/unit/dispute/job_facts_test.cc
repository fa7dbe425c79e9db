#include "dispute/job_facts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cfenv>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>

#include "commit/checkpoint.h"
#include "dispute/environment.h"
#include "dispute/remembering_referee.h"
#include "exact/environment.h"
#include "program/builder.h"

namespace assay::dispute {
namespace {

using market::GptModel;
using market::JobSpec;
using market::MlpModel;

JobSpec gpt_spec() {
    GptModel gpt;
    gpt.layers = 2;
    gpt.heads = 2;
    gpt.width = 8;
    gpt.context = 8;
    market::TokenData data;
    data.tokens = 100;
    data.train_tokens = 80;
    data.vocabulary = 13;
    data.tokeniser = market::Tokeniser::pretokenised;
    JobSpec spec;
    spec.model = gpt;
    spec.data = data;
    spec.batch = 2;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.lanes = 2;
    spec.rounds = 2;
    spec.round_steps = 4;
    spec.segment_steps = 2;
    spec.price_ceiling = base::Amount::of(1);
    return spec;
}

JobSpec mlp_spec() {
    JobSpec spec = gpt_spec();
    MlpModel mlp;
    mlp.hidden = {9, 6};
    market::TableData data;
    data.rows = 40;
    data.train_rows = 30;
    data.features = 4;
    data.classes = 3;
    spec.model = mlp;
    spec.data = data;
    spec.lanes = spec.rounds = 1;
    return spec;
}

std::uint64_t size_of(const std::function<bool(const std::filesystem::path&)>& save) {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("job_facts_" + std::to_string(::getpid()));
    EXPECT_TRUE(save(file));
    const std::uint64_t size = std::filesystem::file_size(file);
    std::filesystem::remove(file);
    return size;
}

std::uint64_t saved_state_bytes(const program::Program& program, std::uint32_t lane) {
    commit::StateDescriptor descriptor;
    descriptor.lane = lane;
    descriptor.step = lane == commit::kOpeningLane ? 0 : 4;
    const commit::State state = commit::State::zeros(program);
    return size_of([&](const auto& file) {
        return commit::save_state(file, program, state, descriptor).has_value();
    });
}

TEST(JobFacts, SizesAreThoseOfTheFilesThatAreWritten) {
    const auto gpt = build_job(gpt_spec());
    ASSERT_TRUE(gpt.has_value()) << gpt.error().reason;
    EXPECT_EQ(gpt->facts.init_bytes, saved_state_bytes(gpt->program, commit::kOpeningLane));
    EXPECT_EQ(gpt->facts.init_bytes, saved_state_bytes(gpt->program, 1));
    const commit::Payload payload = commit::Payload::zeros(gpt->program);
    EXPECT_EQ(gpt->facts.payload_bytes, size_of([&](const auto& file) {
                  return commit::save_payload(file, gpt->program, payload).has_value();
              }));
    EXPECT_EQ(gpt->facts.data_bytes, 100U * 4);
    const auto mlp = build_job(mlp_spec());
    ASSERT_TRUE(mlp.has_value()) << mlp.error().reason;
    EXPECT_EQ(mlp->facts.init_bytes, saved_state_bytes(mlp->program, commit::kOpeningLane));
    EXPECT_EQ(mlp->facts.payload_bytes, 0U) << "no merges";
    EXPECT_EQ(mlp->facts.data_bytes, 40U * (4 + 1) * 4);
}

TEST(JobFacts, CostsAreThoseOfTheProgram) {
    const JobSpec spec = gpt_spec();
    const auto built = build_job(spec);
    ASSERT_TRUE(built.has_value());
    const auto program = program::build_program(spec);
    const program::Cost cost = program::cost_of(*program);
    EXPECT_EQ(built->facts.program_root, program::program_root(*program));
    EXPECT_EQ(built->facts.costs.segment_flops, 2 * cost.flops_per_step);
    EXPECT_EQ(built->facts.costs.merge_flops, cost.weights * (6 * 2 + 12));
    EXPECT_EQ(built->facts.costs.state_bytes, cost.state_bytes);
    EXPECT_EQ(built->facts.costs.payload_bytes, cost.payload_bytes);
    EXPECT_EQ(built->facts.costs.memory_bytes, cost.peak_bytes(1));
    EXPECT_EQ(built->facts.costs.weights, cost.weights);
    EXPECT_GT(built->facts.init_flops, cost.weights);
    const auto alone = build_job(mlp_spec());
    ASSERT_TRUE(alone.has_value());
    EXPECT_EQ(alone->facts.costs.merge_flops, 0U);
    EXPECT_EQ(alone->facts.costs.payload_bytes, 0U);
}

TEST(JobFacts, TheRefereeGivesTheSame) {
    const JobSpec spec = gpt_spec();
    const auto facts = LedgerReferee().facts(spec, market::encode_spec(spec));
    ASSERT_TRUE(facts.has_value());
    EXPECT_EQ(*facts, build_job(spec)->facts);
}

TEST(JobFacts, AreRemembered) {
    const RememberingReferee referee;
    const auto ask = [&](const JobSpec& spec) {
        return referee.facts(spec, market::encode_spec(spec));
    };
    const JobSpec spec = gpt_spec();
    JobSpec wrong = spec;
    wrong.builder_version = 2;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ask(spec).has_value());
        EXPECT_EQ(*ask(spec), build_job(spec)->facts);
        EXPECT_FALSE(ask(wrong).has_value());
    }
    EXPECT_EQ(referee.built(), 2U);
    JobSpec other = mlp_spec();
    for (std::size_t i = 0; i < RememberingReferee::kRemembered; ++i) {
        other.seed = i;
        ask(other);
    }
    ask(spec);
    EXPECT_EQ(referee.built(), RememberingReferee::kRemembered + 3);
}

TEST(JobFacts, RefusesWhatTheBuilderRefuses) {
    const auto refused = [](const JobSpec& spec) {
        const auto facts = LedgerReferee().facts(spec, market::encode_spec(spec));
        return facts ? std::string("nothing") : facts.error().path;
    };
    JobSpec spec = gpt_spec();
    spec.builder_version = 2;
    EXPECT_EQ(refused(spec), "builder_version");
    spec = gpt_spec();
    spec.profile = "int8";
    EXPECT_EQ(refused(spec), "profile");
    spec = gpt_spec();
    std::get<GptModel>(spec.model).width = 16'384;
    std::get<market::TokenData>(spec.data).vocabulary = 1U << 18U;
    ASSERT_FALSE(market::check_spec(spec)) << "within the limits of a spec";
    EXPECT_EQ(refused(spec), "model") << "a tensor of 2^31 elements";
}

TEST(JobFacts, RefusesASegmentThatNoIntegerCounts) {
    JobSpec spec = gpt_spec();
    auto& gpt = std::get<GptModel>(spec.model);
    gpt.layers = 64;
    gpt.heads = 64;
    gpt.width = 8'192;
    gpt.context = 2'048;
    auto& data = std::get<market::TokenData>(spec.data);
    data.tokens = data.train_tokens = 100'000;
    spec.batch = 65'536;
    spec.round_steps = spec.segment_steps = 65'536;
    spec.price_ceiling = base::Amount::of(1);
    ASSERT_FALSE(market::check_spec(spec)) << "within the limits of a spec";
    const auto built = build_job(spec);
    ASSERT_FALSE(built.has_value());
    EXPECT_EQ(built.error().path, "segment_steps");
}

/// Corners of what check_spec accepts. The times are shown, not judged: a slow machine is no fault.
TEST(JobFacts, TheLargestSpecsAreBuilt) {
    struct Corner {
        const char* name;
        JobSpec spec;
    };
    const auto deep = [](std::uint32_t layers, std::uint32_t heads, std::uint32_t width,
                         std::uint32_t steps) {
        JobSpec spec = gpt_spec();
        auto& gpt = std::get<GptModel>(spec.model);
        gpt.layers = layers;
        gpt.heads = heads;
        gpt.width = width;
        gpt.dropout_ppb = 100'000'000;
        spec.rounds = 2;
        spec.round_steps = spec.segment_steps = steps / 2;
        if (spec.segment_steps > 65'536) spec.segment_steps = 65'536;
        return spec;
    };
    JobSpec table = mlp_spec();
    std::get<MlpModel>(table.model).hidden.assign(32, 16'384);
    std::get<MlpModel>(table.model).dropout_ppb = 1;
    table.lanes = 2;
    table.rounds = 1U << 20U;
    table.round_steps = table.segment_steps = 1;
    const Corner corners[] = {
        {"layers and heads", deep(128, 126, 126, 2)},
        {"layers and steps", deep(128, 32, 32, 1U << 17U)},
        {"steps and layers", deep(50, 16, 16, 1U << 20U)},
        {"rounds of a table", table},
    };
    for (const Corner& corner : corners) {
        const auto refused = market::check_spec(corner.spec);
        ASSERT_FALSE(refused) << corner.name << ": " << refused->path << " " << refused->reason;
        const auto start = std::chrono::steady_clock::now();
        const auto built = build_job(corner.spec);
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - start;
        EXPECT_TRUE(built.has_value()) << corner.name << ": " << built.error().reason;
        std::cout << corner.name << ": " << took.count() << " ms at weight "
                  << market::facts_weight(corner.spec) << "\n";
    }
}

TEST(Environment, ComputesTheProgramsOfEverybody) {
    const auto wrong = check_environment();
    EXPECT_FALSE(wrong.has_value()) << *wrong;
}

TEST(Environment, IsSetWhateverItWas) {
    const JobSpec spec = gpt_spec();
    const base::Hash root = build_job(spec)->facts.program_root;
    ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
    EXPECT_FALSE(exact::float_environment_is_exact());
    EXPECT_EQ(build_job(spec)->facts.program_root, root) << "a caller's rounding is no argument";
    EXPECT_FALSE(exact::float_environment_is_exact()) << "and stays the caller's";
    EXPECT_NE(program::program_root(*program::build_program(spec)), root)
        << "or this test could not fail";
    EXPECT_FALSE(check_environment().has_value());
    EXPECT_TRUE(exact::float_environment_is_exact());
}

}  // namespace
}  // namespace assay::dispute
