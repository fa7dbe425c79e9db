#include "part_training.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/chunk_tree.h"

namespace assay::worker {
namespace {

constexpr std::uint32_t kSegmentSteps = 4;
constexpr std::uint32_t kSegments = 3;

base::Bytes tokens() {
    base::Bytes bytes(4 * 4000, 0);
    for (std::size_t i = 0; i < 4000; ++i)
        bytes[4 * i] = static_cast<std::uint8_t>((i * i + i / 7) % 16);
    return bytes;
}

market::JobSpec tiny_spec() {
    market::JobSpec spec;
    market::GptModel model;
    model.layers = 1;
    model.heads = 2;
    model.width = 32;
    model.context = 32;
    market::TokenData data;
    data.blob = base::blob_root(tokens());
    data.tokens = 4000;
    data.train_tokens = 3600;
    data.vocabulary = 16;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.model = model;
    spec.data = data;
    spec.batch = 2;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.lanes = 2;
    spec.rounds = 2;
    spec.round_steps = kSegmentSteps * kSegments;
    spec.segment_steps = kSegmentSteps;
    spec.part_segments = kSegments;
    spec.price_ceiling = base::Amount::of(1);
    spec.audit_rate_ppm = 500'000;
    return spec;
}

client::KeySet test_keys() {
    return {base::SecretKey::from_seed(base::Bytes(32, 5)), std::nullopt, std::nullopt};
}

/// One lane of a small job with nobody to talk to: training itself needs no node.
struct Bench {
    explicit Bench(const std::filesystem::path& data_folder)
        : folder(data_folder), parts(folder / "parts") {
        settings.data_folder = folder;
        settings.checkpoint_every = std::chrono::seconds(0);
        std::filesystem::create_directories(folder / "lane");
        job = &cache.open(job_id, tiny_spec()).value().get();
        lane.job = job;
        lane.job_id = job_id;
        states.opening = LaneStates::Known{job->initial_root(), job->initial_state()};
        states.current = LaneStates::Known{job->initial_root(), job->initial_state()};
        plan.key = {job_id, 0, 1, 0, 0, identity.account(), 0};
        plan.span = {0, kSegments};
        plan.opening.round.opening_root = plan.start_root = job->initial_root();
    }

