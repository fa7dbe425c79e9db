#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "exact/fma.h"
#include "exact/storage.h"
#include "program/builder.h"
#include "reference_machine.h"
#include "specs.h"

/// Whole steps, payloads and merges of built programs through the reference.
namespace assay::program {
namespace {

Program built(const market::JobSpec& spec) {
    auto program = build_program(spec);
    EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().reason);
    return std::move(*program);
}

struct Training {
    explicit Training(const market::JobSpec& spec)
        : program(built(spec)),
          tokens(some_tokens(200, 7)),
          data{tokens, 160, 1},
          machine(program) {
        machine.run_init();
    }
    TensorId id(const std::string& name) const { return program.find(name).value(); }
    std::vector<float> copy(const std::string& name) const {
        const auto view = machine.f32(id(name));
        return {view.begin(), view.end()};
    }

    Program program;
    std::vector<std::uint32_t> tokens;
    exact::DatasetWords data;
    exact::ReferenceMachine machine;
};

TEST(Init, FollowsTheStatedDistributions) {
    market::JobSpec spec = tiny_gpt();
    std::get<market::TokenData>(spec.data).vocabulary = 2000;
    Training training(spec);
    const auto wte = training.copy("wte.weight");
    double sum = 0, square = 0;
    for (const float w : wte) {
        sum += static_cast<double>(w);
        square += static_cast<double>(w) * static_cast<double>(w);
    }
    const double n = static_cast<double>(wte.size());
    EXPECT_NEAR(sum / n, 0, 0.001);
    EXPECT_NEAR(std::sqrt(square / n), 0.02, 0.001);
    for (const float g : training.copy("ln_f.weight")) EXPECT_EQ(g, 1.0F);
    for (const float b : training.copy("h.1.mlp.c_fc.bias")) EXPECT_EQ(b, 0.0F);
    EXPECT_NE(training.copy("h.0.attn.q.weight"), training.copy("h.0.attn.k.weight"));
}

TEST(Step, LossStartsNearTheLogarithmOfTheVocabularyAndFalls) {
    market::JobSpec spec = tiny_gpt();
    spec.round_steps = 60;
    spec.optimizer.learning_rate_ppb = 10'000'000;
    Training training(spec);
    for (std::size_t i = 0; i < training.tokens.size(); ++i)
        training.tokens[i] = static_cast<std::uint32_t>(i % 3);
    training.machine.run_step(training.data, 0, 0, 0);
    const float first = training.copy("loss")[0];
    EXPECT_NEAR(first, std::log(7.0F), 0.05F);
    for (std::uint32_t h = 1; h < 60; ++h) training.machine.run_step(training.data, 0, 0, h);
    EXPECT_LT(training.copy("loss")[0], 0.65F * first);
}

TEST(Step, AdamWFollowsItsFormula) {
    Training training(tiny_gpt());
    const double rates[] = {1e-3 / 3, 2e-3 / 3};  // warm-up of two steps
    const std::string name = "h.0.mlp.c_fc.weight";
    std::vector<double> w, m, v;
    for (const float x : training.copy(name)) w.push_back(static_cast<double>(x));
    m.resize(w.size());
    v.resize(w.size());
    for (std::uint32_t h = 0; h < 2; ++h) {
        training.machine.run_step(training.data, 0, 0, h);
        const auto gradient = training.copy("grad." + name);
        const double norm = static_cast<double>(training.copy("norm")[0]);
        const double clip = norm > 1.0 ? 1.0 / norm : 1.0;
        EXPECT_GT(norm, 0.0);
        const auto weights = training.copy(name);
        const double correct1 = 1 - std::pow(0.9, h + 1), correct2 = 1 - std::pow(0.95, h + 1);
        for (std::size_t i = 0; i < w.size(); ++i) {
            const double g = static_cast<double>(gradient[i]) * clip;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            w[i] = w[i] * (1 - rates[h] * 0.1) -
                   rates[h] * (m[i] / correct1) / (std::sqrt(v[i] / correct2) + 1e-8);
            ASSERT_NEAR(static_cast<double>(weights[i]), w[i], 3e-8) << h << " " << i;
        }
    }
}

TEST(Step, ClipsTheGlobalNorm) {
    market::JobSpec spec = tiny_gpt();
    spec.optimizer.clip_norm_ppb = 1'000'000;  // 0.001
    Training clipped(spec);
    clipped.machine.run_step(clipped.data, 0, 0, 0);
    const float norm = clipped.copy("norm")[0];
    ASSERT_GT(norm, 0.001F);
    const auto gradient = clipped.copy("grad.wpe.weight"),
               moment = clipped.copy("moment1.wpe.weight");
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        EXPECT_EQ(moment[i], exact::soft_fma(0.9F, 0.0F, 0.1F * (gradient[i] * (0.001F / norm))));
    }
    spec.optimizer.clip_norm_ppb = 0;
    Training free(spec);
    EXPECT_FALSE(free.program.find("clip").has_value());
}

