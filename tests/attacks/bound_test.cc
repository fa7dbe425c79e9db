#include <algorithm>
#include <chrono>

#include "market/rules.h"
#include "schemes.h"

/// A12 of docs/attacks.md: what one transaction can make every node do.
namespace assay::attacks {
namespace {

/// Objects that one handler may touch; what is more is swept by timers
/// (contracts/market/src/settlement.h).
constexpr std::size_t kTouchedMax = 4'096;
/// With two unfinal rounds as many parts as a job may have open.
constexpr std::uint32_t kLanes = 8, kPartsPerLane = 64, kUnfinalRounds = 2;

/// A job with 512 committed parts in one round, all in the hands of one worker, and no validator
/// awake.
std::unique_ptr<Stage> busy_job(base::JobId& job) {
    WorldOptions options = options_of(1);
    options.lanes = kLanes;
    options.rounds = 2;
    options.round_steps = kPartsPerLane * 20;
    options.workers = 2;
    options.worker_stakes[0] = 1'000'000'000'000'000;
    options.supply_every = 1'000;
    options.blob_bytes = 64;
    options.books_every = 0;
    options.tune = [](market::Parameters& p) { p.unfinal_rounds_max = kUnfinalRounds; };
    options.round_deadline_s = 86'400;
    auto stage = std::make_unique<Stage>(options);
    stage->offer({{0, 1000}}, kLanes);
    job = stage->post();
    EXPECT_TRUE(stage->until([&] { return stage->world.count_events("lease_started") == kLanes; }));
    for (std::uint32_t i = 0; i < 2 * kPartsPerLane &&
                              stage->world.count_events("part_committed") < kLanes * kPartsPerLane;
         ++i) {
        stage->workers[0].act();
        stage->world.block();
    }
    return stage;
}

struct Touched {
    market::Refusal refusal = market::Refusal::none;
    std::uint64_t reads = 0, writes = 0;
    std::size_t objects = 0;
    std::uint64_t microseconds = 0;
};

/// Runs one transaction on a copy of the state.
Touched touched_by(Stage& stage, const Person& sender, const market::Message& message) {
    World& world = stage.world;
    const World::Moment moment = world.moment();
    CountingState state(moment.state);
    const base::Bytes raw = world.build(sender, message);
    const market::BlockContext block{base::Height{moment.height.value + 1},
                                     base::TimeMs{moment.time.value + 1}, moment.log_size,
                                     moment.log_root, &world.truth()};
    std::vector<market::Event> events;
    const auto begun = std::chrono::steady_clock::now();
    const market::TransactionResult result = market::apply(state, block, raw, events);
    const auto took = std::chrono::steady_clock::now() - begun;
    return {result.code, state.reads(), state.writes(), state.objects(),
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(took).count())};
}

void expect_bounded(const Touched& touched, std::string_view what, std::uint64_t weight) {
    EXPECT_EQ(touched.refusal, market::Refusal::none) << market::to_word(touched.refusal);
    EXPECT_LE(touched.objects, kTouchedMax) << what;
    figures("A12", std::string(what) + ": " + std::to_string(touched.objects) + " objects, " +
                       std::to_string(touched.reads) + " reads, " + std::to_string(touched.writes) +
                       " writes, " + std::to_string(touched.microseconds) +
                       " us on this machine at a weight of " + std::to_string(weight));
}

/// The block in which the round's window is over, on a copy of the state.
Touched touched_by_finality(Stage& stage, const base::JobId& job) {
    World& world = stage.world;
    const auto open = [&] {
        const auto round = market::find_round(world.state(), job, 0);
        return round->state != market::RoundState::merged || round->window_ends.value == 0;
    };
    for (int i = 0; i < 1'000 && open(); ++i) stage.step();
    EXPECT_FALSE(open());
    while (true) {
        const World::Moment moment = world.moment();
        const auto due = market::next_due(moment.state, moment.time);
        const base::TimeMs time{due ? std::max(due->value, moment.time.value + 1)
                                    : moment.time.value + 1};
        CountingState state(moment.state);
        const market::BlockContext block{base::Height{moment.height.value + 1}, time,
                                         moment.log_size, moment.log_root, &world.truth()};
        std::vector<market::Event> events;
        const auto begun = std::chrono::steady_clock::now();
        market::begin_block(state, block, events);
        const auto took = std::chrono::steady_clock::now() - begun;
        const bool final = std::any_of(events.begin(), events.end(), [](const market::Event& e) {
            return e.kind == "round_final";
        });
        if (final || testing::Test::HasFatalFailure()) {
            return {market::Refusal::none, state.reads(), state.writes(), state.objects(),
                    static_cast<std::uint64_t>(
                        std::chrono::duration_cast<std::chrono::microseconds>(took).count())};
        }
        world.block();
    }
}

/// What broke the first edition is not taken any more.
TEST(Attack, A12_JobsWithMorePartsThanAHandlerMayTouch) {
    World world(options_of(1));
    WorldOptions shape = options_of(1);
    shape.lanes = 40;
    shape.rounds = 2;
    shape.round_steps = 100 * shape.segment_steps;
    const base::JobId job = world.send_job(shape);
    world.block();
    EXPECT_NE(world.last_refusal(), market::Refusal::none);
    EXPECT_FALSE(market::find_job(world.state(), job));
}

TEST(Attack, A12_BoundedHandlers) {
    base::JobId job;
    const auto stage = busy_job(job);
    World& world = stage->world;
    ASSERT_EQ(world.count_events("part_committed"), kLanes * kPartsPerLane);
    const market::JobCancel cancel{job};
    expect_bounded(touched_by(*stage, world.submitter, cancel), "job_cancel over 512 open parts",
                   market::message_weight(cancel, 64));
    world.block();
    const auto leases =
        market::leases_of_worker(world.state(), world.workers[0].id, std::nullopt, 1);
    ASSERT_EQ(leases.size(), 1U);
    const market::EquivocationReport report{
        signed_tree(world, world.workers[0], leases.front(), 0, 0),
        signed_tree(world, world.workers[0], leases.front(), 0, 1)};
    const std::size_t size = report.first.size() + report.second.size();
    expect_bounded(touched_by(*stage, world.workers[1], report), "a conviction over 512 open parts",
                   market::message_weight(report, size));
    world.block();
    expect_bounded(touched_by_finality(*stage, job), "finality of a round of 512 parts", 0);
}

}  // namespace
}  // namespace assay::attacks