    std::filesystem::path folder;
    WorkerSettings settings;
    agent::Identity identity{test_keys(), base::Hash{}};
    client::Client node{"http://127.0.0.1:1"};
    agent::Party party{identity, node, 0};
    PartStore parts;
    runtime::Trainer trainer;
    base::JobId job_id{base::blake2b("assay.test", base::view_of("job"))};
    runtime::JobCache cache{
        folder / "jobs",
        {},
        [](const base::BlobRoot&,
           const std::filesystem::path& file) -> tl::expected<void, std::string> {
            const base::Bytes bytes = tokens();
            std::ofstream(file, std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()),
                       static_cast<std::streamsize>(bytes.size()));
            return {};
        },
        1};
    runtime::Job* job = nullptr;
    int steps_left = 1'000'000;
    agent::BlobKeeper keeper{folder / "owed"};
    LaneContext lane{settings,
                     party,
                     parts,
                     keeper,
                     trainer,
                     cache,
                     folder / "lane",
                     [this] { return --steps_left < 0; },
                     {},
                     {},
                     1,
                     nullptr};
    LaneStates states;
    PartPlan plan;
};

class TrainPart : public testing::Test {
  protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-training-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    TrainedPart uninterrupted() {
        Bench bench(folder_ / "whole");
        auto trained = train_part(bench.lane, bench.states, bench.plan);
        EXPECT_TRUE(trained && *trained);
        return std::move(**trained);
    }
    std::filesystem::path folder_;
};

TEST_F(TrainPart, SegmentsFollowOneAnother) {
    const PartRecord record = uninterrupted().record;
    ASSERT_EQ(record.segments.size(), kSegments);
    EXPECT_EQ(record.segments[0].leaf.start_root, record.start_root);
    for (std::uint32_t i = 0; i + 1 < kSegments; ++i) {
        EXPECT_EQ(record.segments[i].leaf.end_field, record.segments[i].state_root);
        EXPECT_EQ(record.segments[i + 1].leaf.start_root, record.segments[i].state_root);
    }
    EXPECT_EQ(record.segments.back().state_root, record.end_root);
    EXPECT_EQ(record.segments.back().leaf.end_field,
              market::round_end_root(record.end_root, record.payload_root));
}

TEST_F(TrainPart, StoppedAnywhereItReachesTheSameRecord) {
    const PartRecord whole = uninterrupted().record;
    for (int stop_after = 0; stop_after < static_cast<int>(kSegmentSteps * kSegments) + 3;
         ++stop_after) {
        const auto folder = folder_ / ("stop-" + std::to_string(stop_after));
        std::optional<TrainedPart> done;
        int runs = 0;
        while (!done) {
            ASSERT_LT(++runs, 40);
            Bench bench(folder);  // a new process: nothing in memory
            bench.steps_left = stop_after;
            auto trained = train_part(bench.lane, bench.states, bench.plan);
            ASSERT_TRUE(trained) << trained.error();
            done = std::move(*trained);
        }
        EXPECT_EQ(done->record, whole) << stop_after;
        ASSERT_TRUE(done->payload);
    }
}

TEST_F(TrainPart, ADamagedResumePointCostsOnlyTime) {
    const PartRecord whole = uninterrupted().record;
    {
        Bench bench(folder_ / "damaged");
        bench.steps_left = 6;
        const auto trained = train_part(bench.lane, bench.states, bench.plan);
        ASSERT_TRUE(trained && !*trained);
    }
    std::fstream file(folder_ / "damaged" / "lane" / "resume",
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(2000);
    file.put('x');
    file.close();
    Bench bench(folder_ / "damaged");
    const auto trained = train_part(bench.lane, bench.states, bench.plan);
    ASSERT_TRUE(trained && *trained);
    EXPECT_EQ((*trained)->record, whole);
}

TEST_F(TrainPart, AResumePointOfAnotherLaneIsNotUsed) {
    {
        Bench bench(folder_ / "lanes");
        bench.steps_left = 6;
        ASSERT_TRUE(train_part(bench.lane, bench.states, bench.plan));
    }
    Bench bench(folder_ / "lanes");
    bench.plan.key.lane = 0;
    bench.lane.lane = 0;
    const auto trained = train_part(bench.lane, bench.states, bench.plan);
    ASSERT_TRUE(trained && *trained);
    EXPECT_NE((*trained)->record.end_root, uninterrupted().record.end_root);
    EXPECT_EQ((*trained)->record.segments.size(), kSegments);
}

TEST_F(TrainPart, AnAttemptHasSaltsOfItsOwnAndTheSameRoots) {
    const PartRecord first = uninterrupted().record;
    Bench bench(folder_ / "again");
    bench.plan.key.attempt = 1;
    const auto trained = train_part(bench.lane, bench.states, bench.plan);
    ASSERT_TRUE(trained && *trained);
    const PartRecord& second = (*trained)->record;
    EXPECT_EQ(second.end_root, first.end_root);
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        EXPECT_NE(second.segments[i].leaf.salt, first.segments[i].leaf.salt);
        EXPECT_EQ(second.segments[i].leaf.end_field, first.segments[i].leaf.end_field);
    }
    EXPECT_NE(second.tree_root(), first.tree_root());
}

TEST_F(TrainPart, SegmentsOfAnotherAttemptAreNotTakenOver) {
    {
        Bench bench(folder_ / "attempts");
        bench.steps_left = static_cast<int>(kSegmentSteps) + 1;  // the first segment is done
        ASSERT_TRUE(train_part(bench.lane, bench.states, bench.plan));
    }
    Bench bench(folder_ / "attempts");
    bench.plan.key.attempt = 1;
    const auto trained = train_part(bench.lane, bench.states, bench.plan);
    ASSERT_TRUE(trained && *trained);
    Bench fresh(folder_ / "fresh");
    fresh.plan.key.attempt = 1;
    const auto expected = train_part(fresh.lane, fresh.states, fresh.plan);
    ASSERT_TRUE(expected && *expected);
    EXPECT_EQ((*trained)->record, (*expected)->record);
}

}  // namespace
}  // namespace assay::worker