TEST(Step, WritesTinyMomentsAsZero) {
    Training training(tiny_gpt());
    training.machine.f32(training.id("moment1.wpe.weight"))[0] = 0x1p-101F;
    training.machine.f32(training.id("moment2.wpe.weight"))[0] = 0x1p-101F;
    std::ranges::fill(training.machine.f32(training.id("wte.weight")),
                      0.0F);  // a constant model: most gradients vanish
    std::ranges::fill(training.machine.f32(training.id("ln_f.weight")), 0.0F);
    training.machine.run_step(training.data, 0, 0, 0);
    ASSERT_EQ(training.copy("grad.wpe.weight")[0], 0.0F);
    EXPECT_EQ(training.copy("moment1.wpe.weight")[0], 0.0F);
    EXPECT_EQ(training.copy("moment2.wpe.weight")[0], 0.0F);
}

TEST(Fault, KeepsTheStateAndNamesTheStep) {
    Training training(tiny_gpt());
    training.machine.run_step(training.data, 0, 0, 0);
    training.machine.f32(training.id("h.1.attn.v.weight"))[3] =
        std::numeric_limits<float>::infinity();
    const auto before = training.machine.state();
    training.machine.run_step(training.data, 0, 0, 1);
    EXPECT_EQ(training.machine.i32(training.program.fault)[0], 2);
    auto after = training.machine.state();
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i + 1 < after.size(); ++i) EXPECT_EQ(after[i], before[i]) << i;
    const auto faulty = training.machine.state();
    training.machine.run_step(training.data, 0, 0, 2);
    EXPECT_EQ(training.machine.state(), faulty);
}

TEST(Fault, UpdateItselfIsAnIdentityWhenFaultIsSet) {
    // Executors may skip steps after a fault: running the instructions must give the same state.
    Training training(tiny_gpt());
    training.machine.run_step(training.data, 0, 0, 0);
    training.machine.i32(training.program.fault)[0] = 1;
    const auto before = training.machine.state();
    std::vector<exact::TensorMemory> memories;
    for (TensorId id = 0; id < training.program.tensors.size(); ++id) {
        const Tensor& tensor = training.program.tensors[id];
        memories.push_back(
            {training.machine.bytes(id).data(), tensor.rows, tensor.cols, tensor.dtype});
    }
    exact::ReferenceContext context;
    context.tensors = memories;
    context.dataset = training.data;
    context.global_step = context.table_row = 1;
    for (const Part part : {Part::sequence, Part::update}) {
        const auto [first, last] = training.program.range(part);
        for (std::uint32_t i = first; i < last; ++i)
            exact::run_reference(training.program, training.program.instructions[i], context);
    }
    EXPECT_EQ(training.machine.state(), before);
}

TEST(Forward, RowsDependOnEarlierRowsOnlyAndNotOnTheContext) {
    market::JobSpec spec = tiny_gpt();
    Training five(spec);
    std::get<market::GptModel>(spec.model).context = 37;
    Training longer(spec);
    for (const TensorId id : five.program.weight_tensors()) {
        const std::string& name = five.program.tensors[id].name;
        const auto source = five.machine.f32(id);
        std::ranges::copy(source, longer.machine.f32(longer.id(name)).begin());
    }
    five.machine.run_window(five.data, 20);
    longer.machine.run_window(longer.data, 20);
    const auto few = five.copy("head.logits"), many = longer.copy("head.logits");
    for (std::size_t i = 0; i < few.size(); ++i) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(few[i]), std::bit_cast<std::uint32_t>(many[i])) << i;
    }
    five.tokens[20 + 3] = (five.tokens[20 + 3] + 1) % 7;
    five.machine.run_window(five.data, 20);
    const auto changed = five.copy("head.logits");
    for (std::size_t i = 0; i < 3 * 7; ++i) EXPECT_EQ(changed[i], few[i]);
    EXPECT_FALSE(std::equal(changed.begin() + 3 * 7, changed.end(), few.begin() + 3 * 7));
}

