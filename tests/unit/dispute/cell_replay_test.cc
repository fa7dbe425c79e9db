#include "runtime/cell_replay.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../commit/fixtures.h"
#include "base/hash.h"
#include "exact/environment.h"
#include "machine.h"
#include "runtime/job_cache.h"

namespace assay::runtime {
namespace {

using base::Hash;
using program::CellPlace;
using program::CellScope;
using program::Part;

base::VrfOutput spot_of(std::uint32_t number) {
    base::VrfOutput spot{};
    const Hash hash = base::Hasher("assay.test").add_u32(number).finish();
    std::ranges::copy(hash.bytes, spot.begin());
    return spot;
}

/// The tile by the scalar definition, in a stage whose inputs are given.
Hash by_definition(dispute::StageInputs inputs, const CellPlace& place) {
    const exact::FloatEnvironment environment;
    const program::Program& program = *inputs.program;
    const program::Instruction& instruction = program.instructions[place.instruction];
    const program::TensorId out = instruction.out.tensor;
    dispute::Machine machine(inputs, {});
    Hash found;
    for (const dispute::Unit& unit : machine.units()) {
        const bool loop = dispute::is_loop(unit.part);
        const bool here = unit.part == instruction.part && (!loop || unit.index == place.unit);
        machine.run(unit, {}, [&](std::uint32_t i) {
            if (here && i == place.instruction)
                found = commit::tile_leaf({&program.tensors[out], machine.data(out)}, place.tile);
        });
        if (here) break;
    }
    return found;
}

class CellReplay : public ::testing::Test {
  protected:
    std::unique_ptr<Job> open(const market::JobSpec& spec, ExecutorOptions options = {}) {
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

/// States of one round of lane 1, after each step, and what the audits of it start from.
struct Round {
    explicit Round(Job& job) : opening(job.initial_state()) {
        states.push_back(opening.clone());
        for (std::uint32_t h = 0; h < job.spec().round_steps; ++h) {
            states.push_back(states.back().clone());
            job.executor().run_step(states.back(), job.data(), 0, 1, h);
        }
        payload = commit::Payload::zeros(job.program());
        job.executor().run_payload(opening, states.back(), 0, payload);
    }
    /// Expected value of a place in segment `segment`.
    [[nodiscard]] Hash cell(Job& job, std::uint32_t segment, const CellPlace& place) const {
        dispute::StageInputs inputs;
        inputs.program = &job.program();
        inputs.dataset = {job.data().words, job.data().train_count, job.data().row_words};
        inputs.lane = 1;
        inputs.step = segment * job.spec().segment_steps + place.step;
        inputs.start = &states[inputs.step];
        if (job.program().instructions[place.instruction].part == Part::payload) {
            inputs.stage = dispute::Stage::payload;
            inputs.start = &states.back();
            inputs.round_start = &opening;
        }
        return by_definition(inputs, place);
    }

    commit::State opening;
    std::vector<commit::State> states;
    commit::Payload payload;
};

SegmentPlace place_of(Job& job, std::uint32_t segment) {
    return {0, 1, segment, job.initial_root()};
}

TEST_F(CellReplay, FindsWhatRunSegmentFindsAndTheCells) {
    const market::JobSpec job_spec = spec();
    const auto plain = open(job_spec);
    const Round round(*plain);
    std::size_t in_payload = 0;
    for (std::uint32_t segment = 0; segment < 2; ++segment) {
        commit::State state = round.states[segment * 2].clone();
        const SegmentResult trained =
            run_segment(*plain, state, &round.opening, place_of(*plain, segment), {});
        const CellScope scope = segment_scope(job_spec, segment);
        EXPECT_EQ(scope.closes_round, segment == 1);
        for (std::uint32_t n = 0; n < 20; ++n) {
            const auto places = program::choose_cells(plain->program(), scope, spot_of(n));
            const unsigned threads = 1 + n % 3, micro_batch = n % 4;
            const auto job = open(job_spec, {threads, micro_batch, Target::best, n % 5 == 0});
            state = round.states[segment * 2].clone();
            const auto found =
                replay_segment(*job, state, &round.opening, place_of(*job, segment), places, {});
            ASSERT_TRUE(found.has_value());
            EXPECT_EQ(found->state_root, trained.state_root);
            EXPECT_EQ(found->end_root, trained.end_root);
            EXPECT_EQ(found->payload_root, trained.payload_root);
            ASSERT_EQ(found->cells.size(), places.size());
            for (std::size_t i = 0; i < places.size(); ++i) {
                EXPECT_EQ(found->cells[i], round.cell(*plain, segment, places[i]));
                if (places[i].unit == job_spec.batch + 1) ++in_payload;
            }
        }
    }
    EXPECT_GT(in_payload, 5U);
}

TEST_F(CellReplay, FindsMergeAndInitialState) {
    const auto job = open(spec());
    const Round round(*job);
    const std::vector<const commit::Payload*> members = {&round.payload, &round.payload};
    commit::State merged = round.opening.clone();
    const Hash root = run_merge(*job, merged, members, 0, job->initial_root());
    dispute::StageInputs merge, init;
    merge.program = init.program = &job->program();
    merge.stage = dispute::Stage::merge;
    init.stage = dispute::Stage::init;
    merge.start = &round.opening;
    merge.members = members;
    for (std::uint32_t n = 0; n < 10; ++n) {
        auto places = program::choose_cells(job->program(), merge_scope(), spot_of(n));
        commit::State state = round.opening.clone();
        const auto found = replay_merge(*job, state, members, 0, job->initial_root(), places);
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->root, root);
        for (std::size_t i = 0; i < places.size(); ++i)
            EXPECT_EQ(found->cells.at(i), by_definition(merge, places[i]));

        places = program::choose_cells(job->program(), init_scope(), spot_of(n));
        const auto first = replay_init(*job, places);
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->root, job->initial_root());
        for (std::size_t i = 0; i < places.size(); ++i)
            EXPECT_EQ(first->cells.at(i), by_definition(init, places[i]));
    }
}

TEST_F(CellReplay, WithoutPlacesFindsTheSameRoots) {
    const auto job = open(spec());
    const Round round(*job);
    commit::State state = round.opening.clone(), again = round.opening.clone();
    const SegmentResult trained = run_segment(*job, state, nullptr, place_of(*job, 0), {});
    const auto found = replay_segment(*job, again, nullptr, place_of(*job, 0), {}, {});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->end_root, trained.end_root);
    EXPECT_FALSE(found->payload_root.has_value());
    EXPECT_TRUE(found->cells.empty());
    EXPECT_EQ(replay_init(*job, {})->root, job->initial_root());
}

TEST_F(CellReplay, StopsWhenAskedTo) {
    const auto job = open(spec());
    const Round round(*job);
    for (const std::uint32_t at : {0U, 1U}) {
        commit::State state = round.opening.clone();
        std::uint32_t reports = 0;
        const auto found = replay_segment(
            *job, state, nullptr, place_of(*job, 0),
            program::choose_cells(job->program(), segment_scope(job->spec(), 0), spot_of(1)),
            [&](const StepReport& report) {
                EXPECT_EQ(report.step, reports);
                return reports++ < at;
            });
        ASSERT_FALSE(found.has_value());
        EXPECT_EQ(found.error(), ReplayError::stopped);
        EXPECT_EQ(reports, at + 1);
    }
}

TEST_F(CellReplay, RefusesPlacesOfAnotherScope) {
    const auto job = open(spec());
    const Round round(*job);
    const std::vector<const commit::Payload*> members = {&round.payload, &round.payload};
    const program::Program& program = job->program();
    const auto first_of = [&](Part part) {
        return program::cell_instructions(program, part).front();
    };
    const CellPlace payload{1, job->spec().batch + 1, first_of(Part::payload), 0},
        merge{0, 1, first_of(Part::merge), 0}, step{2, 0, first_of(Part::sequence), 0},
        tile{0, 0, first_of(Part::init), 1U << 30U};
    const auto refused = [](const auto& result) {
        return !result.has_value() && result.error() == ReplayError::no_such_cell;
    };
    commit::State state = round.opening.clone();
    const auto segment = [&](const CellPlace& place) {
        return replay_segment(*job, state, nullptr, place_of(*job, 0), {&place, 1}, {});
    };
    EXPECT_TRUE(refused(segment(payload)));
    EXPECT_TRUE(refused(segment(step)));
    EXPECT_TRUE(refused(segment(merge)));
    EXPECT_TRUE(refused(replay_merge(*job, state, members, 0, job->initial_root(), {&merge, 1})));
    EXPECT_TRUE(refused(replay_init(*job, {&tile, 1})));
    EXPECT_TRUE(refused(replay_init(*job, {&step, 1})));
    // Nothing was run.
    EXPECT_EQ(job->opening_root(state, 0, {}), job->initial_root());
}

}  // namespace
}  // namespace assay::runtime