TEST(Lanes, DrawOtherBatches) {
    Training training(with_merge(tiny_gpt()));
    training.machine.run_step(training.data, 0, 0, 0);
    const float first = training.copy("loss")[0];
    training.machine.run_init();
    training.machine.run_step(training.data, 0, 1, 0);
    EXPECT_NE(training.copy("loss")[0], first);
}

/// Two lanes of a first round; the opening state, both end states' payloads.
struct Round {
    explicit Round(const market::JobSpec& spec) : training(spec) {
        opening = training.machine.state();
        for (std::uint32_t lane = 0; lane < 2; ++lane) {
            training.machine.set_state(opening);
            training.machine.open_round();
            for (std::uint32_t h = 0; h < 4; ++h)
                training.machine.run_step(training.data, 0, lane, h);
            training.machine.run_payload(0);
            ends.push_back(training.copy(kWeight));
            moments.push_back(training.copy("moment2." + kWeight));
            payloads.push_back(training.machine.payload());
        }
        training.machine.set_state(opening);
    }
    /// Bytes of one payload tensor of a lane.
    const std::vector<std::byte>& payload(std::size_t lane, const std::string& name) const {
        std::size_t index = 0;
        for (const Tensor& tensor : training.program.tensors) {
            if (tensor.cls != TensorClass::payload) continue;
            if (tensor.name == name) return payloads[lane][index];
            ++index;
        }
        ADD_FAILURE() << name;
        return payloads[lane][0];
    }
    inline static const std::string kWeight = "h.0.attn.q.weight";
    Training training;
    std::vector<std::vector<std::byte>> opening;
    std::vector<std::vector<float>> ends, moments;
    std::vector<std::vector<std::vector<std::byte>>> payloads;
};

TEST(Merge, FollowsItsFormula) {
    Round round(with_merge(tiny_gpt()));
    const auto start = round.training.copy(Round::kWeight);
    const auto grid = round.training.copy("grid");
    round.training.machine.run_merge(round.payloads, 0);
    const auto merged = round.training.copy(Round::kWeight),
               outer = round.training.copy("outer." + Round::kWeight),
               second = round.training.copy("moment2." + Round::kWeight);
    int different = 0;
    for (std::size_t i = 0; i < start.size(); ++i) {
        std::int32_t sum = 0;
        float moment = 0.0F;
        for (std::size_t lane = 0; lane < 2; ++lane) {
            const double scaled =
                static_cast<double>(start[i] - round.ends[lane][i]) / static_cast<double>(grid[1]);
            const auto q =
                static_cast<std::int8_t>(std::nearbyint(std::clamp(scaled, -127.0, 127.0)));
            EXPECT_EQ(static_cast<std::int8_t>(round.payload(lane, "payload." + Round::kWeight)[i]),
                      q);
            different += q != 0 ? 1 : 0;
            sum += q;
            moment = moment + exact::f32_from_bf16(exact::bf16_from_f32(round.moments[lane][i]));
        }
        const float g = static_cast<float>(sum) * (grid[1] / 2.0F);
        const float m = exact::soft_fma(0.9F, 0.0F, g);
        EXPECT_EQ(outer[i], m);
        EXPECT_EQ(merged[i], exact::soft_fma(-0.7F, exact::soft_fma(0.9F, m, g), start[i]));
        EXPECT_EQ(second[i], moment * 0.5F);
    }
    EXPECT_GT(different, 100);
    EXPECT_EQ(round.training.copy("loss")[0], 0.0F);
    EXPECT_EQ(round.training.copy("norm")[0], 0.0F);
}

TEST(Merge, ResetMomentsSendNoneAndStartFromZero) {
    market::JobSpec spec = with_merge(tiny_gpt());
    spec.merge.moments = market::MomentRule::reset;
    Round round(spec);
    EXPECT_EQ(round.payloads[0].size(), round.training.program.weight_tensors().size());
    round.training.machine.f32(round.training.id("moment1.wte.weight"))[0] = 5.0F;
    round.training.machine.run_merge(round.payloads, 0);
    for (const float m : round.training.copy("moment1.wte.weight")) EXPECT_EQ(m, 0.0F);
}

TEST(Merge, DependsOnTheMembers) {
    Round round(with_merge(tiny_gpt()));
    round.training.machine.run_merge(round.payloads, 0);
    const auto both = round.training.machine.state();
    round.training.machine.set_state(round.opening);
    round.training.machine.run_merge(std::span(round.payloads).first(1), 0);
    EXPECT_NE(round.training.machine.state(), both);
    round.training.machine.set_state(round.opening);
    round.training.machine.run_merge(round.payloads, 0);
    EXPECT_EQ(round.training.machine.state(), both);
}

}  // namespace
}  // namespace assay::program
